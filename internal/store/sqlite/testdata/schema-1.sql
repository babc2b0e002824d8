CREATE TABLE jobs (
    -- The columns of the stack that kedrod replaces.
    id                  TEXT PRIMARY KEY NOT NULL,
    pipeline_name       TEXT NOT NULL,
    user_id             TEXT,
    status              TEXT NOT NULL,
    parameters          TEXT NOT NULL,
    results             TEXT,
    error_message       TEXT,
    created_at          TEXT NOT NULL,
    started_at          TEXT,
    completed_at        TEXT,
    execution_time      REAL,
    -- Ours.
    project             TEXT NOT NULL,
    submitted_by        TEXT,
    options             TEXT NOT NULL,
    priority            INTEGER NOT NULL,
    run_at              TEXT,
    expires_at          TEXT,
    timeout_ms          INTEGER NOT NULL,
    max_attempts        INTEGER NOT NULL,
    retry_on            TEXT,
    max_recoveries      INTEGER NOT NULL,
    reason              TEXT,
    progress            TEXT,
    warnings            TEXT,
    start               TEXT,
    attempt             INTEGER NOT NULL,
    tries               INTEGER NOT NULL,
    recoveries          INTEGER NOT NULL,
    worker              TEXT,
    last_outcome        TEXT,
    next_try_at         TEXT,
    cancel_requested_at TEXT,
    retry_of            TEXT,
    schedule_id         TEXT,
    -- Of the queue: the order of claims, and why a pending job is out of its way
    -- ('time': until ready_at, microseconds).
    order_key           INTEGER NOT NULL,
    ready_at            INTEGER NOT NULL,
    parked_on           TEXT,
    idempotency_key     TEXT,
    idempotency_hash    TEXT
);

CREATE INDEX jobs_claim ON jobs (order_key, id) WHERE status = 'pending' AND parked_on IS NULL;
CREATE INDEX jobs_timed ON jobs (ready_at) WHERE status = 'pending' AND parked_on = 'time';
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE status = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX jobs_held ON jobs (worker) WHERE status = 'running';
CREATE INDEX jobs_newest ON jobs (created_at, id);
CREATE INDEX jobs_by_status ON jobs (status, created_at, id);
CREATE INDEX jobs_by_pipeline ON jobs (pipeline_name, created_at, id);
CREATE INDEX jobs_by_tail ON jobs (substr(id, -6));
CREATE UNIQUE INDEX jobs_idempotency ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE attempts (
    job_id         TEXT NOT NULL,
    number         INTEGER NOT NULL,
    worker         TEXT NOT NULL,
    status         TEXT NOT NULL,
    reason         TEXT,
    error_message  TEXT,
    exit_code      INTEGER,
    signal         TEXT,
    start          TEXT,
    claimed_at     TEXT NOT NULL,
    started_at     TEXT,
    ended_at       TEXT,
    execution_time REAL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;

CREATE TABLE nodes (
    job_id       TEXT NOT NULL,
    attempt      INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    name         TEXT NOT NULL,
    status       TEXT NOT NULL,
    started_at   TEXT,
    completed_at TEXT,
    seconds      REAL,
    PRIMARY KEY (job_id, attempt, position)
) WITHOUT ROWID;

-- seq is never used twice (AUTOINCREMENT): it is the id that followers resume from.
CREATE TABLE events (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    type    TEXT NOT NULL,
    at      TEXT NOT NULL,
    data    TEXT NOT NULL
);
CREATE INDEX events_by_job ON events (job_id, seq);

CREATE TABLE workers (
    id         TEXT PRIMARY KEY NOT NULL,
    host       TEXT NOT NULL,
    pid        INTEGER NOT NULL,
    version    TEXT NOT NULL,
    state      TEXT NOT NULL,
    slots      INTEGER NOT NULL,
    projects   TEXT NOT NULL,
    started_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')));
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1);
INSERT INTO jobs (id, pipeline_name, user_id, status, parameters, created_at, completed_at, project, options, priority, timeout_ms, max_attempts, max_recoveries, attempt, tries, recoveries, order_key, ready_at)
VALUES ('one', 'train', 'ann', 'completed', '{}', '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:01.000000+00:00', 'p', '{}', 0, 60000, 1, 3, 1, 1, 0, 0, 0);
