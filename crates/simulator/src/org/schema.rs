//! The objects of an org, read from the compact files under `data/objects`.

pub(crate) mod wide;

use std::collections::HashMap;

use serde::Deserialize;

use super::types::OrgOptions;

const FILES: [&str; 28] = [
    include_str!("../../data/objects/Account.json"),
    include_str!("../../data/objects/Contact.json"),
    include_str!("../../data/objects/Lead.json"),
    include_str!("../../data/objects/Opportunity.json"),
    include_str!("../../data/objects/Case.json"),
    include_str!("../../data/objects/Task.json"),
    include_str!("../../data/objects/Event.json"),
    include_str!("../../data/objects/EventRelation.json"),
    include_str!("../../data/objects/OpportunityContactRole.json"),
    include_str!("../../data/objects/User.json"),
    include_str!("../../data/objects/Note.json"),
    include_str!("../../data/objects/Campaign.json"),
    include_str!("../../data/objects/CampaignMember.json"),
    include_str!("../../data/objects/OpportunityStage.json"),
    include_str!("../../data/objects/LeadStatus.json"),
    include_str!("../../data/objects/CaseStatus.json"),
    include_str!("../../data/objects/TaskStatus.json"),
    include_str!("../../data/objects/RecordType.json"),
    include_str!("../../data/objects/Profile.json"),
    include_str!("../../data/objects/UserRole.json"),
    include_str!("../../data/objects/Group.json"),
    include_str!("../../data/objects/ContentNote.json"),
    include_str!("../../data/objects/ContentDocumentLink.json"),
    include_str!("../../data/objects/Organization.json"),
    include_str!("../../data/objects/CurrencyType.json"),
    include_str!("../../data/objects/Custom__c.json"),
    include_str!("../../data/objects/Deal_Registration__c.json"),
    include_str!("../../data/objects/Subscription__c.json"),
];

/// `type` of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Id,
    String,
    Textarea,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Datetime,
    Email,
    Phone,
    Url,
    Picklist,
    Multipicklist,
    Combobox,
    Reference,
    Address,
    Base64,
    Time,
    Location,
    Encryptedstring,
}

impl Kind {
    /// As the describe prints it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::String => "string",
            Self::Textarea => "textarea",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::Multipicklist => "multipicklist",
            Self::Combobox => "combobox",
            Self::Reference => "reference",
            Self::Address => "address",
            Self::Base64 => "base64",
            Self::Time => "time",
            Self::Location => "location",
            Self::Encryptedstring => "encryptedstring",
        }
    }

    /// Values are numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }

    /// Values are text cells.
    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Self::String
                | Self::Textarea
                | Self::Email
                | Self::Phone
                | Self::Url
                | Self::Picklist
                | Self::Multipicklist
                | Self::Combobox
                | Self::Base64
                | Self::Encryptedstring
        )
    }

    /// Made of other fields, whose cells hold it.
    pub(crate) fn is_compound(self) -> bool {
        matches!(self, Self::Address | Self::Location)
    }

    /// Values are record ids.
    pub(crate) fn is_id(self) -> bool {
        matches!(self, Self::Id | Self::Reference)
    }
}

/// The letters of `flags` the code asks for; the whole table is in `data/README.md`.
pub(crate) mod flag {
    pub(crate) const AGGREGATABLE: u8 = b'g';
    pub(crate) const CREATEABLE: u8 = b'C';
    pub(crate) const DEFAULTED: u8 = b'D';
    pub(crate) const EXTERNAL_ID: u8 = b'x';
    pub(crate) const FILTERABLE: u8 = b'f';
    pub(crate) const GROUPABLE: u8 = b'G';
    pub(crate) const ID_LOOKUP: u8 = b'K';
    pub(crate) const NAME: u8 = b'N';
    pub(crate) const NILLABLE: u8 = b'n';
    pub(crate) const RESTRICTED: u8 = b'R';
    pub(crate) const SORTABLE: u8 = b'o';
    pub(crate) const UNIQUE: u8 = b'u';
    pub(crate) const UPDATEABLE: u8 = b'U';
}

/// One value of a picklist.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "RawPick")]
pub(crate) struct Pick {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) default: bool,
    pub(crate) active: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawPick {
    Text(String),
    Whole {
        value: String,
        label: Option<String>,
        #[serde(default)]
        default: bool,
        #[serde(default)]
        inactive: bool,
    },
}

impl From<RawPick> for Pick {
    fn from(raw: RawPick) -> Self {
        match raw {
            RawPick::Text(value) => Self {
                label: value.clone(),
                value,
                default: false,
                active: true,
            },
            RawPick::Whole {
                value,
                label,
                default,
                inactive,
            } => Self {
                label: label.unwrap_or_else(|| value.clone()),
                value,
                default,
                active: !inactive,
            },
        }
    }
}

