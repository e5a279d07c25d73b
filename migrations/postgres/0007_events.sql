-- Events: what a tenant's backend should hear of. Kept thirty days.
--
-- Those of a connection's state are written by triggers, in the transaction that changes it: no path of the program can
-- change a state and forget to tell, and none can tell of a change that was rolled back.
-- `once_key` names what must be told once, whichever node notices it first.
CREATE TABLE events (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    connection_id TEXT COLLATE "C" NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL,
    once_key BYTEA,
    created_at_ms BIGINT NOT NULL,
    UNIQUE (tenant_id, once_key)
);
CREATE INDEX events_by_tenant ON events (tenant_id, seq);
CREATE INDEX events_by_connection ON events (tenant_id, connection_id, seq);
CREATE INDEX events_by_age ON events (created_at_ms);
ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON events USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

CREATE FUNCTION tell_connection_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told connections%ROWTYPE;
    kind TEXT;
BEGIN
    IF TG_OP = 'DELETE' THEN
        told := OLD;
        kind := 'deleted';
    ELSIF TG_OP = 'INSERT' THEN
        told := NEW;
        kind := 'created';
    ELSIF OLD.state = NEW.state THEN
        RETURN NULL;
    ELSE
        told := NEW;
        kind := CASE WHEN NEW.state = 'active' AND OLD.state <> 'pending' THEN 'recovered' ELSE NEW.state END;
    END IF;
    INSERT INTO events (id, tenant_id, connection_id, type, data, created_at_ms)
    VALUES (
        'evt_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 24),
        told.tenant_id,
        told.id,
        'connection.' || kind,
        json_build_object(
            'provider', told.provider, 'environment', told.environment, 'external_id', told.external_id,
            'state', told.state, 'state_reason', told.state_reason
        )::text,
        CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER connection_events AFTER INSERT OR UPDATE OF state OR DELETE ON connections
FOR EACH ROW EXECUTE FUNCTION tell_connection_event();
