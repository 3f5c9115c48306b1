//! The checker is checked: each rule is broken once, and each look-alike is left alone.

use crate::rules::{Sources, violations};

fn found_in(path: &str, text: &str) -> Vec<String> {
    let libraries = ["regex", "serenity", "tokio_postgres", "rusqlite", "toml"]
        .map(str::to_owned)
        .to_vec();
    violations(&Sources {
        files: vec![(path.to_owned(), text.to_owned())],
        libraries,
    })
}

#[track_caller]
fn broken(path: &str, text: &str, complaint: &str) {
    let found = found_in(path, text);
    assert!(
        found.iter().any(|line| line.contains(complaint)),
        "{text:?} in {path}: {found:?}"
    );
}

#[track_caller]
fn clean(path: &str, text: &str) {
    assert_eq!(found_in(path, text), Vec::<String>::new(), "{text:?}");
}

#[test]
fn an_arrow_that_points_the_wrong_way_is_found_however_it_is_written() {
    let complaint = "`domain` must not import `workflow::ports";
    broken("src/domain/a.rs", "use crate::workflow::ports::Clock;", complaint);
    broken(
        "src/domain/a.rs",
        "use crate::{domain::x,\n    workflow::{self, ports::Clock}};",
        complaint,
    );
    broken(
        "src/domain/a.rs",
        "fn f() { crate::workflow::ports::f() }",
        complaint,
    );
    broken(
        "src/domain/a.rs",
        "pub(crate) use super::super::workflow::ports;",
        complaint,
    );
    broken("src/domain/mod.rs", "use super::workflow::ports;", complaint);
    broken(
        "src/domain.rs",
        "use crate :: workflow :: ports;".replace(" :: ", "::").as_str(),
        complaint,
    );
}

#[test]
fn each_room_keeps_to_its_arrows() {
    broken(
        "src/workflow/mod.rs",
        "use crate::ledger::sqlite;",
        "`workflow` must not import `ledger::sqlite`",
    );
    broken(
        "src/discord/card.rs",
        "use crate::postgres::activity;",
        "`discord` must not import",
    );
    broken(
        "src/postgres/mod.rs",
        "use crate::workflow::execution;",
        "`postgres` must not import",
    );
    broken(
        "src/ledger/sqlite.rs",
        "use crate::postgres::target;",
        "`ledger` must not import",
    );
    broken(
        "src/ledger/postgres.rs",
        "use crate::postgres::activity;",
        "`ledger` must not import",
    );
    broken("src/helpers.rs", "", "no rule says what `helpers` may import");

    clean(
        "src/workflow/mod.rs",
        "use crate::domain::{request::Request, session};",
    );
    clean(
        "src/ledger/sqlite.rs",
        "use crate::{workflow::ports::Ledger, domain::event::Event};",
    );
    clean(
        "src/ledger/mod.rs",
        "use super::ledger::postgres; use self::postgres::X;",
    );
    clean(
        "src/ledger/postgres.rs",
        "use crate::postgres::connection::{self, Connection};",
    );
    clean("src/ledger/postgres/lock.rs", "use crate::postgres::connection;");
    clean(
        "src/operations/check.rs",
        "use crate::{discord::x, ledger::y, postgres::z};",
    );
    clean("src/main.rs", "use killgate::workflow;");
}

#[test]
fn a_library_stays_in_its_room() {
    broken(
        "src/domain/a.rs",
        "use toml::Value;",
        "`domain` must not use `toml`",
    );
    broken(
        "src/workflow/a.rs",
        "fn f(e: serenity::Error) {}",
        "`serenity` may be used in src/discord only",
    );
    broken(
        "src/workflow/a.rs",
        "use ::rusqlite as db;",
        "`rusqlite` may be used in src/ledger only",
    );
    broken(
        "src/ledger/sqlite.rs",
        "use tokio_postgres::Client;",
        "`tokio_postgres` may be used in",
    );
    broken(
        "src/operations/check.rs",
        "use serenity::all::Http;",
        "`serenity` may be used in",
    );

    clean("src/domain/a.rs", "use regex::Regex; use std::fmt;");
    clean("src/discord/a.rs", "use serenity::all::Http;");
    broken(
        "src/config/file.rs",
        "use tokio_postgres::Client;",
        "`tokio_postgres` may be used in",
    );
    clean("src/ledger/postgres.rs", "use tokio_postgres::Client;");
    clean("src/config/postgres_url.rs", "use tokio_postgres::Config;");
    clean(
        "src/domain/a.rs",
        "use crate::domain::toml::X; fn f(toml: u8, my_toml: u8) {}",
    );
}

#[test]
fn comments_and_literals_are_not_code() {
    clean(
        "src/domain/a.rs",
        "// use crate::workflow::x;\n/* serenity:: /* nested */ crate::workflow */\nfn f() {}",
    );
    clean(
        "src/domain/a.rs",
        r##"const A: &str = "\"crate::workflow"; const B: &str = r#"crate::workflow"#;"##,
    );
    broken(
        "src/domain/a.rs",
        "fn f<'a>(c: char) { c == '\"'; crate::workflow::x() } // \"",
        "must not import",
    );
}

#[test]
fn test_code_stays_in_its_module() {
    broken(
        "src/domain/a.rs",
        "#[cfg(test)]\nfn only_for_tests() {}",
        "elsewhere than on `mod tests`",
    );
    broken(
        "src/domain/a.rs",
        "fn f() { if cfg!(test) {} }",
        "elsewhere than on `mod tests`",
    );
    broken(
        "src/domain/a.rs",
        "#[cfg(not(test))]\nfn f() {}",
        "elsewhere than on `mod tests`",
    );
    clean(
        "src/domain/a.rs",
        "#[cfg(test)]\nmod tests {\n    use super::*;\n}",
    );
    clean("src/domain/a.rs", "#[cfg(test)]\nmod tests;");
}

#[test]
fn a_long_file_and_a_leftover_marker_are_found_in_every_folder() {
    broken("tests/story.rs", &"\n".repeat(401), "401 lines");
    clean("tests/story.rs", &"\n".repeat(400));
    broken(
        "crates/discord-sim/src/lib.rs",
        concat!("fn f() {}\n// TO", "DO: more"),
        "line 2",
    );
    clean("crates/discord-sim/src/lib.rs", "const TODOS: u8 = 1;");
}
