use model::{ConnectionId, EventId, OsRandom, Secret};
use serde_json::{Value, json};
use store::WebhookEvent;

use super::message::{body, headers, signature};
use super::schedule::pause_ms;
use super::target::{WebhookTarget, WebhookTargetError as Wrong};
use crate::hosts::Origin;

fn event(data: &str) -> WebhookEvent {
    WebhookEvent {
        id: EventId::generate(&OsRandom),
        kind: "connection.created".to_owned(),
        connection_id: Some(ConnectionId::parse("con_pmpzsme6efn9qjyx2qb04jmy").unwrap()),
        data: data.to_owned(),
        at_ms: 1_777_620_337_000,
    }
}

#[test]
fn signatures_are_those_of_standard_webhooks() {
    // The example of the reference implementations.
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let sign = |secrets: &[Secret]| {
        signature(
            secrets,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        )
    };
    let one = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    assert_eq!(sign(std::slice::from_ref(&secret)).as_deref(), Some(one));
    let both = sign(&[secret.clone(), secret]).unwrap();
    assert_eq!(both, format!("{one} {one}"));
    assert_eq!(sign(&[]), None);
    for broken in ["", "whsec_%%", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
        assert_eq!(sign(&[Secret::new(broken)]), None, "{broken}");
    }
}

#[test]
fn a_body_is_the_event_in_the_same_bytes_each_time() {
    let event = event(r#"{"state": "active", "external_id": "Ωmega \"1\"", "connection_id": "spoofed"}"#);
    let written = body(&event);
    assert_eq!(written, body(&event));
    assert!(
        written
            .starts_with(br#"{"type":"connection.created","timestamp":"2026-05-01T07:25:37.000Z","data":{"#)
    );
    let data = &serde_json::from_slice::<Value>(&written).unwrap()["data"];
    assert_eq!(
        *data,
        json!({"state": "active", "external_id": "Ωmega \"1\"", "connection_id": "con_pmpzsme6efn9qjyx2qb04jmy"})
    );
    let of_none = WebhookEvent {
        connection_id: None,
        at_ms: i64::MAX,
        ..self::event("[1]")
    };
    let written: Value = serde_json::from_slice(&body(&of_none)).unwrap();
    assert_eq!(written["data"], json!({"value": [1]}));
    let not_json = serde_json::from_slice::<Value>(&body(&self::event("{"))).unwrap();
    assert_eq!(not_json["data"]["value"], "{");
}

#[test]
fn headers_name_the_event_and_the_time_of_the_attempt() {
    let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let sent = headers(&[secret], "evt_1", 1_614_265_330_999, b"{}").unwrap();
    assert_eq!(sent["webhook-id"], "evt_1");
    assert_eq!(sent["webhook-timestamp"], "1614265330");
    assert!(sent["webhook-signature"].to_str().unwrap().starts_with("v1,"));
    assert!(headers(&[], "evt_1", 0, b"{}").is_none());
}

#[test]
fn pauses_are_those_of_standard_webhooks_with_a_tenth_at_most() {
    let minutes = [5, 30, 120, 300, 600, 840, 1_200, 1_440].map(|minutes| minutes * 60_000);
    let pauses: Vec<u64> = (1..=9)
        .map(|attempt| pause_ms(attempt, None, 0).unwrap())
        .collect();
    assert_eq!(pauses[0], 5_000);
    assert_eq!(pauses[1..], minutes);
    assert_eq!(pause_ms(10, None, 0), None);
    assert_eq!(pause_ms(u32::MAX, Some(1), 0), None);
    assert_eq!(pause_ms(0, None, 0), None);
    for attempt in 1..=9 {
        let (least, most) = (
            pause_ms(attempt, None, 0).unwrap(),
            pause_ms(attempt, None, u32::MAX).unwrap(),
        );
        assert_eq!(most, least + least / 10);
    }
    assert_eq!(
        pause_ms(1, Some(3), 0),
        Some(5_000),
        "sooner than the schedule is not"
    );
    assert_eq!(pause_ms(1, Some(60), 0), Some(60_000));
    assert_eq!(pause_ms(1, Some(u64::MAX), 0), Some(86_400_000));
}

#[test]
fn targets_are_public_https_urls_or_what_the_operator_allows() {
    let allow = [Origin::parse("http://127.0.0.1:9000").unwrap()];
    let parse = |url: &str| WebhookTarget::accept(url, &allow).map(|target| target.to_string());
    for (url, written) in [
        ("https://Hooks.Example.com", "https://hooks.example.com/"),
        (
            "https://hooks.example.com:443/a/b?c=d&e=%20",
            "https://hooks.example.com/a/b?c=d&e=%20",
        ),
        (
            "https://hooks.example.com:8443?x",
            "https://hooks.example.com:8443/?x",
        ),
        ("http://127.0.0.1:9000/hook", "http://127.0.0.1:9000/hook"),
    ] {
        assert_eq!(parse(url).as_deref(), Ok(written), "{url}");
        assert_eq!(parse(written).as_deref(), Ok(written), "{written}");
    }
    let long = format!("https://a.example/{}", "x".repeat(3_000));
    for (url, wrong) in [
        (long.as_str(), Wrong::TooLong),
        ("https://user:pass@hooks.example.com/", Wrong::User),
        ("https://hooks.example.com@evil.example/", Wrong::User),
        ("https://hooks.example.com/#frag", Wrong::Fragment),
        ("https://hooks.example.com/a b", Wrong::Path),
        ("https://hooks.example.com/é", Wrong::Path),
        ("https://hooks.example.com/\r\nx: y", Wrong::Path),
        ("https://hooks.example.com\\@evil.example/", Wrong::Path),
        ("http://hooks.example.com/", Wrong::Scheme),
        ("http://127.0.0.1:9001/", Wrong::Scheme),
        ("https://127.0.0.1:9000/", Wrong::NotPublic),
        ("https://169.254.169.254/latest", Wrong::NotPublic),
        ("https://[::1]/", Wrong::NotPublic),
        ("https://localhost/", Wrong::NotPublic),
        ("https://redis:6379/", Wrong::NotPublic),
    ] {
        assert_eq!(parse(url), Err(wrong), "{url}");
    }
    for url in [
        "",
        "/hook",
        "ftp://a.example/",
        "https://",
        "https:///x",
        "https://2130706433/",
        "https://a..b/",
    ] {
        assert!(matches!(parse(url), Err(Wrong::Origin(_))), "{url}");
    }
    let shown = format!(
        "{:?}",
        WebhookTarget::parse("https://a.example/secret?key=1", &[]).unwrap()
    );
    assert!(!shown.contains("secret") && !shown.contains("key"));
}
