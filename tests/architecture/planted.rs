//! Tests the rules themselves: each is violated once, and code that only looks like a violation passes.

use crate::rules::{Sources, violations};

fn found_in(path: &str, text: &str) -> Vec<String> {
    let libraries = ["regex", "serenity", "tokio_postgres", "rusqlite", "toml"].map(str::to_owned).to_vec();
    violations(&Sources { files: vec![(path.to_owned(), text.to_owned())], libraries })
}

#[track_caller]
fn rejected(path: &str, text: &str, message: &str) {
    let found = found_in(path, text);
    assert!(found.iter().any(|line| line.contains(message)), "{text:?} in {path}: {found:?}");
}

#[track_caller]
fn accepted(path: &str, text: &str) {
    assert_eq!(found_in(path, text), Vec::<String>::new(), "{text:?}");
}

#[test]
fn a_forbidden_import_is_found_in_every_spelling() {
    let message = "`domain` must not import `workflow::ports";
    rejected("src/domain/a.rs", "use crate::workflow::ports::Clock;", message);
    rejected("src/domain/a.rs", "use crate::{domain::x,\n    workflow::{self, ports::Clock}};", message);
    rejected("src/domain/a.rs", "fn f() { crate::workflow::ports::f() }", message);
    rejected("src/domain/a.rs", "pub(crate) use super::super::workflow::ports;", message);
    rejected("src/domain/mod.rs", "use super::workflow::ports;", message);
    rejected("src/domain.rs", "use crate :: workflow :: ports;".replace(" :: ", "::").as_str(), message);
}

#[test]
fn each_folder_imports_only_what_it_may() {
    rejected(
        "src/workflow/mod.rs",
        "use crate::ledger::sqlite;",
        "`workflow` must not import `ledger::sqlite`",
    );
    rejected("src/discord/card.rs", "use crate::postgres::activity;", "`discord` must not import");
    rejected("src/postgres/mod.rs", "use crate::workflow::execution;", "`postgres` must not import");
    rejected("src/ledger/sqlite.rs", "use crate::postgres::target;", "`ledger` must not import");
    rejected("src/ledger/postgres.rs", "use crate::postgres::activity;", "`ledger` must not import");
    rejected("src/helpers.rs", "", "no rule says what `helpers` may import");

    accepted("src/workflow/mod.rs", "use crate::domain::{request::Request, session};");
    accepted("src/ledger/sqlite.rs", "use crate::{workflow::ports::Ledger, domain::event::Event};");
    accepted("src/ledger/mod.rs", "use super::ledger::postgres; use self::postgres::X;");
    accepted("src/ledger/postgres.rs", "use crate::postgres::connection::{self, PostgresConnection};");
    accepted("src/ledger/postgres/lock.rs", "use crate::postgres::connection;");
    accepted("src/operations/check.rs", "use crate::{discord::x, ledger::y, postgres::z};");
    accepted("src/main.rs", "use killgate::workflow;");
}

#[test]
fn only_the_ledger_states_that_a_record_is_durable() {
    let message = "only `ledger` may call `Recorded::acknowledge`";
    for call in ["Recorded::acknowledge(seq, hash, entry)", "use event::Recorded as R; R::acknowledge"] {
        rejected("src/workflow/store.rs", call, message);
        rejected("src/ledgers.rs", call, message);
        accepted("src/ledger/hash_chain.rs", call);
    }
    accepted("src/workflow/store.rs", "// Recorded::acknowledge is called by the ledger.");
    accepted("src/domain/event.rs", "pub fn acknowledge(seq: u64) {}");
}

#[test]
fn a_library_is_used_in_its_folder_only() {
    rejected("src/domain/a.rs", "use toml::Value;", "`domain` must not use `toml`");
    rejected(
        "src/workflow/a.rs",
        "fn f(e: serenity::Error) {}",
        "`serenity` may be used in src/discord only",
    );
    rejected("src/workflow/a.rs", "use ::rusqlite as db;", "`rusqlite` may be used in src/ledger only");
    rejected("src/ledger/sqlite.rs", "use tokio_postgres::Client;", "`tokio_postgres` may be used in");
    rejected("src/operations/check.rs", "use serenity::all::Http;", "`serenity` may be used in");

    accepted("src/domain/a.rs", "use regex::Regex; use std::fmt;");
    accepted("src/discord/a.rs", "use serenity::all::Http;");
    rejected("src/config/file.rs", "use tokio_postgres::Client;", "`tokio_postgres` may be used in");
    accepted("src/ledger/postgres.rs", "use tokio_postgres::Client;");
    accepted("src/config/postgres_url.rs", "use tokio_postgres::Config;");
    accepted("src/domain/a.rs", "use crate::domain::toml::X; fn f(toml: u8, my_toml: u8) {}");
}

#[test]
fn comments_and_literals_are_not_code() {
    accepted(
        "src/domain/a.rs",
        "// use crate::workflow::x;\n/* serenity:: /* nested */ crate::workflow */\nfn f() {}",
    );
    accepted(
        "src/domain/a.rs",
        r##"const A: &str = "\"crate::workflow"; const B: &str = r#"crate::workflow"#;"##,
    );
    rejected(
        "src/domain/a.rs",
        "fn f<'a>(c: char) { c == '\"'; crate::workflow::x() } // \"",
        "must not import",
    );
}

#[test]
fn test_code_is_in_mod_tests_only() {
    rejected("src/domain/a.rs", "#[cfg(test)]\nfn only_for_tests() {}", "is allowed on `mod tests` only");
    rejected("src/domain/a.rs", "fn f() { if cfg!(test) {} }", "is allowed on `mod tests` only");
    rejected("src/domain/a.rs", "#[cfg(not(test))]\nfn f() {}", "is allowed on `mod tests` only");
    accepted("src/domain/a.rs", "#[cfg(test)]\nmod tests {\n    use super::*;\n}");
    accepted("src/domain/a.rs", "#[cfg(test)]\nmod tests;");
}

#[test]
fn long_files_and_unfinished_work_are_found_in_every_folder() {
    rejected("tests/story.rs", &"\n".repeat(401), "401 lines");
    accepted("tests/story.rs", &"\n".repeat(400));
    rejected("crates/discord-sim/src/lib.rs", concat!("fn f() {}\n// TO", "DO: more"), "line 2");
    accepted("crates/discord-sim/src/lib.rs", "const TODOS: u8 = 1;");
}
