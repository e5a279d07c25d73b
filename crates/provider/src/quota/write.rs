//! Writing the rate-limit fields, in both dialects, and reading the ones that a provider already sends.

use std::fmt::Write as _;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue};
use mapping::Quota;

use super::QuotaReading;

/// Largest integer of a structured field (RFC 8941 §3.3.1).
const INTEGER_MAX: u64 = 999_999_999_999_999;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Which fields are written: configuration key `rate_limit_headers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// Both families.
    #[default]
    Both,
    /// `ratelimit-limit`, `ratelimit-remaining`, `ratelimit-reset`.
    Legacy,
    /// `RateLimit-Policy`, `RateLimit`.
    Ietf,
    /// None.
    Off,
}

impl Dialect {
    const fn writes_legacy(self) -> bool {
        matches!(self, Self::Both | Self::Legacy)
    }

    const fn writes_ietf(self) -> bool {
        matches!(self, Self::Both | Self::Ietf)
    }
}

/// The fields that tell these readings.
///
/// Of several allowances the older family tells the one that is closest to its end; a reset that is not known is left out
/// of both families.
pub fn rate_limit_headers(readings: &[QuotaReading], dialect: Dialect) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::with_capacity(5);
    if dialect.writes_ietf() {
        let (mut policies, mut limits) = (String::new(), String::new());
        for reading in readings {
            push_policy(&mut policies, reading);
            push_limit(&mut limits, reading);
        }
        push(&mut headers, POLICY, policies);
        push(&mut headers, RATE_LIMIT, limits);
    }
    if dialect.writes_legacy()
        && let Some(tightest) = readings
            .iter()
            .min_by(|left, right| used_up(left).total_cmp(&used_up(right)))
    {
        if let Some(limit) = tightest.limit {
            headers.push((LIMIT, limit.into()));
        }
        headers.push((REMAINING, tightest.remaining.into()));
        if let Some(reset_s) = tightest.reset_s {
            headers.push((RESET, reset_s.into()));
        }
    }
    headers
}

/// As [`rate_limit_headers`], with what the provider itself sent passed on unchanged: its own rate-limit fields and
/// `Retry-After`. Only fields that it did not send are filled in. `Off` passes on `Retry-After` alone.
pub fn rate_limit_headers_for(
    readings: &[QuotaReading],
    upstream: &HeaderMap,
    dialect: Dialect,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = rate_limit_headers(readings, dialect);
    let sent = |name: &HeaderName| upstream.contains_key(name);
    let own: &[HeaderName] = match dialect {
        Dialect::Off => &[],
        _ => &[POLICY, RATE_LIMIT, LIMIT, REMAINING, RESET],
    };
    if !sent(&RETRY_AFTER) && !own.iter().any(sent) {
        return headers;
    }
    // A family that the provider speaks is not mixed with our own numbers.
    let speaks_ietf = [RATE_LIMIT, POLICY].iter().any(sent);
    let speaks_legacy = [LIMIT, REMAINING, RESET].iter().any(sent);
    headers.retain(|(name, _)| {
        let ietf = *name == POLICY || *name == RATE_LIMIT;
        if ietf { !speaks_ietf } else { !speaks_legacy }
    });
    for name in own.iter().chain([&RETRY_AFTER]) {
        let values = upstream.get_all(name).iter();
        headers.extend(values.map(|value| (name.clone(), value.clone())));
    }
    headers
}

/// The share that is left; unknown limits come last.
#[expect(clippy::cast_precision_loss, reason = "a share is compared, not counted")]
fn used_up(reading: &QuotaReading) -> f64 {
    match reading.limit {
        Some(0) => 0.0,
        Some(limit) => reading.remaining as f64 / limit as f64,
        None if reading.remaining == 0 => 0.0,
        None => f64::INFINITY,
    }
}

fn push_policy(list: &mut String, reading: &QuotaReading) {
    let Some(limit) = reading.limit else {
        return;
    };
    push_string(list, &reading.policy);
    push_parameter(list, "q", limit);
    if let Some(unit) = reading.unit.as_deref().filter(|unit| *unit != "requests") {
        list.push_str(";qu=");
        push_quoted(list, unit);
    }
    if let Some(window_s) = reading.window_s {
        push_parameter(list, "w", window_s);
    }
}

fn push_limit(list: &mut String, reading: &QuotaReading) {
    push_string(list, &reading.policy);
    push_parameter(list, "r", reading.remaining);
    if let Some(reset_s) = reading.reset_s {
        push_parameter(list, "t", reset_s);
    }
}

fn push_parameter(list: &mut String, name: &str, number: u64) {
    // Writing to a String cannot fail.
    let _ = write!(list, ";{name}={}", number.min(INTEGER_MAX));
}

/// The next item of a list.
fn push_string(list: &mut String, text: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    push_quoted(list, text);
}

/// A structured-field String; what it cannot hold becomes `-`.
fn push_quoted(written: &mut String, text: &str) {
    written.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                written.push('\\');
                written.push(character);
            }
            ' '..='~' => written.push(character),
            _ => written.push('-'),
        }
    }
    written.push('"');
}

fn push(headers: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: String) {
    if value.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.push((name, value));
    }
}

/// Allowances from fields of either family that a provider sends itself; malformed fields are ignored, as the draft asks.
pub(super) fn read_upstream(headers: &HeaderMap) -> Vec<Quota> {
    let limits = items(headers, &RATE_LIMIT);
    if !limits.is_empty() {
        let policies = items(headers, &POLICY);
        return limits
            .into_iter()
            .filter_map(|item| {
                let policy = policies.iter().find(|policy| policy.name == item.name);
                Some(Quota {
                    remaining: item.integer("r")?,
                    reset: item.integer("t").map(|seconds| seconds.to_string()),
                    limit: policy.and_then(|policy| policy.integer("q")),
                    window_s: policy.and_then(|policy| policy.integer("w")),
                    unit: None,
                    policy: item.name,
                })
            })
            .collect();
    }
    let number = |name: &HeaderName| -> Option<u64> {
        let text = headers.get(name)?.to_str().ok()?;
        // Revisions before -04 glued policies to the limit: `100, 100;w=10`.
        let first = text.split([',', ';']).next()?.trim();
        first.parse().ok()
    };
    let Some(remaining) = number(&REMAINING) else {
        return Vec::new();
    };
    vec![Quota {
        policy: "default".to_owned(),
        limit: number(&LIMIT),
        remaining,
        window_s: None,
        reset: headers
            .get(RESET)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
        unit: None,
    }]
}

#[derive(Debug)]
struct Item {
    name: String,
    parameters: Vec<(String, String)>,
}

impl Item {
    fn integer(&self, name: &str) -> Option<u64> {
        let (_, text) = self.parameters.iter().find(|(found, _)| found == name)?;
        text.parse().ok()
    }
}

/// A list of Strings with parameters. One malformed item spoils the field.
fn items(headers: &HeaderMap, name: &HeaderName) -> Vec<Item> {
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        let Ok(text) = value.to_str() else {
            return Vec::new();
        };
        for part in split_outside_quotes(text, ',') {
            let mut pieces = split_outside_quotes(part, ';').into_iter().map(str::trim);
            let name = pieces
                .next()
                .and_then(|piece| piece.strip_prefix('"'))
                .and_then(|piece| piece.strip_suffix('"'));
            let Some(name) = name else {
                return Vec::new();
            };
            let parameters = pieces
                .map(|piece| {
                    let (name, value) = piece.split_once('=').unwrap_or((piece, "?1"));
                    (name.to_owned(), value.to_owned())
                })
                .collect();
            found.push(Item {
                name: name.to_owned(),
                parameters,
            });
        }
    }
    found
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|character: char| {
        let cut = character == separator && !quoted;
        if character == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = character == '\\' && quoted && !escaped;
        cut
    })
    .collect()
}
