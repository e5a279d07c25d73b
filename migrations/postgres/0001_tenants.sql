-- Tenants and their API keys. A key's secret is stored as SHA-256 only.
--
-- Every table of a tenant's rows has a second wall behind the queries: a row-level policy on `app.tenant_id`, which
-- the program sets in each transaction. FORCE makes it hold for the owner of the tables too. `*operator*` is set by
-- the program's own paths that have no tenant yet (looking up a key, a link token, a state).
CREATE TABLE tenants (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON tenants USING (
    id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

CREATE TABLE api_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    public_id TEXT COLLATE "C" NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT,
    revoked_at_ms BIGINT,
    last_used_at_ms BIGINT
);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON api_keys USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
