//! The listener: one task per connection, closed when the simulator stops.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::exchange;
use super::state::Simulator;

/// Accepts connections until the task is aborted, which also closes the open ones.
pub(crate) fn spawn(listener: TcpListener, simulator: Arc<Simulator>, address: SocketAddr) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        // Small answers must not wait for acknowledgements.
                        let _ = stream.set_nodelay(true);
                        let simulator = Arc::clone(&simulator);
                        connections.spawn(async move {
                            let service = service_fn(move |request| {
                                exchange::exchange(Arc::clone(&simulator), request, address)
                            });
                            let served = http1::Builder::new()
                                .timer(TokioTimer::new())
                                .serve_connection(TokioIo::new(stream), service)
                                .await;
                            if let Err(error) = served {
                                tracing::debug!(%error, "a connection ended early");
                            }
                        });
                    }
                    Err(error) => tracing::warn!(%error, "a connection could not be accepted"),
                },
                Some(_) = connections.join_next() => {}
            }
        }
    })
}
