//! The token and the passwords are nowhere but where they belong, however much is told and whatever goes wrong.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use throwaway_postgres::eventually;
use tokio::process::Command;

use crate::house::{APPROVE, House, free_address, signal};
use crate::written::written;

const PASSWORD: &str = "orders-Ahx3jooqu8";
const ROTATED: &str = "orders-Uo7iejahb2";
const WRONG: &str = "orders-Eighai4oot";

#[tokio::test]
async fn no_secret_is_in_any_log_message_metric_error_or_file() {
    let http = free_address();
    let plan = House::plan().password(PASSWORD).telling_all();
    let mut house = plan.http(&http).open().await;
    let slow = house.runaway().await;
    let card = house.card("cancel", slow.pid()).await;
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "cancelled", "Cancelled").await;

    // A password that is wrong for a while, and then another one.
    fs::write(house.file("password"), WRONG).unwrap();
    house
        .sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'")
        .await;
    eventually("the password is refused", async || {
        Ok(house
            .log()
            .contains("password authentication failed")
            .then_some(()))
    })
    .await
    .unwrap();
    // Whoever asks meanwhile is told why it cannot be: those words are in the transcript.
    house.ask("ana", "cancel", slow.pid()).await;
    house.set_password(ROTATED).await;
    house.bots_backend().await;

    let mut told = vec![("the channel", house.sim.transcript())];
    for page in ["healthz", "readyz", "metrics"] {
        let answer = reqwest::get(format!("http://{http}/{page}")).await.unwrap();
        told.push((page, answer.text().await.unwrap()));
    }
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["audit", "export"],
        &["audit", "verify"],
        &["health"],
    ] {
        let output = house.run_killgate(arguments).await;
        told.push(("a command", String::from_utf8_lossy(&output.stdout).into_owned()));
        told.push(("its errors", String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    assert!(house.stop_bot().await.success());
    told.push(("the log", house.log()));
    for file in ["killgate.db", "killgate.toml"] {
        let bytes = fs::read(house.file(file)).unwrap();
        told.push((file, String::from_utf8_lossy(&bytes).into_owned()));
    }

    let token = house.sim.token();
    let secrets = [&token, PASSWORD, ROTATED, WRONG];
    let forms: Vec<_> = secrets.into_iter().flat_map(written).collect();
    for (what, text) in told {
        assert!(!text.is_empty() || what == "its errors", "{what} is empty");
        for form in &forms {
            let line = text.lines().find(|line| line.contains(form));
            assert_eq!(line, None, "a secret is in {what}");
        }
    }
}

#[tokio::test]
async fn a_crash_leaves_no_core() {
    let house = House::plan().without_bot().await;
    // The same shell, ended the same way, to see whether this machine writes cores at all.
    if !ends_by_quit(&house, "ulimit -c unlimited; kill -s QUIT $$", false)
        .await
        .core_dumped()
    {
        println!("this machine writes no cores, so that nothing can be seen of it");
        return;
    }
    let run = "ulimit -c unlimited; exec \"$0\" run --config killgate.toml";
    assert!(!ends_by_quit(&house, run, true).await.core_dumped());
}

/// How the shell's command ended by SIGQUIT, which makes a core (signal(7)).
async fn ends_by_quit(house: &House, command: &str, is_bot: bool) -> ExitStatus {
    let mut shell = Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_killgate")])
        .current_dir(house.config().parent().unwrap())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    if is_bot {
        house.sim.bot_is_ready().await;
        signal("QUIT", shell.id().unwrap()).await;
    }
    let ended = shell.wait().await.unwrap();
    assert_eq!(ended.signal(), Some(3), "{ended}");
    ended
}
