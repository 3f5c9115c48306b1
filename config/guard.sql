-- killgate's guard: a function with the right to signal sessions, which makes its own checks before it signals.
--
-- Run it in the database that killgate connects to, as a superuser; or, on a managed service, as a role with CREATEROLE
-- and ADMIN on pg_signal_backend and on pg_read_all_stats or pg_monitor, which contains it (before 16 CREATEROLE and
-- INHERIT, which is the default, are enough). You can run it again at any time:
--     killgate guard-sql --role killgate | psql -v ON_ERROR_STOP=1 -f - DATABASE
-- For PostgreSQL 13 to 18. It creates, if missing:
--     the role killgate_guard, which cannot log in and has pg_signal_backend;
--     the function killgate.signal_backend, which runs as that role;
--     the table killgate.protected_users, with regular expressions of users that are never signalled;
--     killgate's login role, without a password, which may only execute the function and list sessions.
-- An existing login role keeps its password and attributes. All other rights to the guard are revoked. The last step
-- verifies everything and undoes it if anybody but the installer could have made or could change the guard.
-- guard-uninstall.sql removes the guard.

BEGIN;
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL killgate.role = 'killgate';

DO $block$
DECLARE
    is_superuser boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
    has_admin_options boolean := current_setting('server_version_num')::integer < 160000;
    -- Managed services let their administrator grant pg_monitor, but not each role of which it consists.
    stats_role text := CASE WHEN is_superuser OR has_admin_options
                                 OR pg_has_role('pg_read_all_stats', 'MEMBER WITH ADMIN OPTION')
                                 OR NOT pg_has_role('pg_monitor', 'MEMBER WITH ADMIN OPTION')
                            THEN 'pg_read_all_stats' ELSE 'pg_monitor' END;
    lacking text;
BEGIN
    IF NOT is_superuser THEN
        lacking := concat_ws(', ',
            CASE WHEN NOT (SELECT rolcreaterole FROM pg_roles WHERE rolname = current_user) THEN 'CREATEROLE' END,
            -- From 16 on each membership has the option by itself.
            CASE WHEN has_admin_options AND NOT (SELECT rolinherit FROM pg_roles WHERE rolname = current_user)
                THEN 'INHERIT' END,
            CASE WHEN NOT (has_admin_options OR pg_has_role('pg_signal_backend', 'MEMBER WITH ADMIN OPTION'))
                THEN 'ADMIN OPTION for pg_signal_backend' END,
            CASE WHEN NOT (has_admin_options OR pg_has_role(stats_role, 'MEMBER WITH ADMIN OPTION'))
                THEN 'ADMIN OPTION for pg_read_all_stats or pg_monitor' END,
            CASE WHEN NOT has_admin_options AND (SELECT NOT pg_has_role(oid, 'MEMBER WITH ADMIN OPTION')
                                                 FROM pg_roles WHERE rolname = 'killgate_guard')
                THEN 'ADMIN OPTION for killgate_guard, which somebody else made' END,
            CASE WHEN NOT has_database_privilege(current_database(), 'CREATE')
                 AND to_regnamespace('killgate') IS NULL THEN 'CREATE on this database' END);
        IF lacking <> '' THEN
            RAISE EXCEPTION 'the role % may not install the guard: it is no superuser and lacks %', current_user, lacking;
        END IF;
    END IF;
    -- Otherwise CREATE ROLE could make the installer a member that inherits.
    PERFORM set_config(name, '', true) FROM pg_settings WHERE name = 'createrole_self_grant';
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'killgate_guard') THEN
        CREATE ROLE killgate_guard NOLOGIN;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'killgate_guard' AND (rolsuper OR rolcreaterole OR rolcreatedb
               OR rolcanlogin OR rolreplication OR rolbypassrls OR NOT rolinherit)) THEN
        ALTER ROLE killgate_guard NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS INHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_setting('killgate.role')::name) THEN
        EXECUTE format('CREATE ROLE %I LOGIN', current_setting('killgate.role'));
    END IF;
    EXECUTE format('GRANT pg_signal_backend, %I TO killgate_guard', stats_role);
    EXECUTE format('GRANT %I TO %I', stats_role, current_setting('killgate.role'));
    -- Only until the function exists: to own it, and to give it to its owner.
    IF NOT is_superuser THEN
        EXECUTE 'GRANT killgate_guard TO ' || quote_ident(current_user)
                || CASE WHEN current_setting('server_version_num')::integer < 160000 THEN ''
                        ELSE ' WITH INHERIT TRUE, SET TRUE' END;
    END IF;
END
$block$;

CREATE SCHEMA IF NOT EXISTS killgate;

