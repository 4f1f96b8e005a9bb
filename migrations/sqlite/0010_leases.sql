-- Which instance does what one of several has to do, and until when it may; only where several can be.
CREATE TABLE leases (
    name     TEXT PRIMARY KEY,
    holder   TEXT   NOT NULL,
    until_ms BIGINT NOT NULL
);
