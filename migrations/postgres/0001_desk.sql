-- Times are epoch milliseconds, UTC. Truth values are 0 and 1. JSON is text.

CREATE TABLE partners (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL,
    name_key  TEXT NOT NULL,
    time_zone TEXT,
    tiers     TEXT NOT NULL
);
CREATE INDEX partners_name ON partners (name_key);

CREATE TABLE members (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partner_id    TEXT   NOT NULL REFERENCES partners (id),
    user_id       BIGINT,
    login         TEXT   NOT NULL,
    login_key     TEXT   NOT NULL,
    from_ms       BIGINT,
    until_ms      BIGINT,
    is_primary    BIGINT NOT NULL,
    lookup_failed BIGINT NOT NULL
);
CREATE INDEX members_user ON members (user_id);
CREATE INDEX members_unbound ON members (login_key) WHERE user_id IS NULL;
CREATE INDEX members_partner ON members (partner_id);

CREATE TABLE agents (
    login_key TEXT PRIMARY KEY,
    user_id   BIGINT
);

CREATE TABLE repositories (
    id              BIGINT PRIMARY KEY,
    installation_id BIGINT NOT NULL,
    full_name       TEXT   NOT NULL,
    private         BIGINT NOT NULL,
    first_seen_ms   BIGINT NOT NULL,
    listed_ms       BIGINT
);

CREATE TABLE tickets (
    issue_id        BIGINT PRIMARY KEY,
    installation_id BIGINT NOT NULL,
    repo_id         BIGINT NOT NULL,
    number          BIGINT NOT NULL,
    partner_id      TEXT,
    standing        TEXT   NOT NULL,
    created_ms      BIGINT NOT NULL,
    next_at_ms      BIGINT,
    version         BIGINT NOT NULL,
    published       BIGINT NOT NULL,
    publish_at_ms   BIGINT NOT NULL,
    attempts        BIGINT NOT NULL,
    doc             TEXT   NOT NULL,
    applied         TEXT
);
CREATE INDEX tickets_next ON tickets (next_at_ms) WHERE next_at_ms IS NOT NULL;
CREATE INDEX tickets_dirty ON tickets (publish_at_ms) WHERE version <> published;
CREATE INDEX tickets_waiting ON tickets (partner_id) WHERE standing = 'waiting';
CREATE INDEX tickets_refused ON tickets (standing) WHERE standing IN ('nobody', 'no_subscription', 'not_included', 'checking');
CREATE INDEX tickets_number ON tickets (repo_id, number);

CREATE TABLE ledger (
    key         TEXT PRIMARY KEY,
    partner_id  TEXT   NOT NULL,
    issue_id    BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    at_ms       BIGINT NOT NULL,
    recorded_ms BIGINT NOT NULL,
    actor       TEXT   NOT NULL,
    reason      TEXT   NOT NULL
);
CREATE INDEX ledger_partner ON ledger (partner_id, at_ms);

CREATE TABLE ticket_log (
    id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    issue_id BIGINT NOT NULL,
    at_ms    BIGINT NOT NULL,
    rule     TEXT   NOT NULL,
    text     TEXT   NOT NULL
);
CREATE INDEX ticket_log_issue ON ticket_log (issue_id);

CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    received_ms BIGINT NOT NULL
);
CREATE INDEX deliveries_received ON deliveries (received_ms);

CREATE TABLE repo_labels (
    repo_id    BIGINT NOT NULL,
    name_key   TEXT   NOT NULL,
    by_desk    BIGINT NOT NULL,
    PRIMARY KEY (repo_id, name_key)
);

CREATE TABLE outbox (
    key           TEXT PRIMARY KEY,
    channel       TEXT   NOT NULL,
    issue_id      BIGINT,
    cycle         BIGINT NOT NULL,
    body          TEXT   NOT NULL,
    created_ms    BIGINT NOT NULL,
    confirmed_ms  BIGINT NOT NULL,
    not_before_ms BIGINT NOT NULL,
    lease_ms      BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    note          TEXT   NOT NULL
);
CREATE INDEX outbox_pending ON outbox (channel, created_ms) WHERE state = 'pending';

CREATE TABLE admin_audit (
    id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_ms  BIGINT NOT NULL,
    act    TEXT   NOT NULL,
    detail TEXT   NOT NULL
);
