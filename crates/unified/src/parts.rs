//! Resources of several documents: tasks and events are all engagements. A list goes through the documents one after the
//! other, each page asking for records of one of them; a record is of the document whose ids look like its own.

use std::sync::Arc;

use mapping::{Method, ObjectMetadata, Plan};
use store::{Connection, Tenant};

use crate::Error;
use crate::parameters::{Filter, ListQuery, Target};
use crate::pipeline::{Job, Unified};

/// What the provider says of no such object.
const NOT_FOUND: &str = "not_found";

/// The document that a page of a list is of, and what follows it.
pub(crate) struct Turn {
    pub(crate) job: Job,
    /// The further document that the page is of; `None` for the first one.
    pub(crate) part: Option<String>,
    /// The further document whose records come when this one's are all told.
    pub(crate) next: Option<String>,
    pub(crate) warnings: Vec<String>,
}

/// Whether a document's records can be part of a list.
enum Fit {
    Yes,
    /// The provider has no such object, or the connection's user does not see it.
    Absent,
    /// It cannot be filtered by this parameter.
    Not(String),
}

impl Unified {
    /// The job of a record's own document.
    pub(crate) async fn job_of_record(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        id: &str,
        method: Method,
    ) -> Result<Job, Error> {
        let plan = self.plan_of(tenant, connection, resource, None).await?;
        let plan = match plan.part_of(id) {
            Some(part) => self.plan_of(tenant, connection, resource, Some(part)).await?,
            None => plan,
        };
        self.job_of(tenant, connection, plan, method)
    }

    /// The document of the page that a list of `first`'s resource stands at, and what comes after it.
    pub(crate) async fn turn(
        &self,
        first: Job,
        resource: &str,
        list: &ListQuery,
        part: Option<&str>,
    ) -> Result<Turn, Error> {
        let parts: Vec<String> = first.plan.parts().map(str::to_owned).collect();
        let mut warnings = Vec::new();
        let later = match part {
            None => 0,
            // The documents are part of what a cursor is bound to: one that names another was made by other documents.
            Some(part) => {
                1 + parts
                    .iter()
                    .position(|name| name == part)
                    .ok_or(Error::InvalidCursor)?
            }
        };
        if parts.is_empty() || list.search_term.is_some() {
            if !parts.is_empty() {
                warnings.push(format!("the search looks at {} only", first.plan.object));
            }
            return Ok(Turn {
                job: first,
                part: None,
                next: None,
                warnings,
            });
        }
        let mut next = None;
        for name in parts.iter().skip(later) {
            let job = self.job_of_part(&first, resource, name).await?;
            match job.fits(list).await? {
                Fit::Yes => {
                    next = Some(name.clone());
                    break;
                }
                Fit::Absent => {}
                Fit::Not(parameter) => warnings.push(format!(
                    "records of {} are left out: they cannot be filtered by `{parameter}`",
                    job.plan.object
                )),
            }
        }
        if !list.sorts.is_empty() {
            warnings.push(format!(
                "sorted among records of {} only, those of other objects come before and after them",
                match part {
                    Some(name) => self
                        .job_of_part(&first, resource, name)
                        .await?
                        .plan
                        .object
                        .clone(),
                    None => first.plan.object.clone(),
                }
            ));
        }
        let job = match part {
            Some(name) => self.job_of_part(&first, resource, name).await?,
            None => first,
        };
        Ok(Turn {
            job,
            part: part.map(str::to_owned),
            next,
            warnings,
        })
    }

    async fn job_of_part(&self, first: &Job, resource: &str, part: &str) -> Result<Job, Error> {
        let (tenant, connection) = (&first.tenant, &first.connection);
        let plan = self.plan_of(tenant, connection, resource, Some(part)).await?;
        self.job_of(tenant, connection, plan, Method::List)
    }
}

impl Job {
    async fn fits(&self, list: &ListQuery) -> Result<Fit, Error> {
        let metadata = match self.metadata().await {
            Ok(metadata) => metadata,
            Err(Error::Rejected(told)) if told.fault.code == NOT_FOUND => return Ok(Fit::Absent),
            Err(error) => return Err(error),
        };
        let mut filters = list.filters.iter().chain(list.groups.iter().flatten());
        let strange = filters.find(|filter| !takes(&self.plan, &metadata, filter));
        Ok(strange.map_or(Fit::Yes, |filter| Fit::Not(filter.parameter.clone())))
    }
}

/// Whether records of a document can be filtered so.
fn takes(plan: &Plan, metadata: &ObjectMetadata, filter: &Filter) -> bool {
    match &filter.target {
        Target::Unified(name) => {
            plan.filters.contains_key(name)
                || plan.field_map.contains_key(name)
                || plan.query_mapping_reads(Method::List, name)
        }
        Target::Custom(name) => {
            let field = metadata.field(name);
            field.is_some_and(|field| field.is_custom && field.is_filterable)
        }
    }
}
