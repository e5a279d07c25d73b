//! One request as the handlers see it: already read, never streaming.

use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What may stand unescaped in a query value (RFC 3986 unreserved).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A request, or a subrequest of the composite family.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Upper-case HTTP method.
    pub(crate) method: String,
    /// Path as sent, still percent-encoded.
    pub(crate) path: String,
    /// Query pairs in order, decoded.
    pub(crate) query: Vec<(String, String)>,
    /// Bytes of path and query as sent.
    pub(crate) target_bytes: usize,
    /// Request headers.
    pub(crate) headers: HeaderMap,
    /// The body, already unzipped.
    pub(crate) body: Bytes,
    /// `http://host:port` the caller used, no trailing slash.
    pub(crate) base_url: String,
}

impl Call {
    /// Decoded path segments; one trailing slash is ignored, as the real server does.
    pub(crate) fn segments(&self) -> Vec<String> {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Vec::new();
        }
        path.split('/').map(decode).collect()
    }

    /// First value of a query parameter.
    pub(crate) fn query_value(&self, name: &str) -> Option<&str> {
        value_of(&self.query, name)
    }

    /// A header as text; absent when it is not visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as a form; empty when it is another media type.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let is_form = self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if is_form {
            parse_form(&String::from_utf8_lossy(&self.body))
        } else {
            Vec::new()
        }
    }

    /// A cookie of this name.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.header("cookie")?.split(';').find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
    }
}

/// First value of this name.
pub(crate) fn value_of<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// Percent-decodes; bytes that are not UTF-8 become the replacement character.
pub(crate) fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Percent-encodes everything but RFC 3986 unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// Parses `application/x-www-form-urlencoded` text.
pub(crate) fn parse_form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

/// Appends pairs to a URL that may already have a query; spaces become `+`.
pub(crate) fn with_query(url: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = url.to_owned();
    for (name, value) in pairs {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(name);
        text.push('=');
        text.push_str(&encode(value).replace("%20", "+"));
    }
    text
}
