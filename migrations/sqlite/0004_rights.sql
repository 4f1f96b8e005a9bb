-- Who is an agent, as far as GitHub has to be asked: members of teams, and permissions on repositories.

CREATE TABLE teams (
    team_key TEXT PRIMARY KEY,
    asked_ms BIGINT,
    unsure   BIGINT NOT NULL,
    next_ms  BIGINT,
    attempts BIGINT NOT NULL,
    refusal  TEXT   NOT NULL
) WITHOUT ROWID;

CREATE TABLE team_people (
    team_key TEXT   NOT NULL,
    user_id  BIGINT NOT NULL,
    member   BIGINT NOT NULL,
    unsure   BIGINT NOT NULL,
    PRIMARY KEY (user_id, team_key)
) WITHOUT ROWID;

CREATE TABLE permissions (
    repo_id  BIGINT NOT NULL,
    user_id  BIGINT NOT NULL,
    agent    BIGINT NOT NULL,
    asked_ms BIGINT NOT NULL,
    PRIMARY KEY (repo_id, user_id)
) WITHOUT ROWID;
CREATE INDEX permissions_user ON permissions (user_id);
CREATE INDEX permissions_asked ON permissions (asked_ms);

-- Of whom a ticket waits to hear whether they are agents.
CREATE TABLE rights_wanted (
    issue_id BIGINT NOT NULL,
    user_id  BIGINT NOT NULL,
    next_ms  BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    PRIMARY KEY (issue_id, user_id)
) WITHOUT ROWID;
CREATE INDEX rights_wanted_next ON rights_wanted (next_ms);

-- One row: whether agents are listed, else permissions count; and how often rights have changed, since an answer from before a change is
-- not kept.
CREATE TABLE rights_state (
    id      INTEGER PRIMARY KEY,
    listed  BIGINT NOT NULL,
    changes BIGINT NOT NULL
);
INSERT INTO rights_state (id, listed, changes) VALUES (1, 0, 0);
