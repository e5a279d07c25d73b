//! The objects that a connection's user sees.

use std::sync::Arc;

use serde_json::Value;
use store::{Connection, Tenant};

use crate::Providers;
use crate::call::{Call, CallError};
use crate::metadata::{MetadataKey, key};

/// A list of objects and when it was read, ms since 1970.
pub(crate) struct CachedObjects {
    objects: Arc<Vec<Value>>,
    read_at_ms: i64,
}

/// Lists of objects remembered on this node; an org of a thousand objects takes about 300 KiB.
pub(crate) type ObjectCache = moka::sync::Cache<MetadataKey, Arc<CachedObjects>>;

impl Providers {
    /// The objects that the connection's user sees, as the document maps the provider's list; remembered as long as
    /// descriptions of objects are.
    pub async fn objects(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
    ) -> Result<Arc<Vec<Value>>, CallError> {
        let inner = &self.inner;
        let now_ms = inner.clock.now_ms();
        let ttl_ms = inner.settings.limits.metadata_ttl_ms;
        if let Some(cached) = inner.objects.get(&key(connection, ""))
            && (0..ttl_ms).contains(&now_ms.saturating_sub(cached.read_at_ms))
        {
            return Ok(Arc::clone(&cached.objects));
        }
        let document = &inner.settings.provider(&connection.provider)?.document;
        let Some(path) = document.metadata.objects_path.as_deref() else {
            return Err(CallError::Misconfigured {
                what: format!("provider `{}` cannot list its objects", document.name),
            });
        };
        let reply = inner.send(tenant, connection, Call::get(path)).await?;
        if !reply.status.is_success() {
            return Err(CallError::Rejected {
                reply: Arc::new(reply),
            });
        }
        let objects = Arc::new(document.objects(&reply.value())?);
        inner.objects.insert(
            key(connection, ""),
            Arc::new(CachedObjects {
                objects: Arc::clone(&objects),
                read_at_ms: now_ms,
            }),
        );
        Ok(objects)
    }
}
