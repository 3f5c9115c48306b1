//! Valid statements, and the text that is shown.

use killgate::postgres::redaction::{QueryVisibility, redact};

#[track_caller]
fn shows(query: &str, shown: &str) {
    assert_eq!(redact(query).as_str(), shown, "of {query:?}");
}

#[test]
fn strings_of_every_kind_become_a_question_mark() {
    shows("SELECT 'hunter2'", "SELECT ?");
    shows("SELECT ''", "SELECT ?");
    shows("SELECT 'it''s hunter2'", "SELECT ?");
    shows(r"SELECT E'it\'s hunter2\\', e'\'', E'\\'", "SELECT ?, ?, ?");
    shows(r"SELECT E'tab\thunter2'", "SELECT ?");
    shows(r"SELECT U&'d!0061t!+000061' UESCAPE '!'", "SELECT ? UESCAPE ?");
    shows(r"SELECT u&'\0061'", "SELECT ?");
    shows("SELECT B'1001', b'1', X'1FF', x'', N'hunter2', n'x'", "SELECT ?, ?, ?, ?, ?, ?");
    shows("SELECT $$hunter2$$, $a$hunter2$a$, $_é1$x$_é1$", "SELECT ?, ?, ?");
    shows("SELECT 'päßwörd 🔑', 'b'", "SELECT ?, ?");
}

#[test]
fn a_dollar_quote_ends_only_with_its_own_tag() {
    shows("SELECT $a$ x $b$ y $$ z $a b$ $a$, 1", "SELECT ?, ?");
    shows("SELECT $$ it's $a$ \" -- /* $$ || x", "SELECT ? || x");
    shows("SELECT $a$ $A$ $a$", "SELECT ?");
    shows("SELECT $a$ x$a$", "SELECT ?");
    shows("SELECT $$a$b$$", "SELECT ?");
}

#[test]
fn strings_on_several_lines_are_one() {
    shows("SELECT 'hun'\n'ter2'", "SELECT ?");
    shows("SELECT 'hun' -- it's\n\t 'ter2' , x", "SELECT ? , x");
    shows("SELECT E'a'\r\n'b\\'c' FROM t", "SELECT ? FROM t");
    shows("SELECT 'a' 'b'", "SELECT ? ?");
}

#[test]
fn numbers_of_every_form_become_a_question_mark() {
    shows("SELECT 42, 3.5, 4., .001, 5e2, 1.925e-3, 1E+10", "SELECT ?, ?, ?, ?, ?, ?, ?");
    shows("SELECT 0x42F, 0XFFFF, 0o273, 0b100101, 1_500_000, 0x_1", "SELECT ?, ?, ?, ?, ?, ?");
    shows("SELECT -7, +7, a-1, a - 1", "SELECT -?, +?, a-?, a - ?");
    shows("SELECT a[1:2], t.a[3]", "SELECT a[?:?], t.a[?]");
    shows("SELECT 123abc, 1.5.6, 1..10, 1e", "SELECT ?, ?, ?, ?");
    shows("SELECT 4111111111111111::text", "SELECT ?::text");
}

#[test]
fn identifiers_parameters_and_operators_stay() {
    shows(
        "SELECT o.id, \"Order Lines\".x2 FROM orders_2024 o",
        "SELECT o.id, \"Order Lines\".x2 FROM orders_2024 o",
    );
    shows("SELECT \"it's\", \"a\"\"b\", U&\"d\\0061t\"", "SELECT \"it's\", \"a\"\"b\", U&\"d\\0061t\"");
    shows("SELECT größe, имя, 名前 FROM t$1", "SELECT größe, имя, 名前 FROM t$1");
    shows("UPDATE t SET a = $1 WHERE b = $23", "UPDATE t SET a = $1 WHERE b = $23");
    shows(
        "SELECT a ->> $1, b @> c, d <> e, f ? g, h::int[]",
        "SELECT a ->> $1, b @> c, d <> e, f ? g, h::int[]",
    );
    shows("SELECT true, NULL, current_user", "SELECT true, NULL, current_user");
    shows("CALL f(x => y); COMMIT", "CALL f(x => y); COMMIT");
}

#[test]
fn casts_and_typed_literals_keep_their_type() {
    shows("SELECT 'x'::text, CAST('y' AS date)", "SELECT ?::text, CAST(? AS date)");
    shows("SELECT DATE '2026-11-22', interval'1 day'", "SELECT DATE ?, interval?");
    shows("SELECT timestamptz 'now' AT TIME ZONE 'UTC'", "SELECT timestamptz ? AT TIME ZONE ?");
}

#[test]
fn literals_in_utility_statements_are_removed() {
    shows("NOTIFY paid, 'hunter2'; LISTEN paid", "NOTIFY paid, ?; LISTEN paid");
    shows("EXECUTE pay('hunter2', 4711)", "EXECUTE pay(?, ?)");
    shows("DO LANGUAGE plpgsql $x$ hunter2 $x$", "DO LANGUAGE plpgsql ?");
    shows("PREPARE TRANSACTION 'hunter2'", "PREPARE TRANSACTION ?");
    shows("COMMENT ON TABLE a IS 'hunter2'", "COMMENT ON TABLE a IS ?");
    shows("COPY a FROM PROGRAM 'curl -u app:hunter2 https://db'", "COPY a FROM PROGRAM ?");
    shows("SELECT set_config('app.token', 'hunter2', false)", "SELECT set_config(?, ?, false)");
    shows("SELECT data #>> '{card,number}', data @? '$.pin ? (@ == 1234)'", "SELECT data #>> ?, data @? ?");
}

