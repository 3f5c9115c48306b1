//! The token and the passwords appear in no output, at any log level and after any failure.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};

use throwaway_postgres::eventually;
use tokio::process::Command;

use crate::environment::{APPROVE, TestEnv, free_address, signal};
use crate::written::written;

const PASSWORD: &str = "orders-Ahx3jooqu8";
const ROTATED: &str = "orders-Uo7iejahb2";
const WRONG: &str = "orders-Eighai4oot";

#[tokio::test]
async fn no_secret_is_in_any_log_message_metric_error_or_file() {
    let http = free_address();
    let builder = TestEnv::builder().password(PASSWORD).with_verbose_log();
    let mut env = builder.http(&http).start().await;
    let slow = env.sleeping_session().await;
    let card = env.request_card("cancel", slow.pid()).await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "cancelled", "Cancelled").await;

    // The password is wrong for a while, then changed.
    fs::write(env.path("password"), WRONG).unwrap();
    env.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'").await;
    env.wait_for_log("password authentication failed").await;
    // A command in the meantime is answered with the reason, which the transcript contains.
    env.send_command("ana", "cancel", slow.pid()).await;
    env.set_password(ROTATED).await;
    env.wait_for_bot_backend().await;

    let mut outputs = vec![("the channel", env.sim.transcript())];
    for page in ["healthz", "readyz", "metrics"] {
        let answer = reqwest::get(format!("http://{http}/{page}")).await.unwrap();
        outputs.push((page, answer.text().await.unwrap()));
    }
    for arguments in
        [&["check"][..], &["check", "--json"], &["audit", "export"], &["audit", "verify"], &["health"]]
    {
        let output = env.run_killgate(arguments).await;
        outputs.push(("a command", String::from_utf8_lossy(&output.stdout).into_owned()));
        outputs.push(("its errors", String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    assert!(env.stop_bot().await.success());
    outputs.push(("the log", env.log()));
    for file in ["killgate.db", "killgate.toml"] {
        let bytes = fs::read(env.path(file)).unwrap();
        outputs.push((file, String::from_utf8_lossy(&bytes).into_owned()));
    }

    let token = env.sim.token();
    let secrets = [&token, PASSWORD, ROTATED, WRONG];
    let forms: Vec<_> = secrets.into_iter().flat_map(written).collect();
    for (what, text) in outputs {
        assert!(!text.is_empty() || what == "its errors", "{what} is empty");
        for form in &forms {
            let line = text.lines().find(|line| line.contains(form));
            assert_eq!(line, None, "a secret is in {what}");
        }
    }
}

#[tokio::test]
async fn a_crash_writes_no_core_dump() {
    let env = TestEnv::builder().start_without_bot().await;
    // First check with the same shell and signal whether this machine writes core dumps at all.
    if !exit_after_sigquit(&env, "ulimit -c unlimited; kill -s QUIT $$", false).await.core_dumped() {
        println!("skipped: this machine writes no core dumps");
        return;
    }
    let run = "ulimit -c unlimited; exec \"$0\" run --config killgate.toml";
    assert!(!exit_after_sigquit(&env, run, true).await.core_dumped());
}

/// The exit status of the shell's command after SIGQUIT, whose default action writes a core dump (signal(7)).
async fn exit_after_sigquit(env: &TestEnv, command: &str, is_bot: bool) -> ExitStatus {
    let mut shell = Command::new("sh")
        .args(["-c", command, env!("CARGO_BIN_EXE_killgate")])
        .current_dir(env.config().parent().unwrap())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    if is_bot {
        env.sim.bot_is_ready().await;
        signal("QUIT", shell.id().unwrap()).await;
    }
    let ended = shell.wait().await.unwrap();
    assert_eq!(ended.signal(), Some(3), "{ended}");
    ended
}

#[tokio::test]
async fn a_password_command_gets_killgates_environment_without_its_secrets() {
    let line = "password_command = ['sh', '-c', 'test -n \"$PATH\" && test -z \"$DISCORD_TOKEN$OTHER_PASSWORD\" && cat password']";
    let other = "[[target]]\nname = \"other\"\nurl = \"postgresql://nobody@127.0.0.1:1/postgres\"\n\
                 password_env = \"OTHER_PASSWORD\"";
    let mut env = TestEnv::builder().password_from(PASSWORD, line).section(other).start_without_bot().await;
    env.set_variable("OTHER_PASSWORD", "hunter2");
    env.set_variable("DISCORD_TOKEN", "hunter2");
    env.start_bot().await;
    env.wait_for_bot_backend().await;
}

/// A program that counts its calls and prints the password in the file `password`.
const PRINTS_PASSWORD: &str =
    "password_command = ['sh', '-c', 'echo called >> calls; cat password; echo rest']";

#[tokio::test]
async fn a_password_command_is_run_at_each_connect_so_that_a_token_may_change() {
    let env = TestEnv::builder().password_from(PASSWORD, PRINTS_PASSWORD).start().await;
    let first = env.wait_for_bot_backend().await;
    let calls = || fs::read_to_string(env.path("calls")).unwrap_or_default().lines().count();
    let before = calls();

    env.set_password(ROTATED).await;
    env.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'").await;
    eventually("the bot logs in with the new password", async || {
        let backend = env.wait_for_bot_backend().await;
        Ok((backend != first && calls() > before).then_some(()))
    })
    .await
    .unwrap();
    assert!(env.run_killgate(&["check"]).await.stdout.starts_with(b"ok"));

    // It fails and prints secrets: only its name and its exit status are told.
    fs::write(env.path("password"), WRONG).unwrap();
    let config = fs::read_to_string(env.config()).unwrap();
    let failing = "password_command = ['sh', '-c', 'cat password; cat password >&2; exit 7']";
    fs::write(env.config(), config.replace(PRINTS_PASSWORD, failing)).unwrap();
    let checked = env.run_killgate(&["check"]).await;
    let said = String::from_utf8_lossy(&[checked.stdout, checked.stderr].concat()).into_owned();
    assert!(said.contains("the password command sh failed: exit status: 7"), "{said}");
    for secret in [PASSWORD, ROTATED, WRONG] {
        assert!(!said.contains(secret) && !env.log().contains(secret), "{said}");
    }
}

/// Each host of a target is tried by itself, and each time the program runs again.
#[tokio::test]
async fn a_slow_password_command_is_no_fault_of_a_host_or_a_pooler() {
    let slow = "password_command = ['sh', '-c', 'test ! -e called || sleep 6; touch called; cat password']";
    let env = TestEnv::builder().password_from(PASSWORD, slow).start_without_bot().await;
    let host = format!("127.0.0.1:{}", env.cluster.port());
    env.change_config(&host, &format!("{host},{host}"));
    let checked = env.run_killgate(&["check"]).await;
    let lines = String::from_utf8(checked.stdout).unwrap();
    let good = |line: &str| lines.lines().filter(|found| found.starts_with(line)).count();
    assert_eq!(good(&format!("ok    target orders: host {host}: it accepts connections")), 2, "{lines}");
    assert_eq!(good("ok    target orders: pooler: "), 1, "{lines}");
}
