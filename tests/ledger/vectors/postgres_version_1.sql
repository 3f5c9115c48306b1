-- A ledger as the first version of the schema left it. Never changed: it shows that such a ledger still opens.
CREATE SCHEMA killgate_ledger;
CREATE TABLE killgate_ledger.version (one boolean PRIMARY KEY DEFAULT true CHECK (one), number integer NOT NULL);
INSERT INTO killgate_ledger.version (number) VALUES (1);
CREATE FUNCTION killgate_ledger.field(line text, name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $body$
        SELECT pg_catalog.replace(line, $nul$\u0000$nul$, $other$\ufffd$other$)::pg_catalog.json
            OPERATOR(pg_catalog.->>) name
    $body$;

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
REVOKE UPDATE, DELETE, TRUNCATE ON killgate_ledger.record FROM CURRENT_USER;

CREATE TABLE killgate_ledger.chain_end (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq  bigint NOT NULL,
    hash text NOT NULL
);
INSERT INTO killgate_ledger.chain_end (seq, hash) VALUES (0, pg_catalog.repeat('0', 64));

CREATE TABLE killgate_ledger.standing (
    request bigint PRIMARY KEY,
    owed    boolean NOT NULL
);
CREATE INDEX standing_owed ON killgate_ledger.standing (owed, request);

CREATE TABLE killgate_ledger.lease (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch      bigint NOT NULL,
    holder     text NOT NULL,
    renewed_at timestamptz NOT NULL
);
INSERT INTO killgate_ledger.lease (epoch, holder, renewed_at) VALUES (0, 'nobody', '-infinity');

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

CREATE FUNCTION killgate_ledger.settle(my_epoch bigint, settled bigint) RETURNS void
    LANGUAGE plpgsql
    AS $body$
    BEGIN
        PERFORM killgate_ledger.renew(my_epoch);
        DELETE FROM killgate_ledger.standing WHERE request = settled AND owed;
    END
    $body$;
INSERT INTO killgate_ledger.record (seq, line) VALUES (1, '{"action":"terminate","actor":"1400000000000000001","approvals_needed":1,"asked_at":"2026-11-22T21:00:00.123456Z","at":"2026-11-22T21:00:00.123456Z","backend_start":"2026-11-22T20:00:00.123456Z","channel":"1200000000000000001","event":"requested","expires_at":"2026-11-22T21:15:00.123456Z","hash":"8d5f8b0d553812648cdb9043818adbcf6533dc7eece7e013c73a27cc105921fa","pid":4001,"prev":"0000000000000000000000000000000000000000000000000000000000000000","query_start":"2026-11-22T20:50:01.123456Z","reason":"holds up checkout — “again” 🔥","request":1,"seq":1,"server":{"postmaster_start":"2026-11-21T21:00:00.123456Z","system_identifier":"7571234567890123456"},"session":{"application":"checkout-7","backend_start":"2026-11-22T20:00:00.123456Z","backend_type":"client backend","blocked_by":[],"client":"10.0.0.7","database":"shop","leader_pid":null,"own":false,"pid":4001,"query":"UPDATE orders SET total = ? WHERE id = ?","query_start":"2026-11-22T20:50:01.123456Z","state":"idle in transaction","state_change":"2026-11-22T20:50:02.123456Z","superuser":false,"user":"checkout","wait":{"event":"ClientRead","type":"Client"},"xact_start":"2026-11-22T20:50:00.123456Z"},"target":"orders","waiters":3,"worker":null}');
INSERT INTO killgate_ledger.record (seq, line) VALUES (2, '{"at":"2026-11-22T21:00:01.123456Z","event":"posted","hash":"38076aa8f6d6eae0be7a4223f1e9ad9515212a1ac5ced7151b016e2651d9535c","message":"1500000000000000001","prev":"8d5f8b0d553812648cdb9043818adbcf6533dc7eece7e013c73a27cc105921fa","request":1,"seq":2}');
INSERT INTO killgate_ledger.record (seq, line) VALUES (3, '{"actor":"1400000000000000002","at":"2026-11-22T21:00:02.123456Z","event":"approved","hash":"fc88a43dc42c1ff97dd3ac8ded77e01a3bb75727516c19905fb2cdd2b9c131f8","prev":"38076aa8f6d6eae0be7a4223f1e9ad9515212a1ac5ced7151b016e2651d9535c","request":1,"seq":3}');
INSERT INTO killgate_ledger.record (seq, line) VALUES (4, '{"approvers":["1400000000000000002"],"at":"2026-11-22T21:00:02.123456Z","event":"executing","hash":"b1c61778bf46b841722c0b71fb472cf1873291fdbbf5078c94f3223a3cdd5d97","prev":"fc88a43dc42c1ff97dd3ac8ded77e01a3bb75727516c19905fb2cdd2b9c131f8","request":1,"seq":4}');
INSERT INTO killgate_ledger.record (seq, line) VALUES (5, '{"actor":null,"at":"2026-11-22T21:00:03.123456Z","detail":"the session ended","elapsed_ms":17,"event":"finished","hash":"ca4f5a9b3f8e97800db643cae076a2d9a83952a4eef81eb6caf510be93d1f3a3","outcome":"terminated","postgres":null,"prev":"b1c61778bf46b841722c0b71fb472cf1873291fdbbf5078c94f3223a3cdd5d97","request":1,"seq":5,"signal_sent":true,"waiters_released":3}');
UPDATE killgate_ledger.chain_end SET seq = 5, hash = 'ca4f5a9b3f8e97800db643cae076a2d9a83952a4eef81eb6caf510be93d1f3a3';
INSERT INTO killgate_ledger.standing (request, owed) VALUES (1, true);
UPDATE killgate_ledger.lease SET epoch = 3, renewed_at = '2026-11-22T21:00:04Z';
