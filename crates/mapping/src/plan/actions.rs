//! Actions: a call that an expression makes of the caller's words, and what its reply says.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Plan, QueryInput};
use crate::documents::Action;
use crate::error::{BASE_LEVEL, Budget, MappingError};
use crate::expression::{Allowance, Expression, Input};
use crate::functions;
use crate::run::{mapping_error, now_ms, shape_error};
use crate::xml::{self, XmlText};

/// Largest call or reading of a reply, bytes of JSON.
const RESULT_MAX_BYTES: usize = 4 << 20;

/// What an expression made of an action.
#[derive(Debug, Clone, PartialEq)]
pub enum Acted {
    /// A call of the provider.
    Call(ActionCall),
    /// The caller's words are not enough: nothing is sent.
    Refused(ActionRefusal),
}

/// A call that does something with a record.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionCall {
    /// HTTP method.
    pub method: String,
    /// Path from the root of the provider's host; `{version}` stands for the API's version.
    pub path: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: ActionBody,
}

/// The body of an action's call.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionBody {
    /// JSON.
    Json(Value),
    /// XML.
    Xml(XmlText),
}

/// Why an action cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRefusal {
    /// The field of the body at fault.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
    /// What would be accepted.
    #[serde(default)]
    pub allowed: Vec<String>,
}

/// What a reply says of an action.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ActionReply {
    /// Whether it was done.
    pub is_done: bool,
    /// If not, the status and the body that stand for the provider's error, in a form that its `errors` reads.
    pub failed: Option<ActionFailure>,
}

/// A provider's refusal that came in another form than its errors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionFailure {
    /// The status that it stands for, 400 to 599.
    pub status: u16,
    /// The error.
    pub body: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    method: Option<String>,
    path: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    json: Option<Value>,
    #[serde(default)]
    xml: Option<Value>,
    #[serde(default)]
    refused: Option<ActionRefusal>,
}

impl Plan {
    /// Names of what can be done with a record.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(String::as_str)
    }

    /// What the body of an action may hold; `None` when the documents have no such action.
    pub fn action_takes(&self, name: &str) -> Option<&[String]> {
        self.actions.get(name).map(|action| action.takes.as_slice())
    }

    /// The call of an action.
    pub fn action(&self, name: &str, input: &QueryInput<'_>, budget: &Budget) -> Result<Acted, MappingError> {
        let part = "actions.request";
        let wrong = |found: &str| {
            shape_error(
                BASE_LEVEL,
                part,
                "{method, path, json or xml} or {refused}",
                found,
            )
        };
        let action = self.known_action(name, part)?;
        let id = input.id.map_or(Value::Null, Value::from);
        let fields = [
            ("id", &id),
            ("body", input.body),
            ("context", input.context),
            ("connection", input.connection),
        ];
        let answer = evaluate(part, &action.request, &fields, input.context, budget)?;
        let answer: Answer = serde_json::from_value(answer).map_err(|error| wrong(&error.to_string()))?;
        if let Some(refused) = answer.refused {
            return Ok(Acted::Refused(refused));
        }
        let (Some(method), Some(path)) = (answer.method, answer.path) else {
            return Err(wrong("no method or no path"));
        };
        let headers = answer.headers.into_iter().map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            _ => Err(wrong("a header that is no text")),
        });
        let headers = headers.collect::<Result<Vec<_>, _>>()?;
        let body = match (answer.json, answer.xml) {
            (Some(json), None) => ActionBody::Json(json),
            (None, Some(element)) => match xml::write(&element) {
                Ok(text) => ActionBody::Xml(text),
                Err(message) => {
                    // The only words in it that are not the document's are the caller's.
                    let field = "body".to_owned();
                    let allowed = Vec::new();
                    return Ok(Acted::Refused(ActionRefusal {
                        field,
                        message,
                        allowed,
                    }));
                }
            },
            _ => return Err(wrong("not one of `json` and `xml`")),
        };
        Ok(Acted::Call(ActionCall {
            method,
            path,
            headers,
            body,
        }))
    }

    /// What the reply to an action says; `text` is its body when that is no JSON, and may be XML.
    pub fn action_reply(
        &self,
        name: &str,
        status: u16,
        headers: &Value,
        body: &Value,
        budget: &Budget,
    ) -> Result<ActionReply, MappingError> {
        let part = "actions.reply";
        let action = self.known_action(name, part)?;
        let status = json!(status);
        let document = body.as_str().and_then(xml::read);
        let body = document.as_ref().unwrap_or(body);
        let fields = [("status", &status), ("headers", headers), ("body", body)];
        let answer = evaluate(part, &action.reply, &fields, &Value::Null, budget)?;
        if answer.is_null() {
            return Ok(ActionReply::default());
        }
        let reply: ActionReply = serde_json::from_value(answer)
            .map_err(|error| shape_error(BASE_LEVEL, part, "{is_done, failed?}", &error.to_string()))?;
        match &reply.failed {
            Some(failed) if !(400..600).contains(&failed.status) => Err(shape_error(
                BASE_LEVEL,
                part,
                "a status of 400 to 599",
                "another status",
            )),
            _ => Ok(reply),
        }
    }

    fn known_action(&self, name: &str, part: &'static str) -> Result<&Action, MappingError> {
        let action = self.actions.get(name);
        action.ok_or_else(|| shape_error(BASE_LEVEL, part, "an action of the document", "another name"))
    }
}

fn evaluate(
    part: &'static str,
    expression: &Expression,
    fields: &[(&str, &Value)],
    context: &Value,
    budget: &Budget,
) -> Result<Value, MappingError> {
    let allowance = Allowance {
        time_ms: budget.total_ms(1),
        result_max_bytes: RESULT_MAX_BYTES,
        now_ms: now_ms(context),
    };
    expression
        .evaluate(&Input { fields, strip: &[] }, functions::bindings(), &allowance)
        .map(Option::unwrap_or_default)
        .map_err(|error| mapping_error(BASE_LEVEL, part, allowance.time_ms, error))
}
