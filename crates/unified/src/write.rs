//! Create, update, delete.

use std::sync::Arc;

use bytes::Bytes;
use mapping::{Method, QueryInput, RecordCall};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use provider::Call;
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
        let query = parameters::record_query(parameters, &job.plan)?;
        body::check(&job.plan, &record)?;
        let call = job.record_call(Method::Create, None, Some(record)).await?;
        if query.dry_run {
            return job.dry_run(&call, None);
        }
        let (reply, value) = job.send(call).await?;
        let id_key = job
            .route(Method::Create)?
            .id
            .as_deref()
            .unwrap_or(&job.document.records.id_field);
        let id = value.get(id_key).and_then(Value::as_str).map(str::to_owned);
        // The record exists, its name is unknown: a second create would be the caller's worst next step.
        let id = id.ok_or(provider::CallError::BadReply {
            what: "a created record without its id",
        })?;
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
        let job = self.job(tenant, connection, resource, Method::Update).await?;
        let query = parameters::record_query(parameters, &job.plan)?;
        job.check_id(id)?;
        body::check(&job.plan, &record)?;
        let call = job.record_call(Method::Update, Some(id), Some(record)).await?;
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
        let job = self.job(tenant, connection, resource, Method::Delete).await?;
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

fn id_only(id: &str, quotas: Vec<provider::QuotaReading>) -> Answer<Value> {
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
    async fn read_back(
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

    fn route(&self, kind: Method) -> Result<&RecordCall, Error> {
        let records = &self.document.records;
        let route = match kind {
            Method::Create => records.create.as_ref(),
            Method::Update => records.update.as_ref(),
            Method::Delete => records.delete.as_ref(),
            Method::List | Method::Get | Method::Upsert | Method::Search => None,
        };
        route.ok_or_else(|| Error::Unsupported {
            resource: self.plan.resource.clone(),
            method: "written",
        })
    }

    /// The call of one write: the document's route, with the mapped body.
    async fn record_call(
        &self,
        kind: Method,
        id: Option<&str>,
        record: Option<Value>,
    ) -> Result<Call, Error> {
        let route = self.route(kind)?;
        let segment = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let path = route
            .path
            .replace("{object}", &segment(&self.plan.object))
            .replace("{id}", &segment(id.unwrap_or_default()));
        let mut call = Call::get(path);
        call.method = method(&route.method);
        if let Some(record) = record {
            let mapped = self.mapped_body(kind, id, record).await?;
            call.body = Some(Bytes::from(mapped.to_string()));
        }
        Ok(call)
    }

    async fn mapped_body(&self, kind: Method, id: Option<&str>, record: Value) -> Result<Value, Error> {
        let metadata = self.metadata().await?;
        check_custom_fields(&metadata, &record, kind)?;
        let plan = Arc::clone(&self.plan);
        let context = self.context();
        let connection = self.connection_facts();
        let budget = self.budget();
        let id = id.map(str::to_owned);
        let size_bytes = if plan.has_override(kind) { usize::MAX } else { 0 };
        run(size_bytes, move || {
            let input = QueryInput {
                query: &json!({}),
                body: &record,
                context: &context,
                connection: &connection,
                id: id.as_deref(),
                field_kinds: &kinds(&metadata),
            };
            Ok(plan.request_body(kind, &input, &budget)?)
        })
        .await
    }
}

/// Custom fields go to the provider by name: a name that is no custom field of this org is refused here, where the
/// answer can say which there are.
fn check_custom_fields(
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
