//! Descriptions of a connection's objects: cached, re-read in the background, each read once for all who ask.

use std::sync::Arc;

use http::StatusCode;
use http::header::{DATE, HeaderValue, IF_MODIFIED_SINCE, LAST_MODIFIED};
use mapping::ObjectMetadata;
use model::ConnectionId;
use serde_json::{Value, json};
use store::{Connection, NewEvent, Tenant};

use crate::call::{Call, CallError, Reply};
use crate::paths::{PathError, escape_component};
use crate::single_flight::Waiting;
use crate::{Inner, Providers};

/// The event of an org whose fields changed.
const DRIFT: &str = "connection.schema_drift";
const DAY_MS: i64 = 86_400_000;

/// Connection; its account, which a reconnection may change, and object, the object's name in lower case: providers take either.
pub(crate) type MetadataKey = (ConnectionId, String);

/// A description and what is needed to ask for it again.
#[derive(Debug)]
pub(crate) struct CachedMetadata {
    metadata: Arc<ObjectMetadata>,
    /// What to send as `If-Modified-Since`.
    modified: Option<HeaderValue>,
    read_at_ms: i64,
}

impl CachedMetadata {
    /// About how many bytes of memory it takes.
    pub(crate) fn weight_bytes(&self) -> usize {
        size_of::<Self>() + self.metadata.weight_bytes()
    }
}

impl Providers {
    /// An object as this connection's user sees it.
    ///
    /// Younger than `metadata_ttl_ms`: from the cache. Older: from the cache too, while it is read again in the
    /// background. Unknown: read now. An error status of the provider gives [`CallError::Rejected`].
    pub async fn object_metadata(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        object: &str,
    ) -> Result<Arc<ObjectMetadata>, CallError> {
        let inner = &self.inner;
        let Some(cached) = inner.metadata.get(&key(connection, object)) else {
            return inner.read_metadata(tenant, connection, object).await;
        };
        let age_ms = inner.clock.now_ms().saturating_sub(cached.read_at_ms);
        if age_ms >= inner.settings.limits.metadata_ttl_ms {
            // Not waited for: the one who asks gets what is at hand.
            let _reading = inner.start_reading(tenant, connection, object);
        }
        Ok(Arc::clone(&cached.metadata))
    }

    /// Reads an object's description again, now: after the provider said that a field is unknown.
    pub async fn reread_metadata(
        &self,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        object: &str,
    ) -> Result<Arc<ObjectMetadata>, CallError> {
        // Not asked conditionally: `Last-Modified` counts seconds, and what was hidden a moment ago is the question.
        let key = key(connection, object);
        if let Some(cached) = self.inner.metadata.get(&key) {
            let unconditional = CachedMetadata {
                metadata: Arc::clone(&cached.metadata),
                modified: None,
                read_at_ms: cached.read_at_ms,
            };
            self.inner.metadata.insert(key, Arc::new(unconditional));
        }
        self.inner.read_metadata(tenant, connection, object).await
    }
}

/// The key of an object; of none, that of the list of them.
pub(crate) fn key(connection: &Connection, object: &str) -> MetadataKey {
    let account = connection.account_id.as_deref().unwrap_or_default();
    let mut text = String::with_capacity(account.len() + 1 + object.len());
    text.push_str(account);
    text.push('\n');
    text.extend(object.chars().map(|character| character.to_ascii_lowercase()));
    (connection.id.clone(), text)
}

impl Inner {
    /// Starts reading at once, or joins the read under way.
    fn start_reading(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        object: &str,
    ) -> Waiting<Result<Arc<ObjectMetadata>, CallError>> {
        self.metadata_reads
            .run(&key(connection, object), &self.tracker, || {
                let (inner, tenant, connection) = (Arc::clone(self), tenant.clone(), Arc::clone(connection));
                let object = object.to_owned();
                async move { inner.fetch_metadata(&tenant, &connection, &object).await }
            })
    }

    async fn read_metadata(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        object: &str,
    ) -> Result<Arc<ObjectMetadata>, CallError> {
        let reading = self.start_reading(tenant, connection, object);
        reading.value().await.unwrap_or(Err(CallError::BadReply {
            what: "a description that could not be read",
        }))
    }

