use axum::body::Body;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;

use super::{parse_json, read, read_json};
use crate::code::Code;
use crate::problem::{Problem, RequestFacts};

fn detail(problem: &Problem) -> String {
    let facts = RequestFacts {
        request_id: "req_x",
        trace_id: None,
        public_url: "https://gateway",
        dialect: provider::Dialect::Off,
    };
    problem.document(&facts)["detail"].as_str().unwrap().to_owned()
}

#[test]
fn json_is_read_as_it_is() {
    let text = r#"{"name":"Zoë 😀","n":[1,-2,3.5,1e3,18446744073709551615,true,null],"custom_fields":{}}"#;
    assert_eq!(
        parse_json(text.as_bytes()).unwrap(),
        serde_json::from_str::<serde_json::Value>(text).unwrap()
    );
    assert_eq!(parse_json(b" 7 ").unwrap(), json!(7));
}

#[test]
fn json_that_two_readers_could_read_differently_is_refused() {
    for (text, part) in [
        (r#"{"id":1,"id":2}"#, "`id` stands twice"),
        (
            r#"{"a":{"__proto__":1,"__proto__":2}}"#,
            "`__proto__` stands twice",
        ),
        (r#"{"a":1} {"a":2}"#, "trailing characters"),
        (r#"{"a":1}garbage"#, "trailing characters"),
        (r#"{"a":1,}"#, "trailing comma"),
        ("", "empty"),
        ("  \n", "empty"),
        (r#"{"a":"#, "EOF"),
        ("[1e400]", "out of range"),
        ("\"\u{0007}\"", "control character"),
        (r#""\ud800""#, "hex escape"),
    ] {
        let problem = parse_json(text.as_bytes()).expect_err(text);
        assert_eq!(problem.code(), Code::InvalidJson);
        assert!(detail(&problem).contains(part), "{text}: {}", detail(&problem));
    }
    assert!(parse_json(b"\"\xff\"").is_err());
}

#[test]
fn nesting_ends_at_64_levels() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_json(nested(64).as_bytes()).is_ok());
    let problem = parse_json(nested(65).as_bytes()).unwrap_err();
    assert!(detail(&problem).contains("deeper than 64"));
    assert!(parse_json("[".repeat(1_000_000).as_bytes()).is_err());
    assert!(parse_json("{\"a\":".repeat(100_000).as_bytes()).is_err());
}

#[tokio::test]
async fn bodies_keep_their_size_and_type() {
    let mut headers = HeaderMap::new();
    let body = |text: &'static str| Body::from(text);
    assert_eq!(
        read_json(&headers, body("{}"), 10).await.unwrap_err().code(),
        Code::UnsupportedMediaType
    );
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("Application/JSON; charset=utf-8"),
    );
    assert_eq!(read_json(&headers, body("{}"), 10).await.unwrap(), json!({}));
    assert_eq!(
        read(&headers, body("12345678901"), 10).await.unwrap_err().code(),
        Code::BodyTooLarge
    );
    assert_eq!(read(&headers, body("1234567890"), 10).await.unwrap().len(), 10);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("11"));
    assert_eq!(
        read(&headers, Body::empty(), 10).await.unwrap_err().code(),
        Code::BodyTooLarge
    );
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    assert_eq!(
        read(&headers, body("x"), 10).await.unwrap_err().code(),
        Code::UnsupportedMediaType
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let endless = Body::from_stream(futures_util::stream::pending::<
        Result<bytes::Bytes, std::io::Error>,
    >());
    let problem = read(&HeaderMap::new(), endless, 10).await.unwrap_err();
    assert_eq!(problem.code(), Code::BodyTimeout);
}