DO $block$
BEGIN
    -- Everything below is made in this schema, so nobody else may own it or make anything in it.
    IF EXISTS (SELECT FROM pg_namespace AS n JOIN pg_roles AS r ON r.oid = n.nspowner
               WHERE n.nspname = 'killgate' AND NOT r.rolsuper AND r.rolname <> current_user) THEN
        RAISE EXCEPTION 'the schema killgate belongs to a role that is no superuser and does not run this script'
            USING HINT = 'Somebody else made it. Find out who and why, DROP SCHEMA killgate CASCADE, and run this again.';
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT CREATE ON SCHEMA killgate TO killgate_guard;
    END IF;
END
$block$;

-- The check refuses invalid regular expressions, because matching them raises an error.
CREATE TABLE IF NOT EXISTS killgate.protected_users (
    pattern text PRIMARY KEY CHECK (('' ~ pattern) IS NOT NULL)
);
COMMENT ON TABLE killgate.protected_users IS
    'Regular expressions (operator ~); killgate never signals a session of a user that one of them matches.';

CREATE OR REPLACE FUNCTION killgate.signal_backend(
    action text,
    pid integer,
    backend_start timestamp with time zone,
    xact_start timestamp with time zone,
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
    is_found boolean;
    username text;
    is_readable boolean := true;
    rule text;
    context text;
BEGIN
    -- Within a transaction, pg_stat_activity keeps showing its first snapshot, in which the session may
    -- still exist although its pid now belongs to another one.
    PERFORM pg_stat_clear_snapshot();
    -- Only superusers may write a system catalog. Any user can keep others from reading pg_authid, so that is not read here.
    SELECT a.backend_start, a.xact_start, a.query_start, a.state, a.backend_type, a.usesysid,
           CASE WHEN a.usesysid::regrole::text <> a.usesysid::text THEN pg_get_userbyid(a.usesysid) END AS rolname,
           has_table_privilege(a.usesysid, 'pg_class'::regclass, 'INSERT') AS rolsuper
    INTO seen
    FROM pg_stat_get_activity(signal_backend.pid) AS a WHERE a.pid = signal_backend.pid;
    is_found := FOUND;

    -- A name can have bytes that are invalid in this database's encoding; these become octal numbers.
    BEGIN
        username := seen.rolname::text;
        PERFORM convert_to(username, getdatabaseencoding());
    EXCEPTION WHEN OTHERS THEN
        is_readable := false;
        username := encode(quote_literal(username)::bytea, 'escape');
    END;

    IF action IS NULL OR action NOT IN ('cancel', 'terminate') OR pid IS NULL OR backend_start IS NULL
       OR request IS NULL OR coalesce(requester, '') = '' OR coalesce(cardinality(approvers), 0) = 0
       OR array_position(approvers, NULL) IS NOT NULL OR requester = ANY (approvers) THEN
        outcome := 'refused';
        detail := 'the guard wants an action, an identity, a request, its requester, and approvers other than the requester';
    ELSIF NOT is_found THEN
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
    ELSIF seen.rolsuper IS DISTINCT FROM false OR seen.rolname IS NULL THEN
        outcome := 'protected';
        detail := 'it belongs to a superuser, or to nobody known';
    ELSE
        SELECT p.pattern INTO rule FROM killgate.protected_users AS p
        WHERE NOT is_readable OR username ~ p.pattern LIMIT 1;
        IF FOUND THEN
            outcome := 'protected';
            detail := CASE WHEN is_readable
                THEN format('the rule %s in killgate.protected_users matches its user', rule)
                ELSE 'its user''s name cannot be read in this database''s encoding, so a rule in killgate.protected_users may match it' END;
        ELSIF action = 'cancel' AND (seen.query_start IS DISTINCT FROM signal_backend.query_start
                                     OR seen.state NOT IN ('active', 'fastpath function call')) THEN
            outcome := 'moved_on';
            detail := 'the query had ended';
        ELSIF signal_backend.xact_start IS NOT NULL
              AND seen.xact_start IS DISTINCT FROM signal_backend.xact_start THEN
            outcome := 'moved_on';
            detail := 'the transaction had ended';
        END IF;
    END IF;

    -- Exactly one log line for each decision, whatever the names contain.
    context := format('request %s: %s of pid %s, user %s, asked by %s, approved by %s', request, left(action, 20), pid,
                      coalesce(username, '(none)'), left(requester, 100), left(array_to_string(approvers, ', '), 500));
    context := regexp_replace(context, '[\u0001-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]', '?', 'g');
    IF outcome IS NULL THEN
        RAISE LOG 'killgate %: signalling', context;
        -- Anybody can make the statements above wait, with a lock on something that PostgreSQL looks up to plan them. So the
        -- session is read again by the statement that signals it. What PostgreSQL looks up about this function's owner and
        -- the user before it shows or signals a session, it looks up for the argument, before it reads the session.
        -- killgate's deadline leaves a second for all of it.
        PERFORM pg_stat_clear_snapshot();
        SELECT CASE WHEN clock_timestamp() - statement_timestamp() NOT BETWEEN '0' AND '1 s' THEN 'unreachable'
                    WHEN CASE action WHEN 'cancel' THEN pg_cancel_backend(a.pid)
                                     WHEN 'terminate' THEN pg_terminate_backend(a.pid) END THEN 'signalled'
                    ELSE 'not_a_backend' END
        INTO outcome
        FROM pg_stat_get_activity(CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
                                        AND NOT has_table_privilege(seen.usesysid, 'pg_class'::regclass, 'INSERT')
                                       THEN signal_backend.pid END) AS a
        WHERE a.pid = signal_backend.pid AND a.backend_start = signal_backend.backend_start
          AND a.usesysid = seen.usesysid AND a.backend_type = 'client backend'
          AND (signal_backend.xact_start IS NULL OR a.xact_start = signal_backend.xact_start)
          AND (action = 'terminate' OR a.query_start = signal_backend.query_start
                                       AND a.state IN ('active', 'fastpath function call'));
        outcome := coalesce(outcome, 'moved_on');
        detail := CASE outcome WHEN 'moved_on' THEN 'it ended or went on while it was checked'
                               WHEN 'unreachable' THEN 'the guard was held up for more than a second, for example by a lock on a system catalogue'
                               ELSE '' END;
    END IF;
    IF outcome <> 'signalled' THEN
        RAISE LOG 'killgate %: not signalled (%)', context, outcome;
    END IF;
END
$function$;

ALTER FUNCTION killgate.signal_backend(
    text, integer, timestamp with time zone, timestamp with time zone, timestamp with time zone, bigint, text, text[]
) OWNER TO killgate_guard;
COMMENT ON FUNCTION killgate.signal_backend(
    text, integer, timestamp with time zone, timestamp with time zone, timestamp with time zone, bigint, text, text[]
) IS 'Cancels the query or terminates the session that killgate''s approvers were shown, and nothing else.';

DO $block$
DECLARE
    bot name := current_setting('killgate.role');
    function text := 'killgate.signal_backend(text, integer, timestamp with time zone, timestamp with time zone, '
                     'timestamp with time zone, bigint, text, text[])';
    granted record;
    faults text[];
BEGIN
    -- ALTER DEFAULT PRIVILEGES may have granted rights to others.
    FOR granted IN
        SELECT DISTINCT o.object, o.owner, a.grantee
        FROM (SELECT 'SCHEMA killgate' AS object, nspowner AS owner, nspacl AS acl
              FROM pg_namespace WHERE nspname = 'killgate'
              UNION ALL SELECT 'TABLE killgate.protected_users', relowner, relacl
              FROM pg_class WHERE oid = 'killgate.protected_users'::regclass
              UNION ALL SELECT 'FUNCTION ' || function, proowner, coalesce(proacl, acldefault('f', proowner))
              FROM pg_proc WHERE oid = function::regprocedure) AS o
        CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.grantee <> o.owner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', granted.object,
                       CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE granted.grantee::regrole::text END);
    END LOOP;
    GRANT USAGE ON SCHEMA killgate TO killgate_guard;
    GRANT SELECT ON TABLE killgate.protected_users TO killgate_guard;
    EXECUTE format('GRANT USAGE ON SCHEMA killgate TO %I', bot);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', function, bot);
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE 'REVOKE killgate_guard FROM ' || quote_ident(current_user);
    END IF;

    -- killgate runs the same query whenever it connects.
    faults := ARRAY(
-- verification
WITH guard_function AS (
    SELECT p.*, pg_get_userbyid(p.proowner) AS owner_name
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE n.nspname = 'killgate' AND p.proname = 'signal_backend'
      AND oidvectortypes(p.proargtypes) = 'text, integer, timestamp with time zone, timestamp with time zone, '
          'timestamp with time zone, bigint, text, text[]'
), rules_table AS (
    SELECT c.* FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'killgate' AND c.relname = 'protected_users'
), trusted AS (
    SELECT r.oid FROM pg_roles AS r
    WHERE r.rolsuper OR r.rolcreaterole
          AND (current_setting('server_version_num')::integer < 160000
               OR pg_has_role(r.oid, 'pg_signal_backend', 'MEMBER WITH ADMIN OPTION')
                  AND (pg_has_role(r.oid, 'pg_read_all_stats', 'MEMBER WITH ADMIN OPTION')
                       OR pg_has_role(r.oid, 'pg_monitor', 'MEMBER WITH ADMIN OPTION')))
), object (kind, owner, acl) AS (
    SELECT 'schema', nspowner, coalesce(nspacl, acldefault('n', nspowner))
    FROM pg_namespace WHERE nspname = 'killgate'
    UNION ALL SELECT 'table', relowner, coalesce(relacl, acldefault('r', relowner)) FROM rules_table
    UNION ALL SELECT 'column', t.relowner, a.attacl
    FROM rules_table AS t JOIN pg_attribute AS a ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL
    UNION ALL SELECT 'function', proowner, coalesce(proacl, acldefault('f', proowner)) FROM guard_function
)
SELECT format('its %s belongs to %s, who may not install it', o.kind, pg_get_userbyid(o.owner))
FROM object AS o WHERE o.kind <> 'function' AND o.owner NOT IN (SELECT oid FROM trusted)
UNION ALL
SELECT format('%s has the right %s to its %s', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END,
              a.privilege_type, o.kind)
FROM object AS o CROSS JOIN LATERAL aclexplode(o.acl) AS a
CROSS JOIN LATERAL (SELECT pg_get_userbyid(a.grantee) = current_setting('killgate.role')::name AS is_bot,
                           a.grantee IN (SELECT proowner FROM guard_function) AS is_guard) AS g
WHERE a.grantee <> o.owner
  AND (a.is_grantable OR NOT CASE o.kind
           WHEN 'schema' THEN a.privilege_type = 'USAGE' AND (g.is_bot OR g.is_guard)
           WHEN 'table' THEN a.privilege_type = 'SELECT' AND g.is_guard
           WHEN 'function' THEN a.privilege_type = 'EXECUTE' AND g.is_bot
           ELSE false END)
UNION ALL
SELECT 'its table ' || v.fault FROM (SELECT) AS one LEFT JOIN rules_table AS t ON true
CROSS JOIN LATERAL (VALUES
    ('is missing', t.oid IS NULL),
    ('is no plain table', t.relkind <> 'r' OR t.relpersistence <> 'p' OR t.relnatts <> 1),
    ('has row security', t.relrowsecurity OR t.relforcerowsecurity),
    ('has a trigger', EXISTS (SELECT FROM pg_trigger WHERE tgrelid = t.oid)),
    ('has a rule', EXISTS (SELECT FROM pg_rewrite WHERE ev_class = t.oid)),
    ('has a parent or a child', EXISTS (SELECT FROM pg_inherits WHERE t.oid IN (inhrelid, inhparent)))
) AS v (fault, is_so) WHERE v.is_so
UNION ALL
SELECT 'its function ' || v.fault FROM (SELECT) AS one LEFT JOIN guard_function AS f ON true
LEFT JOIN pg_roles AS o ON o.oid = f.proowner
CROSS JOIN LATERAL (VALUES
    ('is missing', f.oid IS NULL),
    ('does not run with its owner''s privileges (SECURITY DEFINER)', NOT f.prosecdef),
    ('is not as killgate defines it', f.prokind <> 'f' OR f.provolatile <> 'v' OR f.prorettype <> 'record'::regtype
        OR f.prolang IS DISTINCT FROM (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
        OR f.proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp']),
    (format('belongs to %s, which may log in or do more than signal', f.owner_name),
        o.rolcanlogin OR o.rolsuper OR o.rolcreaterole OR o.rolreplication OR o.rolbypassrls),
    (format('belongs to %s, which is not a member of pg_signal_backend and pg_read_all_stats', f.owner_name),
        NOT (pg_has_role(f.proowner, 'pg_signal_backend', 'USAGE')
             AND pg_has_role(f.proowner, 'pg_read_all_stats', 'USAGE')))
) AS v (fault, is_so) WHERE v.is_so
UNION ALL
-- Before 16 each member may SET ROLE. From 16 on the installer is one that may only grant the membership.
SELECT format('%s is a member of %s, to which its function belongs', pg_get_userbyid(m.member), f.owner_name)
FROM guard_function AS f JOIN pg_auth_members AS m ON m.roleid = f.proowner
WHERE coalesce((to_jsonb(m) ->> 'set_option')::boolean, true)
   OR coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
   OR m.member NOT IN (SELECT oid FROM trusted)
-- end of verification
    );
    IF faults <> '{}' THEN
        RAISE EXCEPTION 'the guard is not safe: %', array_to_string(faults, '; ')
            USING HINT = 'Nothing was installed. Find out who made this, DROP SCHEMA killgate CASCADE, REVOKE memberships in killgate_guard, and run this again.';
    END IF;
    IF pg_has_role(bot, 'pg_signal_backend', 'MEMBER') THEN
        RAISE WARNING 'the role % is itself a member of pg_signal_backend, and can signal around the guard', bot
            USING HINT = format('REVOKE pg_signal_backend FROM %I', bot);
    END IF;
END
$block$;

COMMIT;
