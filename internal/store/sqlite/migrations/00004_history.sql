-- +goose Up
-- Lists by who asked and by project, as deep as history goes. A job without a user
-- or a key costs nothing here.
CREATE INDEX jobs_by_project ON jobs (project, created_at, id);
CREATE INDEX jobs_by_user ON jobs (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX jobs_by_submitter ON jobs (submitted_by, created_at, id) WHERE submitted_by IS NOT NULL;
