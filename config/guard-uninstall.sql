-- Removes killgate's guard: the function, the table of protected users with its contents, and the
-- role killgate_guard. Run it as the role that installed the guard or as a superuser, in the guard's database:
--     psql -v ON_ERROR_STOP=1 -f guard-uninstall.sql DATABASE
-- killgate's login role stays, with its password and its right to list sessions. DROP ROLE it if you do not need it.

BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL search_path = pg_catalog, pg_temp;

DROP FUNCTION IF EXISTS killgate.signal_backend(
    text, integer, timestamp with time zone, timestamp with time zone, timestamp with time zone, bigint, text, text[]
);
DROP TABLE IF EXISTS killgate.protected_users;

DO $block$
BEGIN
    -- RESTRICT keeps the schema if it contains other objects.
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'killgate') THEN
        REVOKE ALL ON SCHEMA killgate FROM killgate_guard;
        DROP SCHEMA killgate RESTRICT;
    END IF;
EXCEPTION
    WHEN undefined_object THEN
        DROP SCHEMA killgate RESTRICT;
END
$block$;

DO $block$
BEGIN
    DROP ROLE IF EXISTS killgate_guard;
EXCEPTION
    WHEN dependent_objects_still_exist THEN
        RAISE WARNING 'the role killgate_guard stays: another database has the guard';
END
$block$;

COMMIT;
