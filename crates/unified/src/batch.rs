//! Many records written with one call, with a result for each.

use std::sync::Arc;

use bytes::Bytes;
use mapping::{Batch, BatchCall, BatchInput, Fault, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provider::Call;
use serde::Serialize;
use serde_json::{Map, Value, json};
use store::{Connection, Tenant};

use crate::Error;
use crate::body::{self, invalid, of_record};
use crate::parameters::{self, Parameters};
use crate::pipeline::{Answer, Job, Outcome, Unified, method, run};
use crate::write::{check_changes, check_custom_fields, filled};

const KEYS: [&str; 4] = ["operation", "records", "all_or_none", "upsert_on"];

/// What became of many records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BatchAnswer {
    /// One for each record, in the order sent.
    pub results: Vec<BatchRecord>,
    /// How many were written.
    pub succeeded: usize,
    /// How many were not.
    pub failed: usize,
}

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BatchRecord {
    /// Its place among the records sent, from 0.
    pub index: usize,
    /// The status that a call for this record alone would have had.
    pub status: u16,
    /// Its id, when there is one.
    pub id: Option<String>,
    /// What the provider said against it, in our words.
    pub error: Option<Fault>,
}

/// The body of a batch, read.
struct Wanted {
    operation: Method,
    all_or_none: bool,
    /// The key of an upsert, as the caller names it.
    key: Option<String>,
    records: Vec<(Option<String>, Value)>,
}

/// What a call writes, kept to read its reply by.
struct Sent {
    operation: Method,
    object: String,
    all_or_none: bool,
    field: String,
    records: Value,
}

impl Sent {
    fn input(&self) -> BatchInput<'_> {
        BatchInput {
            operation: self.operation.name(),
            object: &self.object,
            all_or_none: self.all_or_none,
            field: &self.field,
            records: &self.records,
        }
    }
}

impl Unified {
    /// Writes many records with one call. `body` is `{operation, records, all_or_none?, upsert_on?: {field}}`;
    /// `operation` is `create`, `update`, `upsert` or `delete`.
    ///
    /// A record that is not what the resource takes fails the request before anything is sent. What the provider says
    /// against single records is in their results.
    pub async fn batch(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        parameters: &Parameters,
        body: Value,
    ) -> Result<Outcome<BatchAnswer>, Error> {
        let operation = operation(&body)?;
        let job = self.job(tenant, connection, resource, operation).await?;
        let query = parameters::batch_query(parameters, &job.plan)?;
        let (batch, call) = job.batch(operation)?;
        let wanted = read(body, operation, batch.max_records)?;
        for (index, (id, record)) in wanted.records.iter().enumerate() {
            if let Some(id) = id {
                job.check_id(id).map_err(|_| of_record(index, unknown_id(id)))?;
            }
            if operation != Method::Delete {
                body::check(&job.plan, record).map_err(|error| of_record(index, error))?;
            }
            if operation == Method::Update {
                check_changes(&job.plan, record).map_err(|error| of_record(index, error))?;
            }
        }
        let (mut call, sent) = job.batch_call(wanted, call).await?;
        job.allow_duplicates(&query, &mut call)?;
        if query.dry_run {
            return job.dry_run(&call, None);
        }
        let (reply, value) = job.send(call).await?;
        let document = Arc::clone(&job.document);
        let items = run(reply.body.len(), move || {
            Ok(document.batch_reply(&sent.input(), &value)?)
        })
        .await?;
        let results: Vec<BatchRecord> = items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let error = (!item.success).then(|| job.fault(400, &Value::Null, &item.errors));
                let written = match operation {
                    Method::Create => 201,
                    Method::Upsert if item.created == Some(true) => 201,
                    _ => 200,
                };
                BatchRecord {
                    index,
                    status: error.as_ref().map_or(written, status_of),
                    id: item.id,
                    error,
                }
            })
            .collect();
        let failed = results.iter().filter(|result| result.error.is_some()).count();
        Ok(Outcome::Done(Answer {
            value: BatchAnswer {
                succeeded: results.len() - failed,
                failed,
                results,
            },
            quotas: reply.quotas,
            warnings: Vec::new(),
            etag: None,
        }))
    }
}

impl Job {
    fn batch(&self, operation: Method) -> Result<(&Batch, &BatchCall), Error> {
        let batch = self.document.batch.as_ref();
        batch
            .and_then(|batch| Some((batch, batch.calls.get(operation.name())?)))
            .ok_or_else(|| Error::Unsupported {
                resource: self.plan.resource.clone(),
                method: "written many at once",
            })
    }

