-- Mapping sessions: a link that one browser uses once, then (from `used_at_ms` on) a page of that browser's that stays open
-- until it is finished or `page_expires_at_ms`. Link token and browser cookie are stored as SHA-256.
CREATE TABLE mapping_sessions (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    connection_id TEXT NOT NULL,
    resources TEXT NOT NULL,
    return_to TEXT,
    link_hash BLOB NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms INTEGER,
    browser_hash BLOB UNIQUE,
    page_expires_at_ms INTEGER,
    ended_at_ms INTEGER,
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX mapping_sessions_by_age ON mapping_sessions (tenant_id, expires_at_ms);
CREATE INDEX mapping_sessions_by_connection ON mapping_sessions (tenant_id, connection_id);
