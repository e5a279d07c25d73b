//! The least HTTP/1.1 client that walks through the demo on loopback: one request a connection, no redirects.
//!
//! The client of real calls is `provider`'s, which refuses loopback and knows no cookies; a second client library for
//! ten requests would be too much.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// Largest reply read, bytes.
const REPLY_MAX_BYTES: u64 = 4 << 20;

pub(crate) struct Request {
    method: &'static str,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// A request with this method, and a JSON body if there is one.
    pub(crate) fn new(method: &'static str, url: &str, body: Option<&serde_json::Value>) -> Self {
        let request = Self {
            method,
            url: url.to_owned(),
            headers: Vec::new(),
            body: body.map(ToString::to_string),
        };
        if body.is_some() {
            request.header("content-type", "application/json")
        } else {
            request
        }
    }

    pub(crate) fn get(url: &str) -> Self {
        Self {
            method: "GET",
            url: url.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn post_json(url: &str, body: &serde_json::Value) -> Self {
        Self {
            method: "POST",
            url: url.to_owned(),
            headers: Vec::new(),
            body: Some(body.to_string()),
        }
        .header("content-type", "application/json")
    }

    pub(crate) fn post_form(url: &str, fields: &[(String, String)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in fields {
            form.append_pair(name, value);
        }
        Self {
            method: "POST",
            url: url.to_owned(),
            headers: Vec::new(),
            body: Some(form.finish()),
        }
        .header("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one request and reads the whole reply.
pub(crate) async fn send(request: &Request) -> anyhow::Result<Reply> {
    let url = Url::parse(&request.url).with_context(|| format!("not a URL: {}", request.url))?;
    let host = url.host_str().context("a URL with a host")?;
    let port = url.port_or_known_default().context("a URL with a port")?;
    let mut stream = TcpStream::connect((host, port))
        .await
        .with_context(|| format!("cannot connect to {host}:{port}"))?;
    let target = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let mut text = format!(
        "{} {target} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\n",
        request.method
    );
    for (name, value) in &request.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    let body = request.body.as_deref().unwrap_or_default();
    text.extend(["content-length: ", &body.len().to_string(), "\r\n\r\n", body]);
    stream.write_all(text.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(REPLY_MAX_BYTES).read_to_end(&mut bytes).await?;
    parse(&bytes).with_context(|| format!("no HTTP reply from {host}:{port}"))
}

fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = bytes.split_at(end);
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let body = body.get(4..)?;
    let is_chunked = headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked")
    });
    let body = if is_chunked {
        unchunked(body)?
    } else {
        body.to_vec()
    };
    Some(Reply {
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let (size, rest) = body.split_at(end);
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let rest = rest.get(2..)?;
        whole.extend_from_slice(rest.get(..size)?);
        body = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests;
