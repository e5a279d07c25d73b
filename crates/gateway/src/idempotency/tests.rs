use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use provider::{CallError, WriteTally};

use super::answer::{keep, replay};
use super::{KEY_HEADER, Verdict, judge, key, warn_of_repetition};
use crate::code::Code;
use crate::problem::{Problem, Upstream};

fn read(values: &[&str]) -> Result<String, Problem> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(KEY_HEADER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    key::read(&headers)
}

#[test]
fn a_key_is_read_with_and_without_quotes() {
    let long = "k".repeat(255);
    for (value, key) in [
        ("8e03978e-40d5", "8e03978e-40d5"),
        ("\"8e03978e-40d5\"", "8e03978e-40d5"),
        (" x ", "x"),
        ("\"a\\\"b\\\\c\"", "a\"b\\c"),
        ("a,b;c=d", "a,b;c=d"),
        (long.as_str(), long.as_str()),
        (&format!("\"{long}\""), long.as_str()),
    ] {
        assert_eq!(read(&[value]).unwrap(), key, "{value}");
    }
}

#[test]
fn what_is_no_key_is_refused_by_name() {
    let long = "k".repeat(256);
    for values in [
        &[""][..],
        &["\"\""],
        &["\""],
        &["\"open"],
        &["\"a\"b"],
        &["\"a\\x\""],
        &["\"a\\"],
        &["\"a\"; p=1"],
        &["a\"b"],
        &["a b"],
        &["\"a b\""],
        &["kéy"],
        &["a\tb"],
        &[&long],
        &["one", "two"],
        &["same", "same"],
    ] {
        let problem = read(values).unwrap_err();
        assert_eq!(problem.code(), Code::InvalidParameter, "{values:?}");
        let text = format!("{problem:?}");
        assert!(
            text.contains("Idempotency-Key") && text.contains("255"),
            "{values:?}: {text}"
        );
    }
}

/// The provider's own error.
fn rejection(status: u16, retryable: bool) -> Response {
    let code = if status == 401 {
        Code::NeedsReauth
    } else {
        Code::ValidationFailed
    };
    let upstream = Upstream {
        status: Some(status),
        ..Upstream::default()
    };
    Problem::new(code, "no")
        .retryable(retryable)
        .remote(Some(upstream))
        .into_response()
}

#[test]
fn what_becomes_of_a_key_rests_on_what_was_sent() {
    let success = || StatusCode::CREATED.into_response();
    let problem = |error: CallError| Problem::from(error).into_response();
    let cut = || {
        problem(CallError::Unreachable {
            sent: true,
            what: "the connection broke",
        })
    };
    let busy = || Problem::new(Code::Overloaded, "busy").into_response();
    let (none, carried, refused) = ((0, 0), (1, 0), (1, 1));
    for (response, (sent, refused), verdict) in [
        // A dry run.
        (success(), none, Verdict::NothingDone),
        (busy(), none, Verdict::NothingDone),
        // A description of the object could not be read.
        (cut(), none, Verdict::NothingDone),
        (rejection(403, false), none, Verdict::NothingDone),
        (success(), carried, Verdict::Keep),
        // A write that was replayed after its session expired.
        (success(), (2, 1), Verdict::Keep),
        (cut(), carried, Verdict::Unknown),
        (rejection(500, false), carried, Verdict::Unknown),
        // One of two calls was carried out.
        (rejection(400, false), (2, 1), Verdict::Unknown),
        (
            Problem::new(Code::Internal, "a panic").into_response(),
            carried,
            Verdict::Unknown,
        ),
        (rejection(400, false), refused, Verdict::Keep),
        (rejection(404, false), refused, Verdict::Keep),
        // Another time it may be taken.
        (rejection(400, true), refused, Verdict::NothingDone),
        (rejection(429, true), refused, Verdict::NothingDone),
        (rejection(401, false), refused, Verdict::NothingDone),
        (rejection(503, true), refused, Verdict::NothingDone),
        (
            problem(CallError::RefreshInProgress { retry_after_s: 1 }),
            refused,
            Verdict::NothingDone,
        ),
        (
            problem(CallError::Unreachable {
                sent: false,
                what: "no connection",
            }),
            refused,
            Verdict::NothingDone,
        ),
    ] {
        let tally = WriteTally { sent, refused };
        assert_eq!(judge(&response, tally), verdict, "{response:?} {tally:?}");
    }
}

