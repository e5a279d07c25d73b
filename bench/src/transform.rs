//! What a team would write by hand instead of using the gateway: the same contacts, out of the same bytes.
//!
//! Both answer what the published mapping (`published-contacts.yaml`) says: custom fields that are false, zero, empty
//! or null are left out.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The usual way: a tree in, a tree out.
pub(crate) fn by_value(page: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut page: Value = serde_json::from_slice(page)?;
    let records = match page["records"].take() {
        Value::Array(records) => records,
        _ => Vec::new(),
    };
    let result: Vec<Value> = records.into_iter().map(contact).collect();
    let count = result.len();
    let mut whole = Map::new();
    whole.insert("result".to_owned(), Value::Array(result));
    whole.insert("result_count".to_owned(), json!(count));
    serde_json::to_vec(&whole)
}

fn contact(record: Value) -> Value {
    let Value::Object(mut record) = record else {
        return Value::Null;
    };
    let mut take = |name: &str| record.remove(name).unwrap_or_default();
    let (id, first, last, title) = (take("Id"), take("FirstName"), take("LastName"), take("Title"));
    let (account, email) = (take("AccountId"), take("Email"));
    let phones = [(take("Phone"), "phone"), (take("MobilePhone"), "mobile")];
    let (created, updated) = (take("CreatedDate"), take("LastModifiedDate"));
    let names: Vec<&str> = [&first, &last]
        .into_iter()
        .filter_map(Value::as_str)
        .filter(|name| !name.is_empty())
        .collect();
    let name = names.join(" ");
    let phones: Vec<Value> = phones
        .into_iter()
        .filter(|(number, _)| is_truthy(number))
        .map(|(number, kind)| object([("number", number), ("type", kind.into())]))
        .collect();
    let custom: Map<String, Value> = record
        .into_iter()
        .filter(|(name, value)| is_custom(name) && is_truthy(value))
        .collect();
    object([
        ("id", id),
        ("first_name", first),
        ("last_name", last),
        ("name", name.into()),
        ("title", title),
        ("account", object([("id", account)])),
        ("email_addresses", Value::Array(vec![object([("email", email)])])),
        ("phone_numbers", phones.into()),
        ("created_at", created),
        ("updated_at", updated),
        ("custom_fields", custom.into()),
    ])
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn is_custom(name: &str) -> bool {
    name.len() >= 3
        && name
            .get(name.len() - 3..)
            .is_some_and(|end| end.eq_ignore_ascii_case("__c"))
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(is_truthy),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// The careful way: records are read as borrowed texts and written while the page is still being read.
pub(crate) fn by_borrowing(page: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(page.len());
    out.extend_from_slice(b"{\"result\":[");
    let mut reader = serde_json::Deserializer::from_slice(page);
    let count = PageWriter { out: &mut out }.deserialize(&mut reader)?;
    reader.end()?;
    out.extend_from_slice(format!("],\"result_count\":{count}}}").as_bytes());
    Ok(out)
}

/// Reads a page and writes each record of it to `out`; gives the number of records.
struct PageWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for PageWriter<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageWriter<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a page with records")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some(Text(key)) = map.next_key()? {
            if key == "records" {
                count = map.next_value_seed(RecordsWriter { out: &mut *self.out })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(count)
    }
}

struct RecordsWriter<'o> {
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for RecordsWriter<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RecordsWriter<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<usize, A::Error> {
        let mut count = 0;
        while let Some(record) = seq.next_element::<Record<'de>>()? {
            if count > 0 {
                self.out.push(b',');
            }
            serde_json::to_writer(&mut *self.out, &Contact(&record)).map_err(serde::de::Error::custom)?;
            count += 1;
        }
        Ok(count)
    }
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Default)]
struct Record<'a> {
    id: Option<Text<'a>>,
    first: Option<Text<'a>>,
    last: Option<Text<'a>>,
    title: Option<Text<'a>>,
    account: Option<Text<'a>>,
    email: Option<Text<'a>>,
    phone: Option<Text<'a>>,
    mobile: Option<Text<'a>>,
    created: Option<Text<'a>>,
    updated: Option<Text<'a>>,
    custom: Vec<(Text<'a>, &'a RawValue)>,
}

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
        let mut record = Record {
            custom: Vec::with_capacity(8),
            ..Record::default()
        };
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.0.as_ref() {
                "Id" => record.id = map.next_value()?,
                "FirstName" => record.first = map.next_value()?,
                "LastName" => record.last = map.next_value()?,
                "Title" => record.title = map.next_value()?,
                "AccountId" => record.account = map.next_value()?,
                "Email" => record.email = map.next_value()?,
                "Phone" => record.phone = map.next_value()?,
                "MobilePhone" => record.mobile = map.next_value()?,
                "CreatedDate" => record.created = map.next_value()?,
                "LastModifiedDate" => record.updated = map.next_value()?,
                name if is_custom(name) => record.custom.push((key, map.next_value()?)),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(record)
    }
}

