//! The server loop: sockets in, requests to the router, an orderly end.
//!
//! Our own instead of `axum::serve`, which sets no deadline for a request's head and none for draining
//! (tokio-rs/axum#2741). HTTP/1.1 only: load balancers speak it to backends, and it spares HTTP/2's floods.

mod framing;
mod socket;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;

use crate::bad_keys::Source;
use crate::router;
use crate::settings::{GatewaySettings, Parts};
use crate::state::Gateway;
use socket::{ConnectionFacts, Socket};

/// Room for a request's head, bytes: a URL of 16 KiB and headers.
const BUFFER_MAX_BYTES: usize = 64 << 10;
/// Pause after the system would not give a socket, ms: it has none left, and asking at once changes nothing.
const ACCEPT_PAUSE_MS: u64 = 50;
/// Time a stopping node gives a connection that has not sent its first request, ms: the request may be under way.
const LAST_REQUEST_MS: u64 = 250;
/// Time connections have to notice that they were cut, ms.
const CUT_MS: u64 = 1_000;

/// A gateway that answers.
#[derive(Debug)]
pub struct Running {
    /// Where it listens: the port is the system's choice when `bind` had port 0.
    pub address: SocketAddr,
    /// Where `/metrics` listens, when it has a port of its own.
    pub metrics_address: Option<SocketAddr>,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends when the gateway has drained: no request and no token refresh is in flight any more.
    pub async fn finished(self) {
        // The task ends early only if it was aborted with the runtime.
        let _ = self.task.await;
    }
}

/// A request whose framing was ambiguous; the router refuses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ambiguous;

/// How the parts of one listener stop.
#[derive(Debug, Clone)]
struct Stop {
    /// No connection is accepted any more, and each ends after the request it is at.
    accepting: CancellationToken,
    /// Whatever is left is cut.
    serving: CancellationToken,
    connections: TaskTracker,
}

