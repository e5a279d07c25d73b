-- Whether the browser says which environment it connects (1), or the session does (0); and when a session whose journey came
-- to nothing was given a successor, which happens once.
ALTER TABLE connect_sessions ADD COLUMN is_environment_open INTEGER NOT NULL DEFAULT 0;
ALTER TABLE connect_sessions ADD COLUMN renewed_at_ms INTEGER;
