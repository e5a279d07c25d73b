//! `/proxy/{path}`: the provider's own API with the connection's credential, streamed both ways.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt, Collected, Limited};
use provider::{ProxyReply, ProxyRequest, rate_limit_headers_for};

use crate::access::ConnectionCall;
use crate::code::Code;
use crate::limits::Permit;
use crate::problem::{Problem, Upstream};
use crate::query::without_connection;
use crate::state::App;

const PREFIX: &str = "/proxy";
/// Most of a refused call's body that is shown, bytes; a longer one is left out.
const ERROR_BODY_MAX_BYTES: usize = 64 << 10;

pub(crate) async fn forward(
    State(app): State<App>,
    call: ConnectionCall,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    // The path as it was sent: the provider crate decodes it once and checks it.
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let query = head
        .uri
        .query()
        .map(without_connection)
        .filter(|query| !query.is_empty());
    let path_and_query = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let request = ProxyRequest {
        method: head.method,
        path_and_query,
        headers: head.headers,
        body,
    };
    let id = &call.connection.id;
    let sent = app.providers.proxy(&call.tenant, &call.connection, request).await;
    let reply = sent.map_err(|error| Problem::from(error).about_connection(id))?;
    if reply.status == StatusCode::UNAUTHORIZED {
        return Err(lost_access(&call.connection.provider, reply)
            .await
            .about_connection(id));
    }
    let limits = rate_limit_headers_for(&reply.quotas, &reply.headers, app.settings.rate_limit_headers);
    let mut response = Response::new(Body::new(Held {
        body: Box::pin(reply.body),
        _permit: call.permit,
    }));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    for (name, _) in &limits {
        response.headers_mut().remove(name);
    }
    for (name, value) in limits {
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

/// A 401 that a refresh did not cure. Passed on as it is, the caller would take it for a word about its own key.
async fn lost_access(provider: &str, reply: ProxyReply) -> Problem {
    let body = Limited::new(reply.body, ERROR_BODY_MAX_BYTES).collect().await;
    let upstream = Upstream {
        provider: Some(provider.to_owned()),
        status: Some(reply.status.as_u16()),
        code: None,
        body: body.ok().map(Collected::to_bytes),
    };
    Problem::new(
        Code::NeedsReauth,
        "The provider does not accept the connection's credentials.",
    )
    .remote(Some(upstream))
    .quotas(reply.quotas)
}

/// A streamed answer that holds its connection's place until its last byte.
struct Held<B> {
    body: Pin<Box<B>>,
    _permit: Permit,
}

impl<B: HttpBody<Data = Bytes>> HttpBody for Held<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.get_mut().body.as_mut().poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
