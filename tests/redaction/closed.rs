//! Ambiguous texts: nothing from the ambiguous part on is shown.

use killgate::postgres::redaction::redact;

#[track_caller]
fn shows(query: &str, shown: &str) {
    assert_eq!(redact(query).as_str(), shown, "of {query:?}");
}

#[test]
fn an_unclosed_literal_at_the_end_of_a_cut_query_is_not_shown() {
    shows("SELECT 'hunt", "SELECT …");
    shows("SELECT 'hunter''", "SELECT …");
    shows("SELECT E'hunt\\", "SELECT …");
    shows("SELECT E'hunt\\'", "SELECT …");
    shows("SELECT U&'hunt", "SELECT …");
    shows("SELECT B'10", "SELECT …");
    shows("SELECT x, 'hun'\n'te", "SELECT x, …");
    shows("SELECT $$hunt", "SELECT …");
    shows("SELECT $a$hunter2$a", "SELECT …");
    shows("SELECT $a", "SELECT …");
    shows("SELECT $", "SELECT …");
    shows("SELECT a /* hunt", "SELECT a …");
    shows("SELECT a /* hunt /* er */ 2 *", "SELECT a …");
    shows("SELECT \"hunt", "SELECT …");
    shows("SELECT \"hunt\"\"", "SELECT …");
    shows("SELECT U&\"hunt", "SELECT …");
}

#[test]
fn a_character_cut_in_two_is_not_shown() {
    shows("SELECT 'p\u{fffd}", "SELECT …");
    shows("SELECT größ\u{fffd}", "SELECT größ…");
    shows("SELECT \u{fffd}'x'", "SELECT …");
}

/// With `standard_conforming_strings` off, a backslash escapes the quote after it.
#[test]
fn a_string_whose_end_depends_on_a_setting_ends_the_output() {
    shows(r"SELECT 'a\', 'hunter2'", "SELECT …");
    shows(r"SELECT 'a\'hunter2', b", "SELECT …");
    shows(r"SELECT 'it\'s', hunter2", "SELECT …");
    shows(r"SELECT 'a\\\', 'hunter2'", "SELECT …");
    shows(r"SELECT N'a\', 'hunter2'", "SELECT …");
    shows("SELECT 'a'\n'b\\', 'hunter2'", "SELECT …");
}

#[test]
fn a_backslash_that_cannot_change_the_end_of_a_string_is_accepted() {
    shows(r"SELECT 'C:\temp', x", "SELECT ?, x");
    shows(r"SELECT 'a\\', x", "SELECT ?, x");
    shows(r"SELECT '\d+', x", "SELECT ?, x");
    shows(r"SELECT 'a\''', x", "SELECT …");
    shows(r"SELECT 'a\''b', x", "SELECT …");
}

#[test]
fn characters_without_a_meaning_in_sql_end_the_output() {
    shows("SELECT a \\gset hunter2", "SELECT a …");
    shows("SELECT a { hunter2 }", "SELECT a …");
    shows("SELECT a\0hunter2", "SELECT a…");
    shows("SELECT a\x1b[31mhunter2", "SELECT a…");
    shows("SELECT a = ‘hunter2’", "SELECT a = …");
    shows("SELECT a\u{a0}= hunter2", "SELECT a…");
    shows("SELECT a\u{200b}hunter2", "SELECT a…");
    shows("SELECT ٤١١١", "SELECT …");
    shows("SELECT \"a\nhunter2\"", "SELECT …");
}

/// PostgreSQL versions read these differently, and nobody writes them on purpose.
#[test]
fn text_directly_after_a_literal_ends_the_output() {
    shows("SELECT 1a$$, $$ hunter2 $$", "SELECT ?…");
    shows("SELECT 1$$hunter2$$", "SELECT ?…");
    shows("SELECT $1hunter2", "SELECT $1…");
    shows("SELECT $1$a$ hunter2 $a$", "SELECT $1…");
    shows("SELECT 'a'b", "SELECT ?…");
    shows("SELECT 1'a'", "SELECT ?…");
    shows("SELECT \"a\"'b'", "SELECT \"a\"…");
}
