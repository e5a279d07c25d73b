//! The one way out: every byte that leaves for a provider goes through [`Egress::admit`].
//!
//! HTTPS only, to public addresses only, redirects never followed; the operator may list exact origins that are exempt
//! (a simulator on loopback). Data calls share a keep-alive pool. Token calls get a connection of their own each
//! ([`Egress::send_once`]), because there it must be known whether anything was sent.

mod address;
mod body;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue, LOCATION};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use model::Limits;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

pub(crate) use body::{BodyLimits, Encoding, content_encoding, read_body, unzip};
pub use body::{StreamBody, StreamError};

use crate::hosts::Origin;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A request body: at hand or streamed.
pub(crate) type OutBody = UnsyncBoxBody<Bytes, BoxError>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Idle connections kept per host: above the 20 calls that one connection may have in flight.
const IDLE_PER_HOST: usize = 64;
/// Below the keep-alive time of common servers (60 s and more), so that a request rarely meets a closing connection.
const IDLE_POOL_TIME: Duration = Duration::from_secs(20);
/// Most headers of a reply, and the room for them.
const REPLY_HEADERS_MAX: usize = 200;
const REPLY_HEAD_MAX_BYTES: usize = 256 << 10;

/// Why a call did not give a usable reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The origin or its address is not one we talk to. Nothing was sent.
    #[error("refused to connect: {what}")]
    Refused {
        /// Which rule.
        what: &'static str,
    },
    /// No connection, or it broke.
    #[error("the provider could not be reached: {what}")]
    Unreachable {
        /// Whether the provider may have received the request.
        sent: bool,
        /// At which stage.
        what: &'static str,
    },
    /// Too slow.
    #[error("the provider did not answer in time")]
    Timeout {
        /// Whether the provider may have received the request.
        sent: bool,
    },
    /// A redirect, which is never followed.
    #[error("the provider answered with a redirect ({status})")]
    Redirect {
        /// Its status.
        status: u16,
    },
    /// A body beyond the cap.
    #[error("the provider's reply is larger than {max_bytes} bytes")]
    TooLarge {
        /// The cap, bytes, after decompression.
        max_bytes: u64,
    },
    /// Something that is not HTTP as agreed.
    #[error("the provider answered {what}")]
    BadReply {
        /// What was found.
        what: &'static str,
    },
    /// The caller's body went past the cap while it was being sent.
    #[error("the request body is larger than {max_bytes} bytes")]
    RequestTooLarge {
        /// The cap, bytes.
        max_bytes: u64,
    },
    /// The permission to send had lapsed. Nothing was sent.
    #[error("the permission to send had lapsed")]
    Lapsed,
}

impl EgressError {
    pub(crate) const fn too_large(max_bytes: usize) -> Self {
        Self::TooLarge {
            max_bytes: max_bytes as u64,
        }
    }

    /// Whether the provider may have received the request.
    pub const fn sent(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Lapsed => false,
            Self::Unreachable { sent, .. } | Self::Timeout { sent } => *sent,
            Self::Redirect { .. }
            | Self::TooLarge { .. }
            | Self::BadReply { .. }
            | Self::RequestTooLarge { .. } => true,
        }
    }
}

/// One request on its way out. The host comes from `origin` alone.
pub(crate) struct Outbound<'a, B> {
    pub(crate) origin: &'a Origin,
    pub(crate) method: Method,
    /// Path and query, from the typed writer.
    pub(crate) target: &'a str,
    pub(crate) headers: HeaderMap,
    pub(crate) body: B,
}

/// A small reply held whole.
#[derive(Debug)]
pub(crate) struct BufferedReply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Connections to one kind of origin.
#[derive(Clone)]
struct Route {
    client: Client<Connector, OutBody>,
    connector: Connector,
}

/// The client behind every call.
#[derive(Clone)]
pub(crate) struct Egress {
    public: Route,
    allowed: Route,
    allow: Vec<Origin>,
    first_byte: Duration,
    /// Where the proxy cuts a streamed request body off; told in the error.
    request_max_bytes: u64,
}

