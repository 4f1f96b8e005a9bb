-- When each repository was out of the desk's hands, a row a reason; without an end, it still is.
CREATE TABLE freezes (
    repo_id  BIGINT NOT NULL,
    why      TEXT   NOT NULL,
    from_ms  BIGINT NOT NULL,
    until_ms BIGINT,
    PRIMARY KEY (repo_id, why, from_ms)
) WITHOUT ROWID;
CREATE INDEX freezes_open ON freezes (repo_id) WHERE until_ms IS NULL;

-- When a repository looked as it stands here.
ALTER TABLE repositories ADD COLUMN seen_ms BIGINT NOT NULL DEFAULT 0;
-- Names that it had before, as a list.
ALTER TABLE repositories ADD COLUMN former_names TEXT NOT NULL DEFAULT '[]';
-- Tickets up to this number have heard that the repository became public or private; null: all have.
ALTER TABLE repositories ADD COLUMN told_up_to BIGINT;
CREATE INDEX repositories_telling ON repositories (id) WHERE told_up_to IS NOT NULL;

-- Waits for a slot or for an answer.
ALTER TABLE tickets ADD COLUMN live BIGINT NOT NULL DEFAULT 0;
UPDATE tickets SET live = 1 WHERE next_at_ms IS NOT NULL;
CREATE INDEX tickets_live ON tickets (repo_id) WHERE live = 1;
