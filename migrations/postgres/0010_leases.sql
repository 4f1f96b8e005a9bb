-- Which instance does what one of several has to do, and until when it may; only where several can be.
CREATE TABLE leases (
    name     TEXT PRIMARY KEY,
    holder   TEXT   NOT NULL,
    until_ms BIGINT NOT NULL
);

-- Nothing that is asked for reads a whole table.
CREATE INDEX rights_wanted_user ON rights_wanted (user_id);
CREATE INDEX team_people_team ON team_people (team_key);
CREATE INDEX team_people_unsure ON team_people (team_key) WHERE unsure = 1;
CREATE INDEX members_login ON members (login_key);
