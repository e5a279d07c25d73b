//! What can be done with a record besides reading and writing it: a lead becomes an account, a contact and a deal.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderName;
use http::header::{CONTENT_TYPE, HeaderValue};
use mapping::{Acted, ActionBody, ActionCall, Method, QueryInput};
use provider::{Call, CallError, PathRoot, Reply};
use serde_json::{Value, json};
use store::{Connection, Tenant};

use crate::Error;
use crate::body::invalid;
use crate::parameters::{self, Parameters};
use crate::pipeline::{Job, Outcome, Unified, method, run};
use crate::write::id_only;

/// The action behind [`Unified::convert`], and what a resource without it cannot be.
const CONVERT: (&str, &str) = ("convert", "converted");
/// The expressions of actions are the documents' own, and read one small body.
const INLINE_MAX_BYTES: usize = 0;

impl Unified {
    /// Converts a record into what it stands for and answers it as the provider now has it; with `is_minimal`, only its
    /// id.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is one part of the request; a struct would only rename them"
    )]
    pub async fn convert(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        resource: &str,
        id: &str,
        parameters: &Parameters,
        body: Value,
        is_minimal: bool,
    ) -> Result<Outcome<Value>, Error> {
        let (action, participle) = CONVERT;
        let job = self
            .job_of_record(tenant, connection, resource, id, Method::Get)
            .await?;
        let takes = job.plan.action_takes(action).ok_or_else(|| Error::Unsupported {
            resource: job.plan.resource.clone(),
            method: participle,
        })?;
        let query = parameters::record_query(parameters, &job.plan)?;
        job.check_id(id)?;
        let fields = body
            .as_object()
            .ok_or_else(|| invalid(None, "expected a JSON object".to_owned(), takes.to_vec()))?;
        if let Some(strange) = fields.keys().find(|name| !takes.contains(name)) {
            let message = format!("`{strange}` is not known here");
            return Err(invalid(Some(strange), message, takes.to_vec()));
        }
        let call = job.action_call(action, id, body).await?;
        if query.dry_run {
            return job.dry_run(&call, None);
        }
        let reply = self.providers.send(tenant, connection, call).await?;
        job.check_done(action, &reply)?;
        if is_minimal {
            return Ok(Outcome::Done(id_only(id, reply.quotas)));
        }
        Ok(job.read_back(id, &query, reply.quotas).await)
    }
}

impl Job {
    async fn action_call(&self, action: &'static str, id: &str, body: Value) -> Result<Call, Error> {
        let plan = Arc::clone(&self.plan);
        let (context, connection) = (self.context(), self.connection_facts());
        let (budget, id) = (self.budget(), id.to_owned());
        let acted = run(INLINE_MAX_BYTES, move || {
            let input = QueryInput {
                query: &json!({}),
                body: &body,
                context: &context,
                connection: &connection,
                id: Some(&id),
                field_kinds: &|_| None,
            };
            Ok(plan.action(action, &input, &budget)?)
        })
        .await?;
        match acted {
            Acted::Refused(refused) => Err(invalid(Some(&refused.field), refused.message, refused.allowed)),
            Acted::Call(call) => written(call),
        }
    }

    /// Whether a reply says that the action was done; if not, the provider's error in our words.
    fn check_done(&self, action: &str, reply: &Reply) -> Result<(), Error> {
        let status = reply.status.as_u16();
        let value = reply.value();
        let read = self
            .plan
            .action_reply(action, status, &reply.headers_value(), &value, &self.budget())?;
        match read.failed {
            Some(failed) => Err(self.rejected(reply.clone(), failed.status, &failed.body)),
            None if !reply.status.is_success() => Err(self.rejected(reply.clone(), status, &value)),
            None if read.is_done => Ok(()),
            // It may have been done: the caller must look before trying again.
            None => Err(Error::Call(CallError::BadReply {
                what: "a reply that does not say whether it was done",
            })),
        }
    }
}

/// A document's call as the provider's crate sends it.
fn written(told: ActionCall) -> Result<Call, Error> {
    let mut call = Call::get(told.path);
    call.root = PathRoot::Host;
    call.method = method(&told.method);
    for (name, value) in told.headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .zip(HeaderValue::from_str(&value).ok())
            .ok_or_else(|| CallError::Misconfigured {
                what: format!("actions: `{name}` is not a header"),
            })?;
        call.headers.push(header);
    }
    match told.body {
        ActionBody::Json(body) => call.body = Some(Bytes::from(body.to_string())),
        ActionBody::Xml(document) => {
            let xml = HeaderValue::from_static("text/xml; charset=utf-8");
            call.headers.push((CONTENT_TYPE, xml));
            call.credential_at = document.credential_at;
            call.body = Some(Bytes::from(document.text));
        }
    }
    Ok(call)
}
