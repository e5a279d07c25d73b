//! Cookies that bind a journey or a page to one browser.

use std::fmt::Write;

use http::{HeaderMap, HeaderValue, header};

use crate::pages::is_plain_http;
use crate::state::Gateway;

/// Random bytes of a cookie's value, written as twice as many digits.
const VALUE_BYTES: usize = 32;

/// One of our cookies.
pub(crate) struct Cookie {
    pub(crate) name: &'static str,
    /// `Lax` where the way back from the provider must bring it: that is a navigation from another site.
    pub(crate) same_site: &'static str,
}

/// The journey to the provider and back.
pub(crate) const JOURNEY: Cookie = Cookie {
    name: "cw_tx",
    same_site: "Lax",
};
/// An open mapping page.
pub(crate) const MAPPING_PAGE: Cookie = Cookie {
    name: "cw_map",
    same_site: "Strict",
};

impl Cookie {
    /// `__Host-` keeps other hosts and plain http from setting it (RFC 6265bis §4.1.3.2), but browsers take such cookies over
    /// https only, so a demo on http has to do without the prefix and `Secure`.
    fn full_name(&self, app: &Gateway) -> String {
        if is_plain_http(&app.settings.public_url) {
            self.name.to_owned()
        } else {
            format!("__Host-{}", self.name)
        }
    }

    /// The header that sets it for so long.
    pub(crate) fn set(&self, app: &Gateway, value: &str, ttl_ms: i64) -> Option<HeaderValue> {
        let secure = if is_plain_http(&app.settings.public_url) {
            ""
        } else {
            "; Secure"
        };
        let text = format!(
            "{}={value}; Path=/; Max-Age={}; HttpOnly; SameSite={}{secure}",
            self.full_name(app),
            ttl_ms / 1_000,
            self.same_site
        );
        HeaderValue::from_str(&text).ok()
    }

    /// Its value, when the browser sends one that looks like ours.
    pub(crate) fn read<'a>(&self, app: &Gateway, headers: &'a HeaderMap) -> Option<&'a str> {
        let name = self.full_name(app);
        let mut found = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let value = found.next()?;
        let is_ours = value.len() == VALUE_BYTES * 2 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Two cookies of one name: somebody else set one of them.
        (is_ours && found.next().is_none()).then_some(value)
    }
}

/// A value that nobody can guess.
pub(crate) fn new_value(app: &Gateway) -> String {
    hex(&app.random.bytes_32())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a `String` does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
