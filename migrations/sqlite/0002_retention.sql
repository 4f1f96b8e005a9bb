-- What is deleted when it is old is found by its age; deliveries are already.

CREATE INDEX ticket_log_at ON ticket_log (at_ms);
CREATE INDEX outbox_done ON outbox (created_ms) WHERE state <> 'pending';
