//! A root folder without killgate, in which the commands of the documents run as they are written.

use std::fs::{self, File};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::mounts::may_mount;

/// The exit status of `enter.sh` where no such folder can be made.
const CANNOT: i32 = 77;

/// A shell in the folder. Dropping it ends all that it started.
pub struct CleanRoot {
    folder: TempDir,
    shell: Child,
    commands: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    scripts: usize,
}

impl CleanRoot {
    /// With these ports of PostgreSQL and of killgate's HTTP server. `None` and a message where it cannot be made.
    pub async fn enter(postgres: u16, http: u16) -> Option<Self> {
        if !may_mount() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("http"), http.to_string()).expect("written");
        let errors = File::create(folder.path().join("errors")).expect("a file");
        let mut shell = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "tests/check/clean_root/enter.sh"])
            .arg(folder.path())
            .args([env!("CARGO_BIN_EXE_killgate"), &postgres.to_string()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .expect("unshare of util-linux runs");
        let commands = shell.stdin.take().expect("piped");
        let output = BufReader::new(shell.stdout.take().expect("piped")).lines();
        let mut root = Self { folder, shell, commands, output, scripts: 0 };
        if root.runs("cd", "").await {
            return Some(root);
        }
        let errors = root.text_of("errors");
        let status = root.shell.wait().await.expect("it ended");
        assert_eq!(status.code(), Some(CANNOT), "{errors}");
        println!("skipped: no clean root folder can be made: {errors}");
        None
    }

    /// Runs a script in the shell, and types this into it.
    pub async fn run(&mut self, script: &str, typed: &str) {
        assert!(self.runs(script, typed).await, "{script}\nfailed:\n{}", self.text_of("errors"));
    }

    /// The log of the killgate that `systemctl` started.
    pub fn log(&self) -> String {
        self.text_of("log")
    }

    /// Whether the shell is still there after the script. It exits at the first command that fails.
    async fn runs(&mut self, script: &str, typed: &str) -> bool {
        let number = self.scripts;
        self.scripts += 1;
        let file = |extension| self.folder.path().join(format!("{number}.{extension}"));
        fs::write(file("sh"), script).expect("written");
        fs::write(file("typed"), typed).expect("written");
        let command = format!(". /walk/{number}.sh </walk/{number}.typed >&2; echo done\n");
        // If the shell has exited, this fails or has no effect, and no output follows.
        _ = self.commands.write_all(command.as_bytes()).await;
        self.output.next_line().await.expect("text").is_some()
    }

    fn text_of(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }
}
