-- What the desk signs its own links with (E5): made once, at random, by whoever needs it first.
CREATE TABLE keys (
    name   TEXT PRIMARY KEY,
    secret TEXT NOT NULL
) WITHOUT ROWID;
