//! What goes in and out of an [`Org`](super::Org): options, callers, errors, results.

use serde_json::Value;

/// What an org holds and which optional features it has switched on.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one org feature of Salesforce's own setup pages"
)]
pub struct OrgOptions {
    /// The same seed gives the same rows, byte for byte.
    pub seed: u64,
    /// How many accounts to seed.
    pub accounts: usize,
    /// How many contacts to seed.
    pub contacts: usize,
    /// How many leads to seed.
    pub leads: usize,
    /// How many opportunities to seed.
    pub opportunities: usize,
    /// How many cases to seed.
    pub cases: usize,
    /// How many tasks to seed.
    pub tasks: usize,
    /// How many events to seed.
    pub events: usize,
    /// That many more custom fields on Account, Contact, Lead and Opportunity, with long API names (0 to 800).
    pub extra_custom_fields: usize,
    /// The extra custom fields are of every type that an admin can make, some with names and values that trip readers up,
    /// and rows fill a part of them; else they are long-named, plain and empty.
    pub every_field_kind: bool,
    /// Account carries the person-account fields and a share of the accounts are persons, each with its contact.
    pub person_accounts: bool,
    /// Records carry `CurrencyIsoCode` and `CurrencyType` can be queried.
    pub multi_currency: bool,
    /// Addresses carry `…StateCode` and `…CountryCode`.
    pub state_country_picklists: bool,
    /// Account, Contact, Lead, Opportunity and Case carry `RecordTypeId`.
    pub record_types: bool,
    /// The org's time at the start, Unix milliseconds; seeded timestamps lie before it.
    pub now_ms: i64,
}

impl Default for OrgOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            accounts: 600,
            contacts: 2_500,
            leads: 400,
            opportunities: 500,
            cases: 260,
            tasks: 800,
            events: 300,
            extra_custom_fields: 0,
            every_field_kind: false,
            person_accounts: false,
            multi_currency: false,
            state_country_picklists: false,
            record_types: false,
            // 2026-06-01T00:00:00Z
            now_ms: 1_780_272_000_000,
        }
    }
}

/// Who calls: decides which fields exist for the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Id (15 or 18 characters) of a User row.
    pub user_id: String,
}

/// One entry of Salesforce's error array, with the HTTP status it travels under.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `errorCode` (`statusCode` inside collections).
    pub code: String,
    /// `message`, byte for byte as Salesforce prints it.
    pub message: String,
    /// `fields`; `None` = the key is absent on the wire.
    pub fields: Option<Vec<String>>,
    /// Further keys, e.g. `duplicateResut`.
    pub extra: Option<Vec<(String, Value)>>,
    /// The key `errorCode` is printed before `message`.
    pub code_first: bool,
}

/// The headers of a write that change what it does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one request header's value")]
pub struct DmlOptions {
    /// For callers with several records; a single write is always atomic.
    pub all_or_none: bool,
    /// `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub allow_duplicates: bool,
    /// `Sforce-Duplicate-Rule-Header: includeRecordDetails=true`.
    pub include_record_details: bool,
    /// `Sforce-Auto-Assign`; Salesforce's default is true.
    pub auto_assign: bool,
    /// `updateOnly=true` of an upsert: a missing row is 404 instead of a new row.
    pub update_only: bool,
    /// API version without the `v`, e.g. `60.0`: printed in the paths of a reply.
    pub version: String,
}

impl Default for DmlOptions {
    fn default() -> Self {
        Self {
            all_or_none: false,
            allow_duplicates: false,
            include_record_details: false,
            auto_assign: true,
            update_only: false,
            version: "60.0".to_owned(),
        }
    }
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upserted {
    /// A new row with this 18-character id.
    Created(String),
    /// The row with this 18-character id was changed.
    Updated(String),
    /// Several rows carry the value: their paths, for the 300 answer. Nothing was written.
    Multiple(Vec<String>),
}

/// A row found by external id, or the paths of several (the 300 answer).
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup {
    /// The row, shaped with `attributes`.
    One(Value),
    /// `/services/data/vNN.0/sobjects/X/<id>` of each match.
    Many(Vec<String>),
}

/// What a lead is to become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadConvert {
    /// The lead.
    pub lead_id: String,
    /// A status that stands for converted.
    pub converted_status: String,
    /// The account to join; a new one without it.
    pub account_id: Option<String>,
    /// The contact to join; a new one without it.
    pub contact_id: Option<String>,
    /// The opportunity to join; a new one without it.
    pub opportunity_id: Option<String>,
    /// The new opportunity's name.
    pub opportunity_name: Option<String>,
    /// Whether no opportunity is made.
    pub do_not_create_opportunity: bool,
    /// Who owns what is made.
    pub owner_id: Option<String>,
}

/// What a lead has become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The account.
    pub account_id: String,
    /// The contact.
    pub contact_id: String,
    /// The opportunity, if there is one.
    pub opportunity_id: Option<String>,
}
