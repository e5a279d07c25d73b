-- Connections. `sealed_tokens` opens only as (tenant, connection, token_version) of its own row.
--
-- The refresh_ columns are the claim to present the refresh token: one holder at a time, by this database's clock,
-- and each claim has a higher fence, so that a late holder can change nothing.
CREATE TABLE connections (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    provider TEXT NOT NULL,
    environment TEXT NOT NULL,
    login_url TEXT NOT NULL,
    external_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'degraded', 'needs_reauth', 'revoked')),
    state_reason TEXT,
    instance_url TEXT,
    account_id TEXT,
    user_id TEXT,
    scopes TEXT NOT NULL,
    api_version TEXT,
    token_version INTEGER NOT NULL,
    sealed_tokens BLOB,
    access_expires_at_ms INTEGER,
    refresh_owner TEXT,
    refresh_lease_until_ms INTEGER,
    refresh_fence INTEGER NOT NULL,
    refresh_intent_at_ms INTEGER,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, provider, external_id)
) STRICT;
