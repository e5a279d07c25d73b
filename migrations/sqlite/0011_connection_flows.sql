-- How a connection gets its tokens (`sealed_tokens` holds what the flows without a browser present), since when it is paused,
-- and when its tokens were last refreshed.
ALTER TABLE connections ADD COLUMN flow TEXT NOT NULL DEFAULT 'authorization_code';
ALTER TABLE connections ADD COLUMN paused_at_ms INTEGER;
ALTER TABLE connections ADD COLUMN last_refreshed_at_ms INTEGER;
CREATE INDEX connections_by_creation ON connections (tenant_id, created_at_ms, id);

-- Whether a reconnection may change the account (1); whose page opens the link in a popup and may hear of its end; and what
-- became of the journey, for the page that waits for it.
ALTER TABLE connect_sessions ADD COLUMN allow_account_change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connect_sessions ADD COLUMN opener_origin TEXT;
ALTER TABLE connect_sessions ADD COLUMN outcome TEXT;
ALTER TABLE connect_sessions ADD COLUMN outcome_connection_id TEXT;
