//! The orgs that tests run against.
//!
//! `CROSSWALK_TEST_ORG=wide` runs the whole suite against an org as large customers have them: 800 custom fields of every type on
//! each main object, accounts that are persons, several currencies, record types, and fields that the mappings read but the
//! connected user may not see. `./test` runs both. No test is left out of either: where a number of records or a statement's way to the
//! provider depends on the org, the test says so in its place.

use simulator::{Org, OrgOptions};

/// Fields that the mappings read and that the connected user of the wide org cannot see: object, field, unified name.
pub(crate) const HIDDEN: [(&str, &str, &str); 9] = [
    ("Contact", "Department", "department"),
    ("Contact", "HomePhone", "phone_numbers"),
    ("Account", "Rating", "rating"),
    ("Account", "ShippingCity", "addresses"),
    ("Lead", "Industry", "industry"),
    ("Opportunity", "NextStep", "next_step"),
    ("Case", "Reason", "reason"),
    ("Event", "ShowAs", "show_as"),
    ("Campaign", "ActualCost", "actual_cost"),
];
/// The same of fields that an admin made.
const HIDDEN_CUSTOM: [(&str, &str); 2] = [("Contact", "Budget__c"), ("Account", "Wide_004__c")];

/// Whether the tests run against the wide org.
pub(crate) fn is_wide() -> bool {
    match super::variable("CROSSWALK_TEST_ORG").as_deref() {
        None | Some("plain") => false,
        Some("wide") => true,
        Some(other) => panic!("CROSSWALK_TEST_ORG is plain or wide, not {other}"),
    }
}

/// A small org with nothing special about it.
pub(crate) fn plain() -> OrgOptions {
    OrgOptions {
        accounts: 60,
        contacts: 250,
        leads: 20,
        opportunities: 20,
        cases: 10,
        tasks: 10,
        events: 10,
        ..OrgOptions::default()
    }
}

/// As many rows in an org of every feature.
pub(crate) fn wide() -> OrgOptions {
    OrgOptions {
        extra_custom_fields: 800,
        every_field_kind: true,
        person_accounts: true,
        multi_currency: true,
        record_types: true,
        ..plain()
    }
}

/// Takes the fields from the user that the tests connect as.
pub(crate) fn hide_fields(org: &Org) {
    let user = org.admin_user_id();
    let mapped = HIDDEN.iter().map(|(object, field, _)| (*object, *field));
    for (object, field) in mapped.chain(HIDDEN_CUSTOM) {
        org.hide_field(object, field, Some(&user)).expect("a field");
    }
}

/// What every list of a resource warns of in the org of these tests: one for each of its fields that is hidden.
pub(crate) fn usual_warnings(object: &str) -> Vec<String> {
    let hidden = HIDDEN.iter().filter(|(of, _, _)| *of == object && is_wide());
    let told = hidden.map(|(object, field, unified)| {
        format!(
            "`{unified}` is null: the field {object}.{field} does not exist in this org or is hidden from the connected user"
        )
    });
    told.collect()
}
