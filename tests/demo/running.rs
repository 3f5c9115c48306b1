//! Runs the demo as a process, and checks what it leaves behind.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use throwaway_postgres::eventually;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// The time limit of every wait.
const LIMIT: Duration = Duration::from_mins(1);

/// A demo with its own folder for temporary files, by which its processes are also found.
pub struct Running {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
    http: Client,
    page: String,
    /// The session that blocks the shop.
    pub pid: String,
}

impl Running {
    /// Starts the demo and waits until it is ready.
    pub async fn start() -> Self {
        let mut demo = Self::spawn();
        let page = demo.prints("http://").await;
        page.trim().clone_into(&mut demo.page);
        let advice = demo.prints("/terminate pid:").await;
        let words = advice.split([':', ' ']);
        demo.pid = words.skip_while(|word| *word != "pid").nth(1).expect("a pid").to_owned();
        demo.prints("Ctrl-C").await;
        demo
    }

    /// The same in a terminal of its own, by `script` of util-linux. Ctrl-C also goes to the shell that `script` starts: one
    /// that has not been replaced by the demo exits with 130.
    pub async fn start_in_terminal() -> Self {
        let program = Self::program();
        let mut script = Command::new("script");
        script.args(["-qfec", &format!("exec '{}' --port 0", program.display()), "/dev/null"]);
        let mut demo = Self::run(script);
        demo.prints("Ctrl-C").await;
        demo
    }

    pub fn spawn() -> Self {
        Self::with(&[])
    }

    pub fn with(arguments: &[&str]) -> Self {
        Self::at_port(0, arguments)
    }

    pub fn at_port(port: u16, arguments: &[&str]) -> Self {
        let mut demo = Command::new(Self::program());
        demo.args(["--port", &port.to_string()]).args(arguments);
        Self::run(demo)
    }

    fn program() -> PathBuf {
        let bot = Path::new(env!("CARGO_BIN_EXE_killgate"));
        let demo = bot.with_file_name("examples").join("demo");
        assert!(demo.is_file(), "build it first: cargo build --example demo");
        demo
    }

