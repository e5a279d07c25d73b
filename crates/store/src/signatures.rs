#![expect(missing_docs, clippy::todo, unused_variables, clippy::unused_async, reason = "signatures first")]
use crate::*;
use model::{ApiKeyId, Clock, ConnectionId, Random, Secret, TenantId};
use std::path::PathBuf;
use std::sync::Arc;

pub struct StoreConfig { pub database_url: Secret, pub redis_url: Option<Secret>, pub data_dir: Option<PathBuf>, pub master_keys: Vec<MasterKey>, pub operator_key: Option<Secret>, pub pool_max: u32 }
pub struct MasterKey { pub id: String, pub key: Secret }
#[derive(Debug)]
pub enum LeaseOutcome { Acquired(Lease), Busy, Unavailable }
#[derive(Debug)]
pub struct Lease { _name: String }
#[derive(Debug, Clone)]
pub struct Store;
type Result<T> = std::result::Result<T, StoreError>;
impl Store {
    pub async fn open(config: StoreConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<Store> { todo!() }
    pub async fn readiness(&self) -> Readiness { todo!() }
    pub async fn close(&self) { todo!() }
    pub async fn authenticate(&self, presented: &str) -> std::result::Result<Caller, AuthenticationError> { todo!() }
    pub async fn create_tenant(&self, operator: &Operator, name: &str) -> Result<TenantRecord> { todo!() }
    pub async fn list_tenants(&self, operator: &Operator) -> Result<Vec<TenantRecord>> { todo!() }
    pub async fn create_api_key(&self, operator: &Operator, tenant: &TenantId, new: NewApiKey) -> Result<(ApiKeyRecord, Secret)> { todo!() }
    pub async fn list_api_keys(&self, operator: &Operator, tenant: &TenantId) -> Result<Vec<ApiKeyRecord>> { todo!() }
    pub async fn revoke_api_key(&self, operator: &Operator, tenant: &TenantId, key: &ApiKeyId) -> Result<()> { todo!() }
    pub async fn connection(&self, tenant: &Tenant, id: &ConnectionId) -> Result<Arc<Connection>> { todo!() }
    pub async fn connection_by_external_id(&self, tenant: &Tenant, provider: &str, external_id: &str) -> Result<Arc<Connection>> { todo!() }
    pub async fn list_connections(&self, tenant: &Tenant, filter: ConnectionFilter, after: Option<&ConnectionId>, limit: u32) -> Result<Vec<Connection>> { todo!() }
    pub async fn delete_connection(&self, tenant: &Tenant, id: &ConnectionId) -> Result<()> { todo!() }
    pub async fn save_new_credentials(&self, tenant: &Tenant, new: NewCredentials) -> Result<Connection> { todo!() }
    pub async fn tokens(&self, tenant: &Tenant, id: &ConnectionId) -> Result<Arc<VersionedTokens>> { todo!() }
    pub async fn tokens_fresh(&self, tenant: &Tenant, id: &ConnectionId) -> Result<Arc<VersionedTokens>> { todo!() }
    pub async fn claim_refresh(&self, tenant: &Tenant, id: &ConnectionId, expected_version: i64, owner: &str, lease_ms: u64) -> Result<RefreshClaim> { todo!() }
    pub async fn extend_refresh(&self, tenant: &Tenant, id: &ConnectionId, fence: i64, lease_ms: u64) -> Result<bool> { todo!() }
    pub async fn save_refreshed(&self, tenant: &Tenant, id: &ConnectionId, version: i64, fence: i64, refreshed: &Refreshed) -> Result<SaveOutcome> { todo!() }
    /// Answers whether the claim was still the caller's.
    pub async fn release_refresh(&self, tenant: &Tenant, id: &ConnectionId, fence: i64, release: RefreshRelease) -> Result<bool> { todo!() }
    pub async fn mark_needs_reauth(&self, tenant: &Tenant, id: &ConnectionId, version: i64, fence: i64, reason: &str) -> Result<bool> { todo!() }
    pub async fn spill_refreshed(&self, tenant: &Tenant, id: &ConnectionId, version: i64, fence: i64, refreshed: &Refreshed) -> Result<()> { todo!() }
    /// Answers how many were applied.
    pub async fn recover_spilled(&self) -> Result<usize> { todo!() }
    /// Waits until the connection changes here or on another node, at most so long. A wake-up may be missed: read again after.
    pub async fn wait_for_change(&self, id: &ConnectionId, at_most_ms: u64) { todo!() }
    pub async fn lease(&self, name: &str, ttl_ms: u64) -> LeaseOutcome { todo!() }
    pub async fn extend_lease(&self, lease: &Lease, ttl_ms: u64) -> bool { todo!() }
    pub async fn release_lease(&self, lease: Lease) -> bool { todo!() }
    pub async fn create_connect_session(&self, tenant: &Tenant, new: NewConnectSession, ttl_ms: u64) -> Result<(ConnectSession, Secret)> { todo!() }
    pub async fn open_connect_session(&self, link_token: &str) -> Result<ConnectSession> { todo!() }
    pub async fn begin_authorization(&self, link_token: &str, new: NewAuthorization<'_>) -> Result<ConnectSession> { todo!() }
    pub async fn take_authorization(&self, state: &str, browser: Option<&str>) -> Result<(Tenant, Authorization)> { todo!() }
    pub async fn put_override(&self, tenant: &Tenant, level: &OverrideLevel, provider: &str, resource: &str, document: &str) -> Result<MappingOverride> { todo!() }
    pub async fn delete_override(&self, tenant: &Tenant, level: &OverrideLevel, provider: &str, resource: &str) -> Result<bool> { todo!() }
    pub async fn get_override(&self, tenant: &Tenant, level: &OverrideLevel, provider: &str, resource: &str) -> Result<MappingOverride> { todo!() }
    pub async fn list_overrides(&self, tenant: &Tenant) -> Result<Vec<MappingOverride>> { todo!() }
    /// Newest first.
    pub async fn override_history(&self, tenant: &Tenant, level: &OverrideLevel, provider: &str, resource: &str) -> Result<Vec<OverrideVersion>> { todo!() }
    pub async fn overrides_for(&self, tenant: &Tenant, connection: &Connection, resource: &str) -> Result<Arc<Vec<MappingOverride>>> { todo!() }
    pub fn seal(&self, purpose: &str, associated: &str, plain: &[u8]) -> Vec<u8> { todo!() }
    pub fn open_sealed(&self, purpose: &str, associated: &str, sealed: &[u8]) -> Result<Vec<u8>> { todo!() }
}
