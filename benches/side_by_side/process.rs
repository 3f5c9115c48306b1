//! Memory and CPU time of a process, from Linux.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// Memory in MiB: what is the process's own, and its share of what it shares with others.
pub fn proportional_set_size(pid: u32) -> Result<f64> {
    kibibytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:").map(|size| size / 1_024.0)
}

/// The most memory in MiB that was ever resident.
pub fn peak_resident(pid: u32) -> Result<f64> {
    kibibytes(&format!("/proc/{pid}/status"), "VmHWM:").map(|size| size / 1_024.0)
}

/// The time that the process has spent on a processor, of all threads that it has now. `/proc/PID/stat` counts in
/// hundredths of a second, which is too coarse here.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")?;
    let mut spent = Duration::ZERO;
    for thread in threads {
        spent += of_thread(&thread?.path()).unwrap_or_default();
    }
    Ok(spent)
}

/// A thread that ended meanwhile has none.
fn of_thread(task: &Path) -> Option<Duration> {
    let schedstat = fs::read_to_string(task.join("schedstat")).ok()?;
    let nanoseconds = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

fn kibibytes(file: &str, name: &str) -> Result<f64> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {file}, which may take root"))?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    let number = number.with_context(|| format!("{file} has no {name}"))?;
    Ok(number.parse()?)
}
