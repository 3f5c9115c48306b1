use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// The environment variable for a folder of PostgreSQL binaries to use instead of the installed ones.
const FOLDER_VARIABLE: &str = "KILLGATE_POSTGRES_BIN";

/// A PostgreSQL installation: a folder that contains at least `postgres` and `initdb`.
#[derive(Clone, Debug)]
pub struct Binaries {
    folder: PathBuf,
    version: String,
}

impl Binaries {
    /// Searches the folder that `KILLGATE_POSTGRES_BIN` names, else `PATH`, else
    /// `/usr/lib/postgresql/*/bin` (Debian), newest major first.
    pub fn find() -> Result<Self> {
        if let Some(folder) = env::var_os(FOLDER_VARIABLE) {
            let folder = PathBuf::from(folder);
            ensure!(
                folder.is_absolute() && is_installation(&folder),
                "{FOLDER_VARIABLE} is {}, which is not the absolute path of a folder with `postgres` and `initdb`",
                folder.display()
            );
            return Self::of(&folder);
        }
        let path = env::var_os("PATH").unwrap_or_default();
        let Some(folder) = env::split_paths(&path).chain(debian_folders()).find(|f| is_installation(f))
        else {
            bail!(
                "no PostgreSQL server found on PATH or in /usr/lib/postgresql: install one (Debian: \
                 `apt-get install --no-install-recommends postgresql`) or name its bin folder in {FOLDER_VARIABLE}"
            );
        };
        Self::of(&folder)
    }

    fn of(folder: &Path) -> Result<Self> {
        let postgres = folder.join("postgres");
        let output = Command::new(&postgres)
            .arg("--version")
            .output()
            .with_context(|| format!("{} does not run", postgres.display()))?;
        ensure!(output.status.success(), "{} --version: {}", postgres.display(), output.status);
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(Self { folder: folder.to_owned(), version })
    }

    /// The output of `postgres --version`, for example `postgres (PostgreSQL) 18.4`.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn command(&self, name: &str) -> Command {
        Command::new(self.folder.join(name))
    }
}

fn is_installation(folder: &Path) -> bool {
    folder.join("postgres").is_file() && folder.join("initdb").is_file()
}

fn debian_folders() -> impl Iterator<Item = PathBuf> {
    let majors = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut majors: Vec<u32> = majors.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    majors.sort_unstable_by(|a, b| b.cmp(a));
    majors.into_iter().map(|major| PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")))
}
