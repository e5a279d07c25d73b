//! The one HTTP client of the commands: what gateways call goes out through `provider`, and not through this.

use std::error::Error as _;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use url::Url;

/// Largest reply read, bytes.
const REPLY_MAX_BYTES: usize = 32 << 20;

/// Connections to one server. Redirects are never followed.
pub(crate) enum Http {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// A reply, held whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Http {
    /// Speaks plain http: needs nothing of the system.
    pub(crate) fn plain() -> Self {
        Self::Plain(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Speaks TLS, and trusts whom the system trusts, or the file that `SSL_CERT_FILE` names.
    fn tls() -> anyhow::Result<Self> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .context("whom to trust is not known: SSL_CERT_FILE may name a file of certificates")?
            .https_only()
            .enable_http1()
            .build();
        Ok(Self::Tls(Client::builder(TokioExecutor::new()).build(connector)))
    }

    /// Speaks what the URL asks for, http or https.
    pub(crate) fn of(url: &Url) -> anyhow::Result<Self> {
        match url.scheme() {
            "http" => Ok(Self::plain()),
            "https" => Self::tls(),
            other => Err(anyhow!("{other} is not spoken, only http and https")),
        }
    }

    /// Sends one request and reads the whole reply, both within `timeout`.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
    ) -> anyhow::Result<Reply> {
        let server = request
            .uri()
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default();
        let exchange = async {
            let response = match self {
                Self::Plain(client) => client.request(request).await,
                Self::Tls(client) => client.request(request).await,
            };
            read(response.map_err(|error| unreached(&error))?).await
        };
        tokio::time::timeout(timeout, exchange)
            .await
            .map_err(|_| anyhow!("no answer within {} s", timeout.as_secs()))
            .and_then(|reply| reply)
            .context(server)
    }
}

async fn read(response: Response<Incoming>) -> anyhow::Result<Reply> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, REPLY_MAX_BYTES).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            anyhow!("the answer is larger than {REPLY_MAX_BYTES} bytes")
        } else {
            anyhow!("the answer was cut off: {error}")
        }
    })?;
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
    })
}

/// An error with its causes, and what helps where a certificate is not trusted.
fn unreached(error: &Error) -> anyhow::Error {
    let mut told = if error.is_connect() {
        "cannot be reached".to_owned()
    } else {
        "the connection broke".to_owned()
    };
    let mut last = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors say what their cause says.
        if text != last {
            // Writing to a String cannot fail.
            let _ = write!(told, ": {text}");
        }
        last = text;
        cause = error.source();
    }
    if told.contains("certificate") {
        told.push_str("; https trusts whom the system trusts, or the file that SSL_CERT_FILE names");
    }
    anyhow!(told)
}
