//! Property definitions: a share of the real portal's, and some custom ones.

mod activities;
mod companies;
mod contacts;
mod deals;

use serde_json::{Value, json};

use super::objects::Object;
use super::values::instant;

/// The type of a property's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Number,
    Date,
    DateTime,
    Enumeration,
    Bool,
    PhoneNumber,
}

impl Kind {
    const ALL: [(Self, &'static str); 7] = [
        (Self::String, "string"),
        (Self::Number, "number"),
        (Self::Date, "date"),
        (Self::DateTime, "datetime"),
        (Self::Enumeration, "enumeration"),
        (Self::Bool, "bool"),
        (Self::PhoneNumber, "phone_number"),
    ];

    fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(kind, _)| *kind == self)
            .map_or("string", |(_, name)| name)
    }

    fn field_type(self) -> &'static str {
        match self {
            Self::String => "text",
            Self::Number => "number",
            Self::Date | Self::DateTime => "date",
            Self::Enumeration => "select",
            Self::Bool => "booleancheckbox",
            Self::PhoneNumber => "phonenumber",
        }
    }
}

/// One line of the tables in this folder.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the real definition"
)]
struct Line {
    name: &'static str,
    label: &'static str,
    kind: Kind,
    field_type: &'static str,
    options: &'static [(&'static str, &'static str)],
    read_only: bool,
    calculated: bool,
    unique: bool,
    hidden: bool,
    external: bool,
    custom: bool,
    currency: bool,
}

const YES_NO: &[(&str, &str)] = &[("true", "Yes"), ("false", "No")];

const fn line(name: &'static str, label: &'static str, kind: Kind, field_type: &'static str) -> Line {
    Line {
        name,
        label,
        kind,
        field_type,
        options: match kind {
            Kind::Bool => YES_NO,
            _ => &[],
        },
        read_only: false,
        calculated: false,
        unique: false,
        hidden: false,
        external: false,
        custom: false,
        currency: false,
    }
}

const fn text(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::String, "text")
}

const fn area(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::String, "textarea")
}

const fn phone(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::String, "phonenumber")
}

const fn number(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::Number, "number")
}

const fn date(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::Date, "date")
}

const fn moment(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::DateTime, "date")
}

const fn flag(name: &'static str, label: &'static str) -> Line {
    line(name, label, Kind::Bool, "booleancheckbox")
}

const fn choice(
    name: &'static str,
    label: &'static str,
    options: &'static [(&'static str, &'static str)],
) -> Line {
    Line {
        options,
        ..line(name, label, Kind::Enumeration, "select")
    }
}

/// Options that live elsewhere: owners, stages, pipelines.
const fn reference(name: &'static str, label: &'static str) -> Line {
    Line {
        external: true,
        ..line(name, label, Kind::Enumeration, "select")
    }
}

impl Line {
    const fn read_only(self) -> Self {
        Self {
            read_only: true,
            ..self
        }
    }

    const fn calculated(self) -> Self {
        Self {
            calculated: true,
            read_only: true,
            ..self
        }
    }

    const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    const fn custom(self) -> Self {
        Self { custom: true, ..self }
    }

    const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    const fn currency(self) -> Self {
        Self {
            currency: true,
            ..self
        }
    }

    const fn checkboxes(self) -> Self {
        Self {
            field_type: "checkbox",
            ..self
        }
    }
}

/// One option of an enumeration.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
}

/// A property definition.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of the real definition"
)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) field_type: String,
    pub(crate) group: String,
    pub(crate) options: Vec<Choice>,
    pub(crate) read_only: bool,
    pub(crate) calculated: bool,
    pub(crate) unique: bool,
    pub(crate) hidden: bool,
    pub(crate) external: bool,
    pub(crate) custom: bool,
    pub(crate) currency: bool,
    /// The app cannot see it: for it, the property does not exist.
    pub(crate) invisible: bool,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
}

