-- +goose Up
ALTER TABLE jobs ADD COLUMN writes TEXT; -- a JSON object: what it is expected to write; NULL: not kept

-- Files that jobs write while they run (waits = 0, order_key = 0), and those of jobs that
-- are parked on a file of theirs (waits = 1), by which none of lower place passes them.
CREATE TABLE writes (
    project   TEXT COLLATE "C" NOT NULL,
    path      TEXT COLLATE "C" NOT NULL,
    waits     BIGINT NOT NULL,
    order_key BIGINT NOT NULL, -- of a job that waits
    job_id    TEXT COLLATE "C" NOT NULL,
    dataset   TEXT NOT NULL,
    saved     BOOLEAN NOT NULL, -- the run has written it
    PRIMARY KEY (project, path, waits, order_key, job_id)
) WITH (fillfactor = 50);
CREATE INDEX writes_by_job ON writes (job_id);

-- The files of a project have one lock, whichever they are.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION kedrod_try(scope TEXT) RETURNS BOOLEAN LANGUAGE sql VOLATILE AS $$
    SELECT pg_try_advisory_xact_lock(hashtextextended('kedrod ' ||
        CASE WHEN starts_with(scope, 'path:') THEN split_part(scope, '/', 1) ELSE scope END, 0))
$$;
-- +goose StatementEnd

-- Has a job hold its files: those that it waits for (waits_for = 1) or writes (0).
-- +goose StatementBegin
CREATE FUNCTION kedrod_hold_files(of_project TEXT, of_job TEXT, files TEXT, waits_for BIGINT, at BIGINT) RETURNS void LANGUAGE sql AS $$
    DELETE FROM writes WHERE job_id = of_job;
    INSERT INTO writes (project, path, waits, order_key, job_id, dataset, saved)
        SELECT of_project, f ->> 'path', waits_for, at, of_job, f ->> 'dataset', FALSE FROM jsonb_array_elements(files::jsonb -> 'files') AS f
        ON CONFLICT DO NOTHING
$$;
-- +goose StatementEnd

-- Drops what a job holds, and brings up who waits for it; gives how many came.
-- +goose StatementBegin
CREATE FUNCTION kedrod_give_up_files(of_job TEXT) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
    r RECORD;
    came INTEGER := 0;
BEGIN
    FOR r IN DELETE FROM writes WHERE job_id = of_job RETURNING project, path LOOP
        came := came + kedrod_come_up('path:' || kedrod_escape(r.project) || '/' || r.path, 1);
    END LOOP;
    RETURN came;
END $$;
-- +goose StatementEnd

-- A file of a job that another writes, or for which another waits that comes before it;
-- NULL when there is none.
-- +goose StatementBegin
CREATE FUNCTION kedrod_file_of_another(of_project TEXT, files TEXT, at BIGINT, of_job TEXT) RETURNS TEXT LANGUAGE plpgsql AS $$
DECLARE
    p TEXT;
BEGIN
    FOR p IN SELECT f ->> 'path' FROM jsonb_array_elements(files::jsonb -> 'files') AS f LOOP
        PERFORM 1 FROM writes WHERE project = of_project AND path = p AND waits = 0 AND job_id <> of_job LIMIT 1;
        IF FOUND THEN
            RETURN p;
        END IF;
    END LOOP;
    FOR p IN SELECT f ->> 'path' FROM jsonb_array_elements(files::jsonb -> 'files') AS f LOOP
        PERFORM 1 FROM writes WHERE project = of_project AND path = p AND waits = 1 AND (order_key, job_id) < (at, of_job COLLATE "C") LIMIT 1;
        IF FOUND THEN
            RETURN p;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
-- +goose StatementEnd

