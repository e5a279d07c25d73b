//! Texts that hold something else: JSON, URLs, query strings, base 64, file names.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{Answer, Arguments, HostCall, Table, argument, as_text, fault, text, truthy};

/// Deepest nesting of `a[b][c]` in a query string.
const QUERY_NESTING_MAX: usize = 5;

pub(super) fn register(table: &mut Table) {
    table.add("jsonParse", 1, json_parse);
    table.add("parseUrl", 1, parse_url);
    table.add("parseQuery", 1, parse_query);
    table.add("stringifyQuery", 2, stringify_query);
    table.add("base64encode", 2, base64_encode);
    table.add("base64decode", 2, base64_decode);
    table.add("getMimeType", 1, mime_type);
}

/// `$jsonParse(text)`: the value that a JSON text holds; `null` when it holds none. Numbers and booleans stay.
///
/// `$jsonParse('{"a":1}')` is `{"a": 1}`.
fn json_parse(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    Ok(Some(match argument(arguments, 0) {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.clone(),
        _ => Value::Null,
    }))
}

/// `$parseUrl(text)`: `{href, protocol, origin, username, password, host, hostname, port, pathname, search, hash}`,
/// each as browsers name and write it; undefined for what is no absolute URL.
///
/// `$parseUrl("https://ex.com:8080/a?x=1").port` is `"8080"`.
fn parse_url(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(url) = text(arguments, 0).and_then(|text| Url::parse(text).ok()) else {
        return Ok(None);
    };
    let hostname = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| port.to_string()).unwrap_or_default();
    let host = if port.is_empty() {
        hostname.to_owned()
    } else {
        format!("{hostname}:{port}")
    };
    let after = |mark: char, part: Option<&str>| {
        part.filter(|part| !part.is_empty())
            .map(|part| format!("{mark}{part}"))
            .unwrap_or_default()
    };
    Ok(Some(serde_json::json!({
        "href": url.as_str(),
        "protocol": format!("{}:", url.scheme()),
        "origin": url.origin().ascii_serialization(),
        "username": url.username(),
        "password": url.password().unwrap_or_default(),
        "host": host,
        "hostname": hostname,
        "port": port,
        "pathname": url.path(),
        "search": after('?', url.query()),
        "hash": after('#', url.fragment()),
    })))
}

/// `$parseQuery(text)`: a query string as an object; a name given twice, or with `[]`, becomes an array, `a[b]=1` an
/// object. All values are texts.
///
/// `$parseQuery("a=1&b[]=2&b[]=3&c[d]=4")` is `{"a": "1", "b": ["2", "3"], "c": {"d": "4"}}`.
fn parse_query(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(text) = text(arguments, 0) else {
        return Ok(None);
    };
    let mut answer = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        let path = name_path(&name);
        place(&mut answer, &path, Value::String(value.into_owned()));
    }
    Ok(Some(Value::Object(answer)))
}

/// The parts of `a[b][]`: `a`, `b` and an empty one.
fn name_path(name: &str) -> Vec<String> {
    let Some((head, rest)) = name.split_once('[').filter(|(head, _)| !head.is_empty()) else {
        return vec![name.to_owned()];
    };
    let Some(rest) = rest.strip_suffix(']') else {
        return vec![name.to_owned()];
    };
    let mut path = vec![head.to_owned()];
    path.extend(rest.split("][").map(str::to_owned));
    if path.len() > QUERY_NESTING_MAX {
        return vec![name.to_owned()];
    }
    path
}

fn place(fields: &mut Map<String, Value>, path: &[String], value: Value) {
    let [name, rest @ ..] = path else { return };
    let listed = matches!(rest.first().map(String::as_str), Some(index) if index.is_empty() || index.parse::<u16>().is_ok());
    match (fields.get_mut(name), rest) {
        (None, []) => {
            fields.insert(name.clone(), value);
        }
        (Some(Value::Array(items)), rest) if rest.is_empty() || listed => items.push(value),
        (Some(present), []) => *present = Value::Array(vec![present.take(), value]),
        (None, [_]) if listed => {
            fields.insert(name.clone(), Value::Array(vec![value]));
        }
        (None, rest) => {
            let mut inner = Map::new();
            place(&mut inner, rest, value);
            fields.insert(name.clone(), Value::Object(inner));
        }
        (Some(Value::Object(inner)), rest) => place(inner, rest, value),
        (Some(present), _) => *present = Value::Array(vec![present.take(), value]),
    }
}

