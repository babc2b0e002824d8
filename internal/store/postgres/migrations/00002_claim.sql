-- +goose Up

-- The lock of a scope: who counts what runs there, parks jobs there or brings them into
-- sight holds it until its commit. Nobody waits for it.
-- +goose StatementBegin
CREATE FUNCTION kedrod_try(scope TEXT) RETURNS BOOLEAN LANGUAGE sql VOLATILE AS $$
    SELECT pg_try_advisory_xact_lock(hashtextextended('kedrod ' || scope, 0))
$$;
-- +goose StatementEnd

-- As Go's url.PathEscape: names are escaped in the scopes of pipelines.
-- +goose StatementBegin
CREATE FUNCTION kedrod_escape(name TEXT) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    raw BYTEA;
    escaped TEXT := '';
    b INTEGER;
BEGIN
    IF name ~ '^[A-Za-z0-9_.~$&+=:@-]*$' THEN
        RETURN name;
    END IF;
    raw := convert_to(name, 'UTF8');
    FOR i IN 0 .. length(raw) - 1 LOOP
        b := get_byte(raw, i);
        IF b < 128 AND chr(b) ~ '[A-Za-z0-9_.~$&+=:@-]' THEN
            escaped := escaped || chr(b);
        ELSE
            escaped := escaped || '%' || upper(lpad(to_hex(b), 2, '0'));
        END IF;
    END LOOP;
    RETURN escaped;
END $$;
-- +goose StatementEnd

-- The first job that the running ones of a key keep waiting, by its own limit; NULL when
-- there is none. No job behind it may start, whatever limit that has.
-- +goose StatementBegin
CREATE FUNCTION kedrod_head(of_key TEXT, running INTEGER, OUT head_key BIGINT, OUT head_id TEXT) LANGUAGE plpgsql AS $$
DECLARE
    below INTEGER := 0;
    r RECORD;
BEGIN
    WHILE below < running LOOP
        SELECT concurrency_limit, order_key, id INTO r FROM jobs
            WHERE status = 'pending' AND concurrency_key IS NOT NULL AND (parked_on IS NULL OR parked_on < 'requires')
            AND concurrency_key = of_key AND concurrency_limit > below AND concurrency_limit <= running
            ORDER BY concurrency_limit, order_key, id LIMIT 1;
        EXIT WHEN NOT FOUND;
        below := r.concurrency_limit;
        IF head_key IS NULL OR (r.order_key, r.id COLLATE "C") < (head_key, head_id COLLATE "C") THEN
            head_key := r.order_key;
            head_id := r.id;
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

-- Brings the first job of each lane of a key into sight that has room; gives how many.
-- +goose StatementBegin
CREATE FUNCTION kedrod_settle_key(of_key TEXT) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
    scope TEXT := 'key:' || of_key;
    running INTEGER;
    head RECORD;
    lane RECORD;
    p TEXT := '';
    q TEXT := '';
    l INTEGER := 0;
    n INTEGER;
    came INTEGER := 0;
BEGIN
    SELECT count(*) INTO running FROM jobs WHERE status = 'running' AND concurrency_key IS NOT NULL AND concurrency_key = of_key;
    SELECT * INTO head FROM kedrod_head(of_key, running);
    LOOP
        SELECT project, pipeline_name, concurrency_limit INTO lane FROM jobs
            WHERE status = 'pending' AND parked_on < 'requires' AND concurrency_key IS NOT NULL AND parked_on = scope
            AND (project, pipeline_name, concurrency_limit) > (p, q, l)
            ORDER BY project, pipeline_name, concurrency_limit LIMIT 1;
        EXIT WHEN NOT FOUND;
        p := lane.project;
        q := lane.pipeline_name;
        l := lane.concurrency_limit;
        CONTINUE WHEN l <= running;
        UPDATE jobs SET parked_on = NULL WHERE id = ANY (ARRAY (SELECT id FROM jobs
            WHERE status = 'pending' AND parked_on < 'requires' AND concurrency_key IS NOT NULL AND parked_on = scope
            AND project = p AND pipeline_name = q AND concurrency_limit = l
            AND (order_key, id) < (coalesce(head.head_key, 9223372036854775807), coalesce(head.head_id, ''))
            ORDER BY order_key, id LIMIT 1 FOR UPDATE SKIP LOCKED));
        GET DIAGNOSTICS n = ROW_COUNT;
        came := came + n;
    END LOOP;
    RETURN came;
