//! Which hosts this process talks to: origins read strictly, then held against a provider's rules.
//!
//! A provider answers a token request with the origin of its API, and a caller may name a login host. Both decide where a
//! bearer token goes, so neither is trusted: OWASP API7, RFC 9700 §4.4. The reader below accepts only what an origin looks
//! like when nobody plays tricks; what `url::Url` would repair (tabs, backslashes, full-width letters, `127.1`) is refused.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Longest origin read, bytes: a host name has at most 253 (RFC 1035 §2.3.4).
const ORIGIN_MAX_BYTES: usize = 280;

/// A scheme, a host and perhaps a port; nothing else.
///
/// Can be made only by [`Origin::parse`] and [`HostRules::check`], so its text is canonical: lower case, no default port.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    text: String,
    https: bool,
    host_is_address: bool,
    has_port: bool,
}

/// Why a text is not an origin this process would talk to. Holds no part of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Longer than any origin.
    #[error("longer than {ORIGIN_MAX_BYTES} bytes")]
    TooLong,
    /// Not `http://` or `https://`.
    #[error("must begin with https://")]
    Scheme,
    /// Something that no origin holds: user, path, query, fragment, blanks, escapes, letters outside ASCII.
    #[error("must be a bare origin: scheme, host, perhaps a port, at most one slash at the end")]
    NotAnOrigin,
    /// A host that is neither a name nor an address in its usual form.
    #[error("the host is neither a host name nor an address in its usual form")]
    Host,
    /// A port that is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
    /// A well-formed origin that no rule allows.
    #[error("the host is not one of the provider's, and the operator does not allow it")]
    NotAllowed,
}

impl Origin {
    /// Reads a bare origin: `https://host`, `https://host:8443/`, `http://127.0.0.1:8081`.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.len() > ORIGIN_MAX_BYTES {
            return Err(HostError::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(HostError::Scheme)?;
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return Err(HostError::Scheme);
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(authority)?;
        let host = host.to_ascii_lowercase();
        let host_is_address = check_host(&host)?;
        let scheme = if https { "https" } else { "http" };
        let default_port = if https { 443 } else { 80 };
        let has_port = port.is_some();
        let text = match port {
            Some(port) if port != default_port => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        };
        // A second reader must agree: what the HTTP client would connect to is what was checked here.
        let agrees = url::Url::parse(&text).is_ok_and(|url| {
            url.origin().ascii_serialization() == text && url.host_str() == Some(host.as_str())
        });
        if !agrees {
            return Err(HostError::Host);
        }
        Ok(Self {
            text,
            https,
            host_is_address,
            has_port,
        })
    }

    /// `https://host` or `https://host:port`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port as a URL writes them.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// The host without a port, lower case.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// Whether the connection is encrypted.
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is an IP address and no name.
    pub const fn host_is_address(&self) -> bool {
        self.host_is_address
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Cuts `host[:port]`, `[v6][:port]`.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), HostError> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(HostError::Host)?;
        let (host, rest) = authority.split_at(end + 1);
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(HostError::NotAnOrigin),
        }
    } else {
        match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let Some(port) = port else {
        return Ok((host, None));
    };
    let plain = !port.is_empty()
        && port.len() <= 5
        && !port.starts_with('0')
        && port.bytes().all(|byte| byte.is_ascii_digit());
    if !plain {
        // `host:pass@evil`, `host:443/path` and an empty port all end here.
        return Err(if port.bytes().all(|byte| byte.is_ascii_digit()) {
            HostError::Port
        } else {
            HostError::NotAnOrigin
        });
    }
    port.parse()
        .map(|port| (host, Some(port)))
        .map_err(|_| HostError::Port)
}

/// Answers whether the host is an address; refuses what is neither a plain name nor an address in its usual form.
fn check_host(host: &str) -> Result<bool, HostError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| HostError::Host)?;
        return if address.to_string() == inner {
            Ok(true)
        } else {
            Err(HostError::Host)
        };
    }
    if host
        .bytes()
        .any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'.')
    {
        return Err(HostError::NotAnOrigin);
    }
    let label_is_plain = |label: &str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label_is_plain) {
        return Err(HostError::Host);
    }
    // A last label that is a number makes the whole an IPv4 address to a browser's reader, in any of a dozen spellings;
    // only the usual one is taken (WHATWG URL, "ends in a number checker").
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !numeric {
        return Ok(false);
    }
    match host.parse::<Ipv4Addr>() {
        Ok(address) if address.to_string() == host => Ok(true),
        _ => Err(HostError::Host),
    }
}

/// Which origins are good for one purpose: a provider's host suffixes, and the exact origins the operator adds.
#[derive(Debug, Clone, Default)]
pub struct HostRules {
    suffixes: Vec<String>,
    exact: Vec<Origin>,
}

impl HostRules {
    /// Rules from suffixes that each begin with a dot (`.example.com`), and exact origins.
    ///
    /// The dot matters: without it `evilexample.com` would pass. A suffix without one, or of a single label (`.com`), is
    /// refused with its text.
    pub fn new(suffixes: &[String], exact: &[Origin]) -> Result<Self, String> {
        for suffix in suffixes {
            let plain = suffix.strip_prefix('.').is_some_and(|rest| {
                rest.contains('.') && check_host(rest) == Ok(false) && rest == rest.to_ascii_lowercase()
            });
            if !plain {
                return Err(format!(
                    "host suffix `{suffix}` must begin with a dot and hold at least two lower-case labels, as `.api.example.com`"
                ));
            }
        }
        Ok(Self {
            suffixes: suffixes.to_vec(),
            exact: exact.to_vec(),
        })
    }

    /// Reads an origin and holds it against the rules.
    ///
    /// By suffix: https, a host name, no port named, at least one label before the suffix. Otherwise only an origin that
    /// equals one of the exact ones.
    pub fn check(&self, text: &str) -> Result<Origin, HostError> {
        let origin = Origin::parse(text)?;
        if self.exact.contains(&origin) {
            return Ok(origin);
        }
        if !origin.https {
            return Err(HostError::Scheme);
        }
        let by_suffix = !origin.host_is_address
            && !origin.has_port
            && self.suffixes.iter().any(|suffix| {
                origin
                    .host()
                    .strip_suffix(suffix.as_str())
                    .is_some_and(|before| !before.is_empty())
            });
        if by_suffix {
            Ok(origin)
        } else {
            Err(HostError::NotAllowed)
        }
    }
}

#[cfg(test)]
mod tests;
