-- +goose Up
-- What each worker knows of each of its projects.
CREATE TABLE registries (
    project     TEXT COLLATE "C" NOT NULL,
    worker      TEXT COLLATE "C" NOT NULL,
    seq         BIGINT NOT NULL, -- grows with every write: tells what is newer
    source_hash TEXT COLLATE "C" NOT NULL,
    read_at     TEXT COLLATE "C",
    refreshed   BIGINT NOT NULL, -- the newest of refreshes.asked that it answers
    body        BYTEA NOT NULL,
    PRIMARY KEY (project, worker)
);
CREATE SEQUENCE registries_seq;

-- How often workers were asked to read a project anew.
CREATE TABLE refreshes (
    project TEXT COLLATE "C" PRIMARY KEY,
    asked   BIGINT NOT NULL
);
