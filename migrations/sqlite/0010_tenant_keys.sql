-- Envelope: what is sealed for a tenant is sealed by a data key of the tenant's own, and data keys are stored wrapped by a
-- master key, which is in no database.
--
-- `generation` counts a tenant's data keys; the highest seals, all open. The tenant '' stands for what belongs to none.
-- `kek_id` repeats in clear which master key wrapped, for counting; what opens is what stands in `wrapped_key`, sealed to
-- its tenant and generation.
CREATE TABLE tenant_keys (
    tenant_id TEXT NOT NULL,
    generation INTEGER NOT NULL,
    kek_id TEXT NOT NULL,
    wrapped_key BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, generation)
) STRICT;
CREATE INDEX tenant_keys_by_kek ON tenant_keys (kek_id);

-- Every master key that a node was ever started with, by its name. Whoever wraps with one locks its row first, so that it
-- cannot be retired in the same moment.
CREATE TABLE master_keys (
    id TEXT NOT NULL PRIMARY KEY,
    created_at_ms INTEGER NOT NULL,
    wrapped_at_ms INTEGER,
    retired_at_ms INTEGER
) STRICT;

-- What was found out once and stays true, such as that no record is left which a master key sealed itself.
CREATE TABLE sealing_facts (
    name TEXT NOT NULL PRIMARY KEY,
    since_ms INTEGER NOT NULL
) STRICT;
