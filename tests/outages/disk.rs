//! A small file system for a ledger, which can be filled and made read-only.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::mounts::may_mount;

/// Small enough to fill quickly, and large enough for a ledger of a few requests.
const SIZE: &str = "2m";

/// A file system in memory, mounted in a separate mount namespace, so that it disappears with the process that holds it.
pub struct Disk {
    holder: Child,
    pub folder: PathBuf,
}

impl Disk {
    /// `None` and a message if mounting is not allowed.
    pub async fn mounted_at(folder: PathBuf) -> Option<Self> {
        if !may_mount() {
            return None;
        }
        std::fs::create_dir(&folder).expect("a folder");
        let mount = format!("mount -t tmpfs -o size={SIZE} tmpfs \"$0\" && echo mounted && exec cat");
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", &mount])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("unshare of util-linux runs");
        let mut line = String::new();
        let out = holder.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).await.expect("text");
        assert_eq!(line, "mounted\n");
        Some(Self { holder, folder })
    }

    /// A command that runs in the disk's mount namespace.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let holder = self.holder.id().expect("it lives as long as the disk");
        let mut command = Command::new("nsenter");
        command.args(["--target", &holder.to_string(), "--mount", "--wd=.", "--"]);
        command.arg(program.as_ref());
        command
    }

    /// Writes until the disk is full.
    pub async fn fill(&self) {
        self.run("cat /dev/zero > \"$0/filler\" 2>/dev/null; test -s \"$0/filler\"").await;
    }

    pub async fn free_space(&self) {
        self.run("rm \"$0/filler\"").await;
    }

    /// No file on it may be open for writing.
    pub async fn make_read_only(&self) {
        self.run("mount -o remount,ro \"$0\"").await;
    }

    pub async fn make_writable(&self) {
        self.run("mount -o remount,rw \"$0\"").await;
    }

    async fn run(&self, script: &str) {
        let done = self.command("sh").args(["-c", script]).arg(&self.folder).status().await;
        assert!(done.expect("a shell").success(), "{script}");
    }
}
