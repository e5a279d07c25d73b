//! One cheap call that shows whether a connection works.

use std::sync::Arc;

use store::{Connection, Tenant};

use crate::Providers;
use crate::call::{Call, CallError, PathRoot, Reply};

impl Providers {
    /// Makes the call that the provider's document names for this, refreshing the token if it is over. None when the
    /// document names none.
    pub async fn probe(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
    ) -> Option<Result<Reply, CallError>> {
        let configured = match self.inner.settings.provider(&connection.provider) {
            Ok(configured) => configured,
            Err(error) => return Some(Err(error.into())),
        };
        let probe = configured.document.probe.as_ref()?;
        let call = Call {
            root: PathRoot::Host,
            ..Call::get(probe.path.as_str())
        };
        Some(self.inner.send(tenant, connection, call).await)
    }
}
