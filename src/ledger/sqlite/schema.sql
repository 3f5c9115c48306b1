-- One line of the export a row. What is looked up by is read out of the line itself, so that there is no
-- second truth: the columns are computed, and only the indexes over them are stored.
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

CREATE INDEX record_of_request ON record (request, seq);
CREATE INDEX requested_by_pid ON record (pid, request) WHERE event = 'requested';
CREATE INDEX requested_by_actor ON record (actor, request) WHERE event = 'requested';
CREATE INDEX posted_as ON record (message, request) WHERE event = 'posted';
CREATE INDEX executing_since ON record (at, request) WHERE event = 'executing';

-- A request is asked for once, executed at most once, and ends at most once.
CREATE UNIQUE INDEX requested_once ON record (request) WHERE event = 'requested';
CREATE UNIQUE INDEX executed_once ON record (request) WHERE event = 'executing';
CREATE UNIQUE INDEX finished_once ON record (request) WHERE event = 'finished';

CREATE TRIGGER record_is_not_changed BEFORE UPDATE ON record
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: a record is never changed');
END;

CREATE TRIGGER record_is_not_deleted BEFORE DELETE ON record
BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only: a record is never deleted');
END;

-- The last record that was appended; it must still be the last one when the ledger is opened.
CREATE TABLE chain_end (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

-- The requests that are gone on with after a start: those that have not ended, and those that have (owed = 1)
-- and whose channel may not know yet.
CREATE TABLE standing (
    request INTEGER PRIMARY KEY,
    owed    INTEGER NOT NULL CHECK (owed IN (0, 1))
) STRICT;

CREATE INDEX standing_owed ON standing (owed, request);

-- Written to find out whether writing is possible.
CREATE TABLE trial (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;

INSERT INTO trial VALUES (1, 0);
