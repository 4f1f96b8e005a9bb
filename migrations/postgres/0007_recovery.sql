-- Deliveries that could not be taken in, whole, until they are (R4). Without a body: what it said was about somebody who is forgotten.
CREATE TABLE kept_deliveries (
    id          TEXT PRIMARY KEY,
    event       TEXT   NOT NULL,
    headers     TEXT   NOT NULL,
    body        TEXT   NOT NULL,
    place       TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    next_ms     BIGINT NOT NULL,
    why         TEXT   NOT NULL
);
CREATE INDEX kept_deliveries_next ON kept_deliveries (next_ms);
CREATE INDEX kept_deliveries_received ON kept_deliveries (received_ms);

-- Deliveries that GitHub lists as failed and that never came (R2), and when GitHub was asked to send them again.
CREATE TABLE missed_deliveries (
    id           TEXT PRIMARY KEY,
    attempt      BIGINT NOT NULL,
    event        TEXT   NOT NULL,
    delivered_ms BIGINT NOT NULL,
    asked_ms     BIGINT
);
CREATE INDEX missed_deliveries_delivered ON missed_deliveries (delivered_ms);

-- One row, once there was a look: up to when GitHub was asked for failed deliveries.
CREATE TABLE recovery (
    id        BIGINT PRIMARY KEY,
    looked_ms BIGINT NOT NULL
);
