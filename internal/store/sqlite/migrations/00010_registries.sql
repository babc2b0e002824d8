-- +goose Up
-- What each worker knows of each of its projects.
CREATE TABLE registries (
    project     TEXT NOT NULL,
    worker      TEXT NOT NULL,
    seq         INTEGER NOT NULL, -- grows with every write: tells what is newer
    source_hash TEXT NOT NULL,
    read_at     TEXT,
    refreshed   INTEGER NOT NULL, -- the newest of refreshes.asked that it answers
    body        BLOB NOT NULL,
    PRIMARY KEY (project, worker)
);

-- How often workers were asked to read a project anew.
CREATE TABLE refreshes (
    project TEXT PRIMARY KEY NOT NULL,
    asked   INTEGER NOT NULL
) WITHOUT ROWID;
