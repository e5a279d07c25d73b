//! Who changed what: every change through a management route is written to the audit log, made or refused.

use std::sync::{Arc, OnceLock};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use model::{RequestId, TenantId};
use store::{Caller, NewAuditEntry};

use crate::state::App;

/// How the operator stands in the log.
const OPERATOR: &str = "operator";

/// Who acts, filled in when the key is checked: a request without a valid key changes nothing and is not logged here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actor(Arc<OnceLock<(String, Option<TenantId>)>>);

impl Actor {
    pub(crate) fn set(&self, caller: &Caller) {
        let actor = match caller {
            Caller::Operator(_) => (OPERATOR.to_owned(), None),
            Caller::Tenant(caller) => (
                caller.key_id.as_str().to_owned(),
                Some(caller.tenant.id().clone()),
            ),
        };
        // A request has one caller; a second extractor would set the same.
        let _ = self.0.set(actor);
    }
}

/// What a change made or concerned, and the tenant, when the operator changed a tenant's matter.
#[derive(Debug, Clone)]
struct Subject {
    id: String,
    tenant: Option<TenantId>,
}

/// Tells the log what a change made or concerned, where the path does not.
pub(crate) fn about(
    mut response: Response,
    id: impl std::fmt::Display,
    tenant: Option<&TenantId>,
) -> Response {
    let subject = Subject {
        id: id.to_string(),
        tenant: tenant.cloned(),
    };
    response.extensions_mut().insert(subject);
    response
}

/// The layer around routes that change what belongs to the operator or a tenant; `action` is the operation's id.
pub(crate) async fn record(
    State((app, action)): State<(App, &'static str)>,
    mut request: Request,
    next: Next,
) -> Response {
    if *request.method() == Method::GET {
        return next.run(request).await;
    }
    let actor = Actor::default();
    request.extensions_mut().insert(actor.clone());
    let path = request.uri().path().to_owned();
    let request_id = request.extensions().get::<RequestId>().cloned();
    let mut response = next.run(request).await;
    let Some((actor, own_tenant)) = actor.0.get().cloned() else {
        return response;
    };
    let subject = response.extensions_mut().remove::<Subject>();
    let (subject, tenant) = subject.map_or((None, None), |subject| (Some(subject.id), subject.tenant));
    let entry = NewAuditEntry {
        tenant_id: own_tenant.or(tenant),
        actor,
        action,
        path,
        subject,
        status: response.status().as_u16(),
        request_id: request_id.map(String::from).unwrap_or_default(),
    };
    // The change has happened: an answer of failure would be untrue. What is lost here is counted and logged.
    if let Err(error) = app.store.record_audit(entry).await {
        metrics::counter!("crosswalk_audit_lost_total").increment(1);
        tracing::error!(action, %error, "a change could not be written to the audit log");
    }
    response
}
