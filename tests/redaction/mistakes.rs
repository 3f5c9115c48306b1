//! Secrets outside literals: in statements that the server rejects but reports, and where the grammar accepts a word as
//! a value.

use killgate::postgres::redaction::redact;

#[track_caller]
fn shows(query: &str, shown: &str) {
    assert_eq!(redact(query).as_str(), shown, "of {query:?}");
}

#[test]
fn a_password_without_quotes_or_in_wrong_quotes_is_not_shown() {
    shows("ALTER USER app PASSWORD hunter2", "ALTER USER app PASSWORD …");
    shows("ALTER USER app PASSWORD \"hunter2\"", "ALTER USER app PASSWORD …");
    shows("alter role app with encrypted password hunter2;", "alter role app with encrypted password …");
    shows("CREATE USER app PASSWORD = hunter2", "CREATE USER app PASSWORD …");
    shows("CREATE USER app PASSWORD 1234-hunter2", "CREATE USER app PASSWORD …");
    shows("SELECT 1; ALTER USER app PASSWORD hunter2", "SELECT ?; ALTER USER app PASSWORD …");
    shows("ALTER USER app PASSWORD /* x */ hunter2", "ALTER USER app PASSWORD …");
}

#[test]
fn a_password_in_the_syntax_of_another_database_is_not_shown() {
    shows("CREATE USER app IDENTIFIED BY hunter2", "CREATE USER app IDENTIFIED …");
    shows("SET PASSWORD FOR app = hunter2", "SET PASSWORD FOR app = …");
    shows(
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'app', password hunter2)",
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user ?, password …",
    );
    shows("ALTER SERVER s OPTIONS (SET password hunter2)", "ALTER SERVER s OPTIONS (SET password …");
}

#[test]
fn a_connection_string_is_not_shown_in_any_quotes() {
    shows(
        "CREATE SUBSCRIPTION s CONNECTION 'host=db password=hunter2' PUBLICATION p",
        "CREATE SUBSCRIPTION s CONNECTION ? PUBLICATION p",
    );
    shows("CREATE SUBSCRIPTION s CONNECTION \"hunter2\" PUBLICATION p", "CREATE SUBSCRIPTION s CONNECTION …");
    shows("ALTER SUBSCRIPTION s CONNECTION host=db password=hunter2", "ALTER SUBSCRIPTION s CONNECTION …");
    shows("SELECT dblink_connect('c', \"host=db password=hunter2\")", "SELECT dblink_connect(?, …");
    shows("SELECT dblink_connect(\"postgresql://app:hunter2@db/shop\")", "SELECT dblink_connect(…");
    shows("ALTER TABLE links ADD COLUMN connection text", "ALTER TABLE links ADD COLUMN connection text");
}

#[test]
fn an_amount_is_not_a_parameter() {
    shows("SELECT $1, $65535", "SELECT $1, $65535");
    shows("SELECT price > $4111111111111111", "SELECT price > …");
}

#[test]
fn rows_to_copy_after_the_statement_are_not_shown() {
    shows("COPY people (name) FROM stdin;\nhunter2\n\\.\n", "COPY people (name) FROM stdin…");
    shows("COPY people FROM STDIN WITH (FORMAT csv)", "COPY people FROM STDIN …");
    shows("COPY people (name) FROM STDIN", "COPY people (name) FROM STDIN");
}

#[test]
fn a_stray_apostrophe_ends_the_output() {
    shows("INSERT INTO notes VALUES ('it's hunter2')", "INSERT INTO notes VALUES (?…");
    shows("INSERT INTO notes VALUES ('d'accord, hunter2', 'x')", "INSERT INTO notes VALUES (?…");
}

#[test]
fn text_that_cannot_be_a_name_is_not_shown() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6";
    shows(&format!("SELECT * FROM keys WHERE key = {token}"), "SELECT * FROM keys WHERE key = …");
    shows(&format!("SELECT * FROM keys WHERE key = \"{token}\""), "SELECT * FROM keys WHERE key = …");
    shows("SELECT$$hunter2$$", "…");
    shows("SELECT a$tag$hunter2$tag$", "SELECT …");
}

#[test]
fn the_value_of_a_setting_is_not_shown_even_without_quotes() {
    shows("SET app.token = hunter2", "SET app.token = …");
    shows("SET app.token TO \"hunter2\"", "SET app.token TO …");
    shows("SET LOCAL search_path TO 'a', hunter2", "SET LOCAL search_path TO ?, …");
    shows("ALTER ROLE app SET app.token TO hunter2", "ALTER ROLE app SET app.token TO …");
    shows("ALTER SYSTEM SET work_mem = '64MB'", "ALTER SYSTEM SET work_mem = ?");
    shows("SET enable_seqscan = off; SET x TO DEFAULT", "SET enable_seqscan = off; SET x TO DEFAULT");
    shows("SET work_mem = -1; SELECT a = b", "SET work_mem = -?; SELECT a = b");
    shows(
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql SET app.token TO hunter2 AS $$ $$",
        "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql SET app.token TO …",
    );
    shows(
        "CREATE PROCEDURE p(a int = 1) SET app.token = hunter2 AS $$ $$",
        "CREATE PROCEDURE p(a int = ?) SET app.token = …",
    );
    shows(
        "CREATE TABLE a (b int REFERENCES c ON DELETE SET NULL, CHECK (d = e))",
        "CREATE TABLE a (b int REFERENCES c ON DELETE SET NULL, CHECK (d = e))",
    );
    shows("ALTER TABLE a RENAME TO b", "ALTER TABLE a RENAME TO b");
    shows("UPDATE a SET b = c WHERE d", "UPDATE a SET b = c WHERE d");
}
