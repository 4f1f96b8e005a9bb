-- One thread a ticket in each channel that a bot speaks in: the message that it hangs on, in which of the chat's channels that stands, and
-- what it shows of the ticket (E8).
CREATE TABLE threads (
    issue_id BIGINT NOT NULL,
    channel  TEXT   NOT NULL,
    place    TEXT   NOT NULL,
    root     TEXT   NOT NULL,
    shown    TEXT   NOT NULL,
    said_ms  BIGINT NOT NULL,
    PRIMARY KEY (issue_id, channel)
);
CREATE INDEX threads_said ON threads (said_ms);

-- A row of the outbox that says nothing new, but has the first message about this ticket show how it stands.
ALTER TABLE outbox ADD COLUMN root_of BIGINT;
