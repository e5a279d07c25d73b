use http::{HeaderMap, HeaderValue, StatusCode, header};
use provider::{Dialect, QuotaReading};
use serde_json::json;
use unified::Answer;

use super::{answer, prefers_minimal, warnings};

fn quota() -> QuotaReading {
    QuotaReading {
        policy: "daily".to_owned(),
        limit: Some(100_000),
        remaining: 54_968,
        window_s: Some(86_400),
        reset_s: None,
        unit: None,
    }
}

fn found() -> Answer<serde_json::Value> {
    Answer {
        value: json!({"id": "1"}),
        quotas: vec![quota()],
        warnings: vec!["LTV__c is hidden — ask \"Zoë\" 😀".to_owned()],
        etag: Some("W/\"1-2026-abc\"".to_owned()),
    }
}

#[test]
fn an_answer_tells_limits_warnings_and_its_tag() {
    let response = answer(StatusCode::OK, &found(), &HeaderMap::new(), Dialect::Both).unwrap();
    let headers = response.headers();
    assert_eq!(headers["ratelimit-limit"], "100000");
    assert_eq!(headers["ratelimit-remaining"], "54968");
    assert!(!headers.contains_key("ratelimit-reset"), "no reset is known");
    assert_eq!(headers["ratelimit-policy"], "\"daily\";q=100000;w=86400");
    assert_eq!(headers["ratelimit"], "\"daily\";r=54968");
    assert_eq!(headers["etag"], "W/\"1-2026-abc\"");
    let warnings = headers["x-crosswalk-warnings"].to_str().unwrap();
    assert!(warnings.is_ascii());
    let read: Vec<String> = serde_json::from_str(warnings).unwrap();
    assert_eq!(read, found().warnings);
    let silent = answer(StatusCode::OK, &found(), &HeaderMap::new(), Dialect::Off).unwrap();
    assert!(!silent.headers().contains_key("ratelimit-limit"));
}

#[test]
fn a_caller_that_has_the_record_gets_304_with_the_limits() {
    for (tag, status) in [
        ("W/\"1-2026-abc\"", StatusCode::NOT_MODIFIED),
        ("\"1-2026-abc\"", StatusCode::NOT_MODIFIED),
        ("\"x\", W/\"1-2026-abc\"", StatusCode::NOT_MODIFIED),
        ("*", StatusCode::NOT_MODIFIED),
        ("\"1-2027-abc\"", StatusCode::OK),
        ("", StatusCode::OK),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(tag));
        let response = answer(StatusCode::OK, &found(), &headers, Dialect::Legacy).unwrap();
        assert_eq!(response.status(), status, "{tag}");
        assert_eq!(response.headers()["ratelimit-limit"], "100000");
        assert_eq!(
            answer(StatusCode::CREATED, &found(), &headers, Dialect::Off)
                .unwrap()
                .status(),
            201
        );
    }
}

#[test]
fn warnings_fit_into_a_header() {
    assert!(warnings(&[]).is_none());
    let hostile = vec!["a\r\nSet-Cookie: x=1\u{0}".to_owned()];
    let value = warnings(&hostile).unwrap();
    assert_eq!(
        serde_json::from_slice::<Vec<String>>(value.as_bytes()).unwrap(),
        hostile
    );
    let many: Vec<String> = (0..1_000).map(|index| format!("warning {index} é")).collect();
    let value = warnings(&many).unwrap();
    assert!(value.len() < 5_000);
    let read: Vec<String> = serde_json::from_slice(value.as_bytes()).unwrap();
    assert_eq!(
        read.last().unwrap(),
        &format!("… and {} more", 1_000 - (read.len() - 1))
    );
}

#[test]
fn a_minimal_answer_is_asked_for_by_name() {
    let mut headers = HeaderMap::new();
    assert!(!prefers_minimal(&headers));
    headers.insert("prefer", HeaderValue::from_static("return=representation"));
    assert!(!prefers_minimal(&headers));
    headers.append(
        "prefer",
        HeaderValue::from_static("respond-async, Return=Minimal; foo"),
    );
    assert!(prefers_minimal(&headers));
}
