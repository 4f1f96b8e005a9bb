-- What is to be published is in one of three lines: it waits for its turn, or for an instant before which GitHub would only refuse it again,
-- or an earlier try may have had effect. Each is an index of its own, so that a look at one never walks another; and a ticket that is new
-- stands in one index only.
DROP INDEX tickets_dirty;
DROP INDEX tickets_turn;
CREATE INDEX tickets_turn ON tickets (installation_id, tier, created_ms, issue_id)
    WHERE version <> published AND attempts = 0 AND publish_at_ms = 0;
CREATE INDEX tickets_parked ON tickets (installation_id, publish_at_ms)
    WHERE version <> published AND attempts = 0 AND publish_at_ms > 0;
