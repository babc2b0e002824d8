-- Texts compare byte by byte (COLLATE "C"), whatever the database's own collation is:
-- times, ids and the names of scopes are ordered as text.

-- +goose Up
-- Which major version of the schema this is; within one, tables only gain.
CREATE TABLE kedrod_schema (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    major INTEGER NOT NULL
);
INSERT INTO kedrod_schema (one, major) VALUES (1, 1);

CREATE TABLE jobs (
    -- The columns of the stack that kedrod replaces.
    id                  TEXT COLLATE "C" PRIMARY KEY,
    pipeline_name       TEXT COLLATE "C" NOT NULL,
    user_id             TEXT COLLATE "C",
    status              TEXT COLLATE "C" NOT NULL,
    parameters          TEXT NOT NULL,
    results             TEXT,
    error_message       TEXT,
    created_at          TEXT COLLATE "C" NOT NULL,
    started_at          TEXT COLLATE "C",
    completed_at        TEXT COLLATE "C",
    execution_time      DOUBLE PRECISION,
    -- Ours.
    project             TEXT COLLATE "C" NOT NULL,
    submitted_by        TEXT COLLATE "C",
    options             TEXT NOT NULL,
    priority            INTEGER NOT NULL,
    run_at              TEXT COLLATE "C",
    expires_at          TEXT COLLATE "C",
    timeout_ms          BIGINT NOT NULL,
    max_attempts        INTEGER NOT NULL,
    retry_on            TEXT,
    max_recoveries      INTEGER NOT NULL,
    reason              TEXT COLLATE "C",
    progress            TEXT,
    warnings            TEXT,
    start               TEXT COLLATE "C",
    attempt             INTEGER NOT NULL,
    tries               INTEGER NOT NULL,
    recoveries          INTEGER NOT NULL,
    worker              TEXT COLLATE "C",
    last_outcome        TEXT COLLATE "C",
    next_try_at         TEXT COLLATE "C",
    cancel_requested_at TEXT COLLATE "C",
    retry_of            TEXT COLLATE "C",
    schedule_id         TEXT COLLATE "C",
    labels              TEXT,             -- a JSON object; NULL: none
    concurrency_key     TEXT COLLATE "C",
    concurrency_limit   INTEGER,
    requires            TEXT COLLATE "C", -- a JSON object; NULL: none
    callback_url        TEXT,
    -- Of the queue: the order of claims, and why a pending job is out of its way
    -- ('time': until ready_at, microseconds).
    order_key           BIGINT NOT NULL,
    ready_at            BIGINT NOT NULL,
    parked_on           TEXT COLLATE "C",
    idempotency_key     TEXT COLLATE "C",
    idempotency_hash    TEXT COLLATE "C"
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- The queue: what may be claimed, by project; what waits for its time; what waits for a
-- slot of a scope ('key:…', 'pipeline:…', 'project:…'), and, of a concurrency key, by
-- what else bounds it; what no worker that has looked may run; what runs. 'requires' and
-- 'time' sort behind all scopes.
CREATE INDEX jobs_claim ON jobs (project, order_key, id) WHERE status = 'pending' AND parked_on IS NULL;
CREATE INDEX jobs_timed ON jobs (ready_at) WHERE status = 'pending' AND parked_on = 'time';
CREATE INDEX jobs_parked ON jobs (parked_on, order_key, id) WHERE status = 'pending' AND parked_on < 'requires';
CREATE INDEX jobs_lanes ON jobs (parked_on, project, pipeline_name, concurrency_limit, order_key, id)
    WHERE status = 'pending' AND parked_on < 'requires' AND concurrency_key IS NOT NULL;
CREATE INDEX jobs_keyed ON jobs (concurrency_key, concurrency_limit, order_key, id)
    WHERE status = 'pending' AND concurrency_key IS NOT NULL AND (parked_on IS NULL OR parked_on < 'requires');
CREATE INDEX jobs_requires ON jobs ((("left"(requires, 300) || md5(requires)) COLLATE "C"), order_key, id) WHERE status = 'pending' AND parked_on = 'requires';
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE status = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX jobs_held ON jobs (worker) WHERE status = 'running';
CREATE INDEX jobs_running ON jobs (project, pipeline_name) WHERE status = 'running';
CREATE INDEX jobs_running_key ON jobs (concurrency_key) WHERE status = 'running' AND concurrency_key IS NOT NULL;
-- Lists. What jobs_newest asks for is true of every job: a statement that does not say it
-- can't be planned over it, which would be a walk through all of history in search of
-- something rare.
CREATE INDEX jobs_newest ON jobs (created_at, id) WHERE id <> '';
CREATE INDEX jobs_by_status ON jobs (status, created_at, id);
CREATE INDEX jobs_by_pipeline ON jobs (pipeline_name, created_at, id);
CREATE INDEX jobs_by_project ON jobs (project, created_at, id);
CREATE INDEX jobs_by_user ON jobs (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX jobs_by_submitter ON jobs (submitted_by, created_at, id) WHERE submitted_by IS NOT NULL;
CREATE INDEX jobs_by_tail ON jobs ("right"(id, 6));
CREATE UNIQUE INDEX jobs_idempotency ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Lists by label ('key:value'), as deep as history goes.
CREATE TABLE job_labels (
    label      TEXT COLLATE "C" NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL,
    id         TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (label, created_at, id)
);

CREATE TABLE attempts (
    job_id         TEXT COLLATE "C" NOT NULL,
    number         INTEGER NOT NULL,
    worker         TEXT COLLATE "C" NOT NULL,
    status         TEXT COLLATE "C" NOT NULL,
    reason         TEXT COLLATE "C",
    error_message  TEXT,
    exit_code      INTEGER,
    signal         TEXT COLLATE "C",
    start          TEXT COLLATE "C",
    claimed_at     TEXT COLLATE "C" NOT NULL,
    started_at     TEXT COLLATE "C",
    ended_at       TEXT COLLATE "C",
    execution_time DOUBLE PRECISION,
    PRIMARY KEY (job_id, number)
) WITH (fillfactor = 85);

CREATE TABLE nodes (
    job_id       TEXT COLLATE "C" NOT NULL,
    attempt      INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    name         TEXT NOT NULL,
    status       TEXT COLLATE "C" NOT NULL,
    started_at   TEXT COLLATE "C",
    completed_at TEXT COLLATE "C",
    seconds      DOUBLE PRECISION,
    PRIMARY KEY (job_id, attempt, position)
) WITH (fillfactor = 85);

-- seq is never used twice: it is the id that followers resume from.
CREATE TABLE events (
    seq     BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    job_id  TEXT COLLATE "C" NOT NULL,
    attempt INTEGER NOT NULL,
    type    TEXT COLLATE "C" NOT NULL,
    at      TEXT COLLATE "C" NOT NULL,
    data    TEXT NOT NULL
);
CREATE INDEX events_by_job ON events (job_id, seq);

CREATE TABLE workers (
    id         TEXT COLLATE "C" PRIMARY KEY,
    host       TEXT COLLATE "C" NOT NULL,
    pid        BIGINT NOT NULL,
    version    TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    slots      INTEGER NOT NULL,
    projects   TEXT NOT NULL,
    labels     TEXT, -- a JSON object; NULL: none
    started_at TEXT COLLATE "C" NOT NULL,
    seen_at    TEXT COLLATE "C" NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" NOT NULL,
    prefix     TEXT COLLATE "C" NOT NULL,
    hash       BYTEA NOT NULL,
    projects   TEXT, -- a JSON list; NULL is all
    created_at TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C",
    expires_at TEXT COLLATE "C",
    revoked_at TEXT COLLATE "C"
);
CREATE UNIQUE INDEX keys_prefix ON keys (prefix);
CREATE UNIQUE INDEX keys_name ON keys (name) WHERE revoked_at IS NULL;
CREATE INDEX keys_newest ON keys (created_at, id);

-- One row: on since the first key and for ever; version grows with every change of a
-- key, so that other processes notice.
CREATE TABLE authentication (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    enabled BOOLEAN NOT NULL,
    version BIGINT NOT NULL
);
INSERT INTO authentication (one, enabled, version) VALUES (1, FALSE, 0);

CREATE TABLE audit (
    seq        BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at         TEXT COLLATE "C" NOT NULL,
    who        TEXT COLLATE "C",
    key_id     TEXT COLLATE "C",
    call       TEXT COLLATE "C" NOT NULL,
    target     TEXT,
    outcome    TEXT COLLATE "C" NOT NULL,
    code       TEXT COLLATE "C",
    address    TEXT COLLATE "C" NOT NULL,
    request_id TEXT NOT NULL,
    suppressed INTEGER NOT NULL
);
CREATE INDEX audit_refused ON audit (seq) WHERE outcome = 'refused';
CREATE INDEX audit_done ON audit (seq) WHERE outcome = 'done';

-- Who is to be told of a job's end: one row for each receiver, written with that end.
CREATE TABLE deliveries (
    id         TEXT COLLATE "C" PRIMARY KEY,
    job_id     TEXT COLLATE "C" NOT NULL,
    event      TEXT COLLATE "C" NOT NULL,
    url        TEXT NOT NULL,
    host       TEXT COLLATE "C" NOT NULL, -- of url, with its port: what one receiver's limits count over
    state      TEXT COLLATE "C" NOT NULL, -- pending, delivered, failed
    attempts   INTEGER NOT NULL,
    taken      BOOLEAN NOT NULL,          -- while a process sends it; next_at is then when it is sent again without a word from there
    created_at TEXT COLLATE "C" NOT NULL,
    next_at    TEXT COLLATE "C",          -- while pending
    ended_at   TEXT COLLATE "C",
    answer     INTEGER,                   -- HTTP status of the last attempt
    error      TEXT
);
CREATE INDEX deliveries_due ON deliveries (host, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_job ON deliveries (job_id);
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;

-- Scopes in which a slot, or a place in sight, was given up: one row for each. Claims
-- take them up under the scope's lock. And the scopes that have a limit somewhere.
CREATE TABLE freed (
    seq   BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    scope TEXT COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_analyze_threshold = 100000);
CREATE TABLE limited (
    scope TEXT COLLATE "C" PRIMARY KEY
);
