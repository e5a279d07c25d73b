-- What is known of earlier refreshes.
--
-- `refresh_prior_intent_at_ms` is the intent that a claim found: set when whoever claimed before neither saved nor said that
-- nothing was sent, so that a rotated token may be lost. The event is written by a trigger, with the claim: before the
-- stored token is presented again, and wherever the claimant dies.
--
-- The others tell how long tokens live, where nobody says it: the age at which the last one was refused, and what two
-- refusals in a row at about the same age taught. `tokens_saved_at_ms` also finds grants that nobody has used for long,
-- which providers end; `keepalive_tried_at_ms` keeps nodes from trying one at the same time.
ALTER TABLE connections ADD COLUMN refresh_prior_intent_at_ms INTEGER;
ALTER TABLE connections ADD COLUMN tokens_saved_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connections ADD COLUMN refused_age_ms INTEGER;
ALTER TABLE connections ADD COLUMN learned_lifetime_ms INTEGER;
ALTER TABLE connections ADD COLUMN keepalive_tried_at_ms INTEGER;
UPDATE connections SET tokens_saved_at_ms = updated_at_ms;
CREATE INDEX connections_by_tokens_saved_at ON connections (tokens_saved_at_ms);

CREATE TRIGGER refresh_events AFTER UPDATE OF refresh_prior_intent_at_ms ON connections
WHEN NEW.refresh_prior_intent_at_ms IS NOT NULL
BEGIN
    INSERT INTO events (id, tenant_id, connection_id, type, data, once_key, created_at_ms)
    VALUES (
        'evt_' || substr(lower(hex(randomblob(16))), 1, 24),
        NEW.tenant_id,
        NEW.id,
        'connection.refresh_outcome_unknown',
        json_object('token_version', NEW.token_version),
        CAST('refresh_outcome_unknown/' || NEW.id || '/' || NEW.token_version AS BLOB),
        CAST(round(unixepoch('subsec') * 1000) AS INTEGER)
    )
    ON CONFLICT (tenant_id, once_key) DO NOTHING;
END;