    /// The call that writes them, and what it writes.
    async fn batch_call(&self, wanted: Wanted, route: &BatchCall) -> Result<(Call, Sent), Error> {
        let Wanted {
            operation,
            all_or_none,
            key,
            records,
        } = wanted;
        let key = match &key {
            Some(name) => {
                let metadata = self.metadata().await?;
                self.key_field(&metadata, name, "upsert_on.field")?
            }
            None => String::new(),
        };
        let ids: Vec<String> = records
            .iter()
            .filter_map(|(id, _)| id.as_deref())
            .map(|id| utf8_percent_encode(id, NON_ALPHANUMERIC).to_string())
            .collect();
        let path = filled(
            &route.path,
            &[
                ("object", &self.plan.object),
                ("field", &key),
                ("all_or_none", if all_or_none { "true" } else { "false" }),
            ],
        )
        .replace("{ids}", &ids.join(","));
        let records = if operation == Method::Delete {
            records.into_iter().map(|(id, _)| json!({ "id": id })).collect()
        } else {
            let metadata = self.metadata().await?;
            for (index, (_, record)) in records.iter().enumerate() {
                check_custom_fields(&metadata, record, operation).map_err(|error| of_record(index, error))?;
            }
            let names: Vec<Option<String>> = records.iter().map(|(id, _)| id.clone()).collect();
            let bodies = self.mapped_bodies(operation, records).await?;
            check_keys(&bodies, &key)?;
            let records = names.into_iter().zip(bodies);
            records
                .map(|(id, fields)| match (id, self.plan.enveloped(fields)) {
                    (Some(id), fields) => json!({ "id": id, "fields": fields }),
                    (None, fields) => json!({ "fields": fields }),
                })
                .collect()
        };
        let sent = Sent {
            operation,
            object: self.plan.object.clone(),
            all_or_none,
            field: key,
            records: Value::Array(records),
        };
        let document = Arc::clone(&self.document);
        let (body, sent) = run(usize::MAX, move || {
            let body = document.batch_body(&sent.input())?;
            Ok((body, sent))
        })
        .await?;
        let mut call = Call::get(path);
        call.method = method(&route.method);
        call.body = body.map(|body| Bytes::from(body.to_string()));
        Ok((call, sent))
    }
}

/// Each record of an upsert must hold its key.
fn check_keys(bodies: &[Value], key: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Ok(());
    }
    let lacks = |body: &Value| {
        let value = body.as_object().into_iter().flatten();
        let mut value = value.filter(|(name, _)| name.eq_ignore_ascii_case(key));
        value
            .next()
            .is_none_or(|(_, value)| value.is_null() || value == "")
    };
    match bodies.iter().position(lacks) {
        None => Ok(()),
        Some(index) => Err(of_record(
            index,
            invalid(
                None,
                format!("the record has no {key}, which `upsert_on` names"),
                Vec::new(),
            ),
        )),
    }
}

fn unknown_id(id: &str) -> Error {
    invalid(
        Some("id"),
        format!("`{id}` is no id of this provider"),
        Vec::new(),
    )
}

fn operation(body: &Value) -> Result<Method, Error> {
    match body.get("operation").and_then(Value::as_str) {
        Some("create") => Ok(Method::Create),
        Some("update") => Ok(Method::Update),
        Some("upsert") => Ok(Method::Upsert),
        Some("delete") => Ok(Method::Delete),
        _ => Err(invalid(
            Some("operation"),
            "`operation` says what to do with the records",
            ["create", "update", "upsert", "delete"]
                .map(str::to_owned)
                .to_vec(),
        )),
    }
}

fn read(body: Value, operation: Method, max_records: usize) -> Result<Wanted, Error> {
    let Value::Object(mut body) = body else {
        return Err(invalid(
            None,
            "the body must be a JSON object",
            KEYS.map(str::to_owned).to_vec(),
        ));
    };
    if let Some(unknown) = body.keys().find(|key| !KEYS.contains(&key.as_str())) {
        let message = format!("`{unknown}` is no key of a batch");
        return Err(invalid(Some(unknown), message, KEYS.map(str::to_owned).to_vec()));
    }
    let all_or_none = match body.remove("all_or_none") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(all_or_none)) => all_or_none,
        Some(_) => {
            return Err(invalid(
                Some("all_or_none"),
                "`all_or_none` must be true or false",
                Vec::new(),
            ));
        }
    };
    let key = body.remove("upsert_on");
    let key = key
        .as_ref()
        .and_then(|on| on.get("field"))
        .and_then(Value::as_str);
    if (operation == Method::Upsert) != key.is_some() {
        return Err(invalid(
            Some("upsert_on"),
            "`upsert_on` names the key of an upsert, and goes with no other operation",
            vec!["{\"field\": \"…\"}".to_owned()],
        ));
    }
    let Some(Value::Array(records)) = body.remove("records") else {
        return Err(invalid(Some("records"), "`records` must be a list", Vec::new()));
    };
    if records.is_empty() || records.len() > max_records {
        let message = format!(
            "`records` has {}; from 1 to {max_records} are taken",
            records.len()
        );
        return Err(invalid(Some("records"), message, Vec::new()));
    }
    let records = records
        .into_iter()
        .enumerate()
        .map(|(index, record)| record_of(operation, record).map_err(|error| of_record(index, error)))
        .collect::<Result<_, _>>()?;
    Ok(Wanted {
        operation,
        all_or_none,
        key: key.map(str::to_owned),
        records,
    })
}

/// One record of the body: its id, where the operation needs one, and its fields.
fn record_of(operation: Method, record: Value) -> Result<(Option<String>, Value), Error> {
    let needs_id = matches!(operation, Method::Update | Method::Delete);
    match record {
        Value::String(id) if operation == Method::Delete => Ok((Some(id), Value::Object(Map::new()))),
        Value::Object(mut fields) if needs_id => match fields.shift_remove("id") {
            Some(Value::String(id)) => Ok((Some(id), Value::Object(fields))),
            _ => Err(invalid(Some("id"), "`id` must name the record", Vec::new())),
        },
        record => Ok((None, record)),
    }
}

/// The status that an error of one record would have had as an answer.
fn status_of(fault: &Fault) -> u16 {
    match fault.code.as_str() {
        "permission_denied" => 403,
        "not_found" => 404,
        "conflict" | "duplicate_detected" => 409,
        "gone" => 410,
        // RFC 4918 §11.4.
        "rolled_back" => 424,
        "rate_limited" => 429,
        "upstream_error" | "upstream_unavailable" | "upstream_timeout" => 502,
        _ => 400,
    }
}
