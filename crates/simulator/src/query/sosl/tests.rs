use serde_json::{Value, json};

use crate::org::{ApiError, Caller, DmlOptions, Org, OrgOptions};

fn org() -> (Org, Caller) {
    let options = OrgOptions {
        accounts: 5,
        contacts: 5,
        leads: 5,
        opportunities: 5,
        cases: 5,
        tasks: 0,
        events: 0,
        ..OrgOptions::default()
    };
    let org = Org::new(options);
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    for (last, email, phone) in [
        ("Zwickelhuber", "a+b@x-y.com", "+49 30 5551234"),
        ("Zwickel Meier", "zm@example.com", ""),
        ("Meier Zwickel", "mz@example.com", ""),
    ] {
        let body = json!({"LastName": last, "Email": email, "Phone": phone});
        org.create(
            &caller,
            "Contact",
            body.as_object().expect("object"),
            &DmlOptions::default(),
        )
        .expect("created");
    }
    (org, caller)
}

fn found(org: &Org, caller: &Caller, sosl: &str) -> Result<Vec<String>, ApiError> {
    let records = org.search(caller, sosl, "60.0")?;
    Ok(records
        .iter()
        .map(|record| record["LastName"].as_str().unwrap_or_default().to_owned())
        .collect())
}

#[test]
fn finds_words_phrases_wildcards_and_operators() {
    let (org, caller) = org();
    for (term, want) in [
        ("zwickel", vec!["Zwickel Meier", "Meier Zwickel"]),
        ("Zwickel*", vec!["Zwickelhuber", "Zwickel Meier", "Meier Zwickel"]),
        ("\"zwickel meier\"", vec!["Zwickel Meier"]),
        ("zwickel AND meier", vec!["Zwickel Meier", "Meier Zwickel"]),
        (
            "zwickelhuber OR \"meier zwickel\"",
            vec!["Zwickelhuber", "Meier Zwickel"],
        ),
        ("zwickel* AND NOT meier", vec!["Zwickelhuber"]),
        ("a\\+b@x\\-y.com", vec!["Zwickelhuber"]),
        ("zwicke? AND meier", vec!["Zwickel Meier", "Meier Zwickel"]),
        ("nobodyhere", vec![]),
    ] {
        let sosl = format!("FIND {{{term}}} IN ALL FIELDS RETURNING Contact(Id, LastName)");
        assert_eq!(found(&org, &caller, &sosl).expect("valid"), want, "{term}");
    }
    let by_mail = "FIND {zwickel} IN EMAIL FIELDS RETURNING Contact(LastName)";
    assert!(found(&org, &caller, by_mail).expect("valid").is_empty());
    let narrowed = "FIND {zwickel*} RETURNING Contact(LastName WHERE Email LIKE '%example.com' ORDER BY LastName DESC LIMIT 1 OFFSET 1), Account LIMIT 5";
    assert_eq!(found(&org, &caller, narrowed).expect("valid"), ["Meier Zwickel"]);
    let bare = org
        .search(&caller, "FIND {Zwickelhuber} RETURNING Contact", "60.0")
        .expect("valid");
    assert_eq!(
        bare[0].as_object().expect("object").keys().collect::<Vec<_>>(),
        ["attributes", "Id"]
    );
}

#[test]
fn refuses_with_salesforces_words() {
    let (org, caller) = org();
    for (sosl, code, message) in [
        (
            "FIND Acme",
            "MALFORMED_SEARCH",
            "No search term found. The search term must be enclosed in braces.",
        ),
        (
            "",
            "MALFORMED_SEARCH",
            "No search term found. The search term must be enclosed in braces.",
        ),
        (
            "FIND {Acme",
            "MALFORMED_SEARCH",
            "No search term found. The search term must be enclosed in braces.",
        ),
        (
            "FIND {a}",
            "MALFORMED_SEARCH",
            "search term must be longer than one character",
        ),
        (
            "FIND {acme} IN SOME FIELDS",
            "MALFORMED_SEARCH",
            "unexpected token: 'SOME'",
        ),
        (
            "FIND {acme} RETURNING Nothing__c(Id)",
            "INVALID_TYPE",
            "sObject type 'Nothing__c' is not supported.",
        ),
        (
            "FIND {acme} RETURNING Account(Foo)",
            "INVALID_FIELD",
            "No such column 'Foo' on entity 'Account'.",
        ),
    ] {
        let error = found(&org, &caller, sosl).expect_err(sosl);
        assert_eq!(error.code, code, "{sosl}");
        assert!(error.message.contains(message), "{sosl}: {}", error.message);
    }
}

#[test]
fn parameterized_search_needs_no_escapes() {
    let (org, caller) = org();
    let body = json!({"q": "a+b@x-y.com", "in": "EMAIL", "sobjects": [{"name": "Contact", "fields": ["Id", "LastName"], "where": "LastName != null", "limit": 3}]});
    let records = org.parameterized_search(&caller, &body, "60.0").expect("valid");
    assert_eq!(
        records
            .iter()
            .map(|record| &record["LastName"])
            .collect::<Vec<&Value>>(),
        [&json!("Zwickelhuber")]
    );
    let unknown = json!({"q": "acme", "sobjects": [{"name": "Nope"}]});
    assert_eq!(
        org.parameterized_search(&caller, &unknown, "60.0")
            .expect_err("no object")
            .code,
        "INVALID_TYPE"
    );
    assert_eq!(
        org.parameterized_search(&caller, &json!({"q": ""}), "60.0")
            .expect_err("no term")
            .code,
        "MALFORMED_SEARCH"
    );
}

#[test]
fn hostile_terms_are_answered() {
    let (org, caller) = org();
    let stars = format!("FIND {{{}b}} RETURNING Contact", "*a".repeat(2_000));
    assert!(org.search(&caller, &stars, "60.0").expect("valid").is_empty());
    let body = json!({"q": "zwickel", "sobjects": [{"name": "Contact", "where": "LastName = '株式会社'"}, {"name": "Lead", "where": "   LastName = '\\%'"}]});
    assert_eq!(
        org.parameterized_search(&caller, &body, "60.0")
            .expect_err("an escape")
            .code,
        "MALFORMED_QUERY"
    );
}
