//! Lists and single records.

use std::sync::Arc;

use mapping::{Mapped, Method, ObjectMetadata, QueryInput, QueryValue};
use provider::QuotaReading;
use serde_json::Value;
use store::{Connection, Tenant};

use crate::children::Children;
use crate::cursor::{self, Position, Scope};
use crate::parameters::{self, ListQuery, Parameters};
use crate::parts::Turn;
use crate::pipeline::{Answer, Job, Outcome, Page, Unified, kinds, run};
use crate::query::{Compiled, Compiler, Statement};
use crate::{Error, keyset};

/// What a provider's refusal of a query is called; with fields named, it says that these are not there (any more).
const QUERY_REFUSED: &str = "invalid_request";

impl Unified {
    /// One page of a resource.
    pub async fn list(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        parameters: &Parameters,
    ) -> Result<Outcome<Page>, Error> {
        let job = self.job(tenant, connection, resource, Method::List).await?;
        let list = parameters::list_query(parameters, &job.plan, self.limits.page_max_records)?;
        if list.search_term.is_some() && !job.plan.supports(Method::Search) {
            return Err(self.not_searchable(&job));
        }
        let limit = list.limit.unwrap_or(self.limits.page_default_records);
        let scope = Scope {
            tenant: tenant.id().as_str(),
            connection: connection.id.as_str(),
            resource,
            query: list.identity(),
        };
        let now_ms = self.clock.now_ms();
        let position = list
            .cursor
            .as_deref()
            .map(|text| cursor::open(&self.store, &scope, text, now_ms))
            .transpose()?;
        if job.is_requested()? {
            return job.requested_list(&list, &scope, position.as_ref(), limit).await;
        }
        let part = position.as_ref().and_then(|position| position.part.as_deref());
        let turn = self.turn(job, resource, &list, part).await?;
        self.page(&turn, &list, &scope, position.as_ref(), limit).await
    }

    /// One page of one document's records.
    async fn page(
        &self,
        turn: &Turn,
        list: &ListQuery,
        scope: &Scope<'_>,
        position: Option<&Position>,
        limit: u32,
    ) -> Result<Outcome<Page>, Error> {
        let job = &turn.job;
        let after = position.filter(|position| !position.is_start());
        let compile =
            |seen: Seen<'_>, value: Option<&QueryValue>| compiler(job, seen, list).list(value, after, limit);
        let (sent, metadata) = match self.attempt(job, Method::List, list, compile).await? {
            Attempt::DryRun(outcome) => return Ok(outcome),
            Attempt::Sent(sent, metadata) => (sent, metadata),
        };
        let Sent {
            compiled,
            reply,
            value,
        } = *sent;
        let mut raw = job.raw(&compiled.statement, value);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_search = matches!(compiled.statement, Statement::Search(_));
        let has_more = !is_search && (raw.records.len() > limit || !raw.is_done);
        raw.records.truncate(limit);
        let last = raw.records.last().filter(|_| has_more);
        let next = last.and_then(|record| keyset::position(&compiled.keys, &job.id_field, record));
        let next = match next {
            Some(position) => Some(Position {
                part: turn.part.clone(),
                ..position
            }),
            None if has_more => None,
            None => turn.next.clone().map(Position::start_of),
        };
        let expires_at_ms = self.clock.now_ms() + self.limits.cursor_ttl_ms;
        let next_cursor = next
            .map(|position| cursor::seal(&self.store, scope, position, expires_at_ms))
            .transpose()?;

        let mapped = job
            .map(
                Method::List,
                raw.records,
                reply.body.len(),
                &metadata,
                list,
                &reply,
            )
            .await?;
        let mut warnings = turn.warnings.clone();
        warnings.extend(compiled.warnings);
        warnings.extend(raw.warnings);
        warnings.extend(mapped.warnings);
        let page = Page {
            result_count: mapped.records.len(),
            result: mapped.records,
            next_cursor,
            prev_cursor: None,
            total_count: None,
            warnings,
        };
        Ok(Outcome::Done(Answer {
            value: page,
            quotas: reply.quotas,
            warnings: Vec::new(),
            etag: None,
        }))
    }

    /// One record by its id.
    pub async fn get(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        id: &str,
        parameters: &Parameters,
    ) -> Result<Outcome<Value>, Error> {
        let job = self
            .job_of_record(tenant, connection, resource, id, Method::Get)
            .await?;
        let query = parameters::record_query(parameters, &job.plan)?;
        job.check_id(id)?;
        job.read(id, &query, Method::Get).await
    }

    fn not_searchable(&self, job: &Job) -> Error {
        let provider = &job.connection.provider;
        let searchable = |resource: &&str| {
            let plan = self.catalog.plan(provider, resource, &[]);
            plan.is_ok_and(|plan| plan.supports(Method::Search))
        };
        let resources = self.catalog.provider_resources(provider);
        parameters::invalid(
            "search_term",
            format!("{} cannot be searched; these resources can", job.plan.resource),
            resources.filter(searchable).map(str::to_owned).collect(),
        )
    }

