//! Everything has a limit, and the limit has a name and a unit.

use serde::{Deserialize, Serialize};

/// The limits of one gateway, each a configuration key of the same name under `[limits]`.
///
/// Defaults and their reasons: `docs/configuration.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Longest time a caller may take to send a request head, ms.
    pub header_read_ms: u64,
    /// Longest time a unified request may take in all, ms.
    pub request_total_ms: u64,
    /// Longest time to connect to a provider, ms.
    pub upstream_connect_ms: u64,
    /// Longest wait for the head of a provider's reply, ms.
    pub upstream_first_byte_ms: u64,
    /// Longest time a provider's whole reply may take, ms.
    pub upstream_total_ms: u64,
    /// Longest gap between two pieces of a provider's body, ms.
    pub upstream_idle_ms: u64,
    /// Time for one call to a token endpoint, ms. Must stay below the refresh lease.
    pub token_request_ms: u64,
    /// Token requests under way at a time with one provider on this node; one tenant has at most three quarters of them.
    pub token_requests_max: usize,
    /// How long before its end a token in use is refreshed at the latest, ms; a third of its life at most.
    pub refresh_ahead_ms: u64,
    /// How old the tokens of an unused connection grow before they are refreshed to keep its grant, ms.
    pub grant_idle_ms: u64,
    /// How long a claim to refresh lasts in the database, ms.
    pub refresh_lease_ms: u64,
    /// How long the Redis lease around a refresh lasts, ms.
    pub refresh_redis_lease_ms: u64,
    /// How long a caller waits for somebody's refresh, ms.
    pub refresh_wait_ms: u64,
    /// Pause after a refresh whose outcome is unknown before the token may be presented again, ms.
    pub refresh_cooldown_ms: u64,
    /// Largest request body of a unified or management route, bytes.
    pub request_body_max_bytes: usize,
    /// Largest request body through the proxy, bytes.
    pub proxy_request_body_max_bytes: u64,
    /// Largest provider reply that a mapping reads, bytes, counted after decompression.
    pub response_body_max_bytes: usize,
    /// Largest provider reply through the proxy, bytes.
    pub proxy_response_body_max_bytes: u64,
    /// Longest request target, bytes.
    pub url_max_bytes: usize,
    /// Most headers of one request.
    pub headers_max: usize,
    /// Open sockets of callers at one time.
    pub sockets_max: usize,
    /// Requests in flight on this node.
    pub inflight_max: usize,
    /// Requests in flight for one tenant on this node.
    pub tenant_inflight_max: usize,
    /// Keys that are not valid which one address may present to this node in a minute.
    pub bad_keys_max: u32,
    /// Requests in flight for one connection on this node: below the CRM's own limit of 25 long calls.
    pub connection_inflight_max: usize,
    /// Records in one page when the caller does not say.
    pub page_default_records: u32,
    /// Most records in one page.
    pub page_max_records: u32,
    /// How long a cursor stays good, ms.
    pub cursor_ttl_ms: i64,
    /// Time one evaluation of a mapping may take for one record, ms.
    pub mapping_record_ms: u64,
    /// Time the mappings of one request may take, ms.
    pub mapping_request_ms: u64,
    /// Largest mapping override, bytes.
    pub mapping_document_max_bytes: usize,
    /// How long a connect link works, ms.
    pub connect_session_ttl_ms: i64,
    /// How long a mapping page stays open once its link has been used, ms.
    pub mapping_session_ttl_ms: i64,
    /// How long a connection's field list is used before it is read again, ms.
    pub metadata_ttl_ms: i64,
    /// Memory for field lists on one node, bytes. One of 500 fields takes about 200 KiB; those used least are read again.
    pub metadata_max_bytes: u64,
    /// How long an idempotency key and the answer of its write are kept, ms.
    pub idempotency_ttl_ms: i64,
    /// Largest answer kept for retries, bytes; of a larger one the record's id.
    pub idempotency_answer_max_bytes: usize,
    /// Most webhook endpoints of one tenant.
    pub webhook_endpoints_max: usize,
    /// How often a node looks for webhooks that are due, ms. Those of events that it recorded itself do not wait for it.
    pub webhook_poll_ms: u64,
    /// Time for one call of a webhook endpoint, ms. Must stay below the lease.
    pub webhook_request_ms: u64,
    /// How long a node's claim to a delivery lasts in the database, ms.
    pub webhook_lease_ms: u64,
    /// Webhooks being sent by this node at one time.
    pub webhook_inflight_max: usize,
    /// Webhooks being sent by this node to one endpoint at one time.
    pub webhook_endpoint_inflight_max: usize,
    /// How long a rotated webhook secret still signs beside the new one, ms.
    pub webhook_secret_overlap_ms: u64,
    /// After how long without one success a webhook endpoint is disabled, ms.
    pub webhook_disable_after_ms: u64,
    /// How long a stopping node waits for requests in flight, ms.
    pub drain_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_read_ms: 10_000,
            request_total_ms: 60_000,
            upstream_connect_ms: 3_000,
            upstream_first_byte_ms: 30_000,
            upstream_total_ms: 55_000,
            upstream_idle_ms: 15_000,
            token_request_ms: 10_000,
            token_requests_max: 16,
            refresh_ahead_ms: 600_000,
            grant_idle_ms: 21 * 86_400_000,
            refresh_lease_ms: 25_000,
            refresh_redis_lease_ms: 30_000,
            refresh_wait_ms: 30_000,
            refresh_cooldown_ms: 30_000,
            request_body_max_bytes: 2 << 20,
            proxy_request_body_max_bytes: 10 << 20,
            response_body_max_bytes: 16 << 20,
            proxy_response_body_max_bytes: 1 << 30,
            url_max_bytes: 16 << 10,
            headers_max: 100,
            sockets_max: 20_000,
            inflight_max: 4_096,
            tenant_inflight_max: 1_024,
            bad_keys_max: 100,
            connection_inflight_max: 20,
            page_default_records: 100,
            page_max_records: 2_000,
            cursor_ttl_ms: 3 * 24 * 3_600_000,
            mapping_record_ms: 50,
            mapping_request_ms: 500,
            mapping_document_max_bytes: 64 << 10,
            connect_session_ttl_ms: 600_000,
            mapping_session_ttl_ms: 1_800_000,
            metadata_ttl_ms: 600_000,
            metadata_max_bytes: 256 << 20,
            idempotency_ttl_ms: 24 * 3_600_000,
            idempotency_answer_max_bytes: 1 << 20,
            webhook_endpoints_max: 10,
            webhook_poll_ms: 2_000,
            webhook_request_ms: 15_000,
            webhook_lease_ms: 45_000,
            webhook_inflight_max: 128,
            webhook_endpoint_inflight_max: 8,
            webhook_secret_overlap_ms: 24 * 3_600_000,
            webhook_disable_after_ms: 5 * 24 * 3_600_000,
            drain_ms: 60_000,
        }
    }
}

