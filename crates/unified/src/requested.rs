//! Lists and single records of providers whose requests an expression makes (`query.language: json_body`).

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use mapping::{
    FieldKind, FieldMetadata, Method, ObjectMetadata, RequestCall, RequestInput, Requested, value_at,
};
use provider::Call;
use serde_json::{Value, json};

use crate::children::Children;
use crate::cursor::{self, Position, Scope};
use crate::parameters::{Filter, ListQuery, Target};
use crate::pipeline::{Answer, Job, Outcome, Page, method, run};
use crate::query::Compiler;
use crate::terms::{self, Groups};
use crate::{Error, filter, select};

/// Filters of a request come to an expression's input of this size at most, bytes, on the thread that asks.
const INLINE_MAX_BYTES: usize = 0;

/// What is asked for, understood.
pub(crate) struct Asked {
    select: Vec<String>,
    groups: Value,
    sorts: Value,
    warnings: Vec<String>,
}

impl Job {
    /// One page of the resource.
    pub(crate) async fn requested_list(
        &self,
        list: &ListQuery,
        scope: &Scope<'_>,
        position: Option<&Position>,
        limit: u32,
    ) -> Result<Outcome<Page>, Error> {
        let metadata = self.metadata().await?;
        let asked = self.asked(&metadata, list)?;
        let (call, mut warnings) = self.request(&asked, list, position, None, limit).await?;
        if list.dry_run {
            return self.dry_run(&call, None);
        }
        let (reply, mut value) = self.send(call).await?;
        let page = &self.document.page;
        let next = page.next.as_deref().and_then(|path| value_at(&value, path));
        let next = next.filter(|next| !next.is_null()).cloned();
        let total_count = page
            .total
            .as_deref()
            .and_then(|path| value_at(&value, path)?.as_u64());
        let mut records = records_at(&mut value, &page.records);
        let told = position.and_then(|position| position.told);
        if let (Some(position), Some(told)) = (position, told) {
            records.drain(..self.told_before(&records, &position.id, told));
        }
        let is_whole = next.is_none();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rest = records.len().saturating_sub(limit);
        records.truncate(limit);
        let last_id = records
            .last()
            .and_then(|record| record.get(self.id_field.as_str())?.as_str());
        let told = told.unwrap_or_default() + records.len();
        // A search has one page: its order is the provider's own.
        let next_cursor = match next {
            _ if list.search_term.is_some() || is_whole && rest == 0 => None,
            next => {
                let position = Position {
                    values: Vec::new(),
                    id: last_id.unwrap_or_default().to_owned(),
                    after: next,
                    part: None,
                    told: is_whole.then_some(told),
                };
                let unified = &self.unified;
                let expires_at_ms = unified.clock.now_ms() + unified.limits.cursor_ttl_ms;
                Some(cursor::seal(&unified.store, scope, position, expires_at_ms)?)
            }
        };
        self.tell_missing(&asked, &metadata, &records, &mut warnings);
        let mapped = self
            .map(Method::List, records, reply.body.len(), &metadata, list, &reply)
            .await?;
        warnings.extend(mapped.warnings);
        Ok(Outcome::Done(Answer {
            value: Page {
                result_count: mapped.records.len(),
                result: mapped.records,
                next_cursor,
                prev_cursor: None,
                total_count,
                warnings,
            },
            quotas: reply.quotas,
            warnings: Vec::new(),
            etag: None,
        }))
    }

    /// One record by its id.
    pub(crate) async fn requested_record(
        &self,
        id: &str,
        list: &ListQuery,
        kind: Method,
    ) -> Result<Outcome<Value>, Error> {
        let metadata = self.metadata().await?;
        let asked = self.asked(&metadata, list)?;
        let (call, mut warnings) = self.request(&asked, list, None, Some(id), 1).await?;
        if list.dry_run {
            return self.dry_run(&call, None);
        }
        let (reply, mut value) = self.send(call).await?;
        // A route of one record answers the record itself; one of many answers a page of one.
        let records = match value_at(&value, &self.document.page.records) {
            Some(Value::Array(_)) => records_at(&mut value, &self.document.page.records),
            _ => vec![value],
        };
        self.tell_missing(&asked, &metadata, &records, &mut warnings);
        let mapped = self
            .map(kind, records, reply.body.len(), &metadata, list, &reply)
            .await?;
        self.one(mapped, warnings, reply.quotas)
    }

    /// How many of the records of a list that is always answered whole were told on earlier pages, of which `id` was the
    /// last; `told` of them, where that one is gone.
    fn told_before(&self, records: &[Value], id: &str, told: usize) -> usize {
        let is_last = |record: &Value| record.get(self.id_field.as_str()).and_then(Value::as_str) == Some(id);
        let place = records.iter().position(is_last);
        place.map_or(told.min(records.len()), |place| place + 1)
    }