    fn run(mut demo: Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // If this runs as root, the server runs under another account, which needs access.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("permissions");
        let mut process = demo
            .env("TMPDIR", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the demo starts");
        let output = process.stdout.take().expect("piped");
        Self {
            process,
            output: BufReader::new(output).lines(),
            folder,
            http: Client::new(),
            page: String::new(),
            pid: String::new(),
        }
    }

    /// Waits for a line that contains the text.
    pub async fn prints(&mut self, words: &str) -> String {
        let line = timeout(LIMIT, async {
            while let Some(line) = self.output.next_line().await.expect("text") {
                if line.contains(words) {
                    return line;
                }
            }
            panic!("the demo ended without printing “{words}”: {}", self.stderr().await)
        });
        line.await.unwrap_or_else(|_| panic!("“{words}” was never printed"))
    }

    pub async fn enter(&mut self) {
        let input = self.process.stdin.as_mut().expect("piped");
        input.write_all(b"\n").await.expect("read");
    }

    /// Types a text, and returns the keyboard: while it is there, nothing ends for want of input.
    pub async fn types(&mut self, text: &str) -> ChildStdin {
        let mut input = self.process.stdin.take().expect("piped");
        input.write_all(text.as_bytes()).await.expect("read");
        input
    }

    /// Waits until the demo has created files.
    pub async fn is_starting(&self) {
        let folder = self.folder.path();
        eventually("files exist", async || Ok((entries(folder) > 0).then_some(()))).await.expect("a start");
    }

    /// Types a command or sends a message in the channel.
    pub async fn acts(&self, who: &str, act: &str, text: &str) {
        self.post(who, act, json!({ "channel": "incident", "text": text })).await;
    }

    /// Adds ✅ to a message.
    pub async fn reacts(&self, who: &str, message: &Value) {
        self.puts(who, "✅", message).await;
    }

    pub async fn puts(&self, who: &str, emoji: &str, message: &Value) {
        let target = json!({ "channel": "incident", "message": message["id"], "emoji": emoji });
        self.post(who, "reacts", target).await;
    }

    async fn post(&self, who: &str, act: &str, body: Value) {
        let url = format!("{}/sim/as/{who}/{act}", self.page);
        let answer = self.http.post(url).json(&body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap_or_default());
    }

    /// Waits for a message whose text or card title contains the text.
    pub async fn message(&self, words: &str) -> Value {
        let url = format!("{}/sim/channels/incident/messages", self.page);
        let says = |message: &&Value| {
            let texts = [&message["content"], &message["embeds"][0]["title"]];
            texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains(words)))
        };
        eventually(words, async || {
            let messages: Vec<Value> = self.http.get(&url).send().await?.json().await?;
            Ok(messages.iter().rfind(says).cloned())
        })
        .await
        .expect("the message")
    }

    /// The page's address with a column for each person.
    pub fn seen_by(&self, people: &[&str]) -> String {
        let columns: Vec<_> = people.iter().map(|person| format!("as={person}")).collect();
        format!("{}/?{}", self.page, columns.join("&"))
    }

    /// Sends SIGINT, and asserts a clean exit that leaves nothing behind.
    pub async fn ends(&mut self) {
        self.signal("INT").await;
        assert!(self.ended().await.success());
        self.leaves_nothing().await;
    }

    pub async fn signal(&self, name: &str) {
        kill(name, self.process.id().expect("it runs")).await;
    }

    /// Waits until the bot's log has this, because another thread writes it.
    pub async fn bot_logs(&self, text: &str) {
        let demos = || fs::read_dir(self.folder.path()).into_iter().flatten().flatten();
        let logs = || demos().filter_map(|demo| fs::read_to_string(demo.path().join("killgate.log")).ok());
        let logged = async || Ok(logs().any(|log| log.contains(text)).then_some(()));
        eventually(text, logged).await.expect("a line of the log");
    }

    pub async fn kill_bot(&self) {
        let bots: Vec<u32> = processes_of(self.folder.path())
            .into_iter()
            .filter(|pid| cmdline(*pid).contains("\0run\0--config\0"))
            .collect();
        assert_eq!(bots.len(), 1, "one bot");
        kill("KILL", bots[0]).await;
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(LIMIT, self.process.wait()).await;
        ended.expect("an end in time").expect("waited for")
    }

    /// The demo's standard error, after its exit.
    pub async fn stderr(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut errors) = self.process.stderr.take() {
            errors.read_to_string(&mut text).await.expect("text");
        }
        text
    }

    /// Asserts that no process and no file remains.
    pub async fn leaves_nothing(&self) {
        let folder = self.folder.path();
        eventually("nothing is left", async || {
            Ok((processes_of(folder).is_empty() && entries(folder) == 0).then_some(()))
        })
        .await
        .unwrap_or_else(|_| {
            let commands: Vec<_> = processes_of(folder).into_iter().map(cmdline).collect();
            panic!("left behind: {commands:?}, and {} entries in {}", entries(folder), folder.display())
        });
    }
}

async fn kill(signal: &str, pid: u32) {
    let done = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().await;
    assert!(done.expect("kill runs").success());
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).expect("the folder").count()
}

/// The processes with the folder in their command line or environment.
fn processes_of(folder: &Path) -> Vec<u32> {
    let name = folder.to_str().expect("text");
    let all = fs::read_dir("/proc").expect("Linux").flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| cmdline(*pid).contains(name) || environment(*pid).contains(name))
        .collect()
}

fn cmdline(pid: u32) -> String {
    read(pid, "cmdline")
}

fn environment(pid: u32) -> String {
    read(pid, "environ")
}

/// Empty if the process has ended.
fn read(pid: u32, file: &str) -> String {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