    /// Compiles and sends; where the provider says that a field does not exist, reads its fields anew and sends once
    /// more without the field. That is no retry: the second request is another one.
    async fn attempt<T>(
        &self,
        job: &Job,
        method: Method,
        list: &ListQuery,
        compile: impl Fn(Seen<'_>, Option<&QueryValue>) -> Result<Compiled, Error>,
    ) -> Result<Attempt<T>, Error> {
        let mut metadata = job.metadata().await?;
        let mut children = job.children(&metadata, false).await?;
        let mut refused: Option<(Error, String)> = None;
        loop {
            // A record is read by its id alone: there is no query for a mapping to make.
            let value = match method {
                Method::List => job.query_value(list, &metadata).await?,
                _ => None,
            };
            let seen = Seen {
                metadata: &metadata,
                children: &children,
            };
            let compiled = compile(seen, value.as_ref())?;
            let (call, text) = job.statement_call(&compiled.statement, list.include_deleted)?;
            if list.dry_run {
                return Ok(Attempt::DryRun(job.dry_run(&call, Some(text))?));
            }
            let is_corrected = refused.is_some();
            if let Some((error, same)) = refused.take()
                && same == text
            {
                // The fields are as they were: the same query would be refused again.
                return Err(error);
            }
            match job.send(call).await {
                Ok((reply, value)) => {
                    let sent = Sent {
                        compiled,
                        reply,
                        value,
                    };
                    return Ok(Attempt::Sent(Box::new(sent), metadata));
                }
                Err(error) if !is_corrected && error.names_missing_fields() => {
                    refused = Some((error, text));
                    metadata = job.reread_metadata().await?;
                    children = job.children(&metadata, true).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl Error {
    /// Whether the provider refused a query and named fields: what it was asked for is not what it has.
    fn names_missing_fields(&self) -> bool {
        matches!(self, Self::Rejected(told) if told.fault.code == QUERY_REFUSED && !told.fault.fields.is_empty())
    }
}

/// A statement that was sent, and its reply.
struct Sent {
    compiled: Compiled,
    reply: provider::Reply,
    value: Value,
}

enum Attempt<T> {
    DryRun(Outcome<T>),
    Sent(Box<Sent>, Arc<ObjectMetadata>),
}

/// What the connection's user sees of the provider.
#[derive(Clone, Copy)]
struct Seen<'a> {
    metadata: &'a ObjectMetadata,
    children: &'a Children,
}

fn compiler<'a>(job: &'a Job, seen: Seen<'a>, list: &'a ListQuery) -> Compiler<'a> {
    Compiler {
        plan: &job.plan,
        metadata: seen.metadata,
        children: seen.children,
        id_field: &job.id_field,
        list,
    }
}

impl Job {
    /// An id of another shape than the provider's is an id that does not exist.
    pub(crate) fn check_id(&self, id: &str) -> Result<(), Error> {
        if self.plan.accepts_id(&self.document, id) {
            Ok(())
        } else {
            Err(Error::NotFound {
                resource: self.plan.resource.clone(),
            })
        }
    }

    /// Reads one record and maps it.
    pub(crate) async fn read(
        &self,
        id: &str,
        query: &ListQuery,
        method: Method,
    ) -> Result<Outcome<Value>, Error> {
        if self.is_requested()? {
            return self.requested_record(id, query, method).await;
        }
        let compile = |seen: Seen<'_>, _: Option<&QueryValue>| compiler(self, seen, query).get(id);
        let (sent, metadata) = match self.unified.attempt(self, method, query, compile).await? {
            Attempt::DryRun(outcome) => return Ok(outcome),
            Attempt::Sent(sent, metadata) => (sent, metadata),
        };
        let Sent {
            compiled,
            reply,
            value,
        } = *sent;
        let raw = self.raw(&compiled.statement, value);
        let mapped = self
            .map(method, raw.records, reply.body.len(), &metadata, query, &reply)
            .await?;
        let mut warnings = compiled.warnings;
        warnings.extend(raw.warnings);
        self.one(mapped, warnings, reply.quotas)
    }

    /// The answer that holds the first of the mapped records, `warnings` before those of its mapping.
    pub(crate) fn one(
        &self,
        mapped: Mapped,
        mut warnings: Vec<String>,
        quotas: Vec<QuotaReading>,
    ) -> Result<Outcome<Value>, Error> {
        let record = mapped.records.into_iter().next().map(Value::from);
        let record = record.ok_or_else(|| Error::NotFound {
            resource: self.plan.resource.clone(),
        })?;
        warnings.extend(mapped.warnings);
        Ok(Outcome::Done(Answer {
            etag: self.etag(&record),
            value: record,
            quotas,
            warnings,
        }))
    }

    /// What the document's own query mapping answers, when it has one.
    async fn query_value(
        &self,
        list: &ListQuery,
        metadata: &Arc<ObjectMetadata>,
    ) -> Result<Option<QueryValue>, Error> {
        if !self.plan.has_query_mapping(Method::List) {
            return Ok(None);
        }
        let plan = Arc::clone(&self.plan);
        let metadata = Arc::clone(metadata);
        let query = list.binding();
        let context = self.context();
        let connection = self.connection_facts();
        let budget = self.budget();
        let size_bytes = if plan.has_override(Method::List) {
            usize::MAX
        } else {
            0
        };
        run(size_bytes, move || {
            let input = QueryInput {
                query: &query,
                body: &Value::Null,
                context: &context,
                connection: &connection,
                id: None,
                field_kinds: &kinds(&metadata),
            };
            Ok(plan.query(Method::List, &input, &budget)?)
        })
        .await
    }
}
