//! What a provider's document says about what came back.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, json};

use model::Secret;

use super::file::QuotaHeader;
use super::list::list;
use super::{FAULT_CODES, Fault, LongReply, ProviderDocument, Quota, TokenFacts, TokenFault};
use crate::error::{BASE_LEVEL, MappingError};
use crate::expression::{Allowance, Expression, Input};
use crate::functions;
use crate::metadata::{ChildMetadata, FieldKind, FieldMetadata, ObjectMetadata};
use crate::run::{mapping_error, shape_error};

/// Time for one of these expressions, ms: they read one reply, not pages of records.
const TIME_MS: u64 = 500;
/// Time for a description of an object, which may hold hundreds of fields with hundreds of options, ms.
const DESCRIBE_TIME_MS: u64 = 5_000;
/// Largest answer, bytes of JSON.
const RESULT_MAX_BYTES: usize = 1 << 20;
/// Largest description of an object, bytes of JSON.
const DESCRIBE_MAX_BYTES: usize = 16 << 20;
/// Longest message of a fault, characters.
const MESSAGE_MAX_CHARS: usize = 2_000;
/// Most allowances that one reply may tell about.
const QUOTAS_MAX: usize = 16;

impl ProviderDocument {
    /// Reads a token response.
    pub fn token_facts(&self, response: &Value) -> Result<TokenFacts, MappingError> {
        #[derive(Deserialize)]
        struct Facts {
            access_token: Option<Secret>,
            refresh_token: Option<Secret>,
            instance_url: Option<String>,
            scope: Option<String>,
            account_id: Option<String>,
            user_id: Option<String>,
            expires_in: Option<Value>,
        }
        let part = "auth.token_response";
        let fields: &[(&str, &Value)] = &as_fields(response);
        let answer = evaluate(part, &self.expressions.token_response, fields, &FAST)?;
        // What does not fit is not shown: it may be a token.
        let facts: Facts = serde_json::from_value(answer)
            .map_err(|_| shape_error(BASE_LEVEL, part, "an object of texts", "something else"))?;
        let expires_in_s = facts.expires_in.and_then(|value| match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        });
        Ok(TokenFacts {
            access_token: facts.access_token,
            refresh_token: facts.refresh_token,
            instance_url: facts.instance_url,
            scopes: facts
                .scope
                .map(|scope| scope.split_whitespace().map(str::to_owned).collect()),
            account_id: facts.account_id,
            user_id: facts.user_id,
            expires_in_s,
        })
    }

    /// What an error of the token endpoint means; `body` is JSON or text.
    ///
    /// Only what the document names is [`TokenFault::Dead`]: when it does not know, the grant is kept.
    pub fn token_fault(&self, status: u16, body: &Value) -> TokenFault {
        let status = json!(status);
        let part = |name: &str| body.get(name).cloned().unwrap_or(Value::Null);
        let (error, description) = (part("error"), part("error_description"));
        let fields: &[(&str, &Value)] = &[
            ("status", &status),
            ("error", &error),
            ("error_description", &description),
            ("body", body),
        ];
        evaluate("auth.token_fault", &self.expressions.token_fault, fields, &FAST)
            .ok()
            .and_then(|answer| serde_json::from_value(answer).ok())
            .unwrap_or(TokenFault::Unavailable)
    }

    /// Whom an assertion is for (RFC 7523 §3, `aud`) when it is sent to the token endpoint of this login.
    pub fn assertion_audience(&self, environment: &str, login_url: &str) -> Result<String, MappingError> {
        let part = "auth.jwt_bearer.audience";
        let wrong = || shape_error(BASE_LEVEL, part, "a text", "something else");
        let expression = self.expressions.audience.as_ref().ok_or_else(wrong)?;
        let host = login_url.split_once("://").map_or(login_url, |(_, host)| host);
        let (environment, login_url, host) = (json!(environment), json!(login_url), json!(host));
        let fields: &[(&str, &Value)] = &[
            ("environment", &environment),
            ("login_url", &login_url),
            ("host", &host),
        ];
        match evaluate(part, expression, fields, &FAST)? {
            Value::String(audience) if !audience.is_empty() => Ok(audience),
            _ => Err(wrong()),
        }
    }

    /// What to tell a tenant whose credential the token endpoint refused, when the document knows. The description says
    /// more than the error, so it is looked up first, in any letters' case.
    pub fn grant_fault(&self, error: Option<&str>, description: Option<&str>) -> Option<&str> {
        let faults = &self.auth.grant_faults;
        let told = |said: &str| {
            let said = said.trim();
            let found = faults.iter().find(|(text, _)| text.eq_ignore_ascii_case(said));
            found.map(|(_, explanation)| explanation.as_str())
        };
        description.and_then(told).or_else(|| error.and_then(told))
    }

    /// Whether a reply says that the access token is over and a refresh cures it. Header names in lower case.
    pub fn session_expired(&self, status: u16, headers: &Value, body: &Value) -> bool {
        let Some(expression) = &self.expressions.session_expired else {
            return status == 401;
        };
        let status = json!(status);
        let fields: &[(&str, &Value)] = &[("status", &status), ("headers", headers), ("body", body)];
        evaluate("session.expired", expression, fields, &FAST).is_ok_and(|answer| answer == Value::Bool(true))
    }

    /// The allowances that the headers of a successful reply tell, read by the document's patterns; `header` gives a
    /// header's text by its lower-case name. `None` when the document has no patterns.
    ///
    /// Nearly every reply goes this way: an expression costs more than the rest of a proxied call.
    pub fn header_quotas<'a>(&self, header: impl Fn(&str) -> Option<Cow<'a, str>>) -> Option<Vec<Quota>> {
        let told = &self.patterns.quota_headers;
        let read = |quota: &QuotaHeader| {
            let limit = quota.limit_header.as_deref().and_then(&header);
            quota.read(&header(&quota.header)?, limit.as_deref())
        };
        (!told.is_empty()).then(|| told.iter().filter_map(read).collect())
    }

    /// The allowances that a reply tells about, by the document's expression; header names in lower case. What makes no
    /// sense is left out.
    pub fn quotas(&self, headers: &Value, status: u16, body: &Value) -> Vec<Quota> {
        let Some(expression) = &self.expressions.quota else {
            let header = |name: &str| headers.get(name)?.as_str().map(Cow::Borrowed);
            return self.header_quotas(header).unwrap_or_default();
        };
        let status = json!(status);
        let fields: &[(&str, &Value)] = &[("status", &status), ("headers", headers), ("body", body)];
        let answer = match evaluate("quota", expression, fields, &FAST) {
            Ok(Value::Array(items)) => items,
            Ok(one @ Value::Object(_)) => vec![one],
            _ => Vec::new(),
        };
        let quotas = answer.into_iter().take(QUOTAS_MAX);
        quotas
            .filter_map(|quota| serde_json::from_value(quota).ok())
            .collect()
    }

    /// An error reply in our words. Never fails: what the document does not know becomes a code by its status.
    pub fn fault(&self, status: u16, headers: &Value, body: &Value) -> Fault {
        let number = json!(status);
        let fields: &[(&str, &Value)] = &[("status", &number), ("headers", headers), ("body", body)];
        let answer = evaluate("errors", &self.expressions.errors, fields, &FAST).ok();
        let mut fault: Fault = answer
            .and_then(|answer| serde_json::from_value(answer).ok())
            .unwrap_or_else(|| by_status(status));
        if !FAULT_CODES.contains(&fault.code.as_str()) {
            fault.code = by_status(status).code;
        }
        if fault.message.chars().nth(MESSAGE_MAX_CHARS).is_some() {
            fault.message = fault.message.chars().take(MESSAGE_MAX_CHARS).collect();
        }
        fault
    }

    /// Reads an object's description.
    pub fn object_metadata(&self, object: &str, description: &Value) -> Result<ObjectMetadata, MappingError> {
        #[derive(Deserialize)]
        struct Described {
            #[serde(default)]
            name: Option<String>,
            #[serde(default)]
            label: Option<String>,
            #[serde(deserialize_with = "list")]
            fields: Vec<FieldMetadata>,
            #[serde(default)]
            children: Vec<ChildMetadata>,
        }
        let part = "metadata.describe.object";
        let wrong = |found: &str| {
            let wanted = "{label, fields: [{name, …}], children: [{name, object}]}";
            shape_error(BASE_LEVEL, part, wanted, found)
        };
        let expression = self
            .expressions
            .describe
            .as_ref()
            .ok_or_else(|| wrong("nothing: the key is missing"))?;
        let fields: &[(&str, &Value)] = &as_fields(description);
        let answer = evaluate(part, expression, fields, &SLOW)?;
        let described: Described =
            serde_json::from_value(answer).map_err(|error| wrong(&error.to_string()))?;
        let mut fields = described.fields;
        for field in &mut fields {
            let kind = self.metadata.kinds.get(&field.remote_type);
            field.kind = kind.copied().unwrap_or(FieldKind::Other);
        }
        let name = described.name.unwrap_or_else(|| object.to_owned());
        Ok(
            ObjectMetadata::new(name, described.label.unwrap_or_else(|| object.to_owned()), fields)
                .with_children(described.children),
        )
    }

    /// The objects that a connection's user sees, as the document maps the provider's list: one JSON object each, with
    /// `name`, `label`, `is_custom` and what else the document gives.
    pub fn objects(&self, list: &Value) -> Result<Vec<Value>, MappingError> {
        let part = "metadata.objects.object";
        let missing = || {
            shape_error(
                BASE_LEVEL,
                part,
                "a list of objects",
                "nothing: the key is missing",
            )
        };
        let expression = self.expressions.objects.as_ref().ok_or_else(missing)?;
        Ok(match evaluate(part, expression, &as_fields(list), &SLOW)? {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            one => vec![one],
        })
    }

    /// The body that asks a query of this URL (path and query below the origin) the long way.
    pub fn long_query_body(&self, url: &str) -> Result<Value, MappingError> {
        let part = "query.long.body";
        let missing = || shape_error(BASE_LEVEL, part, "a body", "nothing: the key is missing");
        let expression = self.expressions.long_body.as_ref().ok_or_else(missing)?;
        let url = json!(url);
        evaluate(part, expression, &[("url", &url)], &FAST)
    }

    /// Unwraps the reply to a query sent the long way.
    pub fn long_query_reply(&self, body: &Value) -> Result<LongReply, MappingError> {
        let part = "query.long.reply";
        let wrong = || shape_error(BASE_LEVEL, part, "{status, body}", "something else");
        let expression = self.expressions.long_reply.as_ref().ok_or_else(wrong)?;
        let allowance = Allowance {
            result_max_bytes: 64 << 20,
            ..SLOW
        };
        let mut answer = evaluate(part, expression, &[("body", body)], &allowance)?;
        let status = answer
            .get("status")
            .and_then(Value::as_u64)
            .and_then(|status| u16::try_from(status).ok());
        let body = answer.get_mut("body").map(Value::take).unwrap_or_default();
        Ok(LongReply {
            status: status.ok_or_else(wrong)?,
            body,
        })
    }

    /// Whether the text is an API version of this provider.
    pub fn accepts_version(&self, version: &str) -> bool {
        self.patterns
            .version
            .as_ref()
            .is_some_and(|pattern| pattern.is_match(version))
    }

    /// Whether the text is a record id of this provider. Without a pattern: one path segment of plain characters.
    pub fn accepts_id(&self, id: &str) -> bool {
        match &self.patterns.id {
            Some(pattern) => pattern.is_match(id),
            None => {
                !id.is_empty()
                    && id.len() <= 255
                    && id
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            }
        }
    }

    /// Whether the proxy may call this normalised path.
    pub fn proxy_allows(&self, path: &str) -> bool {
        self.patterns
            .proxy_paths
            .iter()
            .any(|pattern| pattern.is_match(path))
    }

    /// The path before every data call's own, for a version or the default one: `/services/data/v60.0`.
    pub fn base_path(&self, version: Option<&str>) -> String {
        self.api.base_path.replace("{version}", &self.version(version))
    }

    /// The API's version: a connection's own, or the document's.
    pub fn version(&self, own: Option<&str>) -> String {
        own.or(self.api.default_version.as_deref())
            .unwrap_or_default()
            .to_owned()
    }
}