/// Binds and answers until `shutdown` resolves; then drains.
///
/// Draining: `/readyz` answers 503 at once; after `settings.drain_announce_ms` no connection is accepted; requests in
/// flight have `limits.drain_ms` to end; refreshes in flight are awaited however long they take.
pub async fn serve(
    settings: GatewaySettings,
    parts: Parts,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<Running> {
    let listener = TcpListener::bind(settings.bind).await?;
    let metrics_listener = match settings.metrics_bind {
        Some(address) => Some(TcpListener::bind(address).await?),
        None => None,
    };
    let address = listener.local_addr()?;
    let metrics_address = metrics_listener
        .as_ref()
        .map(TcpListener::local_addr)
        .transpose()?;
    let gateway = Arc::new(Gateway::new(settings, parts));
    let stop = Stop {
        accepting: CancellationToken::new(),
        serving: CancellationToken::new(),
        connections: TaskTracker::new(),
    };
    let accepting = tokio::spawn(accept(
        listener,
        router::router(&gateway),
        Arc::clone(&gateway),
        stop.clone(),
    ));
    let metrics_stop = stop.serving.clone();
    let metrics_accepting = metrics_listener.map(|listener| {
        // Answers until the very end, so that the last scrape sees the drain; ends with `serving`.
        let stop = Stop {
            accepting: metrics_stop.clone(),
            serving: metrics_stop,
            connections: TaskTracker::new(),
        };
        tokio::spawn(accept(
            listener,
            router::metrics_router(&gateway),
            Arc::clone(&gateway),
            stop,
        ))
    });
    let task = tokio::spawn(async move {
        shutdown.await;
        drain(&gateway, &stop, accepting).await;
        if let Some(metrics_accepting) = metrics_accepting {
            let _ = metrics_accepting.await;
        }
    });
    Ok(Running {
        address,
        metrics_address,
        task,
    })
}

async fn drain(gateway: &Gateway, stop: &Stop, accepting: JoinHandle<()>) {
    gateway.is_draining.store(true, Ordering::Relaxed);
    tracing::info!("draining");
    tokio::time::sleep(Duration::from_millis(gateway.settings.drain_announce_ms)).await;
    stop.accepting.cancel();
    let _ = accepting.await;
    stop.connections.close();
    gateway.writes.close();
    let drain_ms = gateway.settings.limits.drain_ms;
    let ended = async {
        stop.connections.wait().await;
        // Those whose callers have gone away.
        gateway.writes.wait().await;
    };
    if tokio::time::timeout(Duration::from_millis(drain_ms), ended)
        .await
        .is_err()
    {
        tracing::warn!(
            connections = stop.connections.len(),
            writes = gateway.writes.len(),
            drain_ms,
            "cutting what did not end in time"
        );
    }
    stop.serving.cancel();
    // A cut connection drops its handlers; refreshes they started run on tasks of their own.
    let _ = tokio::time::timeout(Duration::from_millis(CUT_MS), stop.connections.wait()).await;
    gateway.providers.drain().await;
    tracing::info!("drained");
}

async fn accept(listener: TcpListener, router: Router, gateway: Arc<Gateway>, stop: Stop) {
    let sockets = Arc::new(Semaphore::new(gateway.settings.limits.sockets_max));
    loop {
        let next = async {
            // A place first: connections beyond the limit wait in the system's queue.
            let Ok(place) = Arc::clone(&sockets).acquire_owned().await else {
                return None;
            };
            match listener.accept().await {
                Ok((stream, _)) => Some((stream, place)),
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(Duration::from_millis(ACCEPT_PAUSE_MS)).await;
                    None
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.accepting.cancelled() => break,
            accepted = next => {
                if let Some((stream, place)) = accepted {
                    stop.connections.spawn(connection(stream, place, router.clone(), Arc::clone(&gateway), stop.clone()));
                }
            }
        }
    }
    // What has already been connected in the system's queue would be reset when the listener closes.
    while let Ok(place) = Arc::clone(&sockets).try_acquire_owned()
        && let Some(Ok((stream, _))) = listener.accept().now_or_never()
    {
        stop.connections.spawn(connection(
            stream,
            place,
            router.clone(),
            Arc::clone(&gateway),
            stop.clone(),
        ));
    }
}

async fn connection(
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    router: Router,
    gateway: Arc<Gateway>,
    stop: Stop,
) {
    let limits = &gateway.settings.limits;
    // Answers are written whole; waiting to fill a packet only delays them. Failure means the peer is gone already.
    let _ = stream.set_nodelay(true);
    let source = stream
        .peer_addr()
        .map_or_else(|_| Source::default(), |address| Source::of(address.ip()));
    let facts = Arc::new(ConnectionFacts::default());
    let socket = Socket::new(
        stream,
        Arc::clone(&facts),
        Duration::from_millis(limits.header_read_ms),
    );
    let service = service_fn({
        let facts = Arc::clone(&facts);
        move |mut request: http::Request<Incoming>| {
            let in_flight = facts.begin();
            request.extensions_mut().insert(source);
            if facts.is_ambiguous() {
                request.extensions_mut().insert(Ambiguous);
            }
            let answer = router.clone().call(request);
            async move {
                let answer: Result<Response, Infallible> = answer.await;
                drop(in_flight);
                answer
            }
        }
    });
    let mut http = http1::Builder::new();
    http.max_headers(limits.headers_max)
        .max_buf_size(BUFFER_MAX_BYTES)
        .keep_alive(true)
        .half_close(false)
        // See `socket`: its deadlines are used instead.
        .header_read_timeout(None);
    // Without upgrades: nothing is ever tunnelled.
    let mut serving = pin!(http.serve_connection(TokioIo::new(socket), service));
    let mut is_ending = false;
    loop {
        tokio::select! {
            biased;
            outcome = serving.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "a connection ended");
                }
                break;
            }
            () = end_of_accepting(&stop.accepting, &facts), if !is_ending => {
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
            () = stop.serving.cancelled() => break,
        }
    }
    drop(place);
}

/// Resolves when a connection should end after the request it is at.
async fn end_of_accepting(accepting: &CancellationToken, facts: &ConnectionFacts) {
    accepting.cancelled().await;
    if facts.served() == 0 {
        tokio::time::sleep(Duration::from_millis(LAST_REQUEST_MS)).await;
    }
}
