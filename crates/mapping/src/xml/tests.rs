use proptest::prelude::*;
use serde_json::json;

use super::{read, write, xml_escaped};

#[test]
fn elements_are_written_in_their_order_and_read_again() {
    let document = json!({"s:Envelope": [
        {"@xmlns:s": "http://example.com/\"a\"&b"},
        {"s:Header": [{"token": [{"@credential": true}]}]},
        {"s:Body": [{"z": "<1> & '2'"}, {}, {"a": true}, {"left": null}, {"a": 2}, {"empty": []}]},
    ]});
    let written = write(&document).unwrap();
    assert_eq!(
        written.text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><s:Envelope xmlns:s=\"http://example.com/&quot;a&quot;&amp;b\">\
         <s:Header><token></token></s:Header>\
         <s:Body><z>&lt;1&gt; &amp; &apos;2&apos;</z><a>true</a><a>2</a><empty></empty></s:Body></s:Envelope>"
    );
    let at = written.credential_at.unwrap();
    assert!(written.text[..at].ends_with("<token>") && written.text[at..].starts_with("</token>"));
    assert_eq!(
        read(&written.text).unwrap(),
        json!({"Envelope": {"Header": {"token": ""}, "Body": {"z": "<1> & '2'", "a": ["true", "2"], "empty": ""}}})
    );
}

#[test]
fn what_is_no_document_is_not_written() {
    for document in [
        json!(null),
        json!({}),
        json!({"a": 1, "b": 2}),
        json!({"a b": 1}),
        json!({"a": [{"<b": 1}]}),
        json!({"a": [{"@b c": 1}]}),
        json!({"a": [{"@b": [1]}]}),
        json!({"a": "\u{0}"}),
        json!({"a": [{"@credential": true}, {"b": [{"@credential": true}]}]}),
        json!({"a": [{"@credential": "x"}]}),
    ] {
        assert!(write(&document).is_err(), "{document}");
    }
    let deep = (0..40).fold(json!("x"), |inner, _| json!([{"a": inner}]));
    assert!(write(&json!({"a": deep})).is_err());
}

#[test]
fn replies_are_read_and_hostile_ones_are_not() {
    let reply = "<?xml version=\"1.0\"?><!-- c --><e:R xmlns:e=\"u\" xmlns:x=\"i\"><e:a x:nil=\"true\"/><b>\u{df}&#x1F600;&amp;\
                 <![CDATA[<raw>]]></b><c/></e:R>";
    assert_eq!(
        read(reply).unwrap(),
        json!({"R": {"a": null, "b": "\u{df}\u{1F600}&<raw>", "c": ""}})
    );
    let deep = format!("{}{}", "<a>".repeat(5_000), "</a>".repeat(5_000));
    for hostile in [
        "",
        "maintenance",
        "<a><b></a>",
        "<a>",
        "</a>",
        "<a/><b/>",
        "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
        "<a>&nope;</a>",
        deep.as_str(),
    ] {
        assert_eq!(read(hostile), None, "{hostile:.60}");
    }
}

proptest! {
    #[test]
    fn any_text_comes_back_as_it_was(text in "\\PC*|[\\s\\S]{0,40}") {
        let written = write(&json!({"a": [{"b": text.clone()}]}));
        if let Some(escaped) = xml_escaped(&text) {
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            prop_assert_eq!(read(&written.unwrap().text), Some(json!({"a": {"b": text}})));
        } else {
            prop_assert!(written.is_err());
        }
    }
}
