use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// The account that a server runs under.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Account {
    /// The account of this process.
    Own,
    /// Another account, because this process runs as root and `postgres` refuses to.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// The account for a server. The owner of `own_folder`, which this process created, is the account of this process.
    pub(crate) fn for_owner_of(own_folder: &Path) -> Result<Self> {
        if fs::metadata(own_folder)?.uid() != 0 {
            return Ok(Self::Own);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        ["postgres", "nobody"].iter().find_map(|name| passwd_entry(&passwd, name)).context(
            "root cannot run postgres, and /etc/passwd has neither `postgres` nor `nobody` to run it as",
        )
    }

    pub(crate) fn chown(self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))
                .with_context(|| format!("cannot chown {}", path.display()))?;
        }
        Ok(())
    }

    pub(crate) fn run(self, command: &mut Command) -> &mut Command {
        match self {
            Self::Own => command,
            Self::Other { uid, gid } => command.uid(uid).gid(gid),
        }
    }
}

fn passwd_entry(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account::Other { uid, gid })
    })
}
