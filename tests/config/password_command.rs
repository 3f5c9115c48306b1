//! `password_command`: how it is read, and what it may print.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use killgate::config::Settings;
use secrecy::ExposeSecret;
use throwaway_postgres::eventually;

use crate::example::{ConfigFolder, MINIMAL, fault};

/// A program that runs these lines.
fn script(folder: &ConfigFolder, name: &str, lines: &str) {
    folder.write(name, &format!("#!/bin/sh\n{lines}\n"));
    fs::set_permissions(folder.path(name), fs::Permissions::from_mode(0o700)).expect("an executable");
}

fn load(folder: &ConfigFolder, command: &str) -> Result<Settings, String> {
    folder.load(&format!("{MINIMAL}password_command = {command}"))
}

async fn password(settings: &Settings) -> Result<String, String> {
    let password = settings.targets[0].connection.password.read().await.map_err(|error| error.to_string())?;
    Ok(password.expect("a password").expose_secret().to_owned())
}

#[tokio::test]
async fn the_first_line_that_the_program_prints_is_the_password_and_it_is_run_each_time() {
    let folder = ConfigFolder::new();
    // It runs in the folder of the configuration, and without a shell of killgate's.
    script(&folder, "give", "echo called >> calls; echo \"$1-$(wc -l < calls)\"; echo another line");
    let settings = load(&folder, "['./give', '$HOME;  *']").expect("settings");
    assert_eq!(password(&settings).await.as_deref(), Ok("$HOME;  *-1"));
    assert_eq!(password(&settings).await.as_deref(), Ok("$HOME;  *-2"));
}

#[tokio::test]
async fn a_program_in_the_path_is_found() {
    let folder = ConfigFolder::new();
    let settings = load(&folder, "['printf', 'secret\\r\\nrest']").expect("settings");
    assert_eq!(password(&settings).await.as_deref(), Ok("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_does_not_end_is_given_up() {
    let folder = ConfigFolder::new();
    let settings = load(&folder, "['sleep', '600']").expect("settings");
    let error = password(&settings).await.expect_err("a program that sleeps");
    assert_eq!(error, "the password command sleep did not end within 10 s");
}

/// Whether the process whose number is in this file has ended. One that nobody waits for stays a zombie.
fn has_ended(folder: &ConfigFolder, file: &str) -> bool {
    let process = fs::read_to_string(folder.path(file)).expect("its number");
    let state = fs::read_to_string(format!("/proc/{}/stat", process.trim())).unwrap_or_default();
    state.is_empty() || state.contains(") Z ")
}

#[tokio::test]
async fn a_process_that_the_program_leaves_behind_with_its_output_open_holds_nobody_up_and_is_ended() {
    let folder = ConfigFolder::new();
    script(&folder, "give", "sleep 600 & echo $! > left; echo secret; echo rest");
    let settings = load(&folder, "['./give']").expect("settings");
    assert_eq!(password(&settings).await.as_deref(), Ok("secret"));
    let left = eventually("it has ended", async || Ok(has_ended(&folder, "left").then_some(())));
    left.await.expect("ended");

    // This one is in another process group.
    let detached =
        "setsid sh -c 'echo $$ > detached; exec sleep 600' & until test -s detached; do :; done; echo secret";
    script(&folder, "give", detached);
    assert_eq!(password(&settings).await.as_deref(), Ok("secret"));
    assert!(!has_ended(&folder, "detached"));
    script(&folder, "give", "kill $(cat detached); echo done");
    assert_eq!(password(&settings).await.as_deref(), Ok("done"));
}

#[tokio::test]
async fn a_program_that_is_given_up_is_ended_with_all_that_it_started() {
    let folder = ConfigFolder::new();
    script(&folder, "give", "sleep 600 & echo $! > left; echo $$ > program; wait");
    let settings = load(&folder, "['./give']").expect("settings");
    let started = eventually("it has started", async || {
        let written = fs::read_to_string(folder.path("program")).is_ok_and(|number| number.ends_with('\n'));
        Ok(written.then_some(()))
    });
    tokio::select! {
        answer = password(&settings) => panic!("it does not end: {answer:?}"),
        started = started => started.expect("started"),
    }
    for process in ["program", "left"] {
        let ended = eventually("it has ended", async || Ok(has_ended(&folder, process).then_some(())));
        ended.await.expect("ended");
    }
}

#[tokio::test]
async fn the_error_of_a_program_names_it_and_how_it_ended_and_nothing_that_it_printed() {
    let folder = ConfigFolder::new();
    let cases = [
        ("echo hunter2; echo hunter2 >&2; exit 3", "failed: exit status: 3"),
        ("echo hunter2; kill -9 $$", "failed: signal: 9 (SIGKILL)"),
        ("echo; echo hunter2", "printed no password on its first line"),
        ("printf 'hunter2\\377'", "printed something other than UTF-8 text"),
        ("yes hunter2", "printed more than 65536 bytes"),
    ];
    for (lines, expected) in cases {
        script(&folder, "give", lines);
        let settings = load(&folder, "['./give', 'hunter2']").expect("settings");
        let error = password(&settings).await.expect_err(lines);
        let program = folder.path("give").canonicalize().expect("a file");
        assert_eq!(error, format!("the password command {} {expected}", program.display()));
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
    let settings = load(&folder, "['no-such-program']").expect("settings");
    let error = password(&settings).await.expect_err("no such program");
    assert!(error.starts_with("the password command no-such-program cannot be run: No such file"), "{error}");
}

#[test]
fn a_command_that_is_no_command_is_a_fault() {
    let refused = |command: &str| fault(load(&ConfigFolder::new(), command));
    assert_snapshot!(refused("[]"), @r#"14:20: [[target]] "orders" password_command: it names no program; allowed: an array of strings: a program and its arguments, run without a shell"#);
    assert_snapshot!(refused("['']"), @r#"14:20: [[target]] "orders" password_command: it names no program; allowed: an array of strings: a program and its arguments, run without a shell"#);
    assert_snapshot!(refused("'echo hunter2'"), @r#"14:20: [[target]] "orders" password_command: a string instead of an array; allowed: an array of strings: a program and its arguments, run without a shell"#);
    assert_snapshot!(refused("['./nowhere']"), @r#"14:20: [[target]] "orders" password_command: the program ./nowhere cannot be found: No such file or directory (os error 2); allowed: an array of strings: a program and its arguments, run without a shell"#);
    assert_snapshot!(refused("['echo']\npassword_file = 'token'"), @r#"15:17: [[target]] "orders" password_file: the password comes from more than one place; allowed: one of password_file, password_env, password_command, a password in the url"#);
    let ledger = format!("{MINIMAL}[ledger]\npassword_command = ['echo']");
    assert_snapshot!(fault(ConfigFolder::new().load(&ledger)), @"15:20: [ledger] password_command: a SQLite ledger has no password; allowed: an array of strings: a program and its arguments, run without a shell");
}
