-- Who changed what through the management routes. Kept four hundred days. `tenant_id` is null where the operator changed
-- what belongs to no tenant; `subject` is what the change made or concerned, when the path does not say it.
CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant_id TEXT,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    path TEXT NOT NULL,
    subject TEXT,
    status INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_log_by_tenant ON audit_log (tenant_id, seq);
CREATE INDEX audit_log_by_age ON audit_log (created_at_ms);
