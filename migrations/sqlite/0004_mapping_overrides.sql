-- Mapping overrides, one row per level, provider and resource; a deleted one keeps its row with no document, so that
-- its version goes on counting. `level_key` is the connection's id, or '' for the whole tenant: a NULL would not be
-- unique.
CREATE TABLE mapping_overrides (
    id TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    connection_id TEXT,
    level_key TEXT NOT NULL,
    provider TEXT NOT NULL,
    resource TEXT NOT NULL,
    version INTEGER NOT NULL,
    document TEXT,
    updated_at_ms INTEGER NOT NULL,
    UNIQUE (tenant_id, level_key, provider, resource),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX mapping_overrides_by_connection ON mapping_overrides (tenant_id, connection_id);

CREATE TABLE mapping_override_versions (
    override_id TEXT NOT NULL REFERENCES mapping_overrides (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    version INTEGER NOT NULL,
    document TEXT,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (override_id, version)
) STRICT;
