use std::time::Duration;

use serde_json::json;
use url::Url;

use super::{Gateway, Http, Reply, answer, refusal};

#[test]
fn a_gateway_is_reached_by_http_or_https_and_with_a_key() {
    for url in ["http://127.0.0.1:8080", "http://[::1]:1/below/", "HTTP://gateway"] {
        assert!(Gateway::at(url, Some("cw_live_x"), "KEY").is_ok(), "{url}");
    }
    for (url, key, told) in [
        ("http://127.0.0.1:8080", None, "in KEY"),
        ("http://127.0.0.1:8080", Some(""), "in KEY"),
        ("http://127.0.0.1:8080", Some("a\r\nx: y"), "in KEY"),
        ("http://127.0.0.1:8080", Some("clé"), "in KEY"),
        ("ftp://crosswalk.example", Some("k"), "ftp is not spoken"),
        ("unix:/run/gateway", Some("k"), "name a scheme, a host"),
        ("http://me:secret@127.0.0.1", Some("k"), "name a scheme, a host"),
        ("http://127.0.0.1/?tenant=1", Some("k"), "name a scheme, a host"),
        ("crosswalk", Some("k"), "--url crosswalk"),
    ] {
        let error = match Gateway::at(url, key, "KEY") {
            Ok(_) => panic!("{url}"),
            Err(error) => format!("{error:#}"),
        };
        assert!(error.contains(told), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn no_part_of_a_path_leads_elsewhere() {
    let gateway = Gateway::at("http://127.0.0.1:8080/below/", Some("k"), "KEY").unwrap();
    for (id, expected) in [
        ("con_1", "http://127.0.0.1:8080/below/connections/con_1"),
        ("../admin", "http://127.0.0.1:8080/below/connections/..%2Fadmin"),
        ("a?b=c#d", "http://127.0.0.1:8080/below/connections/a%3Fb=c%23d"),
        ("Zoë", "http://127.0.0.1:8080/below/connections/Zo%C3%AB"),
    ] {
        let url = gateway.route(&["connections", id], &[]).unwrap();
        assert_eq!(url.as_str(), expected);
    }
    for id in ["", ".", ".."] {
        let error = gateway.route(&["connections", id], &[]).unwrap_err().to_string();
        assert!(error.contains("neither an id nor a name"), "{error}");
    }
    let asked = gateway.route(&["connections"], &[("search", "a&b=c d")]).unwrap();
    assert_eq!(asked.query(), Some("search=a%26b%3Dc+d"));
}

fn reply(status: u16, body: &str) -> Reply {
    let mut headers = http::HeaderMap::new();
    headers.insert("location", "https://else\u{9b}where".parse().unwrap());
    Reply {
        status: http::StatusCode::from_u16(status).unwrap(),
        headers,
        body: body.to_owned(),
    }
}

#[test]
fn answers_are_told_from_refusals_redirects_and_strangers() {
    let url = Url::parse("http://127.0.0.1:8080").unwrap();
    assert_eq!(answer(&reply(204, ""), &url).unwrap(), json!(null));
    assert_eq!(answer(&reply(202, "{\"a\":1}"), &url).unwrap(), json!({"a": 1}));
    for (status, body, told) in [
        (302, "", "redirect (302) to https://else"),
        (200, "<html>", "answered 200, and not as a gateway does"),
        (502, "", "answered 502, and not as a gateway does"),
        (404, "{\"detail\": \"No such thing.\"}", "No such thing."),
        (400, "[]", "the gateway refused"),
    ] {
        let error = answer(&reply(status, body), &url).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}

#[test]
fn a_refusal_says_what_is_allowed_and_which_request_it_was() {
    let problem = json!({
        "detail": "`state` is no state.\u{1b}[2J", "allowed": ["pending", "active"],
        "code": "invalid_parameter", "request_id": "req_1",
    });
    assert_eq!(
        refusal(&problem),
        "`state` is no state.?[2J Allowed: pending,active. (invalid_parameter, req_1)"
    );
    let mistakes = json!({
        "detail": "line 1\nhas one", "code": "invalid_mapping", "request_id": "req_2",
        "errors": [{"line": 1, "column": 2, "key": "fields", "message": "odd\u{9b}"}, {"line": null, "key": "only", "message": "even"}],
    });
    assert_eq!(
        refusal(&mistakes),
        "line 1\nhas one (invalid_mapping, req_2)\n  line 1, column 2, key fields: odd?\n  key only: even"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let request = http::Request::get(format!("http://{address}/"))
        .body(bytes::Bytes::new().into())
        .unwrap();
    let http = Http::plain();
    let sent = http.send(request, Duration::from_millis(20));
    let given_up = tokio::time::timeout(Duration::from_secs(10), sent).await;
    let told = format!("{:#}", given_up.expect("an end").unwrap_err());
    assert!(
        told.contains("no answer within") && told.contains(&address.to_string()),
        "{told}"
    );
}
