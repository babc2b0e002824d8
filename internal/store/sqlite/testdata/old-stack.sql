-- The table of the stack that kedrod replaces.
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, pipeline_name TEXT, user_id TEXT, status TEXT, parameters TEXT, results TEXT,
    error_message TEXT, created_at TIMESTAMP, started_at TIMESTAMP, completed_at TIMESTAMP, execution_time REAL);
INSERT INTO jobs VALUES ('a', 'train', 'ann', 'completed', '{"x": 1}', '{"ok": true}', NULL, 1760000000.25, 1760000001.5, 1760000003, 1.5);
INSERT INTO jobs VALUES ('b', 'train', NULL, 'failed', '{}', NULL, 'ValueError: no', 1760000010, 1760000011, 1760000012, 1);
INSERT INTO jobs VALUES ('c', 'train', NULL, 'running', NULL, NULL, NULL, 1760000020, 1760000021, NULL, NULL);
INSERT INTO jobs VALUES ('d', 'train', NULL, 'pending', 'no json', NULL, NULL, '2025-10-09 09:00:00.5', NULL, NULL, NULL);
INSERT INTO jobs VALUES ('e', NULL, NULL, 'pending', '{}', NULL, NULL, 1, NULL, NULL, NULL);
INSERT INTO jobs VALUES ('f', 'train', NULL, 'completed', '[1]', 'just text', NULL, NULL, NULL, NULL, 'soon');