    async fn fetch_metadata(
        self: &Arc<Self>,
        tenant: &Tenant,
        connection: &Arc<Connection>,
        object: &str,
    ) -> Result<Arc<ObjectMetadata>, CallError> {
        let document = &self.settings.provider(&connection.provider)?.document;
        let Some(template) = document.metadata.describe_path.as_deref() else {
            return Err(CallError::Misconfigured {
                what: format!("provider `{}` cannot describe objects", document.name),
            });
        };
        // A name, never a path: escaped it would stay in its segment, but no object is called so.
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if !object.bytes().all(is_name) {
            return Err(CallError::BadPath {
                reason: PathError::Character,
            });
        }
        let mut escaped = String::with_capacity(object.len());
        escape_component(&mut escaped, object);
        let mut call = Call::get(template.replace("{object}", &escaped));
        let key = key(connection, object);
        let cached = self.metadata.get(&key);
        if let Some(modified) = cached.as_ref().and_then(|cached| cached.modified.clone()) {
            call.headers.push((IF_MODIFIED_SINCE, modified));
        }
        let reply = self.send(tenant, connection, call).await?;
        let (metadata, modified) = match cached {
            Some(cached) if reply.status == StatusCode::NOT_MODIFIED => {
                (Arc::clone(&cached.metadata), cached.modified.clone())
            }
            cached if reply.status.is_success() => {
                let mut metadata = document.object_metadata(object, &reply.value())?;
                if let Some(earlier) = cached {
                    metadata = metadata.since(&earlier.metadata);
                    self.tell_drift(tenant, connection, &earlier.metadata, &metadata, &reply)
                        .await;
                }
                (Arc::new(metadata), modified(&reply))
            }
            _ => {
                return Err(CallError::Rejected {
                    reply: Arc::new(reply),
                });
            }
        };
        let read_at_ms = self.clock.now_ms();
        self.metadata.insert(
            key,
            Arc::new(CachedMetadata {
                metadata: Arc::clone(&metadata),
                modified,
                read_at_ms,
            }),
        );
        Ok(metadata)
    }

    /// Tells of fields that were there at the last reading, and of those that are of another kind now: a customer changed
    /// the org, or the user's rights.
    async fn tell_drift(
        &self,
        tenant: &Tenant,
        connection: &Connection,
        earlier: &ObjectMetadata,
        now: &ObjectMetadata,
        reply: &Reply,
    ) {
        let gone = now.gone().filter(|name| earlier.field(name).is_some());
        let gone: Vec<Value> = gone
            .map(|name| json!({ "field": name, "now_perhaps": now.likely_successor(name).map(|field| &field.name) }))
            .collect();
        let retyped = now.fields.iter().filter_map(|field| {
            let before = earlier.field(&field.name)?.kind;
            (before != field.kind).then(|| json!({ "field": field.name, "from": before, "to": field.kind }))
        });
        let retyped: Vec<Value> = retyped.collect();
        if gone.is_empty() && retyped.is_empty() {
            return;
        }
        metrics::counter!("crosswalk_schema_drift_total", "provider" => connection.provider.clone())
            .increment((gone.len() + retyped.len()) as u64);
        let data = json!({
            "provider": connection.provider,
            "external_id": connection.external_id,
            "object": now.object,
            "gone": gone,
            "retyped": retyped,
        });
        tracing::info!(connection = %connection.id, %data, "the fields of an object changed");
        // Every node that reads the description notices; the provider's date of the change makes it one event, or the day.
        let changed = reply
            .headers
            .get(LAST_MODIFIED)
            .and_then(|value| value.to_str().ok());
        let changed = changed.map_or_else(|| (self.clock.now_ms() / DAY_MS).to_string(), str::to_owned);
        let once = format!("{DRIFT}/{}/{data}/{changed}", connection.id);
        let event = NewEvent {
            kind: DRIFT,
            connection_id: &connection.id,
            data: &data.to_string(),
            once: &once,
        };
        if let Err(error) = self.store.record_event(tenant, event).await {
            tracing::warn!(connection = %connection.id, %error, "an event could not be recorded");
        }
    }
}

/// The provider's own word for "when", never our clock's.
fn modified(reply: &Reply) -> Option<HeaderValue> {
    let headers = &reply.headers;
    headers.get(LAST_MODIFIED).or_else(|| headers.get(DATE)).cloned()
}
