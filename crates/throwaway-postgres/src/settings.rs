use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::account::Account;
use crate::cluster::Cluster;

/// Configures a cluster before it starts.
#[derive(Clone, Debug, Default)]
pub struct ClusterBuilder {
    settings: Vec<(String, String)>,
    hba: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    variables: Vec<(String, String)>,
    pub(crate) has_own_identifier: bool,
}

impl ClusterBuilder {
    /// Gives it a `system_identifier` of its own, which takes the time of `initdb`.
    #[must_use]
    pub fn own_identifier(self) -> Self {
        Self { has_own_identifier: true, ..self }
    }

    /// Adds a line to `postgresql.conf`. The last one for a name wins, also over this crate's defaults.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets an environment variable of the server.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Adds a line to `pg_hba.conf`, before those that trust every local connection.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// Adds a file, such as `server.key`, to the data directory, readable only by the server.
    #[must_use]
    pub fn file(mut self, name: &str, contents: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), contents.into()));
        self
    }

    /// Enables TLS with a certificate and private key in PEM.
    #[must_use]
    pub fn tls(self, certificate: &str, key: &str) -> Self {
        self.setting("ssl", "on").file("server.crt", certificate).file("server.key", key)
    }

    /// Creates and starts the cluster. An error contains the server log.
    pub async fn start(self) -> Result<Cluster> {
        Cluster::start_as(self).await
    }

    pub(crate) fn write(&self, data: &Path, sockets: &Path, port: u16, account: Account) -> Result<()> {
        let mut lines = String::new();
        for (name, value) in default_settings(sockets, port).iter().chain(&self.settings) {
            writeln!(lines, "{name} = '{}'", value.replace('\'', "''"))?;
        }
        let conf = data.join("postgresql.conf");
        fs::write(&conf, lines).with_context(|| format!("cannot write {}", conf.display()))?;

        let hba = data.join("pg_hba.conf");
        let trusting = fs::read_to_string(&hba)?;
        fs::write(&hba, format!("{}\n{trusting}", self.hba.join("\n")))?;

        for (name, contents) in &self.files {
            let path = data.join(name);
            fs::write(&path, contents)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            account.chown(&path)?;
        }
        Ok(())
    }
}

/// Disables syncing to disk, because nothing needs to survive a crash of the machine.
fn default_settings(sockets: &Path, port: u16) -> Vec<(String, String)> {
    let defaults = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port.to_string()),
        ("unix_socket_directories", &sockets.to_string_lossy()),
        ("fsync", "off"),
        ("synchronous_commit", "off"),
        ("full_page_writes", "off"),
        ("shared_buffers", "16MB"),
        ("log_line_prefix", "%m [%p] %q%u@%d "),
        ("timezone", "UTC"),
        ("log_timezone", "UTC"),
    ];
    defaults.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}