/// One field. Its place in [`Object::fields`] is the place of its value in every row.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    #[serde(default)]
    pub(crate) length: usize,
    #[serde(default)]
    pub(crate) precision: u32,
    #[serde(default)]
    pub(crate) scale: u32,
    #[serde(default)]
    pub(crate) digits: u32,
    pub(crate) byte_length: Option<usize>,
    pub(crate) flags: String,
    #[serde(default)]
    pub(crate) reference_to: Vec<String>,
    #[serde(rename = "relationship")]
    pub(crate) relationship_name: Option<String>,
    #[serde(default)]
    pub(crate) picklist: Vec<Pick>,
    pub(crate) compound: Option<String>,
    pub(crate) default: Option<String>,
    pub(crate) extra_type_info: Option<String>,
    pub(crate) when: Option<String>,
    /// An admin deleted it; the place in the rows stays empty.
    #[serde(skip)]
    pub(crate) removed: bool,
}

impl Field {
    /// Whether a letter of [`flag`] is set.
    pub(crate) fn has(&self, letter: u8) -> bool {
        self.flags.as_bytes().contains(&letter)
    }

    /// An admin's field, not Salesforce's.
    pub(crate) fn is_custom(&self) -> bool {
        ["__c", "__pc", "__s"].iter().any(|end| self.name.ends_with(end))
    }

    /// Points at more than one object.
    pub(crate) fn is_polymorphic(&self) -> bool {
        self.reference_to.len() > 1
    }

    /// A text of more than 255 characters: not filterable, not sortable, narrows the query page.
    pub(crate) fn is_long_text(&self) -> bool {
        self.kind == Kind::Textarea && self.length > 255
    }
}

/// A relationship from this object down to rows that point at it.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "(String, String, Option<String>, String)")]
pub(crate) struct Child {
    pub(crate) object: String,
    pub(crate) field: String,
    pub(crate) name: Option<String>,
    pub(crate) cascades: bool,
    pub(crate) restricts: bool,
}

impl From<(String, String, Option<String>, String)> for Child {
    fn from((object, field, name, flags): (String, String, Option<String>, String)) -> Self {
        Self {
            object,
            field,
            name,
            cascades: flags.contains('d'),
            restricts: flags.contains('r'),
        }
    }
}

/// One object.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) label_plural: String,
    pub(crate) key_prefix: String,
    /// Keys of the describe that are true.
    pub(crate) flags: Vec<String>,
    /// `[name, label]` of each list scope.
    pub(crate) scopes: Vec<(String, String)>,
    /// `[developer name, label]`.
    #[serde(default)]
    pub(crate) record_types: Vec<(String, String)>,
    pub(crate) child_relationships: Vec<Child>,
    pub(crate) fields: Vec<Field>,
    pub(crate) when: Option<String>,
    #[serde(skip)]
    by_name: HashMap<String, usize>,
    /// Slot of a compound field to the keys and slots of its parts, in the order they are printed.
    #[serde(skip)]
    compounds: HashMap<usize, Vec<(&'static str, usize)>>,
}

/// Keys of a compound address and the end of the field name each is read from.
const ADDRESS_PARTS: [(&str, &str); 10] = [
    ("city", "City"),
    ("country", "Country"),
    ("countryCode", "CountryCode"),
    ("geocodeAccuracy", "GeocodeAccuracy"),
    ("latitude", "Latitude"),
    ("longitude", "Longitude"),
    ("postalCode", "PostalCode"),
    ("state", "State"),
    ("stateCode", "StateCode"),
    ("street", "Street"),
];

/// The same of a geolocation.
const LOCATION_PARTS: [(&str, &str); 2] = [("latitude", "__Latitude__s"), ("longitude", "__Longitude__s")];

impl Object {
    /// Place of a field, by API name without case.
    pub(crate) fn slot(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// Place of the reference field of a relationship name (`Account`, `Deal__r`), without case.
    pub(crate) fn relationship(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| {
            !field.removed
                && field
                    .relationship_name
                    .as_ref()
                    .is_some_and(|own| own.eq_ignore_ascii_case(name))
        })
    }

    /// The field people know a row by (`Name`, `CaseNumber`, `Subject`).
    pub(crate) fn name_slot(&self) -> Option<usize> {
        self.slot("Name").or_else(|| {
            self.fields
                .iter()
                .position(|field| !field.removed && field.has(flag::NAME))
        })
    }

    /// Fields an admin has not deleted, with their places.
    pub(crate) fn live_fields(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().filter(|(_, field)| !field.removed)
    }

