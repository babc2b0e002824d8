-- +goose Up
CREATE TABLE keys (
    id         TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    hash       BLOB NOT NULL,
    projects   TEXT, -- a JSON list; NULL is all
    created_at TEXT NOT NULL,
    created_by TEXT,
    expires_at TEXT,
    revoked_at TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX keys_prefix ON keys (prefix);
CREATE UNIQUE INDEX keys_name ON keys (name) WHERE revoked_at IS NULL;
CREATE INDEX keys_newest ON keys (created_at, id);

-- One row: on since the first key and for ever; version grows with every change of a
-- key, so that other processes on this file notice.
CREATE TABLE authentication (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL
);
INSERT INTO authentication (one, enabled, version) VALUES (1, 0, 0);

CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         TEXT NOT NULL,
    who        TEXT,
    key_id     TEXT,
    call       TEXT NOT NULL,
    target     TEXT,
    outcome    TEXT NOT NULL,
    code       TEXT,
    address    TEXT NOT NULL,
    request_id TEXT NOT NULL,
    suppressed INTEGER NOT NULL
);
CREATE INDEX audit_refused ON audit (seq) WHERE outcome = 'refused';
CREATE INDEX audit_done ON audit (seq) WHERE outcome = 'done';
