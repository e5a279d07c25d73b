//! Create, update, delete.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use mapping::{Method, Plan, QueryInput, RecordCall, value_at};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provider::{Call, CallError};
use serde_json::{Value, json};
use store::{Connection, Tenant};

use crate::parameters::{self, ListQuery, Parameters};
use crate::pipeline::{Answer, Job, Outcome, Unified, kinds, method, run};
use crate::{Error, body};

impl Unified {
    /// Creates a record and answers it as the provider now has it; with `is_minimal`, only its id.
    pub async fn create(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        parameters: &Parameters,
        record: Value,
        is_minimal: bool,
    ) -> Result<Outcome<Value>, Error> {
        let job = self.job(tenant, connection, resource, Method::Create).await?;
        let query = parameters::write_query(parameters, &job.plan)?;
        body::check(&job.plan, &record)?;
        let mut call = job.record_call(Method::Create, None, Some(record)).await?;
        job.allow_duplicates(&query, &mut call)?;
        if query.dry_run {
            return job.dry_run(&call, None);
        }
        let (reply, value) = job.send(call).await?;
        let id = job.written_id(job.route(Method::Create)?, &value)?;
        if is_minimal {
            return Ok(Outcome::Done(id_only(&id, reply.quotas)));
        }
        Ok(job.read_back(&id, &query, reply.quotas).await)
    }

    /// Changes the named fields of a record and answers it as the provider now has it.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one part of the request; a struct would only rename them"
    )]
    pub async fn update(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        id: &str,
        parameters: &Parameters,
        record: Value,
        is_minimal: bool,
    ) -> Result<Outcome<Value>, Error> {
        let job = self
            .job_of_record(tenant, connection, resource, id, Method::Update)
            .await?;
        let query = parameters::write_query(parameters, &job.plan)?;
        job.check_id(id)?;
        body::check(&job.plan, &record)?;
        check_changes(&job.plan, &record)?;
        let mut call = job.record_call(Method::Update, Some(id), Some(record)).await?;
        job.allow_duplicates(&query, &mut call)?;
        if query.dry_run {
            return job.dry_run(&call, None);
        }
        let (reply, _) = job.send(call).await?;
        if is_minimal {
            return Ok(Outcome::Done(id_only(id, reply.quotas)));
        }
        Ok(job.read_back(id, &query, reply.quotas).await)
    }

    /// Deletes a record and answers its id.
    pub async fn delete(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        id: &str,
        parameters: &Parameters,
    ) -> Result<Outcome<Value>, Error> {
        let job = self
            .job_of_record(tenant, connection, resource, id, Method::Delete)
            .await?;
        let query = parameters::record_query(parameters, &job.plan)?;
        job.check_id(id)?;
        let call = job.record_call(Method::Delete, Some(id), None).await?;
        if query.dry_run {
            return job.dry_run(&call, None);
        }
        let (reply, _) = job.send(call).await?;
        Ok(Outcome::Done(id_only(id, reply.quotas)))
    }
}

pub(crate) fn id_only(id: &str, quotas: Vec<provider::QuotaReading>) -> Answer<Value> {
    Answer {
        value: json!({ "id": id }),
        quotas,
        warnings: Vec::new(),
        etag: None,
    }
}

impl Job {
    /// The record as the provider now has it. The write is done: that it cannot be read is a warning, because an error
    /// would make callers write it again.
    pub(crate) async fn read_back(
        &self,
        id: &str,
        query: &ListQuery,
        quotas: Vec<provider::QuotaReading>,
    ) -> Outcome<Value> {
        match self.read(id, query, Method::Get).await {
            Ok(outcome) => outcome,
            Err(error) => {
                let warning = format!(
                    "the record was written, but could not be read back ({error}): only its id is told"
                );
                Outcome::Done(Answer {
                    warnings: vec![warning],
                    ..id_only(id, quotas)
                })
            }
        }
    }

    pub(crate) fn route(&self, kind: Method) -> Result<&RecordCall, Error> {
        let records = &self.document.records;
        let route = match kind {
            Method::Create => records.create.as_ref(),
            Method::Update => records.update.as_ref(),
            Method::Delete => records.delete.as_ref(),
            Method::Upsert => records.upsert.as_ref(),
            Method::List | Method::Get | Method::Search => None,
        };
        route.ok_or_else(|| Error::Unsupported {
            resource: self.plan.resource.clone(),
            method: "written",
        })
    }

    /// The id that a write's reply tells.
    pub(crate) fn written_id(&self, route: &RecordCall, reply: &Value) -> Result<String, Error> {
        let key = route.id.as_deref().unwrap_or(&self.document.records.id_field);
        let id = value_at(reply, key).and_then(Value::as_str).map(str::to_owned);
        // The record exists, its name is unknown: a second create would be the caller's worst next step.
        let id = id.ok_or(CallError::BadReply {
            what: "a written record without its id",
        })?;
        Ok(id)
    }

