-- Mapping sessions: a link that one browser uses once, then (from `used_at_ms` on) a page of that browser's that stays open
-- until it is finished or `page_expires_at_ms`. Link token and browser cookie are stored as SHA-256.
CREATE TABLE mapping_sessions (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    connection_id TEXT COLLATE "C" NOT NULL,
    resources TEXT NOT NULL,
    return_to TEXT,
    link_hash BYTEA NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms BIGINT,
    browser_hash BYTEA UNIQUE,
    page_expires_at_ms BIGINT,
    ended_at_ms BIGINT,
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX mapping_sessions_by_age ON mapping_sessions (tenant_id, expires_at_ms);
CREATE INDEX mapping_sessions_by_connection ON mapping_sessions (tenant_id, connection_id);
ALTER TABLE mapping_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON mapping_sessions USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
