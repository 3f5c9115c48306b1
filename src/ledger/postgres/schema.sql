-- What is looked up by is read out of a record's line. The JSON parser refuses an escaped NUL anywhere in the
-- line, which none of the fields that are looked up by can hold; so there it reads another character.
CREATE FUNCTION killgate_ledger.field(line text, name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $body$
        SELECT pg_catalog.replace(line, $nul$\u0000$nul$, $other$\ufffd$other$)::pg_catalog.json
            OPERATOR(pg_catalog.->>) name
    $body$;

-- One line of the export a row. The columns beside it are computed, so that there is no second truth.
CREATE TABLE killgate_ledger.record (
    seq     bigint PRIMARY KEY,
    line    text NOT NULL,
    event   text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'event')) STORED,
    request bigint GENERATED ALWAYS AS (killgate_ledger.field(line, 'request')::bigint) STORED,
    at      text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'at')) STORED,
    pid     integer GENERATED ALWAYS AS (killgate_ledger.field(line, 'pid')::integer) STORED,
    actor   text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'actor')) STORED,
    message text COLLATE "C" GENERATED ALWAYS AS (killgate_ledger.field(line, 'message')) STORED
);

CREATE INDEX record_of_request ON killgate_ledger.record (request, seq);
CREATE INDEX requested_by_pid ON killgate_ledger.record (pid, request) WHERE event = 'requested';
CREATE INDEX requested_by_actor ON killgate_ledger.record (actor, request) WHERE event = 'requested';
CREATE INDEX posted_as ON killgate_ledger.record (message, request) WHERE event = 'posted';
CREATE INDEX executing_since ON killgate_ledger.record (at, request) WHERE event = 'executing';

-- A request is asked for once, executed at most once, and ends at most once.
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
-- Its owner, too, would first have to grant itself the right.
REVOKE UPDATE, DELETE, TRUNCATE ON killgate_ledger.record FROM CURRENT_USER;

-- The last record that was appended.
CREATE TABLE killgate_ledger.chain_end (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint NOT NULL,
    hash text NOT NULL
);
INSERT INTO killgate_ledger.chain_end (seq, hash) VALUES (0, pg_catalog.repeat('0', 64));

-- The requests that are gone on with after a start: those that have not ended, and those that have (owed) and
-- whose channel may not know yet.
CREATE TABLE killgate_ledger.standing (
    request bigint PRIMARY KEY,
    owed    boolean NOT NULL
);
CREATE INDEX standing_owed ON killgate_ledger.standing (owed, request);

-- Who may append: the replica that made the epoch what it is. Who takes over counts the epoch up, and from then
-- on whoever acts under an older one is refused, however late it comes.
CREATE TABLE killgate_ledger.lease (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch      bigint NOT NULL,
    holder     text NOT NULL,
    renewed_at timestamptz NOT NULL
);
INSERT INTO killgate_ledger.lease (epoch, holder, renewed_at) VALUES (0, 'nobody', '-infinity');

-- Says that the replica of this epoch is alive. The row's lock makes a takeover wait for the statement this is
-- part of, and this statement for a takeover; whichever comes second sees what the first one did.
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

-- Appends the lines if the epoch is still the caller's, and the chain still ends where the caller believes.
CREATE FUNCTION killgate_ledger.append(
    my_epoch bigint, last_seq bigint, last_hash text,
    lines text[], end_hash text, standing_requests bigint[], standing_owed boolean[]
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
        INSERT INTO killgate_ledger.standing (request, owed)
            SELECT * FROM ROWS FROM (pg_catalog.unnest(standing_requests), pg_catalog.unnest(standing_owed))
            ON CONFLICT (request) DO UPDATE SET owed = excluded.owed;
    END
    $body$;

-- The request's result is in its channel.
CREATE FUNCTION killgate_ledger.settle(my_epoch bigint, settled bigint) RETURNS void
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        PERFORM killgate_ledger.renew(my_epoch);
        DELETE FROM killgate_ledger.standing WHERE request = settled AND owed;
    END
    $body$;
