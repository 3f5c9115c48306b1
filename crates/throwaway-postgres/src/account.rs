use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// The account that a server runs under.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Account {
    /// The one that runs this process.
    Own,
    /// Another one, because this process is root's and `postgres` refuses to run as root.
    Other { uid: u32, gid: u32 },
}

impl Account {
    /// Who `ours`, a folder made by this process, belongs to is who runs this process.
    pub(crate) fn for_owner_of(ours: &Path) -> Result<Self> {
        if fs::metadata(ours)?.uid() != 0 {
            return Ok(Self::Own);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| entry(&passwd, name))
            .context(
                "root cannot run postgres, and /etc/passwd has neither `postgres` nor `nobody` to run it as",
            )
    }

    pub(crate) fn give(self, path: &Path) -> Result<()> {
        if let Self::Other { uid, gid } = self {
            chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot chown {}", path.display()))?;
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

fn entry(passwd: &str, name: &str) -> Option<Account> {
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
