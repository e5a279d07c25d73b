use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Method};

use super::{check_method, is_hop_by_hop, matches_rule, named_in_connection};

#[test]
fn names_listed_in_connection_are_for_one_hop() {
    let mut headers = HeaderMap::new();
    headers.append(CONNECTION, HeaderValue::from_static("close, X-Secret ,,"));
    headers.append(CONNECTION, HeaderValue::from_static("Accept"));
    let named = named_in_connection(&headers);
    for name in [
        "x-secret",
        "accept",
        "transfer-encoding",
        "te",
        "upgrade",
        "connection",
        "proxy-authorization",
    ] {
        assert!(is_hop_by_hop(name, &named), "{name}");
    }
    assert!(!is_hop_by_hop("content-type", &named));
}

#[test]
fn rules_are_names_or_beginnings() {
    assert!(matches_rule("accept", "accept"));
    assert!(!matches_rule("accept", "accept-language"));
    assert!(matches_rule("x-vendor-*", "x-vendor-options"));
    assert!(!matches_rule("x-vendor-*", "x-vendo"));
}

#[test]
fn tunnels_and_traces_are_refused() {
    for method in [Method::CONNECT, Method::TRACE] {
        assert!(check_method(&method).is_err());
    }
    for method in [Method::GET, Method::HEAD, Method::PATCH, Method::OPTIONS] {
        assert!(check_method(&method).is_ok());
    }
}