    /// Whether a describe key is true.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.flags.iter().any(|own| own == key)
    }

    /// Keys and slots of the parts of the compound field at a slot.
    pub(crate) fn compound_parts(&self, slot: usize) -> &[(&'static str, usize)] {
        self.compounds.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// First three characters of the ids.
    pub(crate) fn prefix(&self) -> [u8; 3] {
        self.key_prefix.as_bytes().try_into().unwrap_or(*b"000")
    }

    /// Call after any change of `fields`.
    pub(crate) fn reindex(&mut self) {
        self.by_name = self
            .live_fields()
            .map(|(slot, field)| (field.name.to_ascii_lowercase(), slot))
            .collect();
        let parts = |field: &Field| -> Vec<(&'static str, usize)> {
            let (prefix, ends) = match field.kind {
                Kind::Location => (field.name.strip_suffix("__c"), LOCATION_PARTS.as_slice()),
                _ => (field.name.strip_suffix("Address"), ADDRESS_PARTS.as_slice()),
            };
            let prefix = prefix.unwrap_or(&field.name);
            let part =
                |(key, end): &(&'static str, &str)| Some((*key, self.slot(&format!("{prefix}{end}"))?));
            ends.iter().filter_map(part).collect()
        };
        self.compounds = self
            .live_fields()
            .filter(|(_, field)| field.kind.is_compound())
            .map(|(slot, field)| (slot, parts(field)))
            .collect();
    }
}

fn exists(when: Option<&str>, options: &OrgOptions) -> bool {
    match when {
        Some("recordTypes") => options.record_types,
        Some("personAccounts") => options.person_accounts,
        Some("multiCurrency") => options.multi_currency,
        Some("stateCountry") => options.state_country_picklists,
        _ => true,
    }
}

fn read(file: &str) -> Object {
    match serde_json::from_str(file) {
        Ok(object) => object,
        // The files are compiled in and the tests of this module read each of them.
        Err(error) => unreachable!("an object file compiled into the program is not readable: {error}"),
    }
}

/// The objects an org with these options has.
pub(crate) fn objects(options: &OrgOptions) -> Vec<Object> {
    let mut objects: Vec<Object> = FILES
        .into_iter()
        .map(read)
        .filter(|object| exists(object.when.as_deref(), options))
        .collect();
    for object in &mut objects {
        object
            .fields
            .retain(|field| exists(field.when.as_deref(), options));
        if options.multi_currency && object.has_currency() {
            object.fields.push(currency_field());
        }
        if matches!(
            object.name.as_str(),
            "Account" | "Contact" | "Lead" | "Opportunity"
        ) {
            for number in 0..options.extra_custom_fields.min(800) {
                if options.every_field_kind {
                    object.fields.extend(wide::fields(number));
                } else {
                    object.fields.push(extra_field(number));
                }
            }
        }
    }
    if options.person_accounts {
        person_fields(&mut objects);
    }
    if options.every_field_kind {
        wide::relate(&mut objects);
    }
    objects.iter_mut().for_each(Object::reindex);
    objects
}

/// Each custom field of contacts stands on accounts too, for those that are persons.
fn person_fields(objects: &mut [Object]) {
    let contact = objects.iter().find(|object| object.name == "Contact");
    let fields = contact.map_or(&[][..], |contact| &contact.fields);
    let twins: Vec<Field> = fields.iter().filter_map(wide::of_person).collect();
    if let Some(account) = objects.iter_mut().find(|object| object.name == "Account") {
        account.fields.extend(twins);
    }
}

impl Object {
    /// Whether a multi-currency org adds `CurrencyIsoCode` here.
    fn has_currency(&self) -> bool {
        self.name.ends_with("__c")
            || matches!(
                self.name.as_str(),
                "Account"
                    | "Contact"
                    | "Lead"
                    | "Opportunity"
                    | "OpportunityContactRole"
                    | "Campaign"
                    | "CampaignMember"
                    | "Case"
                    | "Task"
                    | "Event"
                    | "User"
            )
    }
}

fn currency_field() -> Field {
    Field {
        name: "CurrencyIsoCode".to_owned(),
        label: "Currency ISO Code".to_owned(),
        kind: Kind::Picklist,
        length: 3,
        flags: "gCDfGnoURm".to_owned(),
        picklist: ["USD", "EUR", "GBP"]
            .map(|code| Pick {
                value: code.to_owned(),
                label: code.to_owned(),
                default: code == "USD",
                active: true,
            })
            .to_vec(),
        default: Some("USD".to_owned()),
        ..text_field(String::new(), String::new())
    }
}

/// A plain custom text field; the base of every field made in code.
pub(crate) fn text_field(name: String, label: String) -> Field {
    Field {
        name,
        label,
        kind: Kind::String,
        length: 255,
        precision: 0,
        scale: 0,
        digits: 0,
        byte_length: None,
        flags: "gCfGnmoU".to_owned(),
        reference_to: Vec::new(),
        relationship_name: None,
        picklist: Vec::new(),
        compound: None,
        default: None,
        extra_type_info: None,
        when: None,
        removed: false,
    }
}

/// Field `number` of the wide orgs: a 43-character API name, so that many of them outgrow a URL.
fn extra_field(number: usize) -> Field {
    let name = format!("Integration_Shadow_Attribute_{number:03}_Value__c");
    let field = text_field(name, format!("Integration Shadow Attribute {number:03}"));
    match number % 4 {
        0 => Field {
            kind: Kind::Double,
            length: 0,
            precision: 18,
            scale: 2,
            flags: "gCfnmoU".to_owned(),
            ..field
        },
        1 => Field {
            kind: Kind::Boolean,
            length: 0,
            flags: "CDfGmoU".to_owned(),
            ..field
        },
        2 => Field {
            kind: Kind::Date,
            length: 0,
            ..field
        },
        _ => field,
    }
}

#[cfg(test)]
mod tests;
