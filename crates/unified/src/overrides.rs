//! Mapping overrides: checked before they are kept, tried on a real record, seen merged.

use std::sync::Arc;

use mapping::{Method, OverrideSource};
use serde_json::{Value, json};
use store::{Connection, OverrideLevel, Tenant};

use crate::Error;
use crate::parameters::ListQuery;
use crate::pipeline::{Outcome, Unified, level_name};

impl Unified {
    /// Checks an override as it would be kept: parsed, compiled, laid over the levels below it.
    pub fn check_override(&self, provider: &str, resource: &str, document: &str) -> Result<(), Error> {
        if document.len() > self.limits.mapping_document_max_bytes {
            return Err(Error::InvalidBody {
                field: Some("document".to_owned()),
                message: format!(
                    "the document has {} bytes; at most {} are kept",
                    document.len(),
                    self.limits.mapping_document_max_bytes
                ),
                allowed: Vec::new(),
            });
        }
        self.document(provider)?;
        self.catalog
            .check_override(provider, resource, document)
            .map_err(Error::InvalidOverride)
    }

    /// Shows what an override would do: the merged plan, and the given record (or the first one) before and after.
    pub async fn preview(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        document: &str,
        level: &OverrideLevel,
        record_id: Option<&str>,
    ) -> Result<Value, Error> {
        self.check_override(&connection.provider, resource, document)?;
        let kept = self.store.overrides_for(tenant, connection, resource).await?;
        let wanted = level_name(level);
        let mut sources: Vec<OverrideSource<'_>> = kept
            .iter()
            .filter(|own| level_name(&own.level) != wanted)
            .map(|own| OverrideSource {
                level_name: level_name(&own.level),
                document: &own.document,
            })
            .collect();
        let mine = OverrideSource {
            level_name: wanted,
            document,
        };
        // Levels are laid tenant first, then connection.
        match level {
            OverrideLevel::Tenant => sources.insert(0, mine),
            OverrideLevel::Connection(_) => sources.push(mine),
        }
        let plan = self.plan(&connection.provider, resource, &sources)?;
        let now = self.job(tenant, connection, resource, Method::Get).await?;
        let then = self.job_with(tenant, connection, plan)?;
        let id = match record_id {
            Some(id) => id.to_owned(),
            None => self.first_id(tenant, connection, resource).await?,
        };
        now.check_id(&id)?;
        let query = ListQuery {
            include_remote_data: true,
            ..ListQuery::default()
        };
        let before = now.read(&id, &ListQuery::default(), Method::Get).await?;
        let after = then.read(&id, &query, Method::Get).await?;
        Ok(json!({
            "record_id": id,
            "before": value(before),
            "after": value(after),
            "sources": then.plan.sources,
        }))
    }

    async fn first_id(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
    ) -> Result<String, Error> {
        let parameters = vec![
            ("limit".to_owned(), "1".to_owned()),
            ("fields".to_owned(), "id".to_owned()),
        ];
        let page = self.list(tenant, connection, resource, &parameters).await?;
        let Outcome::Done(answer) = page else {
            return Err(Error::NotFound {
                resource: resource.to_owned(),
            });
        };
        let id = answer.value.result.first().and_then(|record| record.text("id"));
        id.map(str::to_owned).ok_or_else(|| Error::NotFound {
            resource: resource.to_owned(),
        })
    }

    /// The merged mapping of a connection's resource, the level each part came from, and what callers may ask of it.
    pub async fn meta(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
    ) -> Result<Value, Error> {
        let job = self.job(tenant, connection, resource, Method::List).await?;
        Ok(job.plan.description())
    }
}

fn value(outcome: Outcome<Value>) -> Value {
    match outcome {
        Outcome::Done(answer) => answer.value,
        Outcome::DryRun(value) => value,
    }
}
