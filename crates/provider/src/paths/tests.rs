use super::{PathError, caller_path, own_path, query_text, raw_query};

/// Claim 33: what a caller may try to reach another host or climb out of the API's folder with.
const HOSTILE: &[&str] = &[
    "",
    "a",
    "services/data",
    "//",
    "///",
    "//evil.com",
    "//evil.com/a",
    "///evil.com",
    "/a//b",
    "/a//",
    "http:/evil.com",
    "https:/evil.com",
    "https://evil.com/a",
    "HTTPS://EVIL.COM",
    "/https://evil.com/a",
    "/http:/evil.com",
    "/https:/evil.com/a",
    "/javascript:",
    "\\\\evil.com\\a",
    "/\\evil.com",
    "/\\/evil.com",
    "\\/evil.com",
    "/a\\b",
    "/a/..\\..\\b",
    "/.",
    "/..",
    "/./a",
    "/../a",
    "/a/.",
    "/a/..",
    "/a/./b",
    "/a/../b",
    "/a/../",
    "/../../../../secur/frontdoor.jsp",
    "/services/data/../../secur/frontdoor.jsp",
    "/%2e",
    "/%2e%2e",
    "/%2e%2e/a",
    "/%2E%2E/a",
    "/.%2e/a",
    "/%2e./a",
    "/a/%2e%2e/b",
    "/a%2ejson",
    "/%2f",
    "/%2F%2Fevil.com",
    "/a%2fb",
    "/a%2Fb",
    "/..%2fa",
    "/..%2f..%2fa",
    "/%5c",
    "/%5C",
    "/a%5cb",
    "/..%5c..%5ca",
    "/%5cevil.com",
    "/%00",
    "/a%00",
    "/a%00.json",
    "/%0a",
    "/%0d%0aHost:%20evil.com",
    "/a%0d%0ab",
    "/%09",
    "/%1f",
    "/%7f",
    "/%252e%252e/a",
    "/%252f",
    "/%255c",
    "/%2500",
    "/%25",
    "/%",
    "/%2",
    "/%zz",
    "/%u002e",
    "/%c0%ae%c0%ae/a",
    "/%c0%af",
    "/%e0%80%ae",
    "/%ff",
    "/%ef%bc%8f",
    "/%ef%bc%8e%ef%bc%8e",
    "/%ef%bc%bc",
    "/%e2%88%95",
    "/%e2%81%84",
    "/%e2%80%a4%e2%80%a4",
    "/%e3%80%82",
    "/%e2%80%8b",
    "/%ef%bb%bf",
    "/%c2%85",
    "/a;b",
    "/a;jsessionid=1",
    "/a%3bb",
    "/..;/a",
    "/.;/a",
    "/..%3b/a",
    "/@evil.com",
    "/a@evil.com",
    "/user:pass@evil.com",
    "/%40evil.com",
    "@evil.com",
    ":80/a",
    "/a b",
    " /a",
    "/a ",
    "/a\tb",
    "/a\r\nHost: evil.com",
    "/a\0b",
    "/a?b",
    "/a#b",
    "/a%23b",
    "/a%3fb",
    "/a\"b",
    "/a<b>",
    "/a{b}",
    "/a|b",
    "/a^b",
    "/a`b",
    "/é",
    "/\u{ff0e}\u{ff0e}/a",
    "/\u{2025}/a",
    "/%20./a",
    "/..%20/a",
    "/..%20",
    "/%20..%20/a",
];

#[test]
fn every_hostile_path_is_refused() {
    for path in HOSTILE {
        assert!(caller_path(path).is_err(), "accepted {path:?}");
    }
    assert_eq!(
        caller_path(&format!("/{}", "a".repeat(9_000))),
        Err(PathError::TooLong)
    );
}

#[test]
fn honest_paths_come_out_in_one_spelling() {
    for (raw, written) in [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a/"),
        (
            "/data/v60.0/objects/Thing__c/001",
            "/data/v60.0/objects/Thing__c/001",
        ),
        ("/objects/Thing:search", "/objects/Thing:search"),
        ("/a%20b", "/a%20b"),
        ("/%61", "/a"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/...", "/..."),
        ("/a.b", "/a.b"),
        ("/a+b,c=(d)!$&'*", "/a+b,c=(d)!$&'*"),
    ] {
        assert_eq!(
            caller_path(raw).map(|path| path.as_str().to_owned()),
            Ok(written.to_owned())
        );
    }
    let below = caller_path("/a").expect("a path").below("/data/v1/");
    assert_eq!(below.as_str(), "/data/v1/a");
}

#[test]
fn a_written_path_reads_back_as_itself() {
    for raw in ["/caf%c3%a9/%20x", "/a%22b", "/x%7By%7D"] {
        let once = caller_path(raw).expect("a path");
        assert_eq!(caller_path(once.as_str()), Ok(once.clone()));
    }
}

#[test]
fn our_own_paths_may_hold_any_key_but_no_way_out_of_the_segment() {
    let path = own_path("/objects/Contact/Mail__c/a%40b.example;").map_err(|error| error.to_string());
    assert!(path.is_err(), "a bare `;` is refused");
    let path = own_path("/objects/Contact/Mail__c/a%40b.example%3B").expect("a path");
    assert_eq!(path.as_str(), "/objects/Contact/Mail__c/a%40b.example%3B");
    let path = own_path("/objects/Contact/Key__c/a%2Fb%3Fc%23d%20%252F%2B%C3%A9%2E").expect("a path");
    assert_eq!(
        path.as_str(),
        "/objects/Contact/Key__c/a%2Fb%3Fc%23d%20%252F+%C3%A9."
    );
    for raw in [
        "/a/../b",
        "/%2e%2e/b",
        "/a%00",
        "/a%0Ab",
        "/a%2F..%2Fb",
        "/..%5Cb",
        "/a%2F%20..%20",
        "/%2E",
        "/a?b",
        "/a%2",
        "/a%FF",
    ] {
        assert!(own_path(raw).is_err(), "{raw}");
    }
}

#[test]
fn queries_keep_their_order_and_lose_nothing_but_bare_specials() {
    assert_eq!(
        raw_query("b=2&a=1&a=%20x+y&flag"),
        Ok("b=2&a=1&a=%20x+y&flag".to_owned())
    );
    assert_eq!(raw_query("q={\"a\"}"), Ok("q=%7B%22a%22%7D".to_owned()));
    for raw in ["a#b", "a b", "a\r\nb", "é", "a\0"] {
        assert_eq!(raw_query(raw), Err(PathError::Query), "{raw:?}");
    }
    let parameters = [
        ("q".to_owned(), "a+b 'c' & d=é".to_owned()),
        ("x".to_owned(), String::new()),
    ];
    assert_eq!(query_text(&parameters), "q=a%2Bb%20%27c%27%20%26%20d%3D%C3%A9&x=");
}