    /// Adds the headers of a write that is done although the provider thinks the record a duplicate.
    pub(crate) fn allow_duplicates(&self, query: &ListQuery, call: &mut Call) -> Result<(), Error> {
        if !query.allow_duplicates {
            return Ok(());
        }
        for (name, value) in &self.document.records.allow_duplicates {
            let header = HeaderName::from_bytes(name.as_bytes())
                .ok()
                .zip(HeaderValue::from_str(value).ok())
                .ok_or_else(|| CallError::Misconfigured {
                    what: format!("provider.yaml: records.allow_duplicates.{name} is not a header"),
                })?;
            call.headers.push(header);
        }
        Ok(())
    }

    /// The call of one write: the document's route, with the mapped body.
    async fn record_call(
        &self,
        kind: Method,
        id: Option<&str>,
        record: Option<Value>,
    ) -> Result<Call, Error> {
        let route = self.route(kind)?;
        let path = filled(
            &route.path,
            &[("object", &self.plan.object), ("id", id.unwrap_or_default())],
        );
        let mut call = Call::get(path);
        call.method = method(&route.method);
        if let Some(record) = record {
            check_custom_fields(&*self.metadata().await?, &record, kind)?;
            let mapped = self
                .mapped_bodies(kind, vec![(id.map(str::to_owned), record)])
                .await?;
            if let Some(body) = mapped.into_iter().next() {
                call.body = Some(self.body_of(kind, None, body)?);
            }
        }
        Ok(call)
    }

    /// A mapped record as the document says that it is sent. `key` is the field and the value of an upsert.
    pub(crate) fn body_of(
        &self,
        kind: Method,
        key: Option<(&str, &str)>,
        record: Value,
    ) -> Result<Bytes, Error> {
        let record = self.plan.enveloped(record);
        let own = self
            .document
            .record_body(kind.name(), &self.plan.object, key, &record)?;
        Ok(Bytes::from(own.unwrap_or(record).to_string()))
    }

    /// The provider's words for records to write, each with its id where it has one.
    pub(crate) async fn mapped_bodies(
        &self,
        kind: Method,
        records: Vec<(Option<String>, Value)>,
    ) -> Result<Vec<Value>, Error> {
        let metadata = self.metadata().await?;
        let plan = Arc::clone(&self.plan);
        let context = self.context();
        let connection = self.connection_facts();
        let budget = self.budget();
        // One small record is mapped at once; many, or by a tenant's own expression, where others do not wait.
        let size_bytes = if records.len() > 1 || plan.has_override(kind) {
            usize::MAX
        } else {
            0
        };
        run(size_bytes, move || {
            let bodies = records.iter().map(|(id, record)| {
                let input = QueryInput {
                    query: &json!({}),
                    body: record,
                    context: &context,
                    connection: &connection,
                    id: id.as_deref(),
                    field_kinds: &kinds(&metadata),
                };
                Ok(plan.request_body(kind, &input, &budget)?)
            });
            bodies.collect()
        })
        .await
    }
}

/// Refuses what can be said when a record is made but not afterwards.
pub(crate) fn check_changes(plan: &Plan, record: &Value) -> Result<(), Error> {
    let writable = plan.writable_by(Method::Update);
    let names = record.as_object().into_iter().flatten().map(|(name, _)| name);
    match names.into_iter().find(|name| !writable.contains(name)) {
        Some(name) => Err(body::invalid(
            Some(name),
            format!("`{name}` can be given when the record is created, and not changed"),
            writable.to_vec(),
        )),
        None => Ok(()),
    }
}

/// A document's path with its places filled, each value as one segment.
pub(crate) fn filled(path: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(path.to_owned(), |path, (name, value)| {
        let segment = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
        path.replace(&format!("{{{name}}}"), &segment)
    })
}

/// Custom fields go to the provider by name: a name that is no custom field of this org is refused here, where the
/// answer can say which there are.
pub(crate) fn check_custom_fields(
    metadata: &mapping::ObjectMetadata,
    record: &Value,
    kind: Method,
) -> Result<(), Error> {
    let Some(custom) = record.get("custom_fields").and_then(Value::as_object) else {
        return Ok(());
    };
    let is_writable = |field: &mapping::FieldMetadata| {
        field.is_custom
            && if kind == Method::Create {
                field.is_creatable
            } else {
                field.is_updatable
            }
    };
    for name in custom.keys() {
        if !metadata.field(name).is_some_and(&is_writable) {
            return Err(Error::InvalidBody {
                field: Some(format!("custom_fields.{name}")),
                message: format!(
                    "`{name}` is no custom field of {} that this connection may write",
                    metadata.object
                ),
                allowed: metadata
                    .fields
                    .iter()
                    .filter(|field| is_writable(field))
                    .map(|field| field.name.clone())
                    .collect(),
            });
        }
    }
    Ok(())
}
