-- What stands on a grant is kept with its key; a transferred issue keeps its ticket under its new id.

ALTER TABLE ledger ADD COLUMN units BIGINT NOT NULL DEFAULT 1;
ALTER TABLE ledger ADD COLUMN until_ms BIGINT;
ALTER TABLE ledger ADD COLUMN grant_key TEXT;
CREATE INDEX ledger_grants ON ledger (partner_id, until_ms) WHERE kind = 'grant';
CREATE INDEX ledger_on_grant ON ledger (grant_key) WHERE grant_key IS NOT NULL;
CREATE INDEX ledger_issue ON ledger (issue_id);

CREATE TABLE aliases (
    issue_id  INTEGER PRIMARY KEY,
    ticket_id BIGINT NOT NULL
);
