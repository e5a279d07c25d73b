use std::collections::HashSet;

use serde_json::{Value, json};

use crate::org::{Org, OrgOptions};

fn options(seed: u64) -> OrgOptions {
    OrgOptions {
        seed,
        accounts: 120,
        contacts: 400,
        leads: 80,
        opportunities: 100,
        cases: 30,
        tasks: 90,
        events: 40,
        ..OrgOptions::default()
    }
}

#[test]
fn the_seed_decides_every_row() {
    let (first, again, other) = (Org::new(options(7)), Org::new(options(7)), Org::new(options(8)));
    for object in first.object_names() {
        assert_eq!(first.raw_records(&object), again.raw_records(&object), "{object}");
    }
    let id = |org: &Org| org.raw_records("Contact")[0]["Id"].clone();
    assert_ne!(id(&first), id(&other));
    assert_ne!(first.organization_id(), other.organization_id());
}

#[test]
fn rows_are_as_uneven_as_real_ones() {
    let org = Org::new(options(1));
    let contacts = org.raw_records("Contact");
    let some = |test: &dyn Fn(&Value) -> bool| contacts.iter().any(test);
    assert!(some(&|row| row["FirstName"].is_null() && row["Email"].is_null()));
    assert!(some(&|row| row["LastName"] == "O'Brien"));
    assert!(some(&|row| row["Name"]
        .as_str()
        .is_some_and(|name| !name.is_ascii())));
    assert!(some(&|row| row["LTV_Score__c"] == json!(0.0)));
    assert!(some(&|row| row["Lead_Source__c"] == ""));
    assert!(some(&|row| row["IsDeleted"] == json!(true)));
    assert!(some(&|row| row["AccountId"].is_null()));
    let now = crate::org::time::format_datetime(options(1).now_ms);
    assert!(contacts.iter().all(
        |row| row["CreatedDate"].as_str() <= row["SystemModstamp"].as_str()
            && row["SystemModstamp"].as_str() <= Some(&now)
    ));
    let emails: HashSet<_> = contacts.iter().filter_map(|row| row["Email"].as_str()).collect();
    assert!(emails.len() > 300);
    let stamps: HashSet<String> = org
        .raw_records("Case")
        .iter()
        .map(|row| row["SystemModstamp"].to_string())
        .collect();
    assert_eq!(stamps.len(), 1, "one import");
    let accounts: HashSet<String> = org
        .raw_records("Account")
        .iter()
        .filter(|row| row["IsDeleted"] == json!(false))
        .map(|row| row["Id"].to_string())
        .collect();
    assert!(
        contacts
            .iter()
            .filter(|row| !row["AccountId"].is_null())
            .all(|row| accounts.contains(&row["AccountId"].to_string()))
    );
}
