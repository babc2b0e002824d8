-- +goose Up
ALTER TABLE workers ADD COLUMN labels TEXT; -- a JSON object; NULL: none
