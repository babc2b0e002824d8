-- +goose Up
ALTER TABLE jobs ADD COLUMN labels TEXT;            -- a JSON object; NULL: none
ALTER TABLE jobs ADD COLUMN concurrency_key TEXT;
ALTER TABLE jobs ADD COLUMN concurrency_limit INTEGER;
ALTER TABLE jobs ADD COLUMN requires TEXT;          -- a JSON object; NULL: none

-- Lists by label ('key:value'), as deep as history goes.
CREATE TABLE job_labels (
    label      TEXT NOT NULL,
    created_at TEXT NOT NULL,
    id         TEXT NOT NULL,
    PRIMARY KEY (label, created_at, id)
) WITHOUT ROWID;

-- Jobs that wait for a slot of a scope, which parked_on names ('key:…', 'pipeline:…',
-- 'project:…'), in the order of claims; and those of a concurrency key by what else
-- bounds them. parked_on = 'time' sorts behind all of these.
CREATE INDEX jobs_parked ON jobs (parked_on, order_key, id) WHERE status = 'pending' AND parked_on < 'time';
CREATE INDEX jobs_lanes ON jobs (parked_on, project, pipeline_name, concurrency_limit, order_key, id)
    WHERE status = 'pending' AND parked_on < 'time' AND concurrency_key IS NOT NULL;

-- What runs in a scope.
CREATE INDEX jobs_running ON jobs (project, pipeline_name) WHERE status = 'running';
CREATE INDEX jobs_running_key ON jobs (concurrency_key) WHERE status = 'running' AND concurrency_key IS NOT NULL;