#[test]
fn a_write_that_may_have_been_made_is_not_called_retryable() {
    let retryable = |sent, refused| {
        let mut response = Problem::from(CallError::DeadlineExceeded { sent: true }).into_response();
        warn_of_repetition(&mut response, WriteTally { sent, refused });
        let problem = response.extensions().get::<Problem>().cloned().unwrap();
        let facts = crate::problem::RequestFacts {
            request_id: "req_1",
            trace_id: None,
            public_url: "https://gw",
            dialect: provider::Dialect::Both,
        };
        problem.document(&facts)["retryable"].as_bool().unwrap()
    };
    assert!(!retryable(1, 0));
    assert!(retryable(1, 1));
    assert!(retryable(0, 0));
}

fn answered(body: &str) -> http::response::Parts {
    let mut response = Response::new(Body::from(body.to_owned()));
    *response.status_mut() = StatusCode::CREATED;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::ETAG, HeaderValue::from_static("W/\"1\""));
    headers.insert("ratelimit-remaining", HeaderValue::from_static("7"));
    headers.insert("x-crosswalk-warnings", HeaderValue::from_static("[\"w\"]"));
    response.into_parts().0
}

async fn body(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn a_kept_answer_comes_back_as_it_was() {
    for text in ["{\"id\":\"1\",\n\"name\":\"é\"}", "", "\n\n"] {
        let again = replay(&keep(&answered(text), text.as_bytes(), 1_000)).unwrap();
        assert_eq!(again.status(), StatusCode::CREATED);
        let headers = again.headers();
        assert_eq!(headers["idempotency-replayed"], "true");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["etag"], "W/\"1\"");
        assert_eq!(headers["x-crosswalk-warnings"], "[\"w\"]");
        assert!(
            headers.get("ratelimit-remaining").is_none(),
            "what is left has changed"
        );
        assert_eq!(body(again).await, text.as_bytes());
    }
}

#[tokio::test]
async fn of_an_answer_too_large_the_id_is_kept_or_the_fact() {
    let text = format!("{{\"id\":\"003\",\"name\":\"{}\"}}", "x".repeat(100));
    let whole = keep(&answered(&text), text.as_bytes(), text.len());
    assert_eq!(body(replay(&whole).unwrap()).await, text.as_bytes());

    let shortened = keep(&answered(&text), text.as_bytes(), text.len() - 1);
    assert!(!String::from_utf8_lossy(&shortened).contains("xxx"));
    let again = replay(&shortened).unwrap();
    assert_eq!(again.status(), StatusCode::CREATED);
    let warning = again.headers()["x-crosswalk-warnings"]
        .to_str()
        .unwrap()
        .to_owned();
    let warnings: Vec<String> = serde_json::from_str(&warning).unwrap();
    assert!(warnings[0].contains("too large"), "{warnings:?}");
    assert!(again.headers().get("etag").is_none(), "another body");
    assert_eq!(body(again).await, b"{\"id\":\"003\"}");

    for text in ["[1,2,3,4]", "{\"id\":12345}", "not JSON"] {
        let problem = replay(&keep(&answered(text), text.as_bytes(), 3)).unwrap_err();
        assert_eq!(problem.code(), Code::AnswerNotKept);
        assert!(format!("{problem:?}").contains("201"), "{problem:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_an_error() {
    for kept in [
        &b""[..],
        b"{}",
        b"{}\n",
        b"{\"status\":9999,\"headers\":[],\"kept\":\"whole\"}\n",
        b"\xff\n",
        b"{\"status\":200,\"headers\":[[\"a b\",\"c\"]],\"kept\":\"whole\"}\n",
    ] {
        assert_eq!(replay(kept).unwrap_err().code(), Code::Internal);
    }
}
