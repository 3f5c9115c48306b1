//! Runs a program on one core, so that what disturbs it can be kept on another.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::process::Command;

/// A core that this process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core(u32);

impl Core {
    /// The first two; nothing where there is only one, or where `taskset` of util-linux is missing.
    pub fn first_two() -> Result<Option<[Self; 2]>> {
        let status = fs::read_to_string("/proc/self/status")?;
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cores = cores(allowed.context("/proc/self/status has no Cpus_allowed_list")?)?;
        let has_taskset = std::process::Command::new("taskset").arg("--version").output().is_ok();
        Ok(match cores[..] {
            [one, other, ..] if has_taskset => Some([one, other]),
            _ => None,
        })
    }
}

/// A command that runs `program` only on this core, if there is one.
pub fn command(program: &Path, core: Option<Core>) -> Command {
    let Some(Core(number)) = core else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", &number.to_string()]).arg(program);
    command
}

/// The cores in a list like `0-2,5`.
fn cores(list: &str) -> Result<Vec<Core>> {
    let mut cores = Vec::new();
    for range in list.trim().split(',') {
        let (first, end) = range.split_once('-').unwrap_or((range, range));
        cores.extend((first.parse()?..=end.parse()?).map(Core));
    }
    Ok(cores)
}
