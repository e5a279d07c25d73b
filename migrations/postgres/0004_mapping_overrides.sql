-- Mapping overrides, one row per level, provider and resource; a deleted one keeps its row with no document, so that
-- its version goes on counting. `level_key` is the connection's id, or '' for the whole tenant: a NULL would not be
-- unique.
CREATE TABLE mapping_overrides (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    connection_id TEXT COLLATE "C",
    level_key TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    document TEXT,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (tenant_id, level_key, provider, resource),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX mapping_overrides_by_connection ON mapping_overrides (tenant_id, connection_id);
ALTER TABLE mapping_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_overrides FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON mapping_overrides USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

CREATE TABLE mapping_override_versions (
    override_id TEXT COLLATE "C" NOT NULL REFERENCES mapping_overrides (id) ON DELETE CASCADE,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    version BIGINT NOT NULL,
    document TEXT,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (override_id, version)
);
ALTER TABLE mapping_override_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE mapping_override_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON mapping_override_versions USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
