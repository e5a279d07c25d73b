//! Error bodies of the portal.

use serde_json::{Map, Value, json};

use super::objects::Object;
use crate::http::reply::Reply;
use crate::oauth::random::Random;

/// A refusal, before it becomes an answer or an entry of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) category: Option<&'static str>,
    pub(crate) message: String,
    /// `errorType`, which stands before `correlationId`.
    pub(crate) error_type: Option<&'static str>,
    /// Further keys, after `category`.
    pub(crate) more: Vec<(&'static str, Value)>,
}

impl Fault {
    pub(crate) fn new(status: u16, category: Option<&'static str>, message: String) -> Self {
        Self {
            status,
            category,
            message,
            error_type: None,
            more: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, key: &'static str, value: Value) -> Self {
        self.more.push((key, value));
        self
    }

    /// `{"status":"error","message","correlationId","category",…}`.
    pub(crate) fn reply(self, random: &Random) -> Reply {
        let id = correlation_id(random);
        let mut body = Map::new();
        body.insert("status".to_owned(), json!("error"));
        body.insert("message".to_owned(), Value::from(self.message));
        if let Some(kind) = self.error_type {
            body.insert("errorType".to_owned(), Value::from(kind));
        }
        body.insert("correlationId".to_owned(), Value::from(id.as_str()));
        if let Some(category) = self.category {
            body.insert("category".to_owned(), Value::from(category));
        }
        for (key, value) in self.more {
            body.insert(key.to_owned(), value);
        }
        Reply::json(self.status, Value::Object(body)).with("x-hubspot-correlation-id", id)
    }

    /// The form of an entry in `errors` of a batch: no correlation id.
    pub(crate) fn entry(self) -> Value {
        let mut body = Map::new();
        body.insert("status".to_owned(), json!("error"));
        body.insert(
            "category".to_owned(),
            json!(self.category.unwrap_or("VALIDATION_ERROR")),
        );
        body.insert("message".to_owned(), Value::from(self.message));
        for (key, value) in self.more {
            body.insert(key.to_owned(), value);
        }
        Value::Object(body)
    }
}

/// A UUID's form.
pub(crate) fn correlation_id(random: &Random) -> String {
    let hex = random.hex();
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    parts
        .iter()
        .filter_map(|&(start, end)| hex.get(start..end))
        .collect::<Vec<_>>()
        .join("-")
}

/// 400 of the CRM.
pub(crate) fn invalid(message: String) -> Fault {
    Fault::new(400, Some("VALIDATION_ERROR"), message)
}

/// 400 of search, which says no more than that.
pub(crate) fn problem() -> Fault {
    Fault::new(400, None, "There was a problem with the request.".to_owned())
}

pub(crate) fn no_such_object(text: &str) -> Fault {
    invalid(format!("Unable to infer object type from: {text}"))
}

/// 404 of a record.
pub(crate) fn not_found() -> Fault {
    Fault::new(404, Some("OBJECT_NOT_FOUND"), "resource not found".to_owned())
}

/// A missing, unknown or ended token.
pub(crate) fn unauthenticated() -> Fault {
    let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can \
                   find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
    Fault::new(401, Some("INVALID_AUTHENTICATION"), message.to_owned())
}

/// A token past its time, which a refresh cures.
pub(crate) fn expired(expired_ms: i64, now_ms: i64) -> Fault {
    let seconds = now_ms.saturating_sub(expired_ms).max(0) / 1_000;
    let ago = match seconds {
        0..60 => format!("{seconds} second(s)"),
        60..3_600 => format!("{} minute(s)", seconds / 60),
        3_600..86_400 => format!("{} hour(s)", seconds / 3_600),
        _ => format!("{} day(s)", seconds / 86_400),
    };
    let message = format!("The OAuth token used to make this call expired {ago} ago.");
    Fault::new(401, Some("EXPIRED_AUTHENTICATION"), message).with(
        "context",
        json!({"expire time": [super::values::instant(expired_ms)]}),
    )
}

pub(crate) fn missing_scopes(scopes: &[String]) -> Fault {
    let message = "This app hasn't been granted all required scopes to make this call. Read more about required \
                   scopes here: https://developers.hubspot.com/scopes.";
    Fault::new(403, Some("MISSING_SCOPES"), message.to_owned())
        .with(
            "errors",
            json!([{
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": scopes},
            }]),
        )
        .with(
            "links",
            json!({"scopes": "https://developers.hubspot.com/scopes"}),
        )
}

/// One value that a write refuses.
#[derive(Debug, Clone)]
pub(crate) struct BadValue {
    pub(crate) property: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// 400 that names every bad value, twice: as JSON inside the message and as `errors`.
pub(crate) fn bad_values(bad: &[BadValue]) -> Fault {
    let inner: Vec<Value> = bad
        .iter()
        .map(|bad| {
            json!({
                "isValid": false, "message": bad.message, "error": bad.code, "name": bad.property,
                "localizedErrorMessage": bad.message, "portalId": super::HUB_ID,
            })
        })
        .collect();
    let outer: Vec<Value> = bad
        .iter()
        .map(|bad| {
            json!({
                "message": bad.message, "code": bad.code, "context": {"propertyName": [bad.property]},
            })
        })
        .collect();
    invalid(format!("Property values were not valid: {}", Value::Array(inner)))
        .with("errors", Value::Array(outer))
}

/// A value that another record holds: 409 of a contact's address, 400 of any other unique property.
pub(crate) fn conflict(object: Object, property: &str, value: &str, id: Option<u64>, existing: u64) -> Fault {
    if property == "email" {
        let message = format!("Contact already exists. Existing ID: {existing}");
        return Fault::new(409, Some("CONFLICT"), message);
    }
    let kind = object.singular().to_uppercase();
    let on = id.map_or_else(|| "a new object".to_owned(), |id| id.to_string());
    invalid(format!(
        "Cannot set PropertyValueCoordinates{{portalId={}, objectTypeId=ObjectTypeId{{legacyObjectType={kind}}}, \
         propertyName={property}, value={value}}} on {on}. {existing} already has that value.",
        super::HUB_ID
    ))
}

/// Which allowance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Daily,
    TenSecondly,
    /// The search endpoints' own.
    Secondly,
}

/// 429.
pub(crate) fn over(policy: Policy) -> Fault {
    let (name, word) = match policy {
        Policy::Daily => ("DAILY", "daily"),
        Policy::TenSecondly => ("TEN_SECONDLY_ROLLING", "ten_secondly_rolling"),
        Policy::Secondly => ("SECONDLY", "secondly"),
    };
    let fault = Fault::new(429, None, format!("You have reached your {word} limit."));
    Fault {
        error_type: Some("RATE_LIMIT"),
        ..fault.with("policyName", Value::from(name))
    }
}

/// An error of the token endpoint.
pub(crate) fn token_error(random: &Random, http_status: u16, status: &str, message: &str) -> Reply {
    let id = correlation_id(random);
    let body = json!({"status": status, "message": message, "correlationId": id});
    Reply::json(http_status, body).with("x-hubspot-correlation-id", id)
}