    fn asked(&self, metadata: &ObjectMetadata, list: &ListQuery) -> Result<Asked, Error> {
        let compiler = Compiler {
            plan: &self.plan,
            metadata,
            children: &Children::new(),
            id_field: &self.id_field,
            list,
        };
        let mut all: Vec<Groups> = terms::only(&self.plan, metadata);
        for filter in &list.filters {
            all.push(compiler.terms(filter)?);
        }
        let mut any: Vec<Vec<Groups>> = Vec::new();
        for group in list.groups.iter().filter(|group| !group.is_empty()) {
            any.push(
                group
                    .iter()
                    .map(|filter| compiler.terms(filter))
                    .collect::<Result<_, _>>()?,
            );
        }
        let sorts: Vec<Value> = compiler
            .sort_fields()?
            .into_iter()
            .map(|(field, descending, name)| {
                json!({ "field": field, "descending": descending, "parameter": format!("sort_by[{name}]") })
            })
            .collect();
        let (select, warnings) = compiler.names();
        Ok(Asked {
            select,
            groups: terms::described(&terms::groups(all, any)?),
            sorts: Value::Array(sorts),
            warnings,
        })
    }

    /// The call that the document's expression makes of it.
    async fn request(
        &self,
        asked: &Asked,
        list: &ListQuery,
        position: Option<&Position>,
        id: Option<&str>,
        limit: u32,
    ) -> Result<(Call, Vec<String>), Error> {
        let (plan, document) = (Arc::clone(&self.plan), Arc::clone(&self.document));
        let (select, groups, sorts) = (asked.select.clone(), asked.groups.clone(), asked.sorts.clone());
        let (position, id) = (position.cloned(), id.map(str::to_owned));
        let (search_term, include_deleted) = (list.search_term.clone(), list.include_deleted);
        let requested = run(INLINE_MAX_BYTES, move || {
            let input = RequestInput {
                object: &plan.object,
                id: id.as_deref(),
                select: &select,
                groups: &groups,
                sorts: &sorts,
                limit,
                cursor: position.as_ref().and_then(|position| position.after.as_ref()),
                last_id: position
                    .as_ref()
                    .map(|position| position.id.as_str())
                    .filter(|id| !id.is_empty()),
                search_term: search_term.as_deref(),
                include_deleted,
            };
            Ok(plan.request(&document, &input)?)
        })
        .await?;
        match requested {
            Requested::Refused(refused) => Err(Error::InvalidParameter {
                parameter: refused.parameter,
                message: refused.message,
                allowed: refused.allowed,
            }),
            Requested::Call(RequestCall {
                method: name,
                path,
                parameters,
                body,
                warnings,
            }) => {
                let mut call = Call::get(path);
                call.method = method(&name);
                call.query = parameters;
                call.body = body.map(|body| Bytes::from(body.to_string()));
                let mut told = asked.warnings.clone();
                told.extend(warnings);
                Ok((call, told))
            }
        }
    }

    /// Tells of fields that were asked for and stand in no record, where the provider answers each it has.
    fn tell_missing(
        &self,
        asked: &Asked,
        metadata: &ObjectMetadata,
        records: &[Value],
        warnings: &mut Vec<String>,
    ) {
        let records_of = &self.document.records;
        let Some(key) = records_of
            .fields_key
            .as_deref()
            .filter(|_| records_of.answers_empty_fields)
        else {
            return;
        };
        let answered: HashSet<&str> = records
            .iter()
            .filter_map(|record| record.get(key)?.as_object())
            .flat_map(|fields| fields.keys().map(String::as_str))
            .collect();
        if answered.is_empty() {
            return;
        }
        for name in asked
            .select
            .iter()
            .filter(|name| !answered.contains(name.as_str()))
        {
            if self.plan.fields.contains(name) && !self.plan.optional_fields.contains(name) {
                warnings.push(select::missing(&self.plan, metadata, name));
            }
        }
    }
}

impl Compiler<'_> {
    /// One filter as an or of ands.
    fn terms(&self, filter: &Filter) -> Result<Groups, Error> {
        if let Target::Unified(name) = &filter.target
            && let Some(rule) = self.plan.filters.get(name)
            && !rule.values.is_empty()
        {
            self.check_values(filter, rule)?;
            return terms::of_values(filter, rule);
        }
        match self.field_of(filter)? {
            Some((name, kind)) => terms::of_field(filter, name, kind),
            None => Err(filter::wrong(filter, "it cannot be filtered by")),
        }
    }

    /// The fields to read, by name, and what the caller should know about those that cannot be.
    fn names(&self) -> (Vec<String>, Vec<String>) {
        let (mut names, mut warnings): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for name in self
            .plan
            .fields
            .iter()
            .filter(|name| !self.plan.is_envelope(name))
        {
            if self.metadata.field(name).is_some() {
                names.push(name.clone());
            } else if !self.plan.optional_fields.contains(name) {
                warnings.push(select::missing(self.plan, self.metadata, name));
            }
        }
        let is_own = |field: &&FieldMetadata| {
            field.is_custom && !matches!(field.kind, FieldKind::Address | FieldKind::Other)
        };
        if self.wants_custom_fields() {
            for field in self.metadata.fields.iter().filter(is_own) {
                if !names.contains(&field.name) {
                    names.push(field.name.clone());
                }
            }
        }
        (names, warnings)
    }
}

fn records_at(value: &mut Value, path: &str) -> Vec<Value> {
    let found = path.split('.').try_fold(value, |value, part| value.get_mut(part));
    match found.map(Value::take) {
        Some(Value::Array(records)) => records,
        _ => Vec::new(),
    }
}
