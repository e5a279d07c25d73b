-- Idempotency keys: what became of a write that named one. The key is stored as SHA-256, the answer sealed.
--
-- A row is `started` until its write ends. One whose lease has passed belongs to a node that died on the way: whether
-- the provider carried the write out is not known, and it is never made again.
CREATE TABLE idempotency_keys (
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    connection_id TEXT COLLATE "C" NOT NULL,
    key_hash BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    claim TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'done', 'indeterminate')),
    lease_until_ms BIGINT NOT NULL,
    sealed_answer BYTEA,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, connection_id, key_hash),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (expires_at_ms);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON idempotency_keys USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