-- The warnings that a job has because of what is not known of its files.
-- +goose StatementBegin
CREATE FUNCTION kedrod_note(writes TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN writes::jsonb ? 'note' THEN jsonb_build_array(writes::jsonb ->> 'note')::text END
$$;
-- +goose StatementEnd

-- A claim, as before, which also keeps jobs that queue for their files behind those that
-- write them. It takes the lock of a project's files for jobs whose files are kept.
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION kedrod_claim(by_worker TEXT, want INTEGER, projects TEXT[], labels JSONB, beginnings TEXT[], limits JSONB,
    now_at TEXT, now_micro BIGINT, event TEXT, OUT what TEXT, OUT id_of TEXT, OUT j jobs) RETURNS SETOF RECORD LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    claimed TEXT[] := '{}';
    plain TEXT[] := '{}';   -- of claimed: rows still to be changed
    pass TEXT[] := '{}';    -- not to be looked at again
    busy TEXT[] := '{}';    -- scopes that others have locked
    counted TEXT[] := '{}'; -- scopes that we have locked, and
    counts INTEGER[] := '{}'; -- what runs there
    moves INTEGER := 0;     -- parked or expired
    passed INTEGER := 0;    -- for others' locks
    given_up INTEGER := 0;  -- rows of freed
    again BOOLEAN := FALSE;
    wake BOOLEAN := FALSE;
    looked BOOLEAN;
    came INTEGER;
    r RECORD;
    f RECORD;
    head RECORD;
    scopes TEXT[];
    s TEXT;
    slots INTEGER;
    n INTEGER;
    at INTEGER;
    parked TEXT;
    free BOOLEAN;
    need TEXT;
    beginning TEXT;
    have TEXT[] := '{}';
    files TEXT;             -- scope of the files of a project
    names TEXT[] := '{}';   -- pipelines, and
    named TEXT[] := '{}';   -- their scopes
    several BOOLEAN := cardinality(projects) > 1;
BEGIN
    -- What was given up since.
    FOR f IN SELECT x.scope, array_agg(x.seq) AS seqs FROM (SELECT seq, scope FROM freed ORDER BY seq LIMIT 200 FOR UPDATE SKIP LOCKED) AS x
        GROUP BY x.scope LOOP
        IF kedrod_try(f.scope) THEN
            DELETE FROM freed WHERE seq = ANY (f.seqs);
            PERFORM kedrod_come_up(f.scope, cardinality(f.seqs));
        ELSE
            busy := busy || f.scope;
            again := TRUE;
        END IF;
        given_up := given_up + cardinality(f.seqs);
    END LOOP;
    again := again OR given_up >= 200;
    -- What is due by its time.
    UPDATE jobs SET parked_on = NULL WHERE id = ANY (ARRAY (SELECT id FROM jobs
        WHERE status = 'pending' AND parked_on = 'time' AND ready_at <= now_micro ORDER BY ready_at LIMIT 500 FOR UPDATE SKIP LOCKED));
    -- What jobs that another worker may not run require, and this one has: those sets begin
    -- with one of its labels. They are known by their beginnings and a hash, since they may
    -- be longer than an index takes.
    FOREACH beginning IN ARRAY beginnings LOOP
        need := "left"(beginning, 300);
        LOOP
            SELECT requires, (("left"(requires, 300) || md5(requires)) COLLATE "C") AS short INTO f FROM jobs WHERE status = 'pending' AND parked_on = 'requires'
                AND (("left"(requires, 300) || md5(requires)) COLLATE "C") > need AND (("left"(requires, 300) || md5(requires)) COLLATE "C") < "left"(beginning, 300) || '~'
                ORDER BY (("left"(requires, 300) || md5(requires)) COLLATE "C") LIMIT 1;
            EXIT WHEN NOT FOUND;
            need := f.short;
            IF f.requires::jsonb <@ labels THEN
                have := have || need;
                several := TRUE;
            END IF;
        END LOOP;
    END LOOP;

    WHILE cardinality(claimed) < want LOOP
        IF moves >= 256 OR passed >= 64 THEN
            again := TRUE;
            EXIT;
        END IF;
        looked := FALSE;
        FOR r IN SELECT * FROM (SELECT c.* FROM unnest(projects) AS of_project CROSS JOIN LATERAL (
                SELECT id, order_key, project, pipeline_name, concurrency_key, concurrency_limit, requires, ready_at, expires_at, writes FROM jobs
                WHERE status = 'pending' AND parked_on IS NULL AND project = of_project AND id <> ALL (pass)
                ORDER BY order_key, id LIMIT greatest(want - cardinality(claimed), least(passed, 32)) FOR UPDATE SKIP LOCKED) AS c
            UNION ALL SELECT c.* FROM unnest(have) AS required CROSS JOIN LATERAL (
                SELECT id, order_key, project, pipeline_name, concurrency_key, concurrency_limit, requires, ready_at, expires_at, writes FROM jobs
                WHERE status = 'pending' AND parked_on = 'requires' AND (("left"(requires, 300) || md5(requires)) COLLATE "C") = required AND project = ANY (projects) AND id <> ALL (pass)
                ORDER BY order_key, id LIMIT greatest(want - cardinality(claimed), least(passed, 32)) FOR UPDATE SKIP LOCKED) AS c) AS next
            ORDER BY next.order_key, next.id LOOP
            looked := TRUE;
            IF r.expires_at <= now_at THEN
                what := 'expired';
                id_of := r.id;
                RETURN NEXT;
                pass := pass || r.id;
                moves := moves + 1;
                EXIT WHEN several;
                CONTINUE;
            END IF;
            at := array_position(names, length(r.project) || ':' || r.project || r.pipeline_name);
            IF at IS NULL THEN
                names := names || (length(r.project) || ':' || r.project || r.pipeline_name);
                named := named || ('pipeline:' || kedrod_escape(r.project) || '/' || kedrod_escape(r.pipeline_name));
                at := cardinality(names);
            END IF;
            scopes := ARRAY['project:' || r.project, named[at]];
            IF r.concurrency_key IS NOT NULL THEN
                scopes := scopes || ('key:' || r.concurrency_key);
            END IF;
            parked := NULL;
            free := TRUE;
            IF r.requires IS NOT NULL AND NOT (r.requires::jsonb <@ labels) THEN
                parked := 'requires';
                wake := TRUE;
            ELSIF r.ready_at > now_micro THEN -- the clock was set back
                parked := 'time';
            ELSE
                FOREACH s IN ARRAY scopes LOOP
                    slots := CASE WHEN starts_with(s, 'key:') THEN r.concurrency_limit ELSE (limits ->> s)::integer END;
                    CONTINUE WHEN coalesce(slots, 0) = 0;
                    at := array_position(counted, s);
                    IF at IS NULL THEN
                        IF s = ANY (busy) OR NOT kedrod_try(s) THEN
                            free := FALSE;
                            busy := busy || s;
                            EXIT;
                        END IF;
                        IF starts_with(s, 'key:') THEN
                            SELECT count(*) INTO n FROM jobs WHERE status = 'running' AND concurrency_key IS NOT NULL AND concurrency_key = r.concurrency_key;
                        ELSIF starts_with(s, 'project:') THEN
                            SELECT count(*) INTO n FROM jobs WHERE status = 'running' AND project = r.project;
                        ELSE
                            SELECT count(*) INTO n FROM jobs WHERE status = 'running' AND project = r.project AND pipeline_name = r.pipeline_name;
                        END IF;
                        counted := counted || s;
                        counts := counts || n;
                        at := cardinality(counted);
                    END IF;
                    n := counts[at];
                    IF n >= slots THEN
                        parked := s;
                    ELSIF n > 0 AND starts_with(s, 'key:') THEN
                        SELECT * INTO head FROM kedrod_head(r.concurrency_key, n);
                        IF head.head_key IS NOT NULL AND (head.head_key, head.head_id COLLATE "C") < (r.order_key, r.id COLLATE "C") THEN
                            parked := s;
                        END IF;
                    END IF;
                    EXIT WHEN parked IS NOT NULL;
                END LOOP;
                IF free AND parked IS NULL AND r.writes IS NOT NULL THEN
                    files := 'path:' || kedrod_escape(r.project);
                    IF array_position(counted, files) IS NULL THEN
                        IF files = ANY (busy) OR NOT kedrod_try(files) THEN
                            free := FALSE;
                            busy := busy || files;
                        ELSE
                            counted := counted || files;
                            counts := counts || 0;
                        END IF;
                    END IF;
                    IF free AND (r.writes::jsonb ->> 'queue')::boolean THEN
                        parked := files || '/' || kedrod_file_of_another(r.project, r.writes, r.order_key, r.id);
                    END IF;
                END IF;
            END IF;
            came := 0;
            IF NOT free THEN
                pass := pass || r.id;
                passed := passed + 1;
                again := TRUE;
                EXIT WHEN several;
                CONTINUE;
            ELSIF parked IS NOT NULL THEN
                UPDATE jobs SET parked_on = parked WHERE id = r.id;
                moves := moves + 1;
                IF starts_with(parked, 'path:') THEN
                    PERFORM kedrod_hold_files(r.project, r.id, r.writes, 1, r.order_key);
                ELSIF r.writes IS NOT NULL THEN
                    came := came + kedrod_give_up_files(r.id);
                END IF;
                -- It was in sight of those scopes that come before; another comes up there.
                FOR i IN REVERSE cardinality(scopes) .. 1 LOOP
                    IF scopes[i] = parked THEN
                        parked := ''; -- the rest come before it
                    ELSIF parked IN ('', 'requires', 'time') OR starts_with(parked, 'path:') THEN
                        came := came + kedrod_come_up(scopes[i], 1);
                    END IF;
                END LOOP;
            ELSE
                claimed := claimed || r.id;
                IF r.writes IS NOT NULL THEN
                    PERFORM kedrod_hold_files(r.project, r.id, r.writes, 0, 0);
                END IF;
                FOR i IN 1 .. cardinality(scopes) LOOP
                    at := array_position(counted, scopes[i]);
                    IF at IS NOT NULL THEN
                        counts[at] := counts[at] + 1;
                    END IF;
                END LOOP;
                IF r.concurrency_key IS NULL THEN
                    plain := plain || r.id;
                    pass := pass || r.id;
                ELSE
                    UPDATE jobs SET status = 'running', worker = by_worker, attempt = attempt + 1, started_at = now_at, last_outcome = NULL,
                        next_try_at = NULL, execution_time = NULL, progress = NULL, results = NULL, reason = NULL, error_message = NULL,
                        start = NULL, warnings = kedrod_note(writes), parked_on = NULL WHERE id = r.id;
                    came := kedrod_settle_key(r.concurrency_key); -- there may be room for one more
                END IF;
            END IF;
            -- What came into sight may be first, and so may the next one of a project whose first was put out of sight.
            EXIT WHEN came > 0 OR (several AND parked IS NOT NULL) OR cardinality(claimed) >= want OR moves >= 256;
        END LOOP;
        EXIT WHEN NOT looked;
    END LOOP;

    IF claimed <> '{}' THEN
        UPDATE jobs SET status = 'running', worker = by_worker, attempt = attempt + 1, started_at = now_at, last_outcome = NULL,
            next_try_at = NULL, execution_time = NULL, progress = NULL, results = NULL, reason = NULL, error_message = NULL,
            start = NULL, warnings = kedrod_note(writes), parked_on = NULL WHERE id = ANY (plain);
        INSERT INTO attempts (job_id, number, worker, status, claimed_at)
            SELECT id, attempt, by_worker, 'running', now_at FROM jobs WHERE id = ANY (claimed);
        INSERT INTO events (job_id, attempt, type, at, data)
            SELECT jobs.id, jobs.attempt, 'status', now_at, event FROM unnest(claimed) WITH ORDINALITY AS c (id, place)
            JOIN jobs ON jobs.id = c.id ORDER BY c.place;
        RETURN QUERY SELECT 'job'::text, jobs.id, jobs FROM unnest(claimed) WITH ORDINALITY AS c (id, place) JOIN jobs ON jobs.id = c.id ORDER BY c.place;
    END IF;
    id_of := NULL;
    IF again THEN
        what := 'again';
        RETURN NEXT;
    END IF;
    IF wake THEN
        what := 'wake';
        RETURN NEXT;
    END IF;
END $$;
-- +goose StatementEnd
