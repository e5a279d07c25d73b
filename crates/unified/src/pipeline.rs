//! What every unified request shares: plan, metadata, the call, the mapped answer.

use std::sync::Arc;

use bytes::Bytes;
use http::Method as HttpMethod;
use http::header::RETRY_AFTER;
use mapping::{
    Budget, Catalog, Fault, FieldKind, Mapped, Method, ObjectMetadata, OverrideSource, Plan,
    ProviderDocument, Query, QueryLanguage, Record,
};
use model::{Clock, Limits};
use provider::{Call, CallError, Providers, QuotaReading, Reply};
use serde::Serialize;
use serde_json::{Value, json};
use soql::FieldPath;
use store::{Connection, OverrideLevel, Store, Tenant};

use crate::children;
use crate::error::{Error, Rejection};
use crate::objects::CUSTOM_OBJECTS;
use crate::parameters::ListQuery;
use crate::query::Statement;

/// A page of records, the list envelope of the HTTP contract.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Page<R = Record> {
    /// The records, fitted to the resource's schema.
    pub result: Vec<R>,
    /// Where the next page starts; `null` on the last one.
    pub next_cursor: Option<String>,
    /// Always `null`: pages are read forwards.
    pub prev_cursor: Option<String>,
    /// How many records this page holds.
    pub result_count: usize,
    /// How many records there are in all, when the provider says so without being asked again.
    pub total_count: Option<u64>,
    /// What the caller should know and nobody else will say.
    pub warnings: Vec<String>,
}

/// An answer with what travels beside it in headers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// The body.
    pub value: T,
    /// What the provider told about its limits.
    pub quotas: Vec<QuotaReading>,
    /// Warnings of an answer whose body has no place for them.
    pub warnings: Vec<String>,
    /// A weak entity tag, of answers that have one.
    pub etag: Option<String>,
}

/// What a request led to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T> {
    /// The provider was called.
    Done(Answer<T>),
    /// `dry_run`: the provider request that would have been sent, tokens redacted.
    DryRun(Value),
}

/// The pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Unified {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: Store,
    pub(crate) providers: Providers,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A body of this size or more is parsed and mapped on a thread of its own: it would hold up other requests.
const INLINE_BODY_MAX_BYTES: usize = 32 << 10;

/// One request's fixed facts.
pub(crate) struct Job {
    pub(crate) unified: Unified,
    pub(crate) tenant: Tenant,
    pub(crate) connection: Arc<Connection>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) document: Arc<ProviderDocument>,
    pub(crate) id_field: FieldPath,
}

