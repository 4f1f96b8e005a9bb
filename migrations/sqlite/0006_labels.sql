-- What a label is called in its repository since somebody renamed it there (G5), and from when on it may be asked whether any issue
-- carries a deadline's label any more (G2). Labels of before this may be deadlines that nobody shows: 0 has them looked at.
ALTER TABLE repo_labels ADD COLUMN called TEXT;
ALTER TABLE repo_labels ADD COLUMN idle_ms BIGINT;
CREATE INDEX repo_labels_idle ON repo_labels (idle_ms) WHERE idle_ms IS NOT NULL;
UPDATE repo_labels SET idle_ms = 0 WHERE by_desk = 1;

-- Which tickets show which deadline's label: only labels that none shows are deleted (G2).
CREATE TABLE shown_deadlines (
    repo_id  BIGINT NOT NULL,
    name_key TEXT   NOT NULL,
    issue_id BIGINT NOT NULL,
    PRIMARY KEY (repo_id, name_key, issue_id)
) WITHOUT ROWID;

-- What people undid by hand of what the desk shows, for as long as that matters (G5).
CREATE TABLE hands (
    issue_id INTEGER PRIMARY KEY,
    again_ms BIGINT NOT NULL,
    doc      TEXT NOT NULL
);
CREATE INDEX hands_again ON hands (again_ms);
