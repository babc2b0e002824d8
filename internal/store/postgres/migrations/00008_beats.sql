-- +goose Up
ALTER TABLE workers ADD COLUMN beat BIGINT NOT NULL DEFAULT 0;     -- raised by every renewal
ALTER TABLE workers ADD COLUMN lease_ms BIGINT NOT NULL DEFAULT 0; -- how long beat may stand still; 0: for ever
ALTER TABLE workers ADD COLUMN boot_id TEXT COLLATE "C";
ALTER TABLE workers ADD COLUMN pid_namespace TEXT COLLATE "C";
