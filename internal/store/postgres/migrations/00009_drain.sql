-- +goose Up
ALTER TABLE workers ADD COLUMN drain_requested_at TEXT COLLATE "C"; -- when it was told to take no more jobs and end
