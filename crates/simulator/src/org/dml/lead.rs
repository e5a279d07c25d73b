//! Lead conversion: a lead becomes an account, a contact and an opportunity, or joins those that there are.

use std::sync::Arc;

use serde_json::{Map, json};

use super::super::cell::{Cell, compare_text};
use super::super::ids::RecordId;
use super::super::state::State;
use super::super::time::{DAY_MS, civil_from_days};
use super::super::types::{ApiError, Caller, Converted, DmlOptions, LeadConvert};
use super::write::{create, find_target};

/// Fields of the lead that the new account and contact take over.
const TO_ACCOUNT: [(&str, &str); 12] = [
    ("Company", "Name"),
    ("Phone", "Phone"),
    ("Website", "Website"),
    ("Industry", "Industry"),
    ("Rating", "Rating"),
    ("AnnualRevenue", "AnnualRevenue"),
    ("NumberOfEmployees", "NumberOfEmployees"),
    ("Street", "BillingStreet"),
    ("City", "BillingCity"),
    ("State", "BillingState"),
    ("PostalCode", "BillingPostalCode"),
    ("Country", "BillingCountry"),
];
const TO_CONTACT: [(&str, &str); 13] = [
    ("FirstName", "FirstName"),
    ("LastName", "LastName"),
    ("Salutation", "Salutation"),
    ("Title", "Title"),
    ("Email", "Email"),
    ("Phone", "Phone"),
    ("MobilePhone", "MobilePhone"),
    ("LeadSource", "LeadSource"),
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("State", "MailingState"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
];
/// The stage that new opportunities of converted leads are put into.
const FIRST_STAGE: &str = "Prospecting";

fn refused(code: &str, message: impl Into<String>) -> Vec<ApiError> {
    vec![ApiError::plain(code, message)]
}

/// Converts a lead. What was made before something is refused stays: the caller undoes it.
pub(crate) fn convert(
    state: &mut State,
    caller: &Caller,
    wanted: &LeadConvert,
    now_ms: i64,
) -> Result<Converted, Vec<ApiError>> {
    let (place, lead) = target(state, "Lead", &wanted.lead_id)?;
    let row = state.tables[place].row(lead).map(Arc::clone);
    let row = row.ok_or_else(|| vec![ApiError::not_found()])?;
    let value = |state: &State, field: &str| state.tables[place].get(&row.cells, field).to_json();
    if value(state, "IsConverted") == true {
        return Err(refused(
            "CANNOT_UPDATE_CONVERTED_LEAD",
            "cannot reference converted lead",
        ));
    }
    if !is_converted_status(state, &wanted.converted_status) {
        let message = format!("invalid convertedStatus: {}", wanted.converted_status);
        return Err(refused("INVALID_STATUS", message));
    }
    let owner = match &wanted.owner_id {
        Some(owner) => target(state, "User", owner)?.1.to_string(),
        None => value(state, "OwnerId").as_str().unwrap_or_default().to_owned(),
    };
    // A queue owns leads, and nothing that is made of them.
    let owner = if owner.starts_with("005") {
        json!(owner)
    } else {
        json!(caller.user_id)
    };
    let taken = |state: &State, pairs: &[(&str, &str)]| {
        let mut body = Map::from_iter([("OwnerId".to_owned(), owner.clone())]);
        for (from, to) in pairs {
            let found = value(state, from);
            if !found.is_null() {
                body.insert((*to).to_owned(), found);
            }
        }
        body
    };
    let options = DmlOptions::default();
    let account = if let Some(id) = &wanted.account_id {
        target(state, "Account", id)?.1
    } else {
        let body = taken(state, &TO_ACCOUNT);
        create(state, caller, "Account", &body, &options, now_ms)?
    };
    let contact = if let Some(id) = &wanted.contact_id {
        target(state, "Contact", id)?.1
    } else {
        let mut body = taken(state, &TO_CONTACT);
        body.insert("AccountId".to_owned(), json!(account.to_string()));
        create(state, caller, "Contact", &body, &options, now_ms)?
    };
    let opportunity = match &wanted.opportunity_id {
        Some(id) => Some(target(state, "Opportunity", id)?.1),
        None if wanted.do_not_create_opportunity => None,
        None => {
            let company = value(state, "Company");
            let name = wanted.opportunity_name.clone();
            let name = name.unwrap_or_else(|| format!("{}-", company.as_str().unwrap_or_default()));
            let (year, month, day) = civil_from_days(now_ms.div_euclid(DAY_MS) + 90);
            let body = json!({
                "Name": name, "StageName": FIRST_STAGE, "CloseDate": format!("{year:04}-{month:02}-{day:02}"),
                "AccountId": account.to_string(), "OwnerId": owner,
            });
            let body = body.as_object().cloned().unwrap_or_default();
            Some(create(state, caller, "Opportunity", &body, &options, now_ms)?)
        }
    };
    if let Some(opportunity) = opportunity {
        let body = json!({
            "OpportunityId": opportunity.to_string(), "ContactId": contact.to_string(), "IsPrimary": true,
        });
        let body = body.as_object().cloned().unwrap_or_default();
        create(state, caller, "OpportunityContactRole", &body, &options, now_ms)?;
    }
    let table = &mut state.tables[place];
    let mut cells = row.cells.clone();
    let written = [
        ("IsConverted", Cell::Bool(true)),
        ("Status", Cell::text(&wanted.converted_status)),
        ("ConvertedDate", Cell::Date(now_ms.div_euclid(DAY_MS))),
        ("ConvertedAccountId", Cell::Id(account)),
        ("ConvertedContactId", Cell::Id(contact)),
        ("ConvertedOpportunityId", opportunity.map_or(Cell::Null, Cell::Id)),
        ("LastModifiedDate", Cell::DateTime(now_ms)),
        ("SystemModstamp", Cell::DateTime(now_ms)),
    ];
    for (field, cell) in written {
        table.put(&mut cells, field, cell);
    }
    let position = table.position(lead).map_err(|_| vec![ApiError::not_found()])?;
    Arc::make_mut(&mut table.rows[position]).cells = cells;
    Ok(Converted {
        account_id: account.to_string(),
        contact_id: contact.to_string(),
        opportunity_id: opportunity.map(|id| id.to_string()),
    })
}

fn target(state: &State, object: &str, id: &str) -> Result<(usize, RecordId), Vec<ApiError>> {
    let place = state.require(object).map_err(|error| vec![error])?;
    let id = find_target(state, place, id).map_err(|error| vec![error])?;
    Ok((place, id))
}

/// Whether the status stands for converted.
fn is_converted_status(state: &State, status: &str) -> bool {
    state.table("LeadStatus").is_some_and(|table| {
        table.live_rows().any(|row| {
            let label = table.get(&row.cells, "MasterLabel").as_text();
            table.get(&row.cells, "IsConverted").as_bool()
                && label.is_some_and(|label| compare_text(label, status).is_eq())
        })
    })
}
