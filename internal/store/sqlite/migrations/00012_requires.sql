-- +goose Up
-- What some worker could not run, by the labels that it requires and in the order of
-- claims: workers that have those look here too.
CREATE INDEX jobs_requires ON jobs (requires, order_key, id) WHERE status = 'pending' AND parked_on = 'requires';
