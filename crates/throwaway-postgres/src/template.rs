//! `initdb` takes most of a second, so its result is cached in cargo's target folder and copied.

use std::env;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use crate::account::Account;
use crate::binaries::Binaries;

/// Creates `data`, a new cluster owned by `account`. Copies of the cache have one `system_identifier`, unlike real clusters.
pub(crate) fn create_data(
    binaries: &Binaries,
    account: Account,
    data: &Path,
    has_own_identifier: bool,
) -> Result<()> {
    let Some(cache) = cache_folder(binaries).filter(|_| !has_own_identifier) else {
        return initdb(binaries, account, data);
    };
    if cache.is_dir() {
        return copy(&cache, data, account);
    }
    initdb(binaries, account, data)?;
    store_template(data, &cache)
}

/// The cache, or `None` for a process that does not run from a target folder.
fn cache_folder(binaries: &Binaries) -> Option<PathBuf> {
    let executable = env::current_exe().ok()?;
    let target = executable.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    let name: String = binaries
        .version()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    Some(target.join("throwaway-postgres").join(name))
}

fn initdb(binaries: &Binaries, account: Account, data: &Path) -> Result<()> {
    let mut command = binaries.command("initdb");
    // The smallest WAL segments, because the default 16 MB would be most of what each start copies.
    command
        .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync"])
        .args(["--wal-segsize=1", "-D"])
        .arg(data)
        .stdin(Stdio::null())
        .current_dir("/");
    let output = account
        .run(&mut command)
        .output()
        .with_context(|| format!("cannot run {command:?} (may {account:?} enter its folder?)"))?;
    ensure!(
        output.status.success(),
        "initdb: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Renames the template into place, so that several processes can do this at once: the first one wins, and no process
/// sees a partial template.
fn store_template(data: &Path, cache: &Path) -> Result<()> {
    let parent = cache.parent().context("the cache folder has a parent")?;
    fs::create_dir_all(parent)?;
    let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(parent)?;
    let complete = partial.path().join("data");
    copy(data, &complete, Account::Own)?;
    match fs::rename(&complete, cache) {
        Err(error) if !cache.is_dir() => Err(error).context("cannot keep the template"),
        _ => Ok(()),
    }
}

fn copy(from: &Path, to: &Path, account: Account) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    account.chown(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied, account)?;
        } else {
            fs::copy(entry.path(), &copied)?;
            account.chown(&copied)?;
        }
    }
    Ok(())
}
