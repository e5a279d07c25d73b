//! Pages that people see: nothing loaded from anywhere, readable on a phone and in the dark, whole without a script. Two have
//! one: it saves pressing a button, or waits for the end of a journey in a popup.

pub(crate) mod connect;
pub(crate) mod docs;
pub(crate) mod endings;
pub(crate) mod mapping;

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

/// The one stylesheet, written into each page and allowed there by its hash.
const STYLE: &str = include_str!("style.css");

/// The scripts, likewise, in the pages that have one.
const MAPPING_SCRIPT: &str = include_str!("mapping.js");
const CONNECT_SCRIPT: &str = include_str!("connect.js");

static STYLE_HASH: LazyLock<String> = LazyLock::new(|| STANDARD.encode(Sha256::digest(STYLE.as_bytes())));
static MAPPING_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(Sha256::digest(MAPPING_SCRIPT.as_bytes())));
static CONNECT_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(Sha256::digest(CONNECT_SCRIPT.as_bytes())));

/// What runs in a page, and may ask this gateway again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// Nothing.
    None,
    /// Of the mapping page.
    Mapping,
    /// Of the connect page in a popup, which needs the page that opened it.
    Connect,
}

impl Script {
    const fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Mapping => MAPPING_SCRIPT,
            Self::Connect => CONNECT_SCRIPT,
        }
    }

    fn hash(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Mapping => Some(&MAPPING_HASH),
            Self::Connect => Some(&CONNECT_HASH),
        }
    }
}

/// A page about to be sent.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    /// HTML of `<main>`; whoever writes it escapes what is not a literal.
    pub(crate) main: String,
    /// `page` or `wide`.
    pub(crate) class: &'static str,
    /// What runs in it.
    pub(crate) script: Script,
}

impl Page {
    /// The page as a response. `public_url` tells whether forms may lead to plain http, as in a demo on one machine.
    pub(crate) fn response(self, public_url: &str) -> Response {
        let Self {
            status,
            title,
            main,
            class,
            script,
        } = self;
        let runs = match script {
            Script::None => String::new(),
            script => format!("<script>{}</script>\n", script.text()),
        };
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body class=\"{class}\">\n<main id=\"main\">\n{main}\n</main>\n{runs}</body>\n</html>\n",
            escape(&title)
        );
        let mut response = (status, html).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        for (name, value) in page_headers(public_url, script) {
            headers.insert(name, value);
        }
        response
    }
}

/// Headers of every redirect that ends a page's journey.
pub(crate) fn security_headers(public_url: &str) -> Vec<(HeaderName, HeaderValue)> {
    page_headers(public_url, Script::None)
}

fn page_headers(public_url: &str, script: Script) -> Vec<(HeaderName, HeaderValue)> {
    // Browsers hold `form-action` against every redirect that follows a form as well, and a provider's login moves
    // between hosts of its own: any https address must do. `default-src` does not cover forms.
    let form_action = if is_plain_http(public_url) {
        "'self' https: http:"
    } else {
        "'self' https:"
    };
    let runs = script.hash().map_or_else(String::new, |hash| {
        format!("; script-src 'sha256-{hash}'; connect-src 'self'")
    });
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'{runs}; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'",
        *STYLE_HASH
    );
    let mut headers = vec![
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    ];
    // A popup that could not see its opener could not tell it how things ended.
    if script != Script::Connect {
        headers.push((
            HeaderName::from_static("cross-origin-opener-policy"),
            HeaderValue::from_static("same-origin"),
        ));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.push((header::CONTENT_SECURITY_POLICY, policy));
    }
    headers
}

/// Whether browsers reach this gateway without TLS: a demo or a test.
pub(crate) fn is_plain_http(public_url: &str) -> bool {
    public_url.starts_with("http://")
}

/// Text for HTML, inside elements and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