/// `$stringifyQuery(object, {arrayFormat}?)`: an object as a query string; `arrayFormat` is `indices` (the default),
/// `brackets`, `repeat` or `comma`.
///
/// `$stringifyQuery({"a": 1, "c": {"d": 4}})` is `"a=1&c%5Bd%5D=4"`.
fn stringify_query(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(Value::Object(fields)) = argument(arguments, 0) else {
        return Ok(Some(Value::from("")));
    };
    let format = argument(arguments, 1)
        .and_then(|options| options.get("arrayFormat"))
        .and_then(Value::as_str)
        .unwrap_or("indices");
    if !["indices", "brackets", "repeat", "comma"].contains(&format) {
        return Err(fault(format!(
            "$stringifyQuery: arrayFormat is indices, brackets, repeat or comma, not {format}"
        )));
    }
    let mut pairs = Vec::new();
    for (name, value) in fields {
        flatten(name, value, format, &mut pairs);
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    Ok(Some(Value::from(pairs.join("&"))))
}

fn flatten(name: &str, value: &Value, format: &str, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) if format == "comma" => {
            let texts: Vec<String> = items.iter().map(as_text).collect();
            pairs.push((name.to_owned(), texts.join(",")));
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let name = match format {
                    "brackets" => format!("{name}[]"),
                    "repeat" => name.to_owned(),
                    _ => format!("{name}[{index}]"),
                };
                flatten(&name, item, format, pairs);
            }
        }
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(&format!("{name}[{key}]"), value, format, pairs);
            }
        }
        Value::Null => pairs.push((name.to_owned(), String::new())),
        scalar => pairs.push((name.to_owned(), as_text(scalar))),
    }
}

/// Percent-encoded as RFC 3986 wants it: a blank is `%20`.
fn encoded(text: &str) -> String {
    let mut answer = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            answer.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _ = write!(answer, "%{byte:02X}");
        }
    }
    answer
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

/// `$base64encode(text, urlSafe = false)`: a text's UTF-8 in base 64; the URL-safe form has no padding.
///
/// `$base64encode("héllo")` is `"aMOpbGxv"`.
fn base64_encode(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let text = match argument(arguments, 0) {
        None => String::new(),
        Some(Value::Array(_) | Value::Object(_)) => {
            return Err(fault("$base64encode: the argument must be a text"));
        }
        Some(value) => as_text(value),
    };
    let engine = if url_safe(arguments) { &URL_SAFE } else { &STANDARD };
    Ok(Some(Value::from(engine.encode(text))))
}

/// `$base64decode(text, urlSafe = false)`: the text that a base 64 text holds; padding may be missing.
///
/// `$base64decode("aGk")` is `"hi"`.
fn base64_decode(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let Some(text) = text(arguments, 0) else {
        return Ok(None);
    };
    let engine = if url_safe(arguments) { &URL_SAFE } else { &STANDARD };
    let bytes = engine
        .decode(text)
        .map_err(|_| fault("$base64decode: the text is not base 64"))?;
    Ok(Some(Value::from(String::from_utf8_lossy(&bytes).into_owned())))
}

fn url_safe(arguments: &Arguments<'_>) -> bool {
    argument(arguments, 1).is_some_and(truthy)
}

/// File name endings and what they stand for: those CRMs attach.
const MIME_TYPES: &[(&str, &str)] = &[
    ("bmp", "image/bmp"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("eml", "message/rfc822"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("ppt", "application/vnd.ms-powerpoint"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("rtf", "application/rtf"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain"),
    ("webp", "image/webp"),
    ("xls", "application/vnd.ms-excel"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// `$getMimeType(name)`: the media type that a file name's ending stands for; `null` for one not known.
///
/// `$getMimeType("a.pdf")` is `"application/pdf"`.
fn mime_type(arguments: &Arguments<'_>, _: &HostCall<'_>) -> Answer {
    let ending = text(arguments, 0).map(|name| name.rsplit('.').next().unwrap_or(name).to_ascii_lowercase());
    let found = ending.and_then(|ending| MIME_TYPES.iter().find(|(known, _)| **known == *ending));
    Ok(Some(found.map_or(Value::Null, |(_, media)| Value::from(*media))))
}
