//! Describes the machine by its properties, without its name.

use std::fs;
use std::path::Path;

use anyhow::Result;
use throwaway_postgres::Binaries;

/// What it is, in one line each.
pub fn describe() -> Result<Vec<(&'static str, String)>> {
    let cores = std::thread::available_parallelism()?;
    let memory: f64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    Ok(vec![
        ("processor", format!("{}, {cores} cores", field("/proc/cpuinfo", "model name")?)),
        ("memory", format!("{:.0} GiB", memory / 1_048_576.0)),
        ("kernel", format!("Linux {kernel}")),
        ("file system of the ledger", file_system(&std::env::temp_dir())?),
        ("PostgreSQL", Binaries::find()?.version().to_owned()),
        ("killgate", env!("CARGO_PKG_VERSION").to_owned()),
        ("date", jiff::Zoned::now().date().to_string()),
    ])
}

fn field(file: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.split_once(':'));
    Ok(value.map_or("unknown", |(_, value)| value.trim()).to_owned())
}

/// The type of the file system that a folder is on: that of the longest path it is mounted under.
fn file_system(folder: &Path) -> Result<String> {
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mounted = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((Path::new(words.next()?), words.next()?))
    });
    let holding = mounted.filter(|(path, _)| folder.starts_with(path));
    let nearest = holding.max_by_key(|(path, _)| path.as_os_str().len());
    Ok(nearest.map_or("unknown", |(_, kind)| kind).to_owned())
}