impl Egress {
    pub(crate) fn new(allow: Vec<Origin>, limits: &Limits) -> Result<Self, String> {
        let connect = Duration::from_millis(limits.upstream_connect_ms);
        Ok(Self {
            public: Route::new(true, connect)?,
            allowed: Route::new(false, connect)?,
            allow,
            first_byte: Duration::from_millis(limits.upstream_first_byte_ms),
            request_max_bytes: limits.proxy_request_body_max_bytes,
        })
    }

    /// The single gate: which connections may be used for this origin, if any.
    fn admit(&self, origin: &Origin) -> Result<&Route, EgressError> {
        if self.allow.contains(origin) {
            return Ok(&self.allowed);
        }
        if !origin.is_https() {
            return Err(EgressError::Refused {
                what: "the origin is not https",
            });
        }
        if origin.host_is_address() {
            return Err(EgressError::Refused {
                what: "the host is an address",
            });
        }
        Ok(&self.public)
    }

    /// Sends through the pool and answers the head; the body follows. `deadline` ends the wait for the head, as does the
    /// first-byte limit unless the request body is streamed.
    pub(crate) async fn send(
        &self,
        outbound: Outbound<'_, OutBody>,
        deadline: Instant,
        streamed: bool,
    ) -> Result<Response<Incoming>, EgressError> {
        let route = self.admit(outbound.origin)?;
        let uri = absolute_uri(outbound.origin, outbound.target)?;
        let mut request = Request::new(outbound.body);
        *request.method_mut() = outbound.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = outbound.headers;
        let until = if streamed {
            deadline
        } else {
            deadline.min(Instant::now() + self.first_byte)
        };
        let reply = tokio::time::timeout_at(until, route.client.request(request))
            .await
            .map_err(|_| EgressError::Timeout { sent: true })?
            .map_err(|error| self.client_error(&error))?;
        refuse_redirect(reply.status(), reply.headers())?;
        Ok(reply)
    }

    fn client_error(&self, error: &hyper_util::client::legacy::Error) -> EgressError {
        if error.is_connect() {
            return from_connector(error);
        }
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return EgressError::RequestTooLarge {
                    max_bytes: self.request_max_bytes,
                };
            }
            cause = error.source();
        }
        EgressError::Unreachable {
            sent: true,
            what: "the connection broke",
        }
    }

    /// Sends once, on a connection of its own, and answers the whole small reply.
    ///
    /// `may_send` is asked when the connection stands and nothing has been written: the last moment to turn back. Every
    /// error tells by [`EgressError::sent`] on which side of that moment it lies.
    pub(crate) async fn send_once(
        &self,
        outbound: Outbound<'_, Bytes>,
        total: Duration,
        max_bytes: usize,
        may_send: impl FnOnce() -> bool + Send,
    ) -> Result<BufferedReply, EgressError> {
        let deadline = Instant::now() + total;
        let route = self.admit(outbound.origin)?;
        let uri = absolute_uri(outbound.origin, outbound.target)?;
        let connecting = async {
            let stream = route
                .connector
                .clone()
                .oneshot(uri)
                .await
                .map_err(|error| from_connector(error.as_ref()))?;
            let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
                .max_headers(REPLY_HEADERS_MAX)
                .handshake::<_, Full<Bytes>>(stream)
                .await
                .map_err(|_| NO_CONNECTION)?;
            // Ends by itself when the sender and the reply are dropped.
            tokio::spawn(async move {
                let _ = connection.await;
            });
            sender.ready().await.map_err(|_| NO_CONNECTION)?;
            Ok(sender)
        };
        let mut sender = match tokio::time::timeout_at(deadline, connecting).await {
            Ok(connected) => connected?,
            Err(_) => return Err(EgressError::Timeout { sent: false }),
        };
        let mut request = Request::new(Full::new(outbound.body));
        *request.method_mut() = outbound.method;
        *request.uri_mut() = outbound.target.parse().map_err(|_| BAD_TARGET)?;
        *request.headers_mut() = outbound.headers;
        let host = HeaderValue::from_str(outbound.origin.authority()).map_err(|_| BAD_TARGET)?;
        request.headers_mut().insert(HOST, host);
        if !may_send() {
            return Err(EgressError::Lapsed);
        }
        let reply = tokio::time::timeout_at(deadline, sender.send_request(request))
            .await
            .map_err(|_| EgressError::Timeout { sent: true })?
            .map_err(|_| EgressError::Unreachable {
                sent: true,
                what: "the connection broke",
            })?;
        refuse_redirect(reply.status(), reply.headers())?;
        let (head, body) = reply.into_parts();
        let limits = BodyLimits {
            max_bytes,
            idle: total,
            deadline,
        };
        Ok(BufferedReply {
            status: head.status,
            body: read_body(&head.headers, body, limits).await?,
        })
    }
}

