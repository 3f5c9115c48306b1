-- A ledger as the first version of the schema left it. Never changed: it shows that such a ledger still opens.
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE record (
    seq     INTEGER PRIMARY KEY,
    line    TEXT NOT NULL,
    event   TEXT GENERATED ALWAYS AS (line ->> '$.event') VIRTUAL,
    request INTEGER GENERATED ALWAYS AS (line ->> '$.request') VIRTUAL,
    at      TEXT GENERATED ALWAYS AS (line ->> '$.at') VIRTUAL,
    pid     INTEGER GENERATED ALWAYS AS (line ->> '$.pid') VIRTUAL,
    actor   TEXT GENERATED ALWAYS AS (line ->> '$.actor') VIRTUAL,
    message TEXT GENERATED ALWAYS AS (line ->> '$.message') VIRTUAL
) STRICT;
CREATE TABLE chain_end (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TABLE standing (
    request INTEGER PRIMARY KEY,
    owed    INTEGER NOT NULL CHECK (owed IN (0, 1))
) STRICT;
CREATE TABLE trial (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
CREATE INDEX record_of_request ON record (request, seq);
CREATE INDEX requested_by_pid ON record (pid, request) WHERE event = 'requested';
CREATE INDEX requested_by_actor ON record (actor, request) WHERE event = 'requested';
CREATE INDEX posted_as ON record (message, request) WHERE event = 'posted';
CREATE INDEX executing_since ON record (at, request) WHERE event = 'executing';
CREATE UNIQUE INDEX requested_once ON record (request) WHERE event = 'requested';
CREATE UNIQUE INDEX executed_once ON record (request) WHERE event = 'executing';
CREATE UNIQUE INDEX finished_once ON record (request) WHERE event = 'finished';
CREATE INDEX standing_owed ON standing (owed, request);
INSERT INTO record (seq, line) VALUES (1, '{"action":"terminate","actor":"1400000000000000001","approvals_needed":1,"asked_at":"2026-11-22T21:00:00.123456Z","at":"2026-11-22T21:00:00.123456Z","backend_start":"2026-11-22T20:00:00.123456Z","channel":"1200000000000000001","event":"requested","expires_at":"2026-11-22T21:15:00.123456Z","hash":"8d5f8b0d553812648cdb9043818adbcf6533dc7eece7e013c73a27cc105921fa","pid":4001,"prev":"0000000000000000000000000000000000000000000000000000000000000000","query_start":"2026-11-22T20:50:01.123456Z","reason":"holds up checkout — “again” 🔥","request":1,"seq":1,"server":{"postmaster_start":"2026-11-21T21:00:00.123456Z","system_identifier":"7571234567890123456"},"session":{"application":"checkout-7","backend_start":"2026-11-22T20:00:00.123456Z","backend_type":"client backend","blocked_by":[],"client":"10.0.0.7","database":"shop","leader_pid":null,"own":false,"pid":4001,"query":"UPDATE orders SET total = ? WHERE id = ?","query_start":"2026-11-22T20:50:01.123456Z","state":"idle in transaction","state_change":"2026-11-22T20:50:02.123456Z","superuser":false,"user":"checkout","wait":{"event":"ClientRead","type":"Client"},"xact_start":"2026-11-22T20:50:00.123456Z"},"target":"orders","waiters":3,"worker":null}');
INSERT INTO record (seq, line) VALUES (2, '{"at":"2026-11-22T21:00:01.123456Z","event":"posted","hash":"38076aa8f6d6eae0be7a4223f1e9ad9515212a1ac5ced7151b016e2651d9535c","message":"1500000000000000001","prev":"8d5f8b0d553812648cdb9043818adbcf6533dc7eece7e013c73a27cc105921fa","request":1,"seq":2}');
INSERT INTO record (seq, line) VALUES (3, '{"actor":"1400000000000000002","at":"2026-11-22T21:00:02.123456Z","event":"approved","hash":"fc88a43dc42c1ff97dd3ac8ded77e01a3bb75727516c19905fb2cdd2b9c131f8","prev":"38076aa8f6d6eae0be7a4223f1e9ad9515212a1ac5ced7151b016e2651d9535c","request":1,"seq":3}');
INSERT INTO record (seq, line) VALUES (4, '{"approvers":["1400000000000000002"],"at":"2026-11-22T21:00:02.123456Z","event":"executing","hash":"b1c61778bf46b841722c0b71fb472cf1873291fdbbf5078c94f3223a3cdd5d97","prev":"fc88a43dc42c1ff97dd3ac8ded77e01a3bb75727516c19905fb2cdd2b9c131f8","request":1,"seq":4}');
INSERT INTO record (seq, line) VALUES (5, '{"actor":null,"at":"2026-11-22T21:00:03.123456Z","detail":"the session ended","elapsed_ms":17,"event":"finished","hash":"ca4f5a9b3f8e97800db643cae076a2d9a83952a4eef81eb6caf510be93d1f3a3","outcome":"terminated","postgres":null,"prev":"b1c61778bf46b841722c0b71fb472cf1873291fdbbf5078c94f3223a3cdd5d97","request":1,"seq":5,"signal_sent":true,"waiters_released":3}');
INSERT INTO chain_end (one, seq, hash) VALUES (1, 5, 'ca4f5a9b3f8e97800db643cae076a2d9a83952a4eef81eb6caf510be93d1f3a3');
INSERT INTO standing (request, owed) VALUES (1, 1);
INSERT INTO trial (one, number) VALUES (1, 0);
CREATE TRIGGER record_is_not_changed BEFORE UPDATE ON record
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: a record is never changed');
END;
CREATE TRIGGER record_is_not_deleted BEFORE DELETE ON record
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: a record is never deleted');
END;
PRAGMA user_version = 1;
COMMIT;