impl Unified {
    /// A pipeline over these parts.
    pub fn new(
        catalog: Arc<Catalog>,
        store: Store,
        providers: Providers,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            catalog,
            store,
            providers,
            limits: Arc::new(limits),
            clock,
        }
    }

    pub(crate) fn document(&self, provider: &str) -> Result<Arc<ProviderDocument>, Error> {
        self.catalog
            .provider(provider)
            .cloned()
            .ok_or_else(|| Error::UnknownResource {
                resource: provider.to_owned(),
                allowed: self.catalog.provider_names().map(str::to_owned).collect(),
            })
    }

    pub(crate) fn plan(
        &self,
        provider: &str,
        resource: &str,
        sources: &[OverrideSource<'_>],
    ) -> Result<Arc<Plan>, Error> {
        let known = || self.catalog.provider_resources(provider);
        // A point stands in the names of further documents of a resource, which are none of their own.
        let is_part = resource.contains('.');
        if is_part || sources.is_empty() && !known().any(|name| name == resource) {
            return Err(Error::UnknownResource {
                resource: resource.to_owned(),
                allowed: known().map(str::to_owned).collect(),
            });
        }
        self.catalog
            .plan(provider, resource, sources)
            .map_err(|error| Error::InvalidOverride(vec![error]))
    }

    /// Finds everything a request on `resource` needs that is not the caller's.
    pub(crate) async fn job(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        method: Method,
    ) -> Result<Job, Error> {
        let plan = self.plan_of(tenant, connection, resource, None).await?;
        self.job_of(tenant, connection, plan, method)
    }

    /// The plan of one of a resource's documents with the connection's overrides: the first, or a further one by name.
    pub(crate) async fn plan_of(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        part: Option<&str>,
    ) -> Result<Arc<Plan>, Error> {
        if let Some(object) = resource.strip_prefix(CUSTOM_OBJECTS) {
            return self.object_plan(tenant, connection, object).await;
        }
        let overrides = self.store.overrides_for(tenant, connection, resource).await?;
        let sources: Vec<OverrideSource<'_>> = overrides
            .iter()
            .map(|own| OverrideSource {
                level_name: level_name(&own.level),
                document: &own.document,
            })
            .collect();
        match part {
            None => self.plan(&connection.provider, resource, &sources),
            Some(part) => self
                .catalog
                .part_plan(&connection.provider, resource, part, &sources)
                .map_err(|error| Error::InvalidOverride(vec![error])),
        }
    }

    pub(crate) fn job_of(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        plan: Arc<Plan>,
        method: Method,
    ) -> Result<Job, Error> {
        if !plan.supports(method) {
            return Err(Error::Unsupported {
                resource: plan.resource.clone(),
                method: participle(method),
            });
        }
        self.job_with(tenant, connection, plan)
    }

    pub(crate) fn job_with(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        plan: Arc<Plan>,
    ) -> Result<Job, Error> {
        let document = self.document(&connection.provider)?;
        let id_field = FieldPath::parse(&document.records.id_field).map_err(|error| Error::QueryRefused {
            message: error.to_string(),
            callers_own: false,
        })?;
        Ok(Job {
            unified: self.clone(),
            tenant: tenant.clone(),
            connection: Arc::clone(connection),
            plan,
            document,
            id_field,
        })
    }
}

/// The name of an override's level in documents, errors and the merged view.
pub(crate) fn level_name(level: &OverrideLevel) -> &'static str {
    match level {
        OverrideLevel::Tenant => "tenant",
        OverrideLevel::Connection(_) => "connection",
    }
}

fn participle(method: Method) -> &'static str {
    match method {
        Method::List => "listed",
        Method::Get => "read",
        Method::Create => "created",
        Method::Update => "updated",
        Method::Delete => "deleted",
        Method::Upsert => "upserted",
        Method::Search => "searched",
    }
}

/// Raw records of one reply, and whether the provider holds more of them back.
pub(crate) struct Raw {
    pub(crate) records: Vec<Value>,
    pub(crate) is_done: bool,
    pub(crate) warnings: Vec<String>,
}

