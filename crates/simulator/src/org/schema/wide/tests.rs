use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::org::{Caller, DmlOptions, Org, OrgOptions};

fn org() -> (Org, Caller) {
    let org = Org::new(OrgOptions {
        accounts: 30,
        contacts: 60,
        leads: 10,
        opportunities: 10,
        cases: 2,
        tasks: 2,
        events: 2,
        extra_custom_fields: 800,
        every_field_kind: true,
        person_accounts: true,
        multi_currency: true,
        record_types: true,
        ..OrgOptions::default()
    });
    let caller = Caller {
        user_id: org.admin_user_id(),
    };
    (org, caller)
}

fn fields(org: &Org, caller: &Caller, object: &str) -> Vec<Value> {
    let described = org.describe(caller, object, "60.0").expect("an object");
    described["fields"].as_array().expect("fields").clone()
}

#[test]
fn the_fields_are_of_every_type_and_named_once() {
    let (org, caller) = org();
    assert!(org.object_names().len() >= 12);
    for object in ["Account", "Contact", "Lead", "Opportunity"] {
        let fields = fields(&org, &caller, object);
        let names: HashSet<String> = fields
            .iter()
            .map(|field| field["name"].to_string().to_lowercase())
            .collect();
        assert_eq!(names.len(), fields.len(), "{object}");
        let custom = fields.iter().filter(|field| field["custom"] == true);
        let types: BTreeSet<&str> = custom
            .clone()
            .filter_map(|field| field["type"].as_str())
            .collect();
        for kind in [
            "boolean",
            "currency",
            "date",
            "datetime",
            "double",
            "email",
            "encryptedstring",
            "location",
            "multipicklist",
            "percent",
            "phone",
            "picklist",
            "reference",
            "string",
            "textarea",
            "time",
            "url",
        ] {
            assert!(types.contains(kind), "{object} has no {kind}");
        }
        assert!(custom.clone().count() >= 800, "{object}");
        assert!(
            custom
                .clone()
                .any(|field| field["calculated"] == true && field["createable"] == false)
        );
    }
    let account = fields(&org, &caller, "Account");
    let twins = account
        .iter()
        .filter(|field| field["name"].as_str().is_some_and(|name| name.ends_with("__pc")));
    assert!(twins.count() > 700, "a contact's fields stand on accounts too");
}

#[test]
fn a_geolocation_is_two_numbers_and_an_encrypted_text_is_masked() {
    let (org, caller) = org();
    let body = json!({
        "LastName": "x", "Wide_019__Latitude__s": 1.5, "Wide_019__Longitude__s": -2, "Wide_017__c": "secret",
        "Wide_010__c": "10:30:00",
    });
    let options = DmlOptions::default();
    let id = org
        .create(&caller, "Contact", body.as_object().expect("an object"), &options)
        .expect("a contact");
    let row = org
        .retrieve(&caller, "Contact", &id, None, "60.0")
        .expect("a row");
    assert_eq!(row["Wide_019__c"], json!({ "latitude": 1.5, "longitude": -2.0 }));
    assert_eq!(
        (&row["Wide_017__c"], &row["Wide_010__c"]),
        (&json!("******"), &json!("10:30:00.000Z"))
    );
    assert_eq!(row["Wide_039__c"], Value::Null);
    let queried = "SELECT Wide_019__c FROM Contact WHERE Wide_019__Latitude__s = 1.5 AND LastName = 'x'";
    let found = org.query(&caller, queried, false, "60.0").expect("rows");
    assert_eq!(found.all(&org)[0]["Wide_019__c"]["longitude"], json!(-2.0));
    for wrong in [
        json!({ "LastName": "x", "Wide_019__c": "1, 2" }),
        json!({ "LastName": "x", "Wide_010__c": "25:00:00" }),
        json!({ "LastName": "x", "Wide_018__c": "a formula's own" }),
    ] {
        let body = wrong.as_object().expect("an object");
        assert!(org.create(&caller, "Contact", body, &options).is_err(), "{wrong}");
    }
    for filter in [
        "Wide_019__c = null",
        "Wide_017__c = 'secret'",
        "Wide_010__c != null",
    ] {
        let queried = format!("SELECT Id FROM Contact WHERE {filter}");
        assert!(org.query(&caller, &queried, false, "60.0").is_err(), "{filter}");
    }
}
