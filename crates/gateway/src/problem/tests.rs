use std::collections::HashSet;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{Problem, RequestFacts, UPSTREAM_BODY_MAX_BYTES, Upstream};
use crate::code::Code;

const FACTS: RequestFacts<'_> = RequestFacts {
    request_id: "req_1",
    trace_id: Some("0af7651916cd43dd8448eb211c80319c"),
    public_url: "https://gw.example/",
    dialect: provider::Dialect::Both,
};

fn upstream(body: impl Into<Bytes>) -> Upstream {
    Upstream {
        provider: Some("acme".to_owned()),
        status: Some(403),
        code: Some("REQUEST_LIMIT_EXCEEDED".to_owned()),
        body: Some(body.into()),
    }
}

#[test]
fn a_provider_error_carries_everything_a_caller_may_ask() {
    let body = r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;
    let document = Problem::new(Code::RateLimited, "TotalRequests Limit exceeded.")
        .with_status(StatusCode::FORBIDDEN)
        .remote(Some(upstream(body)))
        .violated_policies(vec!["acme-daily".to_owned()])
        .document(&FACTS);
    assert_eq!(
        document,
        json!({
            "type": "https://gw.example/docs#rate_limited",
            "title": "The provider's limit is reached",
            "status": 403,
            "detail": "TotalRequests Limit exceeded.",
            "instance": "urn:crosswalk:request:req_1",
            "code": "rate_limited",
            "retryable": true,
            "is_remote_error": true,
            "request_id": "req_1",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "violated-policies": ["acme-daily"],
            "upstream": {
                "provider": "acme", "status": 403, "code": "REQUEST_LIMIT_EXCEEDED", "truncated": false,
                "body": [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}],
            },
            "remedy": Code::RateLimited.remedy(),
            "docs": "https://gw.example/docs#rate_limited",
            "statusCode": 403,
            "error": "Forbidden",
            "message": "TotalRequests Limit exceeded.",
        })
    );
}

#[test]
fn upstream_bodies_are_cut_and_redacted() {
    let text = upstream("<h1>Down</h1> Bearer abcdefghijklmnopqrstuvwx").document();
    assert_eq!(text["body_text"], "<h1>Down</h1> Bearer [redacted]");
    let long = upstream("é".repeat(UPSTREAM_BODY_MAX_BYTES)).document();
    assert_eq!(long["truncated"], true);
    assert!(long["body_text"].as_str().unwrap().len() <= UPSTREAM_BODY_MAX_BYTES + 3);
    let token = upstream(r#"{"access_token":"x"}"#).document();
    assert_eq!(token["body"]["access_token"], "[redacted]");
    assert_eq!(upstream("").document()["body_text"], "");
}

#[test]
fn codes_are_distinct_and_explained() {
    let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!(
            code.name()
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        );
        assert!(
            code.status().is_client_error() || code.status().is_server_error(),
            "{}",
            code.name()
        );
        assert!(!code.title().is_empty() && !code.remedy().is_empty());
        assert_eq!(Code::by_name(code.name()), Some(*code));
    }
    for name in mapping::FAULT_CODES {
        assert!(
            Code::by_name(name).is_some(),
            "the provider code {name} is not in the taxonomy"
        );
    }
}

#[test]
fn a_retry_after_is_never_zero() {
    let response = Problem::new(Code::Overloaded, "busy")
        .retry_after(0)
        .render(&FACTS);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.status(), 503);
}
