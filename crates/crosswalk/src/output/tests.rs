use serde_json::json;

use super::{Form, Listing, object, table};

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
fn json_steers_no_terminal_and_says_the_same() {
    let value = json!({"name": "\u{9b}2J\u{7f}\u{1b}\nZoë"});
    for text in [
        object(&value),
        Form { json: true }.print(std::slice::from_ref(&value), &["name"]),
    ] {
        assert!(
            !text.trim_end().replace('\n', "").chars().any(char::is_control),
            "{text:?}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}

#[test]
fn a_list_that_goes_on_says_so_to_people_alone() {
    let listing = |json| Listing {
        limit: 1,
        form: Form { json },
    };
    let rows = || vec![json!({"id": 1})];
    assert_eq!(
        listing(false).print((rows(), true), &["id"]),
        "id\n1\nThere are more: --limit\n"
    );
    assert_eq!(listing(false).print((rows(), false), &["id"]), "id\n1\n");
    assert_eq!(listing(true).print((rows(), true), &["id"]), "{\"id\":1}\n");
}