impl Property {
    fn of(line: &Line, group: &str, now_ms: i64) -> Self {
        let options = line.options.iter().map(|(value, label)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
        });
        Self {
            name: line.name.to_owned(),
            label: line.label.to_owned(),
            kind: line.kind,
            field_type: line.field_type.to_owned(),
            group: group.to_owned(),
            options: options.collect(),
            read_only: line.read_only,
            calculated: line.calculated,
            unique: line.unique,
            hidden: line.hidden,
            external: line.external,
            custom: line.custom,
            currency: line.currency,
            invisible: false,
            created_ms: now_ms,
            updated_ms: now_ms,
        }
    }

    /// Reads a definition a test adds: `{"name","label"?,"type","fieldType"?,"options"?:[value…],"hasUniqueValue"?}`.
    pub(crate) fn read(spec: &Value, group: &str, now_ms: i64) -> Result<Self, String> {
        let text = |key: &str| spec[key].as_str().filter(|text| !text.is_empty());
        let name = text("name").ok_or("spec.name is required")?;
        let known: Vec<&str> = Kind::ALL.iter().map(|(_, name)| *name).collect();
        let kind = text("type").ok_or_else(|| format!("spec.type is required: {}", known.join(", ")))?;
        let (kind, _) = Kind::ALL
            .into_iter()
            .find(|(_, name)| *name == kind)
            .ok_or_else(|| format!("spec.type {kind} is unknown; types: {}", known.join(", ")))?;
        let listed = spec["options"].as_array().map_or(&[][..], Vec::as_slice);
        let mut options: Vec<Choice> = Vec::new();
        for option in listed {
            let value = option.as_str().ok_or("spec.options must be a list of strings")?;
            options.push(Choice {
                value: value.to_owned(),
                label: value.to_owned(),
            });
        }
        if kind == Kind::Bool {
            options = YES_NO
                .iter()
                .map(|(value, label)| Choice {
                    value: (*value).to_owned(),
                    label: (*label).to_owned(),
                })
                .collect();
        }
        let line = line("", "", kind, kind.field_type()).custom();
        Ok(Self {
            name: name.to_owned(),
            label: text("label").unwrap_or(name).to_owned(),
            field_type: text("fieldType").unwrap_or(kind.field_type()).to_owned(),
            options,
            unique: spec["hasUniqueValue"] == true,
            ..Self::of(&line, group, now_ms)
        })
    }

    /// As `GET /crm/v3/properties/…` prints it.
    pub(crate) fn print(&self, object: Object) -> Value {
        let options: Vec<Value> = self
            .options
            .iter()
            .enumerate()
            .map(|(place, option)| {
                json!({"label": option.label, "value": option.value, "displayOrder": place, "hidden": false})
            })
            .collect();
        let mut body = json!({
            "updatedAt": instant(self.updated_ms), "createdAt": instant(self.created_ms), "name": self.name,
            "label": self.label, "type": self.kind.name(), "fieldType": self.field_type, "description": "",
            "groupName": self.group, "options": options,
        });
        let referenced = match self.name.as_str() {
            "hubspot_owner_id" => Some("OWNER"),
            "associatedcompanyid" | "hs_primary_associated_company" => Some("COMPANY"),
            _ => None,
        };
        if let Some(referenced) = referenced {
            body["referencedObjectType"] = Value::from(referenced);
        }
        body["displayOrder"] = Value::from(-1);
        body["calculated"] = Value::from(self.calculated);
        body["externalOptions"] = Value::from(self.external);
        body["hasUniqueValue"] = Value::from(self.unique);
        body["hidden"] = Value::from(self.hidden);
        if self.currency {
            body["showCurrencySymbol"] = Value::from(true);
        }
        // Definitions that people made go without this key.
        if !self.custom {
            body["hubspotDefined"] = Value::from(true);
        }
        body["modificationMetadata"] = json!({
            "archivable": self.custom, "readOnlyDefinition": !self.custom, "readOnlyValue": self.read_only,
        });
        body["formField"] = Value::from(object != Object::Deals && !self.read_only);
        body["dataSensitivity"] = Value::from("non_sensitive");
        body
    }
}

/// The group of an object's properties.
pub(crate) fn group(object: Object) -> &'static str {
    match object {
        Object::Contacts => "contactinformation",
        Object::Companies => "companyinformation",
        Object::Deals => "dealinformation",
        Object::Notes | Object::Tasks => "engagement",
    }
}

/// The definitions a new portal has.
pub(crate) fn properties(object: Object, now_ms: i64) -> Vec<Property> {
    let own: &[Line] = match object {
        Object::Contacts => contacts::LINES,
        Object::Companies => companies::LINES,
        Object::Deals => deals::LINES,
        Object::Notes => activities::NOTES,
        Object::Tasks => activities::TASKS,
    };
    let shared = [
        number("hs_object_id", "Record ID").read_only().unique(),
        moment(object.created(), "Create Date").read_only(),
        moment(object.modified(), "Last Modified Date").read_only(),
        reference("hubspot_owner_id", "Owner"),
        moment("hubspot_owner_assigneddate", "Owner assigned date").read_only(),
    ];
    shared
        .iter()
        .chain(own)
        .map(|line| Property::of(line, group(object), now_ms))
        .collect()
}
