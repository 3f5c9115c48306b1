use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::account::Account;
use crate::binaries::Binaries;

const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);

/// A cluster's folder, its postmaster if running, and the watcher that removes both.
///
/// The watcher is a shell that reads from a pipe. When this process ends for any reason, the watcher's input ends; it then
/// stops the postmaster and removes the folder.
#[derive(Debug)]
pub(crate) struct Server {
    folder: PathBuf,
    binaries: Binaries,
    account: Account,
    /// Of the postmaster's environment.
    variables: Vec<(String, String)>,
    watcher: Child,
    watcher_input: Option<ChildStdin>,
    postmaster: Option<Child>,
}

impl Server {
    /// Starts the watcher. `folder` is removed with its contents on drop.
    pub(crate) fn watching(
        folder: &Path,
        binaries: Binaries,
        variables: &[(String, String)],
    ) -> Result<Self> {
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", include_str!("watcher.sh"), "watcher"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C and a test runner's kill go to the whole process group, and the watcher must survive them.
            .process_group(0)
            .spawn()
            .context("cannot run /bin/sh")?;
        let watcher_input = watcher.stdin.take();
        let account = Account::for_owner_of(folder)?;
        account.chown(folder)?;
        let variables = variables.to_vec();
        Ok(Self {
            folder: folder.to_owned(),
            binaries,
            account,
            variables,
            watcher,
            watcher_input,
            postmaster: None,
        })
    }

    pub(crate) fn account(&self) -> Account {
        self.account
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(crate) fn log_path(folder: &Path) -> PathBuf {
        folder.join("server.log")
    }

    /// Starts the postmaster and waits until it accepts connections.
    pub(crate) fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(Self::log_path(&self.folder))?;
        let mut command = self.binaries.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .current_dir("/")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let postmaster = self.account.run(&mut command).spawn().context("cannot run postgres")?;
        let pid = postmaster.id();
        self.postmaster = Some(postmaster);
        self.tell_watcher(&format!("server {pid}"))?;
        self.wait_until_ready(pid)
    }

    fn wait_until_ready(&mut self, pid: u32) -> Result<()> {
        let started = Instant::now();
        let log = Self::log_path(&self.folder);
        while started.elapsed() < START_LIMIT {
            // The eighth line of this file is the server's status, which `pg_ctl --wait` also uses.
            let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = lock.lines();
            if lines.next() == Some(&pid.to_string()) && lines.nth(6).map(str::trim) == Some("ready") {
                return Ok(());
            }
            if let Some(postmaster) = &mut self.postmaster
                && let Some(status) = postmaster.try_wait()?
            {
                self.forget_postmaster()?;
                bail!("the server did not start ({status}):\n{}", fs::read_to_string(&log)?);
            }
            thread::sleep(POLL);
        }
        bail!("the server was not ready after {START_LIMIT:?}:\n{}", fs::read_to_string(&log)?)
    }

    /// Signals the postmaster, which must be running, and waits until it exits.
    pub(crate) fn stop(&mut self, signal: &str) -> Result<()> {
        self.tell_watcher(&format!("signal {signal}"))?;
        let postmaster = self.postmaster.as_mut().context("the server is not running")?;
        postmaster.wait()?;
        self.forget_postmaster()
    }

    /// Its pid may be reused from now on, so the watcher must not signal it.
    fn forget_postmaster(&mut self) -> Result<()> {
        self.postmaster = None;
        self.tell_watcher("server")
    }

    fn tell_watcher(&mut self, line: &str) -> Result<()> {
        let input = self.watcher_input.as_mut().context("the watcher's input is open until drop")?;
        writeln!(input, "{line}").context("the watcher is gone")
    }
}

impl Drop for Server {
    /// Errors are ignored, because the watcher cleans up anyway.
    fn drop(&mut self) {
        self.watcher_input = None;
        if let Some(postmaster) = &mut self.postmaster {
            let _ = postmaster.wait();
        }
        let _ = self.watcher.wait();
    }
}
