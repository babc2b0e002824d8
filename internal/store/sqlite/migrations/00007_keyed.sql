-- +goose Up
-- Those that wait for a slot and have a concurrency key, in sight or not, by their limits
-- and in the order of claims: none passes one before it.
CREATE INDEX jobs_keyed ON jobs (concurrency_key, concurrency_limit, order_key, id)
    WHERE status = 'pending' AND concurrency_key IS NOT NULL AND (parked_on IS NULL OR parked_on < 'requires');
