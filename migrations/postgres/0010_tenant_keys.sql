-- Envelope: what is sealed for a tenant is sealed by a data key of the tenant's own, and data keys are stored wrapped by a
-- master key, which is in no database.
--
-- `generation` counts a tenant's data keys; the highest seals, all open. The tenant '' stands for what belongs to none.
-- `kek_id` repeats in clear which master key wrapped, for counting; what opens is what stands in `wrapped_key`, sealed to
-- its tenant and generation.
CREATE TABLE tenant_keys (
    tenant_id TEXT COLLATE "C" NOT NULL,
    generation BIGINT NOT NULL,
    kek_id TEXT COLLATE "C" NOT NULL,
    wrapped_key BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, generation)
);
CREATE INDEX tenant_keys_by_kek ON tenant_keys (kek_id);
ALTER TABLE tenant_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON tenant_keys USING (
    tenant_id = current_setting('app.tenant_id', true) OR current_setting('app.tenant_id', true) = '*operator*'
);

-- Every master key that a node was ever started with, by its name. Whoever wraps with one locks its row first, so that it
-- cannot be retired in the same moment.
CREATE TABLE master_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    created_at_ms BIGINT NOT NULL,
    wrapped_at_ms BIGINT,
    retired_at_ms BIGINT
);
ALTER TABLE master_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE master_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY operator_wall ON master_keys USING (current_setting('app.tenant_id', true) = '*operator*');

-- What was found out once and stays true, such as that no record is left which a master key sealed itself.
CREATE TABLE sealing_facts (
    name TEXT COLLATE "C" PRIMARY KEY,
    since_ms BIGINT NOT NULL
);
ALTER TABLE sealing_facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE sealing_facts FORCE ROW LEVEL SECURITY;
CREATE POLICY operator_wall ON sealing_facts USING (current_setting('app.tenant_id', true) = '*operator*');
