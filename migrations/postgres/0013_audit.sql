-- Who changed what through the management routes. Kept four hundred days. `tenant_id` is null where the operator changed
-- what belongs to no tenant; `subject` is what the change made or concerned, when the path does not say it.
CREATE TABLE audit_log (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    tenant_id TEXT COLLATE "C",
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    path TEXT NOT NULL,
    subject TEXT,
    status BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, seq);
CREATE INDEX audit_log_by_age ON audit_log (created_at_ms);
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON audit_log USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);