END $$;
-- +goose StatementEnd

-- Brings the first n jobs that are parked on a scope into sight, of a key those that have
-- room; gives how many came. While another transaction has the lock, that is left to the
-- next claims.
-- +goose StatementBegin
CREATE FUNCTION kedrod_come_up(scope TEXT, n INTEGER) RETURNS INTEGER LANGUAGE plpgsql AS $$
DECLARE
    came INTEGER;
BEGIN
    IF NOT kedrod_try(scope) THEN
        INSERT INTO freed (scope) VALUES (kedrod_come_up.scope);
        RETURN 0;
    END IF;
    IF starts_with(scope, 'key:') THEN
        RETURN kedrod_settle_key(substr(scope, 5));
    END IF;
    UPDATE jobs SET parked_on = NULL WHERE id = ANY (ARRAY (SELECT id FROM jobs
        WHERE status = 'pending' AND parked_on < 'requires' AND parked_on = kedrod_come_up.scope
        ORDER BY order_key, id LIMIT n FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS came = ROW_COUNT;
    RETURN came;
END $$;
-- +goose StatementEnd

-- Parks new jobs whose key has no room for them, so that a crowd behind a busy key never
-- comes into the way of claims. It does not hold the key's lock, so the next claim looks
-- at the key again.
-- +goose StatementBegin
CREATE FUNCTION kedrod_park_new(ids TEXT[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    r RECORD;
    head RECORD;
    running INTEGER;
BEGIN
    FOR r IN SELECT id, order_key, concurrency_key, concurrency_limit FROM jobs WHERE id = ANY (ids) ORDER BY order_key, id LOOP
        SELECT count(*) INTO running FROM jobs WHERE status = 'running' AND concurrency_key IS NOT NULL AND concurrency_key = r.concurrency_key;
        SELECT * INTO head FROM kedrod_head(r.concurrency_key, running);
        IF running >= r.concurrency_limit OR (head.head_key IS NOT NULL AND (head.head_key, head.head_id COLLATE "C") < (r.order_key, r.id COLLATE "C")) THEN
            UPDATE jobs SET parked_on = 'key:' || r.concurrency_key WHERE id = r.id;
            INSERT INTO freed (scope) VALUES ('key:' || r.concurrency_key);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

-- A claim of up to `want` jobs by a worker, in one statement and without waiting for
-- anybody. What it gives, by `what`:
--   job      a job as it is claimed, in the order of claims
--   expired  the id of one that its expires_at keeps from running: the caller ends it
--   again    others were in the way, or there was too much to park: ask again soon
--   wake     workers that have other labels should look
-- limits: a JSON object of slots by scope. event: the data of the event of a claim.
-- The columns change as by job.Claim.
-- +goose StatementBegin
CREATE FUNCTION kedrod_claim(by_worker TEXT, want INTEGER, projects TEXT[], labels JSONB, beginnings TEXT[], limits JSONB,
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
    END LOOP;
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
                SELECT id, order_key, project, pipeline_name, concurrency_key, concurrency_limit, requires, ready_at, expires_at FROM jobs
                WHERE status = 'pending' AND parked_on IS NULL AND project = of_project AND id <> ALL (pass)
                ORDER BY order_key, id LIMIT greatest(want - cardinality(claimed), least(passed, 32)) FOR UPDATE SKIP LOCKED) AS c
            UNION ALL SELECT c.* FROM unnest(have) AS required CROSS JOIN LATERAL (
                SELECT id, order_key, project, pipeline_name, concurrency_key, concurrency_limit, requires, ready_at, expires_at FROM jobs
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
                -- It was in sight of those scopes that come before; another comes up there.
                FOR i IN REVERSE cardinality(scopes) .. 1 LOOP
                    IF scopes[i] = parked THEN
                        parked := ''; -- the rest come before it
                    ELSIF parked IN ('', 'requires', 'time') THEN
                        came := came + kedrod_come_up(scopes[i], 1);
                    END IF;
                END LOOP;
            ELSE
                claimed := claimed || r.id;
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
                        start = NULL, warnings = NULL, parked_on = NULL WHERE id = r.id;
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
            start = NULL, warnings = NULL, parked_on = NULL WHERE id = ANY (plain);
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
