-- Idempotency keys: what became of a write that named one. The key is stored as SHA-256, the answer sealed.
--
-- A row is `started` until its write ends. One whose lease has passed belongs to a node that died on the way: whether
-- the provider carried the write out is not known, and it is never made again.
CREATE TABLE idempotency_keys (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    connection_id TEXT NOT NULL,
    key_hash BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    claim TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'done', 'indeterminate')),
    lease_until_ms INTEGER NOT NULL,
    sealed_answer BLOB,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, key_hash),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (expires_at_ms);
