-- Every batch of intake asks for the members of whom GitHub could not be asked: few, among many whose ids are not known yet.
CREATE INDEX members_failed ON members (id) WHERE user_id IS NULL AND lookup_failed = 1;

-- A table that is its own index by key: one tree less to write for every charge.
CREATE TABLE ledger_by_key (
    key         TEXT PRIMARY KEY,
    partner_id  TEXT   NOT NULL,
    issue_id    BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    at_ms       BIGINT NOT NULL,
    recorded_ms BIGINT NOT NULL,
    actor       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    units       BIGINT NOT NULL DEFAULT 1,
    until_ms    BIGINT,
    grant_key   TEXT
) WITHOUT ROWID;
INSERT INTO ledger_by_key (key, partner_id, issue_id, kind, at_ms, recorded_ms, actor, reason, units, until_ms, grant_key)
    SELECT key, partner_id, issue_id, kind, at_ms, recorded_ms, actor, reason, units, until_ms, grant_key FROM ledger ORDER BY key;
DROP TABLE ledger;
ALTER TABLE ledger_by_key RENAME TO ledger;
CREATE INDEX ledger_partner ON ledger (partner_id, at_ms);
CREATE INDEX ledger_grants ON ledger (partner_id, until_ms) WHERE kind = 'grant';
CREATE INDEX ledger_on_grant ON ledger (grant_key) WHERE grant_key IS NOT NULL;
CREATE INDEX ledger_issue ON ledger (issue_id);
