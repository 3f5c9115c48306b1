//! A folder with a configuration and its secrets, for one test.

use std::fs;
use std::path::PathBuf;

use killgate::config::{self, Settings};
use tempfile::TempDir;

/// The smallest valid configuration.
pub(crate) const MINIMAL: &str = r#"
[discord]
guild = 1100000000000000001
channels = [1200000000000000001]
token_file = "token"

[access]
requesters = { roles = [1] }
approvers = { roles = [2] }

[[target]]
name = "orders"
url = "postgresql://killgate@db1.internal/postgres"
"#;

pub(crate) const TOKEN: &str = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";

/// A folder with a token, and environment variables.
pub(crate) struct ConfigFolder {
    pub(crate) folder: TempDir,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
}

impl ConfigFolder {
    pub(crate) fn new() -> Self {
        let folder = Self { folder: TempDir::new().expect("a temporary folder"), variables: Vec::new() };
        folder.write("token", &format!("{TOKEN}\n"));
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("a file in the temporary folder");
    }

    /// Loads `toml`. Faults do not contain the folder's name, which differs each time.
    pub(crate) fn load(&self, toml: &str) -> Result<Settings, String> {
        self.write("killgate.toml", toml);
        let variable = |name: &str| {
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        config::load(&self.path("killgate.toml"), variable).map_err(|faults| {
            let folder = format!("{}/", self.folder.path().display());
            faults.to_string().replace(&folder, "").replace(folder.trim_end_matches('/'), "FOLDER")
        })
    }
}

/// Loads the minimal configuration with `from` replaced by `to`.
pub(crate) fn with(from: &str, to: &str) -> Result<Settings, String> {
    assert!(MINIMAL.contains(from), "{from} is in the minimal configuration");
    ConfigFolder::new().load(&MINIMAL.replacen(from, to, 1))
}

/// Loads the minimal configuration with more at its end.
pub(crate) fn plus(more: &str) -> Result<Settings, String> {
    ConfigFolder::new().load(&format!("{MINIMAL}\n{more}"))
}

/// The single fault of a configuration, without the file name and the count.
pub(crate) fn fault(loaded: Result<Settings, String>) -> String {
    let text = loaded.expect_err("a faulty configuration");
    let mut lines = text.lines();
    let fault = lines.next().expect("a fault");
    assert_eq!(lines.next_back(), Some("1 fault in killgate.toml"), "{text}");
    let fault = fault.strip_prefix("killgate.toml:").expect("the file's name");
    fault.trim_start().to_owned()
}