impl Job {
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            record_ms: self.unified.limits.mapping_record_ms,
            request_ms: self.unified.limits.mapping_request_ms,
        }
    }

    /// Whether an expression of the document makes the request, instead of a query's text.
    pub(crate) fn is_requested(&self) -> Result<bool, Error> {
        Ok(self.query()?.language == QueryLanguage::JsonBody)
    }

    pub(crate) async fn metadata(&self) -> Result<Arc<ObjectMetadata>, Error> {
        if let Some(metadata) = self.plan.own_metadata() {
            return Ok(Arc::new(metadata));
        }
        let found = self
            .unified
            .providers
            .object_metadata(&self.tenant, &self.connection, &self.plan.object)
            .await;
        found.map_err(|error| self.described(error))
    }

    /// Reads the object's fields anew, whatever is cached.
    pub(crate) async fn reread_metadata(&self) -> Result<Arc<ObjectMetadata>, Error> {
        let found = self
            .unified
            .providers
            .reread_metadata(&self.tenant, &self.connection, &self.plan.object)
            .await;
        found.map_err(|error| self.described(error))
    }

    /// An error of the call that reads an object's fields is the caller's answer like any other of the provider's.
    pub(crate) fn described(&self, error: CallError) -> Error {
        match error {
            CallError::Rejected { reply } => {
                let reply = Arc::unwrap_or_clone(reply);
                let (status, value) = (reply.status.as_u16(), reply.value());
                self.rejected(reply, status, &value)
            }
            other => Error::Call(other),
        }
    }

    /// How the provider is queried.
    pub(crate) fn query(&self) -> Result<&Query, Error> {
        self.document.query.as_ref().ok_or_else(|| Error::Unsupported {
            resource: self.plan.resource.clone(),
            method: "listed",
        })
    }

    /// What mappings may know about the connection: no secrets.
    pub(crate) fn connection_facts(&self) -> Value {
        json!({
            "id": self.connection.id,
            "provider": self.connection.provider,
            "environment": self.connection.environment,
            "external_id": self.connection.external_id,
            "account_id": self.connection.account_id,
            "user_id": self.connection.user_id,
        })
    }

    /// What mappings may know about the request.
    pub(crate) fn context(&self) -> Value {
        json!({
            "resource": self.plan.resource,
            "object": self.plan.object,
            "instance_url": self.connection.instance_url,
            "account_id": self.connection.account_id,
            "now_ms": self.unified.clock.now_ms(),
        })
    }

    /// The call that carries a statement; too long for a URL, it goes the way the document names for that.
    pub(crate) fn statement_call(
        &self,
        statement: &Statement,
        is_deleted_included: bool,
    ) -> Result<(Call, String), Error> {
        let query = self.query()?;
        let text = statement.text()?;
        let path = match statement {
            Statement::Search(_) => query.search_path.as_ref(),
            Statement::Query(_) if is_deleted_included => query.deleted_path.as_ref(),
            Statement::Query(_) => Some(&query.path),
        };
        let path = path.ok_or_else(|| Error::Unsupported {
            resource: self.plan.resource.clone(),
            method: "searched",
        })?;
        let call = Call::get(path).with_query(query.parameter.as_deref().unwrap_or("q"), text.as_str());
        let target = self.unified.providers.target(&self.connection, &call)?;
        match &query.long {
            Some(long)
                if query
                    .url_max_bytes
                    .is_some_and(|max_bytes| target.len() > max_bytes) =>
            {
                let mut wrapped = Call::get(&long.path);
                wrapped.method = method(&long.method);
                wrapped.body = Some(Bytes::from(self.document.long_query_body(&target)?.to_string()));
                Ok((wrapped, text))
            }
            _ => Ok((call, text)),
        }
    }

    /// Sends a call and answers its body parsed, or the provider's error in our words.
    pub(crate) async fn send(&self, call: Call) -> Result<(Reply, Value), Error> {
        let long = self.document.query.as_ref().and_then(|query| query.long.as_ref());
        let is_wrapped = long.is_some_and(|long| call.path == long.path);
        let reply = self
            .unified
            .providers
            .send(&self.tenant, &self.connection, call)
            .await?;
        let body = reply.clone();
        let value = run(reply.body.len(), move || Ok(body.value())).await?;
        let (status, value) = if is_wrapped && reply.status.is_success() {
            let inner = self.document.long_query_reply(&value)?;
            (inner.status, inner.body)
        } else {
            (reply.status.as_u16(), value)
        };
        if (200..300).contains(&status) {
            return Ok((reply, value));
        }
        Err(self.rejected(reply, status, &value))
    }

    /// The provider's error in our words, with unified field names.
    pub(crate) fn fault(&self, status: u16, headers: &Value, value: &Value) -> Fault {
        let mut fault = self.document.fault(status, headers, value);
        let mut named: Vec<String> = Vec::with_capacity(fault.fields.len());
        for field in &fault.fields {
            let name = self.plan.provider_to_unified(field).unwrap_or(field);
            if !named.iter().any(|known| known == name) {
                named.push(name.to_owned());
            }
        }
        fault.fields = named;
        fault
    }

    pub(crate) fn rejected(&self, reply: Reply, status: u16, value: &Value) -> Error {
        let fault = self.fault(status, &reply.headers_value(), value);
        let retry_after = reply.headers.get(RETRY_AFTER).cloned();
        Error::Rejected(Box::new(Rejection {
            provider: self.connection.provider.clone(),
            // A provider that offers several records (300) has not done what it was asked: a conflict, not a redirect.
            status: if status == 300 { 409 } else { status },
            fault,
            body: reply.body,
            quotas: reply.quotas,
            headers: retry_after
                .map(|value| (RETRY_AFTER, value))
                .into_iter()
                .collect(),
        }))
    }

    /// Takes the records out of a reply's envelope.
    pub(crate) fn raw(&self, statement: &Statement, mut value: Value) -> Raw {
        let page = &self.document.page;
        let key = match statement {
            Statement::Search(_) => page.search_records.as_ref().unwrap_or(&page.records),
            Statement::Query(_) => &page.records,
        };
        let mut records = match value.get_mut(key).map(Value::take) {
            Some(Value::Array(records)) => records,
            _ => Vec::new(),
        };
        let warnings = children::unwrap(&self.plan, page, &mut records);
        let is_done = page
            .done
            .as_ref()
            .and_then(|done| value.get(done))
            .and_then(Value::as_bool)
            .unwrap_or(true);
        Raw {
            records,
            is_done,
            warnings,
        }
    }

    /// Maps raw records to unified ones.
    pub(crate) async fn map(
        &self,
        method: Method,
        raw: Vec<Value>,
        size_bytes: usize,
        metadata: &Arc<ObjectMetadata>,
        list: &ListQuery,
        reply: &Reply,
    ) -> Result<Mapped, Error> {
        let plan = Arc::clone(&self.plan);
        let metadata = Arc::clone(metadata);
        let budget = self.budget();
        let query = list.binding();
        let context = self.context();
        let headers = reply.headers_value();
        let keep_remote_data = list.include_remote_data;
        let fields = list.fields.clone();
        // A tenant's own expression may run until its limit: never on a thread that others wait for.
        let size_bytes = if plan.has_override(method) {
            usize::MAX
        } else {
            size_bytes
        };
        run(size_bytes, move || {
            let input = mapping::ResponseInput {
                query: &query,
                context: &context,
                headers: &headers,
                custom_fields: &|name: &str| metadata.custom_kind(name),
                keep_remote_data,
                fields: fields.as_deref(),
            };
            Ok(plan.records(method, &Value::Array(raw), &input, &budget)?)
        })
        .await
    }

    /// A weak entity tag: the record's id, its last change and the mapping it was seen through.
    pub(crate) fn etag(&self, record: &Value) -> Option<String> {
        let id = record.get("id")?.as_str()?;
        let updated_at = record.get("updated_at")?.as_str()?;
        let fingerprint = self.plan.fingerprint.get(..16).unwrap_or(&self.plan.fingerprint);
        Some(format!("W/\"{id}-{updated_at}-{fingerprint}\""))
    }

    /// What `dry_run` answers: the request as it would be sent, and the statement it carries.
    pub(crate) fn dry_run<T>(&self, call: &Call, statement: Option<String>) -> Result<Outcome<T>, Error> {
        let request = self.unified.providers.describe_call(&self.connection, call)?;
        let mut described = json!({ "dry_run": true, "request": request });
        if let (Some(text), Some(object)) = (statement, described.as_object_mut()) {
            object.insert("query".to_owned(), Value::from(text));
        }
        Ok(Outcome::DryRun(described))
    }
}

/// The kinds of fields by name, as query mappings ask for them.
pub(crate) fn kinds(metadata: &ObjectMetadata) -> impl Fn(&str) -> Option<FieldKind> {
    |name| metadata.field(name).map(|field| field.kind)
}

pub(crate) fn method(name: &str) -> HttpMethod {
    HttpMethod::from_bytes(name.as_bytes()).unwrap_or(HttpMethod::POST)
}

/// Runs work that only computes: at once when it is small, else on a thread where it may take its time.
pub(crate) async fn run<T: Send + 'static>(
    size_bytes: usize,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if size_bytes <= INLINE_BODY_MAX_BYTES {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(failure) => std::panic::resume_unwind(failure.into_panic()),
    }
}
