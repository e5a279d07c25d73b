use serde_json::json;

use super::{Reached, table};

#[test]
fn a_table_is_as_wide_as_what_stands_in_it_and_steers_no_terminal() {
    let rows = [
        json!({"id": "con_1", "name": "Zoë", "scopes": ["read", "write"]}),
        json!({"id": "con_22", "name": "\u{1b}[2Jgone\n", "scopes": null}),
    ];
    assert_eq!(
        table(&rows, &["id", "name", "scopes"]),
        "id      name       scopes\ncon_1   Zoë        read,write\ncon_22  ?[2Jgone?  -\n"
    );
    assert_eq!(table(&[], &["id"]), "id\n");
}

#[test]
fn a_gateway_is_reached_by_plain_http_and_with_a_key() {
    assert!(Reached::by("http://127.0.0.1:8080", Some("cw_live_x"), "KEY").is_ok());
    for (url, key, told) in [
        ("http://127.0.0.1:8080", None, "in KEY"),
        ("http://127.0.0.1:8080", Some(""), "in KEY"),
        ("http://127.0.0.1:8080", Some("a\r\nx: y"), "in KEY"),
        ("https://crosswalk.example", Some("k"), "only plain http"),
        ("crosswalk", Some("k"), "--url crosswalk"),
    ] {
        let error = Reached::by(url, key, "KEY").unwrap_err().to_string();
        assert!(error.contains(told), "{url}: {error}");
    }
}
