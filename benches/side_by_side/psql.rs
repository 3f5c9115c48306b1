//! psql, as a person uses it in a terminal.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

/// The program itself: what Debian puts on the path is a script that looks for it first.
pub fn find() -> Result<PathBuf> {
    let chosen = env::var_os("KILLGATE_POSTGRES_BIN").map(PathBuf::from);
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<_> = debian.map(|major| major.path().join("bin")).collect();
    debian.sort();
    debian.reverse();
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = chosen.into_iter().chain(debian).chain(env::split_paths(&path));
    let mut programs = folders.map(|folder| folder.join("psql"));
    programs.find(|program| program.is_file()).context("there is no psql")
}

/// Runs one statement in a new process.
pub async fn run(psql: &Path, database: &str, statement: &str) -> Result<()> {
    let status = Command::new(psql)
        .args(["--no-psqlrc", "--quiet", "--command", statement, database])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .await?;
    ensure!(status.success(), "psql: {status}");
    Ok(())
}
