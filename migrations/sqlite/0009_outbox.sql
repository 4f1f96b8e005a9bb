-- What is said in chat, under fault: when the step of a message was due, the digest that took it, where and when it was said, and whether
-- that turned out wrong (E2, E4, E7, R5). When a message may be tried again is the channel's matter, not its own.

ALTER TABLE outbox ADD COLUMN at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN digest TEXT;
ALTER TABLE outbox ADD COLUMN sent_in TEXT;
ALTER TABLE outbox ADD COLUMN done_ms BIGINT;
ALTER TABLE outbox ADD COLUMN wrong_ms BIGINT;
ALTER TABLE outbox ADD COLUMN righted_ms BIGINT;
ALTER TABLE outbox DROP COLUMN not_before_ms;
UPDATE outbox SET at_ms = created_ms;
UPDATE outbox SET sent_in = channel, done_ms = created_ms WHERE state = 'sent';
DROP INDEX outbox_pending;
CREATE INDEX outbox_pending ON outbox (channel, created_ms, key) WHERE state = 'pending';
CREATE INDEX outbox_issue ON outbox (issue_id) WHERE issue_id IS NOT NULL;
CREATE INDEX outbox_wrong ON outbox (wrong_ms) WHERE wrong_ms IS NOT NULL AND righted_ms IS NULL;

-- Channels that do not take what they are sent, a row each, for as long as that lasts.
CREATE TABLE channels (
    name     TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    open_ms  BIGINT NOT NULL,
    refused  BIGINT NOT NULL,
    why      TEXT   NOT NULL
) WITHOUT ROWID;

-- Until when a ticket is looked at by one instance because its time has come.
ALTER TABLE tickets ADD COLUMN looking_ms BIGINT NOT NULL DEFAULT 0;

-- One row: when any instance was last alive, the time in which none was and of which nobody was told yet, and when to tell it.
CREATE TABLE life (
    id            INTEGER PRIMARY KEY,
    alive_ms      BIGINT,
    down_from_ms  BIGINT,
    down_until_ms BIGINT,
    caught_up     BIGINT NOT NULL,
    tell_ms       BIGINT
);
INSERT INTO life (id, caught_up) VALUES (1, 0);
