-- Events: what a tenant's backend should hear of. Kept thirty days.
--
-- Those of a connection's state are written by triggers, in the transaction that changes it: no path of the program can
-- change a state and forget to tell, and none can tell of a change that was rolled back.
-- `once_key` names what must be told once, whichever node notices it first.
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    connection_id TEXT NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    once_key BLOB,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (tenant_id, once_key)
) STRICT;
CREATE INDEX events_by_tenant ON events (tenant_id, seq);
CREATE INDEX events_by_connection ON events (tenant_id, connection_id, seq);
CREATE INDEX events_by_age ON events (created_at_ms);

CREATE TRIGGER connection_events_of_inserts AFTER INSERT ON connections
BEGIN
    INSERT INTO events (id, tenant_id, connection_id, type, data, created_at_ms)
    VALUES (
        'evt_' || substr(lower(hex(randomblob(16))), 1, 24),
        NEW.tenant_id,
        NEW.id,
        'connection.created',
        json_object(
            'provider', NEW.provider, 'environment', NEW.environment, 'external_id', NEW.external_id,
            'state', NEW.state, 'state_reason', NEW.state_reason
        ),
        CAST(round(unixepoch('subsec') * 1000) AS INTEGER)
    );
END;
CREATE TRIGGER connection_events_of_updates AFTER UPDATE OF state ON connections
WHEN OLD.state <> NEW.state
BEGIN
    INSERT INTO events (id, tenant_id, connection_id, type, data, created_at_ms)
    VALUES (
        'evt_' || substr(lower(hex(randomblob(16))), 1, 24),
        NEW.tenant_id,
        NEW.id,
        'connection.' || CASE WHEN NEW.state = 'active' AND OLD.state <> 'pending' THEN 'recovered' ELSE NEW.state END,
        json_object(
            'provider', NEW.provider, 'environment', NEW.environment, 'external_id', NEW.external_id,
            'state', NEW.state, 'state_reason', NEW.state_reason
        ),
        CAST(round(unixepoch('subsec') * 1000) AS INTEGER)
    );
END;
CREATE TRIGGER connection_events_of_deletes AFTER DELETE ON connections
BEGIN
    INSERT INTO events (id, tenant_id, connection_id, type, data, created_at_ms)
    VALUES (
        'evt_' || substr(lower(hex(randomblob(16))), 1, 24),
        OLD.tenant_id,
        OLD.id,
        'connection.deleted',
        json_object(
            'provider', OLD.provider, 'environment', OLD.environment, 'external_id', OLD.external_id,
            'state', OLD.state, 'state_reason', OLD.state_reason
        ),
        CAST(round(unixepoch('subsec') * 1000) AS INTEGER)
    );
END;
