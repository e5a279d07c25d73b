//! Pages of records as a CRM answers them: the input of every comparison.

use serde_json::{Map, Value, json};

/// How much a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// About 600 bytes: 19 keys, the fields of a contact mapping and seven custom ones.
    Mapped,
    /// About 800 bytes: a description and an address besides, as a caller of the proxy reads them.
    Proxied,
}

const FIRST_NAMES: [&str; 8] = [
    "Ada",
    "Grace",
    "José",
    "Alan",
    "Barbara",
    "Søren",
    "Katherine",
    "Edsger",
];
const LAST_NAMES: [&str; 7] = [
    "Lovelace",
    "Hopper",
    "Núñez",
    "Turing",
    "Liskov",
    "Kierkegaard",
    "O'Neill",
];
const TITLES: [&str; 5] = [
    "VP Sales",
    "Chief Technology Officer",
    "Buyer",
    "Head of \"Growth\"",
    "Engineer",
];
const SEGMENTS: [&str; 3] = ["Enterprise", "Mid-Market", "SMB"];

/// The id of the record at `index` of every page.
pub(crate) fn record_id(index: usize) -> String {
    format!("0038d00000{index:05}AAA")
}

fn record(index: usize, width: Width) -> Value {
    let first = FIRST_NAMES[index % FIRST_NAMES.len()];
    let last = LAST_NAMES[index % LAST_NAMES.len()];
    let id = record_id(index);
    // Keys in the order in which they are selected, the attributes first.
    let mut record = json!({
        "attributes": { "type": "Contact", "url": format!("/services/data/v60.0/sobjects/Contact/{id}") },
        "Id": id,
        "FirstName": if index % 11 == 3 { Value::Null } else { json!(first) },
        "LastName": last,
        "Name": if index % 11 == 3 { last.to_owned() } else { format!("{first} {last}") },
        "Title": TITLES[index % TITLES.len()],
        "AccountId": format!("0018d00000{:05}AAA", index / 4),
        "Email": format!("contact.{index}@example-{}.com", index % 90),
        "Phone": if index.is_multiple_of(3) { Value::Null } else { json!(format!("+1 415 555 {:04}", index % 10_000)) },
        "MobilePhone": if index.is_multiple_of(2) { Value::Null } else { json!(format!("+44 7700 {:06}", index % 1_000_000)) },
        "CreatedDate": format!("2025-0{}-11T08:{:02}:07.000+0000", index % 9 + 1, index % 60),
        "LastModifiedDate": format!("2026-0{}-21T17:{:02}:45.000+0000", index % 9 + 1, index % 60),
        "LTV_Score__c": f64::from(u32::try_from(index % 1000).unwrap_or(0)) / 4.0 + 0.5,
        "Segment__c": SEGMENTS[index % SEGMENTS.len()],
        "Is_Partner__c": index.is_multiple_of(2),
        "Loyalty_Tier__c": if index.is_multiple_of(5) { Value::Null } else { json!("Gold") },
        "Preferred_Language__c": "en_US",
        "Seats__c": index % 40,
        "External_Ref__c": format!("crm-{index:08}"),
    });
    if width == Width::Proxied
        && let Value::Object(fields) = &mut record
    {
        fields.extend(Map::from_iter([
            ("Department".to_owned(), json!("Research and Development")),
            ("LeadSource".to_owned(), json!("Partner Referral")),
            ("MailingCity".to_owned(), json!("San Francisco")),
            ("MailingStreet".to_owned(), json!("415 Mission Street, Suite 300")),
            (
                "Description".to_owned(),
                json!("Met at the spring conference; asked for a second offer."),
            ),
        ]));
    }
    record
}

/// The fields that the records hold, for the stub's describe.
pub(crate) fn field_names() -> Vec<String> {
    match record(0, Width::Proxied) {
        Value::Object(fields) => fields
            .keys()
            .filter(|name| *name != "attributes")
            .cloned()
            .collect(),
        _ => Vec::new(),
    }
}

/// A reply to a query: `count` records, the last page.
pub(crate) fn page(count: usize, width: Width) -> Vec<u8> {
    let records: Vec<Value> = (0..count).map(|index| record(index, width)).collect();
    json!({ "totalSize": count, "done": true, "records": records })
        .to_string()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Width, page};

    /// The sizes that the recorded figures were taken with; another size makes them incomparable.
    #[test]
    fn pages_have_the_recorded_sizes() {
        for (count, width, expected) in [
            (1, Width::Mapped, 580..680),
            (200, Width::Mapped, 115_000..127_000),
            (2_000, Width::Mapped, 1_150_000..1_270_000),
            (1, Width::Proxied, 780..880),
            (200, Width::Proxied, 154_000..168_000),
        ] {
            let bytes = page(count, width).len();
            assert!(
                expected.contains(&bytes),
                "{count} records, {width:?}: {bytes} bytes"
            );
        }
    }
}
