//! Who is calling. These values can only be made by this crate, by authenticating a key or by finishing a connect
//! transaction, so a function that takes one need not ask again.

use std::sync::Arc;

use model::{ApiKeyId, TenantId};

/// Proof that the caller acts for a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tenant {
    id: Arc<TenantId>,
}

impl Tenant {
    pub(crate) fn new(id: TenantId) -> Self {
        Self { id: Arc::new(id) }
    }

    /// The tenant's id.
    pub fn id(&self) -> &TenantId {
        &self.id
    }
}

/// Proof that the caller is the operator of this gateway.
#[derive(Debug, Clone)]
pub struct Operator {
    _made_here: (),
}

impl Operator {
    pub(crate) const fn new() -> Self {
        Self { _made_here: () }
    }
}

/// A caller that presented a tenant's key.
#[derive(Debug, Clone)]
pub struct TenantCaller {
    /// The tenant.
    pub tenant: Tenant,
    /// Which of the tenant's keys.
    pub key_id: ApiKeyId,
    /// What the key may do; empty means everything a tenant may do.
    pub scopes: Vec<String>,
}

/// Whoever presented a valid key.
#[derive(Debug, Clone)]
pub enum Caller {
    /// A tenant.
    Tenant(TenantCaller),
    /// The operator of this gateway.
    Operator(Operator),
}
