CREATE TABLE killgate_ledger.version (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    number integer NOT NULL
);

-- Reads one field of a record's line. PostgreSQL's JSON parser rejects an escaped NUL anywhere in the line. None of
-- the fields read here can contain one, so the parser is given another character instead.
CREATE FUNCTION killgate_ledger.field(line text, name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $body$
        SELECT pg_catalog.replace(line, $nul$\u0000$nul$, $other$\ufffd$other$)::pg_catalog.json
            OPERATOR(pg_catalog.->>) name
    $body$;

-- The pids that a request is about.
CREATE FUNCTION killgate_ledger.pids(line text) RETURNS integer[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $body$
        SELECT pg_catalog.array_agg((backend OPERATOR(pg_catalog.->>) 'pid')::integer)
        FROM pg_catalog.json_array_elements(killgate_ledger.field(line, 'backends')::pg_catalog.json) AS backend
    $body$;

-- Each row is one line of the export. The other columns are computed from the line, so that no column can contradict
-- it.
CREATE TABLE killgate_ledger.record (
    seq     bigint PRIMARY KEY CHECK (seq > 0),
    line    text NOT NULL,
    event   text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'event')) STORED,
    request bigint GENERATED ALWAYS AS (killgate_ledger.field(line, 'request')::bigint) STORED,
    at      text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'at')) STORED,
    pids    integer[] GENERATED ALWAYS AS (
        CASE killgate_ledger.field(line, 'event') WHEN 'requested' THEN killgate_ledger.pids(line) END) STORED,
    actor   text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'actor')) STORED,
    message text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'message')) STORED
);

CREATE INDEX record_of_request ON killgate_ledger.record (request, seq);
CREATE INDEX requested_by_pid ON killgate_ledger.record USING gin (pids) WHERE event = 'requested';
CREATE INDEX requested_by_actor ON killgate_ledger.record (actor, request) WHERE event = 'requested';
CREATE INDEX posted_as ON killgate_ledger.record (message, request) WHERE event = 'posted';
CREATE INDEX requested_by_expiry ON killgate_ledger.record
    ((killgate_ledger.field(line, 'expires_at')) COLLATE "C") WHERE event = 'requested';
CREATE INDEX executing_since ON killgate_ledger.record (at, request) WHERE event = 'executing';
CREATE INDEX finished_since ON killgate_ledger.record (at, request) WHERE event = 'finished';

-- A request is requested once, executed at most once, and finished at most once.
CREATE UNIQUE INDEX requested_once ON killgate_ledger.record (request) WHERE event = 'requested';
CREATE UNIQUE INDEX executed_once ON killgate_ledger.record (request) WHERE event = 'executing';
CREATE UNIQUE INDEX finished_once ON killgate_ledger.record (request) WHERE event = 'finished';

CREATE FUNCTION killgate_ledger.refuse() RETURNS trigger
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        RAISE EXCEPTION 'the ledger is append-only: a record is never changed or deleted';
    END
    $body$;

CREATE TRIGGER record_is_not_changed BEFORE UPDATE OR DELETE ON killgate_ledger.record
    FOR EACH ROW EXECUTE FUNCTION killgate_ledger.refuse();
CREATE TRIGGER record_is_not_truncated BEFORE TRUNCATE ON killgate_ledger.record
    FOR EACH STATEMENT EXECUTE FUNCTION killgate_ledger.refuse();
-- Even the owner must first grant itself the privilege again.
REVOKE UPDATE, DELETE, TRUNCATE ON killgate_ledger.record FROM CURRENT_USER;

-- The last appended record.
CREATE TABLE killgate_ledger.chain_end (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint NOT NULL,
    hash text NOT NULL
);
INSERT INTO killgate_ledger.chain_end (seq, hash) VALUES (0, pg_catalog.repeat('0', 64));

-- The requests to resume after a start: those that have not ended, and those that have ended and whose result
-- may not be in the channel yet (undelivered).
CREATE TABLE killgate_ledger.pending (
    request     bigint PRIMARY KEY,
    undelivered boolean NOT NULL
);
CREATE INDEX pending_undelivered ON killgate_ledger.pending (undelivered, request);

-- The requests whose result is in the channel. What ended lately and is not here is looked for in the channel after a
-- start, so that no result is lost with a row of the list above.
CREATE TABLE killgate_ledger.delivered (
    request bigint PRIMARY KEY
);

-- Only the connection that set the current epoch may append. A takeover increments the epoch, a reconnection of the active
-- replica raises it, and from then on every statement under an older epoch is rejected, however late it arrives.
CREATE TABLE killgate_ledger.lease (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch      bigint NOT NULL,
    holder     text NOT NULL,
    renewed_at timestamptz NOT NULL
);
INSERT INTO killgate_ledger.lease (epoch, holder, renewed_at) VALUES (0, 'nobody', '-infinity');

-- Records that the replica of this epoch is alive. The row lock makes a takeover wait for the calling statement, and
-- the calling statement wait for a takeover. The second of the two sees what the first one did.
CREATE FUNCTION killgate_ledger.renew(my_epoch bigint) RETURNS void
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        UPDATE killgate_ledger.lease SET renewed_at = pg_catalog.clock_timestamp() WHERE epoch = my_epoch;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'another replica has taken over' USING ERRCODE = 'KG001';
        END IF;
    END
    $body$;

-- Appends the lines if the epoch is still the caller's and the chain still ends where the caller expects.
CREATE FUNCTION killgate_ledger.append(
    my_epoch bigint, last_seq bigint, last_hash text,
    lines text[], end_hash text, pending_requests bigint[], pending_undelivered boolean[]
) RETURNS void
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        PERFORM killgate_ledger.renew(my_epoch);
        UPDATE killgate_ledger.chain_end
            SET seq = last_seq + pg_catalog.cardinality(lines), hash = end_hash
            WHERE seq = last_seq AND hash = last_hash;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the chain does not end at record % any more', last_seq USING ERRCODE = 'KG002';
        END IF;
        INSERT INTO killgate_ledger.record (seq, line)
            SELECT last_seq + number, line FROM pg_catalog.unnest(lines) WITH ORDINALITY AS given (line, number);
        INSERT INTO killgate_ledger.pending (request, undelivered)
            SELECT * FROM ROWS FROM (pg_catalog.unnest(pending_requests), pg_catalog.unnest(pending_undelivered))
            ON CONFLICT (request) DO UPDATE SET undelivered = excluded.undelivered;
    END
    $body$;

-- Tries what an append does, and undoes it.
CREATE FUNCTION killgate_ledger.probe(my_epoch bigint) RETURNS void
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        PERFORM killgate_ledger.renew(my_epoch);
        INSERT INTO killgate_ledger.record (seq, line) SELECT seq + 1, '{}' FROM killgate_ledger.chain_end;
        RAISE EXCEPTION 'undone' USING ERRCODE = 'KG003';
    EXCEPTION
        WHEN SQLSTATE 'KG003' THEN NULL;
    END
    $body$;

-- Records that the request's result is in the channel.
CREATE FUNCTION killgate_ledger.mark_delivered(my_epoch bigint, ended bigint) RETURNS void
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        PERFORM killgate_ledger.renew(my_epoch);
        INSERT INTO killgate_ledger.delivered (request)
            SELECT request FROM killgate_ledger.record WHERE event = 'finished' AND request = ended
            ON CONFLICT DO NOTHING;
        DELETE FROM killgate_ledger.pending WHERE request = ended AND undelivered;
    END
    $body$;