#[test]
fn passwords_are_removed() {
    shows(
        "ALTER ROLE app PASSWORD 'hunter2' VALID UNTIL 'infinity'",
        "ALTER ROLE app PASSWORD ? VALID UNTIL ?",
    );
    shows("CREATE USER app ENCRYPTED PASSWORD E'hunter2'", "CREATE USER app ENCRYPTED PASSWORD ?");
    shows("ALTER ROLE app PASSWORD NULL", "ALTER ROLE app PASSWORD NULL");
    shows(
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'app', password 'hunter2')",
        "CREATE USER MAPPING FOR app SERVER s OPTIONS (user ?, password ?)",
    );
    shows("CREATE TABLE people (password text NOT NULL)", "CREATE TABLE people (password text NOT NULL)");
    shows("SELECT password FROM people", "SELECT password FROM people");
}

#[test]
fn comments_are_removed() {
    shows("SELECT 1 -- hunter2", "SELECT ?");
    shows("SELECT a -- it's\n, b", "SELECT a , b");
    shows("SELECT a -- it's\r, b", "SELECT a , b");
    shows("/* hunter2 */ SELECT/* a */1", "SELECT ?");
    shows("SELECT /* a /* nested ' */ b */ c", "SELECT c");
    shows("SELECT 2*/* x */3 /**/", "SELECT ?* ?");
    shows("SELECT a+--hunter2\n b", "SELECT a+ b");
    shows("-- hunter2", "");
}

#[test]
fn white_space_becomes_single_spaces() {
    shows("\n  SELECT\t\t1\r\n\x0b\x0c FROM t \n", "SELECT ? FROM t");
    shows("", "");
    shows(" \n", "");
}

#[test]
fn text_of_the_server_itself_is_kept() {
    shows("<insufficient privilege>", "<insufficient privilege>");
    shows("autovacuum: VACUUM ANALYZE public.orders", "autovacuum: VACUUM ANALYZE public.orders");
    shows(
        "START_REPLICATION SLOT \"s\" PHYSICAL 0/3000000 TIMELINE 1",
        "START_REPLICATION SLOT \"s\" PHYSICAL ?/? TIMELINE ?",
    );
}

#[test]
fn the_privacy_setting_decides_what_is_shown() {
    let query = "SELECT  'hunter2'";
    let shown = |privacy: QueryVisibility| privacy.show(query).map(|shown| shown.to_string());
    assert_eq!(shown(QueryVisibility::default()).as_deref(), Some("SELECT ?"));
    assert_eq!(shown(QueryVisibility::Redacted).as_deref(), Some("SELECT ?"));
    assert_eq!(shown(QueryVisibility::Full).as_deref(), Some(query));
    assert_eq!(shown(QueryVisibility::Hidden), None);
}

#[test]
fn an_identifier_is_shown_up_to_the_length_that_postgresql_keeps() {
    let kept = "a".repeat(63);
    shows(&format!("TABLE {kept}"), &format!("TABLE {kept}"));
    shows(&format!("TABLE {kept}a"), "TABLE …");
    shows(&format!("TABLE \"{kept}\""), &format!("TABLE \"{kept}\""));
    shows(&format!("TABLE \"{kept}a\""), "TABLE …");
}

#[test]
fn doubled_quotes_are_part_of_the_quoted_text() {
    shows(r#"TABLE """odd""""#, r#"TABLE """odd""""#);
    shows("SELECT '''hunter2''' FROM t", "SELECT ? FROM t");
}

#[test]
fn a_dollar_sign_without_a_valid_tag_quotes_nothing() {
    shows("SELECT $a b$ hunter2 $a b$", "SELECT …");
}

#[test]
fn a_sign_belongs_to_a_number_only_in_its_exponent() {
    shows("SELECT 1-2, 1e-2, 1e-x", "SELECT ?-?, ?, ?-x");
}

#[test]
fn a_quoted_identifier_in_the_place_of_a_value_is_hidden() {
    shows(r#"SELECT * FROM u WHERE password = "hunter2""#, "SELECT * FROM u WHERE password = ?");
    shows(r#"UPDATE u SET token="hunter2" WHERE "id" = 7"#, r#"UPDATE u SET token=? WHERE "id" = ?"#);
    shows(
        r#"INSERT INTO "u" ("name") VALUES ("hunter2", "x"), ("y")"#,
        r#"INSERT INTO "u" ("name") VALUES (?, ?), (?)"#,
    );
    shows(
        r#"SELECT "a" FROM t WHERE b IN ("hunter2", "x") ORDER BY "c""#,
        r#"SELECT "a" FROM t WHERE b IN (?, ?) ORDER BY "c""#,
    );
    shows(r#"SELECT 1 FROM t WHERE b LIKE "%hunter2""#, "SELECT ? FROM t WHERE b LIKE ?");
}

#[test]
fn a_qualified_column_is_shown_wherever_it_is() {
    let join = r#"SELECT "a"."id" FROM "a" JOIN "b" ON "a"."id" = "b"."id""#;
    shows(join, join);
}

#[test]
fn a_minus_after_a_string_does_not_begin_a_comment() {
    shows("SELECT 'a' - x\n'b'", "SELECT ? - x ?");
}
