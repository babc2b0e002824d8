-- +goose Up
ALTER TABLE jobs ADD COLUMN callback_url TEXT;

-- Who is to be told of a job's end: one row for each receiver, written with that end.
CREATE TABLE deliveries (
    id         TEXT PRIMARY KEY NOT NULL,
    job_id     TEXT NOT NULL,
    event      TEXT NOT NULL,
    url        TEXT NOT NULL,
    host       TEXT NOT NULL,    -- of url, with its port: what one receiver's limits count over
    state      TEXT NOT NULL,    -- pending, delivered, failed
    attempts   INTEGER NOT NULL,
    taken      INTEGER NOT NULL, -- 1 while a process sends it; next_at is then when it is sent again without a word from there
    created_at TEXT NOT NULL,
    next_at    TEXT,             -- while pending
    ended_at   TEXT,
    answer     INTEGER,          -- HTTP status of the last attempt
    error      TEXT
) WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (host, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_job ON deliveries (job_id);
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
