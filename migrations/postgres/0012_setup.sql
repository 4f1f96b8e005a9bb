-- The App that the set-up page made: one at most. Where the environment names one, that one counts.
CREATE TABLE github_app (
    id             BIGINT PRIMARY KEY CHECK (id = 1),
    app_id         BIGINT NOT NULL,
    slug           TEXT   NOT NULL,
    page           TEXT   NOT NULL,
    private_key    TEXT   NOT NULL,
    webhook_secret TEXT   NOT NULL,
    client_id      TEXT   NOT NULL,
    client_secret  TEXT   NOT NULL,
    made_ms        BIGINT NOT NULL
);

-- What lets somebody into a set-up that has not ended: the link, the browser that came by it, the way to GitHub and back. Each by its
-- SHA-256 alone, so that whoever reads this table gets in nowhere.
CREATE TABLE setup_passes (
    digest    TEXT PRIMARY KEY,
    kind      TEXT   NOT NULL,
    holder    TEXT   NOT NULL,
    until_ms  BIGINT NOT NULL,
    spent     BIGINT NOT NULL DEFAULT 0
);
