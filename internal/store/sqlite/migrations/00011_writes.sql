-- +goose Up
ALTER TABLE jobs ADD COLUMN writes TEXT; -- a JSON object: what it is expected to write; NULL: not kept

-- Files that jobs write while they run (waits = 0, order_key = 0), and those of jobs that
-- are parked on a file of theirs (waits = 1), by which none of lower place passes them.
CREATE TABLE writes (
    project   TEXT NOT NULL,
    path      TEXT NOT NULL,
    waits     INTEGER NOT NULL,
    order_key INTEGER NOT NULL, -- of a job that waits
    job_id    TEXT NOT NULL,
    dataset   TEXT NOT NULL,
    saved     INTEGER NOT NULL, -- 1: the run has written it
    PRIMARY KEY (project, path, waits, order_key, job_id)
) WITHOUT ROWID;
CREATE INDEX writes_by_job ON writes (job_id);
