-- killgate's guard: a function with the right to signal sessions, which makes its own checks before it signals.
--
-- Run it as a superuser, in the database that killgate connects to. You can run it again at any time:
--     killgate guard-sql --role killgate | psql -v ON_ERROR_STOP=1 -f - DATABASE
-- For PostgreSQL 13 to 18. It creates, if missing:
--     the role killgate_guard, which cannot log in and has pg_signal_backend;
--     the function killgate.signal_backend, which runs as that role;
--     the table killgate.protected_users, with regular expressions of users that are never signalled;
--     killgate's login role, without a password, which may only execute the function and list sessions.
-- An existing login role keeps its password and attributes. guard-uninstall.sql removes the guard.

BEGIN;
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL killgate.role = 'killgate';

DO $block$
BEGIN
    -- The owner of the schema could replace the guard's objects, and a member of the
    -- guard's role could signal without the guard.
    IF EXISTS (SELECT FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner
               WHERE n.nspname = 'killgate' AND NOT r.rolsuper) THEN
        RAISE EXCEPTION 'the schema killgate belongs to a role that is no superuser'
            USING HINT = 'Find out who made it. Then DROP it, or ALTER SCHEMA killgate OWNER TO a superuser.';
    END IF;
    IF EXISTS (SELECT FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid
               WHERE r.rolname = 'killgate_guard') THEN
        RAISE EXCEPTION 'the role killgate_guard has members, who could signal around the guard'
            USING HINT = 'REVOKE killgate_guard from each of them.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'killgate_guard') THEN
        CREATE ROLE killgate_guard;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_setting('killgate.role')::name) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', current_setting('killgate.role'));
    END IF;
END
$block$;

ALTER ROLE killgate_guard NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT;
GRANT pg_signal_backend, pg_read_all_stats TO killgate_guard;

CREATE SCHEMA IF NOT EXISTS killgate;
REVOKE ALL ON SCHEMA killgate FROM PUBLIC;
GRANT USAGE ON SCHEMA killgate TO killgate_guard;

-- The check refuses invalid regular expressions, because matching them raises an error.
CREATE TABLE IF NOT EXISTS killgate.protected_users (
    pattern text PRIMARY KEY CHECK (('' ~ pattern) IS NOT NULL)
);
COMMENT ON TABLE killgate.protected_users IS
    'Regular expressions (operator ~); killgate never signals a session of a user that one of them matches.';
REVOKE ALL ON TABLE killgate.protected_users FROM PUBLIC;
GRANT SELECT ON TABLE killgate.protected_users TO killgate_guard;

CREATE OR REPLACE FUNCTION killgate.signal_backend(
    action text,
    pid integer,
    backend_start timestamp with time zone,
    query_start timestamp with time zone,
    request bigint,
    requester text,
    approvers text[],
    OUT outcome text,
    OUT detail text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    seen record;
    rule text;
    context text;
    sent boolean;
BEGIN
    IF action IS NULL OR action NOT IN ('cancel', 'terminate') OR pid IS NULL OR backend_start IS NULL
       OR request IS NULL OR coalesce(requester, '') = '' OR coalesce(cardinality(approvers), 0) = 0
       OR array_position(approvers, NULL) IS NOT NULL OR requester = ANY (approvers) THEN
        outcome := 'refused';
        detail := 'the guard wants an action, an identity, a request, its requester, and approvers other than the requester';
        RETURN;
    END IF;

    -- Within a transaction, pg_stat_activity keeps showing its first snapshot, in which the session may
    -- still exist although its pid now belongs to another one.
    PERFORM pg_stat_clear_snapshot();
    SELECT a.backend_start, a.query_start, a.state, a.backend_type, r.rolname AS usename, r.rolsuper
    INTO seen
    FROM pg_stat_get_activity(signal_backend.pid) AS a LEFT JOIN pg_roles AS r ON r.oid = a.usesysid
    WHERE a.pid = signal_backend.pid;

    IF NOT FOUND THEN
        outcome := 'gone';
        detail := 'the session had ended';
    ELSIF seen.backend_start IS DISTINCT FROM signal_backend.backend_start THEN
        outcome := 'replaced';
        detail := 'the session had ended, and another one has its pid now';
    ELSIF pid = pg_backend_pid() THEN
        outcome := 'protected';
        detail := 'it is one of killgate''s own connections';
    ELSIF seen.backend_type IS DISTINCT FROM 'client backend' THEN
        outcome := 'protected';
        detail := format('it is a %s, not a client''s session', seen.backend_type);
    ELSIF seen.rolsuper IS DISTINCT FROM false THEN
        outcome := 'protected';
        detail := 'it belongs to a superuser, or to nobody known';
    ELSE
        SELECT p.pattern INTO rule FROM killgate.protected_users AS p WHERE seen.usename ~ p.pattern LIMIT 1;
        IF FOUND THEN
            outcome := 'protected';
            detail := format('the rule %s in killgate.protected_users matches its user', rule);
        ELSIF action = 'cancel' AND (seen.query_start IS DISTINCT FROM signal_backend.query_start
                                     OR seen.state NOT IN ('active', 'fastpath function call')) THEN
            outcome := 'moved_on';
            detail := 'the query had ended';
        END IF;
    END IF;

    -- Exactly one log line for each call, whatever the names contain.
    context := format('request %s: %s of pid %s, user %s, asked by %s, approved by %s', request, action, pid,
                      coalesce(seen.usename, '(none)'), left(requester, 100), left(array_to_string(approvers, ', '), 500));
    context := regexp_replace(context, '[\u0001-\u001f\u007f]', '?', 'g');
    IF outcome IS NOT NULL THEN
        RAISE LOG 'killgate %: not signalled (%)', context, outcome;
        RETURN;
    END IF;
    RAISE LOG 'killgate %: signalling', context;
    sent := CASE action WHEN 'cancel' THEN pg_cancel_backend(pid) ELSE pg_terminate_backend(pid) END;
    outcome := CASE WHEN sent THEN 'signalled' ELSE 'not_a_backend' END;
    detail := '';
END
$function$;

ALTER FUNCTION killgate.signal_backend(
    text, integer, timestamp with time zone, timestamp with time zone, bigint, text, text[]
) OWNER TO killgate_guard;
REVOKE ALL ON FUNCTION killgate.signal_backend(
    text, integer, timestamp with time zone, timestamp with time zone, bigint, text, text[]
) FROM PUBLIC;
COMMENT ON FUNCTION killgate.signal_backend(
    text, integer, timestamp with time zone, timestamp with time zone, bigint, text, text[]
) IS 'Cancels the query or terminates the session that killgate''s approvers were shown, and nothing else.';

DO $block$
DECLARE
    bot name := current_setting('killgate.role');
BEGIN
    EXECUTE format('GRANT pg_read_all_stats TO %I', bot);
    EXECUTE format('GRANT USAGE ON SCHEMA killgate TO %I', bot);
    EXECUTE format('GRANT EXECUTE ON FUNCTION killgate.signal_backend(text, integer, timestamp with time zone, '
                   'timestamp with time zone, bigint, text, text[]) TO %I', bot);
    IF pg_has_role(bot, 'pg_signal_backend', 'MEMBER') THEN
        RAISE WARNING 'the role % is itself a member of pg_signal_backend, and can signal around the guard', bot
            USING HINT = format('REVOKE pg_signal_backend FROM %I', bot);
    END IF;
END
$block$;

COMMIT;