const FAST: Allowance = Allowance {
    time_ms: TIME_MS,
    result_max_bytes: RESULT_MAX_BYTES,
    now_ms: None,
};
pub(super) const SLOW: Allowance = Allowance {
    time_ms: DESCRIBE_TIME_MS,
    result_max_bytes: DESCRIBE_MAX_BYTES,
    now_ms: None,
};

/// The values of an object as the top of an expression's input.
fn as_fields(value: &Value) -> Vec<(&str, &Value)> {
    let fields = value.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), value)).collect()
}

pub(super) fn evaluate(
    part: &'static str,
    expression: &Expression,
    fields: &[(&str, &Value)],
    allowance: &Allowance,
) -> Result<Value, MappingError> {
    let input = Input { fields, strip: &[] };
    expression
        .evaluate(&input, functions::bindings(), allowance)
        .map(Option::unwrap_or_default)
        .map_err(|error| mapping_error(BASE_LEVEL, part, allowance.time_ms, error))
}

/// What a status says by itself.
fn by_status(status: u16) -> Fault {
    let (code, retryable) = match status {
        401 => ("needs_reauth", false),
        403 => ("permission_denied", false),
        404 => ("not_found", false),
        408 | 504 => ("upstream_timeout", true),
        300 | 409 | 412 => ("conflict", false),
        410 => ("gone", false),
        422 => ("validation_failed", false),
        429 => ("rate_limited", true),
        400..=499 => ("invalid_request", false),
        502 | 503 => ("upstream_unavailable", true),
        _ => ("upstream_error", false),
    };
    Fault {
        code: code.to_owned(),
        provider_code: None,
        message: format!("The provider answered with status {status}"),
        fields: Vec::new(),
        retryable,
        duplicates: Vec::new(),
    }
}

impl QuotaHeader {
    /// What the header tells; nothing when it is of another form.
    fn read(&self, text: &str, limit: Option<&str>) -> Option<Quota> {
        let found = self.pattern.captures(text)?;
        let number = |name: &str| found.name(name)?.as_str().parse::<u64>().ok();
        let own_limit = || limit.and_then(|text| text.trim().parse().ok());
        let limit = number("limit").or_else(own_limit);
        let remaining = number("remaining").or_else(|| Some(limit?.saturating_sub(number("used")?)))?;
        Some(Quota {
            policy: self.policy.clone(),
            limit,
            remaining,
            window_s: self.window_s,
            reset: None,
            unit: self.unit.clone(),
        })
    }
}
