use bytes::Bytes;
use http::{HeaderValue, header};
use mapping::{DocumentError, Fault, MappingError};
use provider::{CallError, Dialect, QuotaReading};
use serde_json::Value;
use store::{ConnectionState, StoreError};
use unified::Error;

use crate::code::Code;
use crate::problem::{Problem, RequestFacts};

const FACTS: RequestFacts<'_> = RequestFacts {
    request_id: "req_1",
    trace_id: None,
    public_url: "https://gw",
    dialect: Dialect::Both,
};

fn rejection(status: u16, code: &str) -> Error {
    Error::Rejected(Box::new(unified::Rejection {
        provider: "acme".to_owned(),
        status,
        fault: Fault {
            code: code.to_owned(),
            provider_code: Some("THEIR_CODE".to_owned()),
            message: "their words, Bearer abcdefghijklmnopqrstuvwx".to_owned(),
            fields: vec!["email_addresses".to_owned()],
            retryable: code == "rate_limited",
            duplicates: Vec::new(),
        },
        body: Bytes::from_static(b"[{\"errorCode\":\"THEIR_CODE\"}]"),
        quotas: vec![QuotaReading {
            policy: "daily".to_owned(),
            limit: Some(10),
            remaining: 0,
            window_s: Some(86_400),
            reset_s: None,
            unit: None,
        }],
        headers: vec![(header::RETRY_AFTER, HeaderValue::from_static("17"))],
    }))
}

fn document(problem: impl Into<Problem>) -> Value {
    problem.into().document(&FACTS)
}

#[test]
fn a_providers_limit_passes_through_with_its_status_body_and_headers() {
    for status in [403, 429] {
        let problem = Problem::from(rejection(status, "rate_limited"));
        let response = problem.render(&FACTS);
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()["retry-after"], "17");
        assert_eq!(response.headers()["ratelimit-remaining"], "0");
        assert!(!response.headers().contains_key("ratelimit-reset"));
        let document = problem.document(&FACTS);
        assert_eq!(document["code"], "rate_limited");
        assert_eq!(document["retryable"], true);
        assert_eq!(document["is_remote_error"], true);
        assert_eq!(document["violated-policies"][0], "daily");
        assert_eq!(document["upstream"]["body"][0]["errorCode"], "THEIR_CODE");
        assert_eq!(document["upstream"]["status"], status);
        assert_eq!(document["fields"][0], "email_addresses");
        assert!(!document.to_string().contains("abcdefghij"), "a token is shown");
    }
}

#[test]
fn statuses_of_a_provider_are_its_own_but_401_is_ours() {
    for status in [400_u16, 403, 404, 409, 418, 429, 500, 503] {
        assert_eq!(
            Problem::from(rejection(status, "nonsense")).status().as_u16(),
            status
        );
    }
    let lost = Problem::from(rejection(401, "invalid_request"));
    assert_eq!((lost.status().as_u16(), lost.code()), (409, Code::NeedsReauth));
    assert_eq!(
        document(rejection(401, "invalid_request"))["upstream"]["status"],
        401
    );
    for odd in [0, 99, 200, 302, 600, 999] {
        assert_eq!(
            Problem::from(rejection(odd, "nonsense")).status().as_u16(),
            502,
            "{odd}"
        );
    }
}

#[test]
fn calls_that_failed_say_whose_fault_it_is() {
    let cases: [(CallError, u16, &str, bool, bool); 8] = [
        (
            CallError::NeedsReauth {
                state: ConnectionState::NeedsReauth,
                reason: None,
            },
            409,
            "needs_reauth",
            false,
            false,
        ),
        (
            CallError::RefreshInProgress { retry_after_s: 3 },
            503,
            "refresh_in_progress",
            true,
            false,
        ),
        (
            CallError::Unreachable {
                sent: false,
                what: "connect",
            },
            502,
            "upstream_unreachable",
            true,
            true,
        ),
        (
            CallError::DeadlineExceeded { sent: true },
            504,
            "deadline_exceeded",
            true,
            true,
        ),
        (
            CallError::UnexpectedRedirect { status: 302 },
            502,
            "unexpected_redirect",
            false,
            true,
        ),
        (
            CallError::Misconfigured {
                what: "invalid_client".to_owned(),
            },
            500,
            "provider_misconfigured",
            false,
            false,
        ),
        (CallError::NotAdmitted, 403, "app_not_admitted", false, false),
        (
            CallError::BadRequest {
                status: 413,
                what: "large".to_owned(),
            },
            413,
            "body_too_large",
            false,
            false,
        ),
    ];
    for (error, status, code, is_retryable, is_remote) in cases {
        let document = document(error);
        assert_eq!(document["status"], status, "{code}");
        assert_eq!(document["code"], code);
        assert_eq!(document["retryable"], is_retryable, "{code}");
        assert_eq!(document["is_remote_error"], is_remote, "{code}");
    }
    let waiting = Problem::from(CallError::RefreshInProgress { retry_after_s: 3 }).render(&FACTS);
    assert_eq!(waiting.headers()["retry-after"], "3");
}

#[test]
fn a_mapping_that_failed_is_the_fault_of_its_level() {
    let failure = |level: &str| MappingError::TimedOut {
        level: level.to_owned(),
        part: "response_mapping",
        limit_ms: 500,
    };
    assert_eq!(Problem::from(failure("base")).status().as_u16(), 500);
    assert_eq!(Problem::from(failure("tenant")).status().as_u16(), 422);
    assert_eq!(document(failure("connection"))["code"], "mapping_failed");
}

#[test]
fn a_refused_override_lists_every_mistake() {
    let mistake = |line: usize| DocumentError {
        document: "tenant".to_owned(),
        line: Some(line),
        column: Some(3),
        key: Some("methods.list".to_owned()),
        message: "unexpected token".to_owned(),
    };
    let document = document(Error::InvalidOverride(vec![mistake(2), mistake(9)]));
    assert_eq!(document["status"], 422);
    assert_eq!(document["errors"][1]["line"], 9);
    assert_eq!(document["errors"][0]["key"], "methods.list");
}

#[test]
fn our_storage_says_when_to_come_back_and_nothing_of_its_rows() {
    let problem = Problem::from(StoreError::Unavailable {
        service: "database",
        reason: "db.internal:5432 refused".to_owned(),
    });
    let response = problem.render(&FACTS);
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(!problem.document(&FACTS).to_string().contains("db.internal"));
    assert_eq!(document(StoreError::Seal { what: "token" })["status"], 500);
    assert_eq!(document(StoreError::NotFound)["status"], 404);
}
