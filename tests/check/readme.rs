//! The README's commands, exactly as they are written, lead to a bot that runs, and its systemd unit reloads it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use discord_sim::{Permissions, Sim};
use throwaway_postgres::{Cluster, eventually};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

const README: &str = include_str!("../../README.md");
/// The exit status of `enter.sh` where no clean root folder can be made.
const CANNOT: i32 = 77;
const ONCALL: u64 = 1_300_000_000_000_000_001;
const DBA: u64 = 1_300_000_000_000_000_002;

#[tokio::test]
async fn the_readmes_commands_in_a_clean_root_end_in_a_running_bot() {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        return skip("only root can make a clean root folder");
    }
    let sim = discord().await;
    // With its password only, so that the one that the README sets is tried.
    let cluster =
        Cluster::builder().hba("host all killgate all scram-sha-256").start().await.expect("a server");
    let http = free_port();
    let folder = tempfile::tempdir().expect("a folder");
    write_session(folder.path(), &sim, &cluster, http);

    let mut session = enter(folder.path(), cluster.port());
    let mut line = String::new();
    let output = session.stdout.take().expect("piped");
    BufReader::new(output).read_line(&mut line).await.expect("text");
    if line.trim() != "walked" {
        let mut errors = String::new();
        session.stderr.take().expect("piped").read_to_string(&mut errors).await.expect("text");
        match session.wait().await.expect("an end").code() {
            Some(CANNOT) => return skip(&errors),
            _ => panic!("{errors}"),
        }
    }
    let ready = format!("http://127.0.0.1:{http}/readyz");
    let is_ready = eventually("/readyz is 200", async || {
        let answer = reqwest::get(&ready).await;
        Ok(answer.is_ok_and(|answer| answer.status() == 200).then_some(()))
    });
    is_ready.await.unwrap_or_else(|error| {
        panic!("{error}: {}", fs::read_to_string(folder.path().join("log")).unwrap_or_default())
    });
    let mut input = session.stdin.take().expect("piped");
    input.write_all(b"sudo systemctl reload killgate\n").await.expect("read");
    let is_reloaded = eventually("the configuration was reloaded", async || {
        let metrics = reqwest::get(format!("http://127.0.0.1:{http}/metrics")).await?.text().await?;
        let counted = "killgate_config_reloads_total{result=\"ok\"} 1";
        Ok(metrics.lines().any(|line| line == counted).then_some(()))
    });
    is_reloaded.await.expect("the unit's ExecReload reloads it");
    drop(input);
    session.wait().await.expect("an end");
}

fn skip(reason: &str) {
    eprintln!("skipped: the README's commands are not tried: {reason}");
}

/// A guild with the ids in the README, and a bot with the permissions in its link.
async fn discord() -> Sim {
    let permissions = Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::EMBED_LINKS
        | Permissions::ADD_REACTIONS
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::SEND_MESSAGES_IN_THREADS;
    let builder = Sim::builder().requires_mfa().bot_may(permissions).role_with_id("oncall", ONCALL);
    let builder = builder.mentionable_role("dba", DBA).person("ana", ["oncall"]).person("ben", ["dba"]);
    builder.channel("incident").start().await
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}

/// The README's blocks, what is typed into each, and what the README says to edit.
fn write_session(folder: &Path, sim: &Sim, cluster: &Cluster, http: u16) {
    let edit = format!(
        "sed -i -e '/^token_file/a api_url = \"{}\"' -e 's/db1.internal:5432/db1.internal:{}/' \
         -e 's/sslmode=verify-full/sslmode=disable/' -e 's/127.0.0.1:9464/127.0.0.1:{http}/' \
         /etc/killgate/killgate.toml",
        sim.api_url(),
        cluster.port(),
    );
    let mut session = Vec::new();
    for (number, block) in blocks().enumerate() {
        let typed = if block.contains("\\password killgate") {
            "secret\nsecret\n".to_owned()
        } else if block.contains("/etc/killgate/discord_token") {
            format!("{}\n", sim.token())
        } else {
            "secret\n".to_owned()
        };
        fs::write(folder.join(format!("{number}.sh")), block).expect("written");
        fs::write(folder.join(format!("{number}.typed")), typed).expect("written");
        session.push(format!(". /walk/{number}.sh </walk/{number}.typed"));
        if block.contains("/etc/killgate/killgate.toml <<") {
            session.push(edit.clone());
        }
    }
    fs::write(folder.join("session.sh"), session.join("\n")).expect("written");
}

/// The shell commands of the sections about installing and setting up.
fn blocks() -> impl Iterator<Item = &'static str> {
    let (_, rest) = README.split_once("\n## Install\n").expect("a section");
    let (setup, _) = rest.split_once("\n## Run it\n").expect("a section");
    setup.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("split has a first"))
}

fn enter(folder: &Path, postgres: u16) -> Child {
    Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "tests/check/clean_root/enter.sh"])
        .arg(folder)
        .args([env!("CARGO_BIN_EXE_killgate"), &postgres.to_string()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("unshare of util-linux runs")
}