impl Limits {
    /// Checks the limits that only make sense together; answers the first that does not.
    ///
    /// Source of the refresh inequality: a lease that ends before the request it guards would let two holders present
    /// one refresh token.
    pub fn check(&self) -> Result<(), String> {
        const PERSIST_MS: u64 = 5_000;
        if self.token_request_ms + PERSIST_MS >= self.refresh_lease_ms {
            return Err(format!(
                "limits.token_request_ms ({}) + {PERSIST_MS} ms to save must be below limits.refresh_lease_ms ({})",
                self.token_request_ms, self.refresh_lease_ms
            ));
        }
        if self.refresh_lease_ms > self.refresh_redis_lease_ms {
            return Err(format!(
                "limits.refresh_lease_ms ({}) must not exceed limits.refresh_redis_lease_ms ({})",
                self.refresh_lease_ms, self.refresh_redis_lease_ms
            ));
        }
        if i128::from(self.idempotency_ttl_ms) <= i128::from(self.request_total_ms) {
            return Err(format!(
                "limits.idempotency_ttl_ms ({}) must exceed limits.request_total_ms ({}): a key must outlive its write",
                self.idempotency_ttl_ms, self.request_total_ms
            ));
        }
        self.check_webhooks(PERSIST_MS)?;
        if self.page_default_records == 0 || self.page_default_records > self.page_max_records {
            return Err(
                "limits.page_default_records must be between 1 and limits.page_max_records".to_owned(),
            );
        }
        Ok(())
    }

    /// A lease must outlive its call, and the endpoints of one tenant must leave room for those of others.
    fn check_webhooks(&self, persist_ms: u64) -> Result<(), String> {
        if self.webhook_request_ms + persist_ms >= self.webhook_lease_ms {
            return Err(format!(
                "limits.webhook_request_ms ({}) + {persist_ms} ms to save must be below limits.webhook_lease_ms ({})",
                self.webhook_request_ms, self.webhook_lease_ms
            ));
        }
        let of_one_tenant = self
            .webhook_endpoints_max
            .saturating_mul(self.webhook_endpoint_inflight_max);
        if of_one_tenant == 0 || of_one_tenant >= self.webhook_inflight_max {
            return Err(format!(
                "limits.webhook_endpoints_max ({}) times limits.webhook_endpoint_inflight_max ({}) must be at least 1 and \
                 below limits.webhook_inflight_max ({}): one tenant must not hold all places",
                self.webhook_endpoints_max, self.webhook_endpoint_inflight_max, self.webhook_inflight_max
            ));
        }
        if self.webhook_poll_ms == 0 {
            return Err("limits.webhook_poll_ms must be at least 1".to_owned());
        }
        Ok(())
    }
}
