-- Webhooks: where a tenant's backend hears of events, and what is still to be told.
--
-- The deliveries are an outbox: a trigger on `events` writes one for each endpoint that wants the event, in the transaction
-- that records it, so no event can be recorded without them. Each carries a copy of the event: it needs no other row.
CREATE TABLE webhook_endpoints (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    url TEXT NOT NULL,
    description TEXT,
    -- A JSON list; empty for every type.
    event_types TEXT NOT NULL,
    secret_version BIGINT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    sealed_previous_secret BYTEA,
    previous_secret_until_ms BIGINT,
    -- Since when no delivery has succeeded.
    failing_since_ms BIGINT,
    disabled_at_ms BIGINT,
    disabled_reason TEXT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CHECK ((disabled_at_ms IS NULL) = (disabled_reason IS NULL)),
    CHECK ((sealed_previous_secret IS NULL) = (previous_secret_until_ms IS NULL))
);
CREATE INDEX webhook_endpoints_by_tenant ON webhook_endpoints (tenant_id, id);
ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON webhook_endpoints USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

CREATE TABLE webhook_deliveries (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    endpoint_id TEXT COLLATE "C" NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    event_id TEXT COLLATE "C" NOT NULL,
    event_type TEXT NOT NULL,
    connection_id TEXT COLLATE "C",
    data TEXT NOT NULL,
    event_at_ms BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- Attempts in all, and those since the delivery was made or replayed: the schedule counts the latter.
    attempts BIGINT NOT NULL DEFAULT 0,
    round_attempts BIGINT NOT NULL DEFAULT 0,
    -- When a pending one may be claimed: at its next attempt, or when the lease of who is sending it ends.
    due_at_ms BIGINT,
    claim TEXT,
    last_status BIGINT,
    last_error TEXT,
    last_duration_ms BIGINT,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    CHECK (state <> 'pending' OR due_at_ms IS NOT NULL)
);
-- Claiming: which endpoints have something due, and what is due of one.
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at_ms, seq) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (created_at_ms) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (endpoint_id, seq);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at_ms);
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON webhook_deliveries USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

-- The log. Nothing that was sent or answered is kept here, only what became of it.
CREATE TABLE webhook_attempts (
    delivery_seq BIGINT NOT NULL REFERENCES webhook_deliveries (seq) ON DELETE CASCADE,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id),
    number BIGINT NOT NULL,
    status BIGINT,
    error TEXT,
    detail TEXT,
    duration_ms BIGINT NOT NULL,
    ended_at_ms BIGINT NOT NULL,
    PRIMARY KEY (delivery_seq, number)
);
ALTER TABLE webhook_attempts ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_attempts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON webhook_attempts USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

CREATE FUNCTION deliver_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO webhook_deliveries (
        id, tenant_id, endpoint_id, event_id, event_type, connection_id, data, event_at_ms, state, due_at_ms,
        created_at_ms, updated_at_ms
    )
    SELECT
        'whd_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 24),
        NEW.tenant_id, id, NEW.id, NEW.type, NEW.connection_id, NEW.data, NEW.created_at_ms, 'pending',
        NEW.created_at_ms, NEW.created_at_ms, NEW.created_at_ms
    FROM webhook_endpoints
    WHERE tenant_id = NEW.tenant_id AND disabled_at_ms IS NULL
    AND (event_types = '[]' OR jsonb_exists(event_types::jsonb, NEW.type));
    RETURN NULL;
END
$$;
CREATE TRIGGER event_deliveries AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION deliver_event();
