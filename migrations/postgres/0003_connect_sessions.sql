-- Connect sessions: a link that works once, then (from `used_at_ms` on) an OAuth transaction that works once.
-- Link token, state and browser cookie are stored as SHA-256; the PKCE verifier is sealed.
CREATE TABLE connect_sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    provider TEXT NOT NULL,
    environment TEXT NOT NULL,
    login_url TEXT NOT NULL,
    external_id TEXT,
    scopes TEXT NOT NULL,
    return_to TEXT,
    connection_id TEXT COLLATE "C",
    link_hash BYTEA NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT,
    state_hash BYTEA UNIQUE,
    browser_hash BYTEA,
    sealed_verifier BYTEA,
    redirect_uri TEXT,
    token_url TEXT,
    issuer TEXT,
    authorization_expires_at_ms BIGINT,
    authorization_used_at_ms BIGINT
);
CREATE INDEX connect_sessions_by_age ON connect_sessions (tenant_id, expires_at_ms);
ALTER TABLE connect_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE connect_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON connect_sessions USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
