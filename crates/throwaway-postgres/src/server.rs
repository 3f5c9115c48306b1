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

/// A cluster's folder, its postmaster when it runs, and the watcher that removes both.
///
/// The watcher is a shell that reads from this process: when this one ends, however it ends, the watcher
/// sees the end of its input, stops the postmaster and removes the folder.
#[derive(Debug)]
pub(crate) struct Server {
    folder: PathBuf,
    binaries: Binaries,
    account: Account,
    watcher: Child,
    orders: Option<ChildStdin>,
    postmaster: Option<Child>,
}

impl Server {
    /// Takes charge of `folder`, which is removed with everything in it when this is dropped.
    pub(crate) fn watching(folder: &Path, binaries: Binaries) -> Result<Self> {
        let mut watcher = Command::new("/bin/sh")
            .args(["-c", include_str!("watcher.sh"), "watcher"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C and a test runner's kill go to the whole process group, and the watcher has work to do then.
            .process_group(0)
            .spawn()
            .context("cannot run /bin/sh")?;
        let orders = watcher.stdin.take();
        let account = Account::for_owner_of(folder)?;
        account.give(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            binaries,
            account,
            watcher,
            orders,
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
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(Self::log_path(&self.folder))?;
        let mut command = self.binaries.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let postmaster = self
            .account
            .run(&mut command)
            .spawn()
            .context("cannot run postgres")?;
        let pid = postmaster.id();
        self.postmaster = Some(postmaster);
        self.order(&format!("server {pid}"))?;
        self.wait_until_ready(pid)
    }

    fn wait_until_ready(&mut self, pid: u32) -> Result<()> {
        let started = Instant::now();
        let log = Self::log_path(&self.folder);
        while started.elapsed() < START_LIMIT {
            // The eighth line of this file is the server's status, and it is what `pg_ctl --wait` goes by.
            let lock = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = lock.lines();
            if lines.next() == Some(&pid.to_string()) && lines.nth(6).map(str::trim) == Some("ready") {
                return Ok(());
            }
            if let Some(postmaster) = &mut self.postmaster
                && let Some(status) = postmaster.try_wait()?
            {
                self.forget_postmaster()?;
                bail!(
                    "the server did not start ({status}):\n{}",
                    fs::read_to_string(&log)?
                );
            }
            thread::sleep(POLL);
        }
        bail!(
            "the server was not ready after {START_LIMIT:?}:\n{}",
            fs::read_to_string(&log)?
        )
    }

    /// Signals the postmaster, which must be running, and waits for its end.
    pub(crate) fn stop(&mut self, signal: &str) -> Result<()> {
        self.order(&format!("signal {signal}"))?;
        let postmaster = self.postmaster.as_mut().context("the server is not running")?;
        postmaster.wait()?;
        self.forget_postmaster()
    }

    /// From here on its pid may belong to anybody.
    fn forget_postmaster(&mut self) -> Result<()> {
        self.postmaster = None;
        self.order("server")
    }

    fn order(&mut self, line: &str) -> Result<()> {
        let orders = self
            .orders
            .as_mut()
            .context("the watcher's input is open while the server lives")?;
        writeln!(orders, "{line}").context("the watcher is gone")
    }
}

impl Drop for Server {
    /// A failure here has nobody to be told to, and the watcher does the same work again.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(postmaster) = &mut self.postmaster {
            let _ = postmaster.wait();
        }
        let _ = self.watcher.wait();
    }
}
