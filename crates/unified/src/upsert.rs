//! A record created or changed, whichever it takes: named by a field that holds the caller's own key.

use std::sync::Arc;

use mapping::{Method, ObjectMetadata, value_at};
use provider::{Call, CallError};
use serde_json::{Map, Value};
use store::{Connection, Tenant};

use crate::Error;
use crate::body::{self, invalid};
use crate::parameters::{self, Parameters};
use crate::pipeline::{Job, Outcome, Unified, method};
use crate::write::{check_custom_fields, filled, id_only};

/// How custom fields are named where a unified field is expected.
const CUSTOM: &str = "custom_fields.";

/// What an upsert led to.
#[derive(Debug, Clone, PartialEq)]
pub struct Upserted {
    /// The record, or the request that would have been sent.
    pub outcome: Outcome<Value>,
    /// Whether the record is new.
    pub is_created: bool,
}

/// The body of an upsert, read.
struct Wanted {
    /// As the caller names it.
    field: String,
    value: String,
    record: Map<String, Value>,
}

impl Unified {
    /// Creates the record whose field has this value, or changes the one that has it already. `body` is
    /// `{upsert_on: {field, value}, record}`.
    ///
    /// Where several records have the value the provider's answer is a conflict that names them, and nothing is written.
    pub async fn upsert(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        parameters: &Parameters,
        body: Value,
        is_minimal: bool,
    ) -> Result<Upserted, Error> {
        let job = self.job(tenant, connection, resource, Method::Upsert).await?;
        let query = parameters::write_query(parameters, &job.plan)?;
        let wanted = read(body)?;
        let route = job.route(Method::Upsert)?;
        let metadata = job.metadata().await?;
        let field = job.key_field(&metadata, &wanted.field, "upsert_on.field")?;
        let record = Value::Object(wanted.record);
        body::check(&job.plan, &record)?;
        check_custom_fields(&metadata, &record, Method::Upsert)?;

        let bodies = job.mapped_bodies(Method::Upsert, vec![(None, record)]).await?;
        let mut mapped = bodies.into_iter().next().unwrap_or_default();
        take_key(&mut mapped, &field, &wanted.value)?;
        let path = filled(
            &route.path,
            &[
                ("object", &job.plan.object),
                ("field", &field),
                ("value", &wanted.value),
            ],
        );
        let mut call = Call::get(path);
        call.method = method(&route.method);
        let key = Some((field.as_str(), wanted.value.as_str()));
        call.body = Some(job.body_of(Method::Upsert, key, mapped)?);
        job.allow_duplicates(&query, &mut call)?;
        if query.dry_run {
            let outcome = job.dry_run(&call, None)?;
            return Ok(Upserted {
                outcome,
                is_created: false,
            });
        }
        let (reply, value) = job.send(call).await.map_err(|error| match error {
            // The value stands in the path: `..` would lead out of its place.
            Error::Call(CallError::BadPath { reason }) => invalid(
                Some("upsert_on.value"),
                format!("the value cannot be sent: {reason}"),
                Vec::new(),
            ),
            other => other,
        })?;
        let id = job.written_id(route, &value)?;
        let told = route
            .created
            .as_deref()
            .and_then(|key| value_at(&value, key))
            .and_then(Value::as_bool);
        let is_created = told.unwrap_or(reply.status.as_u16() == 201);
        let outcome = if is_minimal {
            Outcome::Done(id_only(&id, reply.quotas))
        } else {
            job.read_back(&id, &query, reply.quotas).await
        };
        Ok(Upserted { outcome, is_created })
    }
}

impl Job {
    /// The provider's field behind a name that the caller gave for a key: a unified field, or a custom one. Refuses what
    /// the provider does not find records by.
    pub(crate) fn key_field(
        &self,
        metadata: &ObjectMetadata,
        name: &str,
        place: &str,
    ) -> Result<String, Error> {
        let plan = &self.plan;
        let found = match name.strip_prefix(CUSTOM) {
            Some(custom) => Some(custom),
            None => plan
                .field_map
                .get(name)
                .or_else(|| plan.filters.get(name).map(|rule| &rule.field))
                .map(String::as_str),
        };
        let is_key =
            |field: &mapping::FieldMetadata| field.is_external_id && field.name != self.id_field.as_str();
        let field = found
            .and_then(|field| metadata.field(field))
            .filter(|field| is_key(field));
        if let Some(field) = field {
            return Ok(field.name.clone());
        }
        let unified = plan
            .filters
            .iter()
            .map(|(name, rule)| (name, &rule.field))
            .chain(&plan.field_map)
            .filter(|(_, field)| metadata.field(field).is_some_and(is_key))
            .map(|(name, _)| name.clone());
        let custom = metadata
            .fields
            .iter()
            .filter(|field| field.is_custom && is_key(field))
            .map(|field| format!("{CUSTOM}{}", field.name));
        Err(invalid(
            Some(place),
            format!("`{name}` is no field that {} are found by", plan.resource),
            unified.chain(custom).collect(),
        ))
    }
}

fn read(body: Value) -> Result<Wanted, Error> {
    let shape = || vec!["{\"upsert_on\": {\"field\": \"…\", \"value\": \"…\"}, \"record\": {…}}".to_owned()];
    let Value::Object(mut body) = body else {
        return Err(invalid(None, "the body must be a JSON object", shape()));
    };
    if let Some(unknown) = body
        .keys()
        .find(|key| !["upsert_on", "record"].contains(&key.as_str()))
    {
        let message = format!("`{unknown}` is no key of an upsert");
        return Err(invalid(Some(unknown), message, shape()));
    }
    let Some(Value::Object(record)) = body.remove("record") else {
        return Err(invalid(
            Some("record"),
            "`record` must be an object of unified fields",
            shape(),
        ));
    };
    let on = body.remove("upsert_on").unwrap_or_default();
    let field = on.get("field").and_then(Value::as_str).unwrap_or_default();
    if field.is_empty() {
        return Err(invalid(
            Some("upsert_on.field"),
            "`upsert_on.field` must name a field",
            shape(),
        ));
    }
    let value = match on.get("value") {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => {
            return Err(invalid(
                Some("upsert_on.value"),
                "`upsert_on.value` must be a text that is not blank, or a number",
                Vec::new(),
            ));
        }
    };
    Ok(Wanted {
        field: field.to_owned(),
        value,
        record,
    })
}

/// Takes the key out of a mapped body: it stands in the path. One with another value there would be two keys.
fn take_key(mapped: &mut Value, field: &str, value: &str) -> Result<(), Error> {
    let Some(fields) = mapped.as_object_mut() else {
        return Ok(());
    };
    let same: Vec<String> = fields
        .keys()
        .filter(|name| name.eq_ignore_ascii_case(field))
        .cloned()
        .collect();
    for name in same {
        let repeated = match fields.shift_remove(&name) {
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
            None => continue,
        };
        if repeated != value {
            return Err(invalid(
                Some("upsert_on.value"),
                format!("the record gives {field} another value than `upsert_on.value`"),
                Vec::new(),
            ));
        }
    }
    Ok(())
}
