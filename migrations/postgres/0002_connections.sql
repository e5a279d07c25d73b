-- Connections. `sealed_tokens` opens only as (tenant, connection, token_version) of its own row.
--
-- The refresh_ columns are the claim to present the refresh token: one holder at a time, by this database's clock,
-- and each claim has a higher fence, so that a late holder can change nothing.
CREATE TABLE connections (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    provider TEXT NOT NULL,
    environment TEXT NOT NULL,
    login_url TEXT NOT NULL,
    external_id TEXT COLLATE "C",
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'degraded', 'needs_reauth', 'revoked')),
    state_reason TEXT,
    instance_url TEXT,
    account_id TEXT,
    user_id TEXT,
    scopes TEXT NOT NULL,
    api_version TEXT,
    token_version BIGINT NOT NULL,
    sealed_tokens BYTEA,
    access_expires_at_ms BIGINT,
    refresh_owner TEXT,
    refresh_lease_until_ms BIGINT,
    refresh_fence BIGINT NOT NULL,
    refresh_intent_at_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, provider, external_id)
);
ALTER TABLE connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE connections FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON connections USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
