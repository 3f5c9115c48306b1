-- Each row is one line of the export. The other columns are computed from the line and only their indexes are
-- stored, so that no column can contradict its line.
CREATE TABLE record (
    seq     INTEGER PRIMARY KEY CHECK (seq > 0),
    line    TEXT NOT NULL,
    event   TEXT GENERATED ALWAYS AS (line ->> '$.event') VIRTUAL,
    request INTEGER GENERATED ALWAYS AS (line ->> '$.request') VIRTUAL,
    at      TEXT GENERATED ALWAYS AS (line ->> '$.at') VIRTUAL,
    actor   TEXT GENERATED ALWAYS AS (line ->> '$.actor') VIRTUAL,
    message TEXT GENERATED ALWAYS AS (line ->> '$.message') VIRTUAL
) STRICT;

CREATE INDEX record_of_request ON record (request, seq);
CREATE INDEX requested_by_actor ON record (actor, request) WHERE event = 'requested';
CREATE INDEX posted_as ON record (message, request) WHERE event = 'posted';
CREATE INDEX requested_by_expiry ON record (line ->> '$.expires_at') WHERE event = 'requested';
CREATE INDEX executing_since ON record (at, request) WHERE event = 'executing';
CREATE INDEX finished_since ON record (at, request) WHERE event = 'finished';

-- A request is requested once, executed at most once, and finished at most once.
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

-- The pids that each request is about. A table, because SQLite has no index over the elements of an array.
CREATE TABLE request_pid (
    pid     INTEGER NOT NULL,
    request INTEGER NOT NULL,
    PRIMARY KEY (pid, request)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER requested_pids AFTER INSERT ON record WHEN new.event = 'requested'
BEGIN
    INSERT INTO request_pid (pid, request)
        SELECT DISTINCT value ->> '$.pid', new.request FROM json_each(new.line, '$.backends');
END;

-- The last appended record. It must still be the last one when the ledger is opened.
CREATE TABLE chain_end (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;

-- The requests to resume after a start: those that have not ended, and those that have ended and whose result
-- may not be in the channel yet (undelivered = 1).
CREATE TABLE pending (
    request     INTEGER PRIMARY KEY,
    undelivered INTEGER NOT NULL CHECK (undelivered IN (0, 1))
) STRICT;

CREATE INDEX pending_undelivered ON pending (undelivered, request);

-- The requests whose result is in the channel. What ended lately and is not here is looked for in the channel after a
-- start, so that no result is lost with a row of the list above.
CREATE TABLE delivered (
    request INTEGER PRIMARY KEY
) STRICT;

-- Written to test whether writing is possible.
CREATE TABLE trial (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;

INSERT INTO trial VALUES (1, 0);