struct Contact<'r, 'a>(&'r Record<'a>);

impl Serialize for Contact<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let record = self.0;
        let name = match (text(record.first.as_ref()), text(record.last.as_ref())) {
            (Some(first), Some(last)) => Cow::Owned(format!("{first} {last}")),
            (Some(one), None) | (None, Some(one)) => Cow::Borrowed(one),
            (None, None) => Cow::Borrowed(""),
        };
        let mut map = serializer.serialize_map(Some(11))?;
        map.serialize_entry("id", &plain(record.id.as_ref()))?;
        map.serialize_entry("first_name", &plain(record.first.as_ref()))?;
        map.serialize_entry("last_name", &plain(record.last.as_ref()))?;
        map.serialize_entry("name", &name)?;
        map.serialize_entry("title", &plain(record.title.as_ref()))?;
        map.serialize_entry(
            "account",
            &Id {
                id: plain(record.account.as_ref()),
            },
        )?;
        map.serialize_entry(
            "email_addresses",
            &[Email {
                email: plain(record.email.as_ref()),
            }],
        )?;
        map.serialize_entry("phone_numbers", &Phones(record))?;
        map.serialize_entry("created_at", &plain(record.created.as_ref()))?;
        map.serialize_entry("updated_at", &plain(record.updated.as_ref()))?;
        map.serialize_entry("custom_fields", &Custom(record))?;
        map.end()
    }
}

fn plain<'a>(text: Option<&'a Text<'_>>) -> Option<&'a str> {
    text.map(|text| text.0.as_ref())
}

fn text<'a>(text: Option<&'a Text<'_>>) -> Option<&'a str> {
    plain(text).filter(|text| !text.is_empty())
}

#[derive(Serialize)]
struct Id<'a> {
    id: Option<&'a str>,
}

#[derive(Serialize)]
struct Email<'a> {
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct Phone<'a> {
    number: &'a str,
    r#type: &'static str,
}

struct Phones<'r, 'a>(&'r Record<'a>);

impl Serialize for Phones<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let phone = text(self.0.phone.as_ref()).map(|number| Phone {
            number,
            r#type: "phone",
        });
        let mobile = text(self.0.mobile.as_ref()).map(|number| Phone {
            number,
            r#type: "mobile",
        });
        serializer.collect_seq(phone.iter().chain(&mobile))
    }
}

struct Custom<'r, 'a>(&'r Record<'a>);

impl Serialize for Custom<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = |value: &RawValue| {
            !matches!(
                value.get(),
                "null" | "false" | "\"\"" | "0" | "0.0" | "-0" | "[]" | "{}"
            )
        };
        serializer.collect_map(
            self.0
                .custom
                .iter()
                .filter(|(_, value)| kept(value))
                .map(|(name, value)| (name.0.as_ref(), value)),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{by_borrowing, by_value};
    use crate::pages::{Width, page};

    #[test]
    fn both_ways_answer_the_same() {
        for count in [0, 1, 7, 200] {
            let page = page(count, Width::Mapped);
            let tree: Value = serde_json::from_slice(&by_value(&page).unwrap()).unwrap();
            let borrowed: Value = serde_json::from_slice(&by_borrowing(&page).unwrap()).unwrap();
            assert_eq!(tree, borrowed);
            assert_eq!(tree["result_count"], count);
        }
    }

    #[test]
    fn a_contact_is_mapped_as_published() {
        let mapped: Value = serde_json::from_slice(&by_borrowing(&page(4, Width::Mapped)).unwrap()).unwrap();
        let contact = &mapped["result"][3];
        assert_eq!(contact["first_name"], Value::Null);
        assert_eq!(contact["name"], "Turing");
        assert_eq!(
            contact["phone_numbers"],
            serde_json::json!([{ "number": "+44 7700 000003", "type": "mobile" }])
        );
        assert_eq!(contact["custom_fields"]["LTV_Score__c"], 1.25);
        assert!(
            contact["custom_fields"].get("Is_Partner__c").is_none(),
            "false is left out"
        );
    }

    #[test]
    fn a_cut_page_is_an_error_not_an_answer() {
        let page = page(3, Width::Mapped);
        let cut = &page[..page.len() - 40];
        assert!(by_value(cut).is_err());
        assert!(by_borrowing(cut).is_err());
    }
}
