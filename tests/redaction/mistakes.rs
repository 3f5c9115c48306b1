//! Statements that the server refuses, but of which it reports the text: secrets outside of literals.

use killgate::domain::redaction::redact;

#[track_caller]
fn shows(query: &str, shown: &str) {
    assert_eq!(redact(query).as_str(), shown, "of {query:?}");
}

#[test]
fn a_password_without_its_quotes_or_in_the_wrong_ones_is_not_shown() {
    shows("ALTER USER app PASSWORD hunter2", "ALTER USER app PASSWORD …");
    shows("ALTER USER app PASSWORD \"hunter2\"", "ALTER USER app PASSWORD …");
    shows(
        "alter role app with encrypted password hunter2;",
        "alter role app with encrypted password …",
    );
    shows("CREATE USER app PASSWORD = hunter2", "CREATE USER app PASSWORD …");
    shows(
        "CREATE USER app PASSWORD 1234-hunter2",
        "CREATE USER app PASSWORD …",
    );
    shows(
        "SELECT 1; ALTER USER app PASSWORD hunter2",
        "SELECT ?; ALTER USER app PASSWORD …",
    );
    shows(
        "ALTER USER app PASSWORD /* x */ hunter2",
        "ALTER USER app PASSWORD …",
    );
}

#[test]
fn rows_to_copy_that_follow_the_statement_are_not_shown() {
    shows(
        "COPY people (name) FROM stdin;\nhunter2\n\\.\n",
        "COPY people (name) FROM stdin…",
    );
    shows(
        "COPY people FROM STDIN WITH (FORMAT csv)",
        "COPY people FROM STDIN …",
    );
    shows("COPY people (name) FROM STDIN", "COPY people (name) FROM STDIN");
}

#[test]
fn a_stray_apostrophe_ends_what_is_shown() {
    shows(
        "INSERT INTO notes VALUES ('it's hunter2')",
        "INSERT INTO notes VALUES (?…",
    );
    shows(
        "INSERT INTO notes VALUES ('d'accord, hunter2', 'x')",
        "INSERT INTO notes VALUES (?…",
    );
}

#[test]
fn what_is_no_name_is_not_shown_as_one() {
    let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6";
    shows(
        &format!("SELECT * FROM keys WHERE key = {token}"),
        "SELECT * FROM keys WHERE key = …",
    );
    shows(
        &format!("SELECT * FROM keys WHERE key = \"{token}\""),
        "SELECT * FROM keys WHERE key = …",
    );
    shows("SELECT$$hunter2$$", "…");
    shows("SELECT a$tag$hunter2$tag$", "SELECT …");
}