const NO_CONNECTION: EgressError = EgressError::Unreachable {
    sent: false,
    what: "no connection",
};
const BAD_TARGET: EgressError = EgressError::Refused {
    what: "the path is not a request target",
};

/// The body of a request without one, or with one at hand.
pub(crate) fn full_body(bytes: Option<Bytes>) -> OutBody {
    Full::new(bytes.unwrap_or_default())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Writes the absolute URI and checks that its host is the origin's, whatever the path held.
fn absolute_uri(origin: &Origin, target: &str) -> Result<Uri, EgressError> {
    if !target.starts_with('/') {
        return Err(BAD_TARGET);
    }
    let uri: Uri = format!("{origin}{target}").parse().map_err(|_| BAD_TARGET)?;
    let same_host = uri
        .authority()
        .is_some_and(|found| found.as_str() == origin.authority());
    let same_scheme = uri.scheme_str() == Some(if origin.is_https() { "https" } else { "http" });
    if same_host && same_scheme {
        Ok(uri)
    } else {
        Err(BAD_TARGET)
    }
}

/// 304 answers a conditional request, and 300 without a place to go is a list of choices: both are replies like any other.
fn refuse_redirect(status: StatusCode, headers: &HeaderMap) -> Result<(), EgressError> {
    let harmless = status == StatusCode::NOT_MODIFIED
        || (status == StatusCode::MULTIPLE_CHOICES && !headers.contains_key(LOCATION));
    if status.is_redirection() && !harmless {
        return Err(EgressError::Redirect {
            status: status.as_u16(),
        });
    }
    Ok(())
}

fn from_connector(error: &(dyn std::error::Error + 'static)) -> EgressError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<address::NotPublic>() {
            return EgressError::Refused {
                what: "the host's address is not a public one",
            };
        }
        if error.is::<ConnectTimeout>() {
            return EgressError::Timeout { sent: false };
        }
        let inner = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| inner as &(dyn std::error::Error + 'static));
        cause = inner.or_else(|| error.source());
    }
    NO_CONNECTION
}

impl Route {
    fn new(public_only: bool, connect: Duration) -> Result<Self, String> {
        let mut http = HttpConnector::new_with_resolver(address::Resolver { public_only });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_keepalive(Some(Duration::from_secs(30)));
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let inner = if public_only {
            tls.https_only().enable_http1().wrap_connector(http)
        } else {
            tls.https_or_http().enable_http1().wrap_connector(http)
        };
        let connector = Connector {
            inner,
            at_most: connect,
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_POOL_TIME)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_headers(REPLY_HEADERS_MAX)
            .http1_max_buf_size(REPLY_HEAD_MAX_BYTES)
            // Only a request of which nothing was written is sent on another connection: one that idled until the provider
            // closed it is no answer. A request that left is never sent again.
            .retry_canceled_requests(true)
            .build(connector.clone());
        Ok(Self { client, connector })
    }
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("connecting took too long")]
struct ConnectTimeout;

/// Name resolution, TCP and TLS under one time limit, so that a timeout before the first byte is told apart from one
/// after it.
#[derive(Clone)]
struct Connector {
    inner: HttpsConnector<HttpConnector<address::Resolver>>,
    at_most: Duration,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let at_most = self.at_most;
        Box::pin(async move {
            match tokio::time::timeout(at_most, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectTimeout.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests;
