//! Files that cannot be read: a named pipe without a writer, which blocks its reader as a network mount that does not answer does, and a
//! database that is locked.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;
use throwaway_postgres::SqlState;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::environment::{APPROVE, LIMIT, TestEnv, free_address, signal};

/// Puts a named pipe in the place of the file.
fn replace_by_pipe(file: &Path) {
    fs::remove_file(file).unwrap();
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

/// Waits until a reader has opened the pipe, and opens it for writing. The reader blocks until something is written.
async fn blocked_reader(pipe: PathBuf) -> fs::File {
    let opening = spawn_blocking(move || fs::File::options().write(true).open(pipe));
    timeout(LIMIT, opening).await.expect("a reader in time").unwrap().unwrap()
}

#[tokio::test]
async fn a_reload_that_cannot_read_a_password_holds_up_no_approval_and_no_stop() {
    let http = free_address();
    let mut env = TestEnv::builder().password("orders-Ahx3jooqu8").http(&http).start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    replace_by_pipe(&env.path("password"));
    signal("HUP", env.bot_pid()).await;
    let _writer = blocked_reader(env.path("password")).await;

    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;

    env.wait_for_log(
        "the configuration was not reloaded; the previous one stays: the file, or one that it names",
    )
    .await;
    let metrics = reqwest::get(format!("http://{http}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("killgate_config_reloads_total{result=\"failed\"} 1"), "{metrics}");
    // It waits for the read that has not ended.
    signal("HUP", env.bot_pid()).await;
    assert!(env.stop_bot().await.success());
}

#[tokio::test]
async fn a_reload_during_the_start_neither_ends_the_bot_nor_is_lost() {
    let mut env = TestEnv::builder().start_without_bot().await;
    let config = fs::read_to_string(env.config()).unwrap();
    replace_by_pipe(&env.config());
    env.launch_bot();
    let mut writer = blocked_reader(env.config()).await;
    signal("HUP", env.bot_pid()).await;
    // The reload will find a file there.
    fs::remove_file(env.config()).unwrap();
    fs::write(env.config(), format!("{config}\n[approval]\nrequire_reason = true\n")).unwrap();
    writer.write_all(config.as_bytes()).unwrap();
    drop(writer);

    env.sim.bot_is_ready().await;
    env.wait_for_log("configuration reloaded").await;
    let victim = env.sleeping_session().await;
    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("reason"), "{refusal}");
    assert_eq!(env.log().matches("configuration reloaded").count(), 1, "{}", env.log());
}

#[tokio::test]
async fn a_start_that_waits_for_its_configuration_can_be_interrupted() {
    let mut env = TestEnv::builder().start_without_bot().await;
    let config = fs::read_to_string(env.config()).unwrap();
    replace_by_pipe(&env.config());
    env.launch_bot();
    let _writer = blocked_reader(env.config()).await;
    signal("TERM", env.bot_pid()).await;
    assert_eq!(env.wait_for_exit().await.signal(), Some(15));
    fs::remove_file(env.config()).unwrap();
    fs::write(env.config(), config).unwrap();
}

#[tokio::test]
async fn a_ledger_that_cannot_be_opened_keeps_no_stop_from_ending() {
    let mut env = TestEnv::builder().start_without_bot().await;
    let other_program = Connection::open(env.path("killgate.db")).unwrap();
    other_program.execute_batch("BEGIN EXCLUSIVE").unwrap();
    env.launch_bot();
    env.wait_for_log("killgate starts").await;
    // Opening it would fail after five seconds.
    assert!(env.stop_bot().await.success(), "{}", env.log());
}
