-- +goose Up
-- Logs of runs as their workers hand them over, so that every process can read them.
CREATE TABLE logs (
    job_id  TEXT COLLATE "C" NOT NULL,
    attempt INTEGER NOT NULL,
    stream  TEXT COLLATE "C" NOT NULL, -- log, events
    size    BIGINT NOT NULL,
    left_from  BIGINT NOT NULL, -- what was left out: [left_from, left_to)
    left_to    BIGINT NOT NULL,
    left_limit BIGINT NOT NULL,
    whole      BOOLEAN NOT NULL,
    PRIMARY KEY (job_id, attempt, stream)
);

CREATE TABLE log_pieces (
    job_id  TEXT COLLATE "C" NOT NULL,
    attempt INTEGER NOT NULL,
    stream  TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL, -- of its first byte
    length  INTEGER NOT NULL,
    packed  BYTEA NOT NULL,
    PRIMARY KEY (job_id, attempt, stream, at)
);
ALTER TABLE log_pieces ALTER COLUMN packed SET STORAGE EXTERNAL; -- it is packed already
