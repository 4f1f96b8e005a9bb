-- One gate an installation (G7). Who has its turn, until when that is certain; until when GitHub asked for quiet; from when on the desk
-- may write again by itself; how often in a row GitHub gave no time, and how many tickets in a row were not answered.
CREATE TABLE gates (
    installation_id BIGINT PRIMARY KEY,
    turn            BIGINT NOT NULL DEFAULT 0,
    lease_ms        BIGINT NOT NULL DEFAULT 0,
    quiet_ms        BIGINT NOT NULL DEFAULT 0,
    pause_ms        BIGINT NOT NULL DEFAULT 0,
    refused         BIGINT NOT NULL DEFAULT 0,
    unanswered      BIGINT NOT NULL DEFAULT 0
);

-- The writes of the last hour, those included that are about to go.
CREATE TABLE gate_writes (
    installation_id BIGINT NOT NULL,
    at_ms           BIGINT NOT NULL,
    writes          BIGINT NOT NULL,
    PRIMARY KEY (installation_id, at_ms)
);

-- What is to be published, by installation. Whose turn it is there: tickets of which an earlier try may have had effect, then the higher
-- tiers, then the older ones.
ALTER TABLE tickets ADD COLUMN tier TEXT NOT NULL DEFAULT '';
DROP INDEX tickets_dirty;
CREATE INDEX tickets_dirty ON tickets (installation_id, publish_at_ms) WHERE version <> published;
CREATE INDEX tickets_turn ON tickets (installation_id, tier, created_ms) WHERE version <> published;
CREATE INDEX tickets_tried ON tickets (installation_id, publish_at_ms) WHERE version <> published AND attempts > 0;
