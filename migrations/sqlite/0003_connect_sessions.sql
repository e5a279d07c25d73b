-- Connect sessions: a link that works once, then (from `used_at_ms` on) an OAuth transaction that works once.
-- Link token, state and browser cookie are stored as SHA-256; the PKCE verifier is sealed.
CREATE TABLE connect_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    provider TEXT NOT NULL,
    environment TEXT NOT NULL,
    login_url TEXT NOT NULL,
    external_id TEXT,
    scopes TEXT NOT NULL,
    return_to TEXT,
    connection_id TEXT,
    link_hash BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER,
    state_hash BLOB UNIQUE,
    browser_hash BLOB,
    sealed_verifier BLOB,
    redirect_uri TEXT,
    token_url TEXT,
    issuer TEXT,
    authorization_expires_at_ms INTEGER,
    authorization_used_at_ms INTEGER
) STRICT;
CREATE INDEX connect_sessions_by_age ON connect_sessions (tenant_id, expires_at_ms);
