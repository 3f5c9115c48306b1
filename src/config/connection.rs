//! How to reach a PostgreSQL server: the same for targets and for the ledger.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::environment::Environment;
use super::fault::Reported;
use super::paths::BasePath;
use super::postgres_url::PostgresUrl;
use super::secret::PasswordSource;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::postgres::connection::ConnectOptions;
use crate::postgres::hosts::SessionAttributes;
use crate::postgres::tls::{TlsMode, TlsOptions};

/// A server's address and how to log in there.
#[derive(Clone, Debug, PartialEq)]
pub struct PostgresAddress {
    /// Hosts, ports, user, database and other parameters, without the password.
    config: Config,
    pub session_attributes: SessionAttributes,
    pub tls: TlsOptions,
    pub password: PasswordSource,
}

impl PostgresAddress {
    /// Hosts, ports, user, database and other parameters, without the password, which is read for each connection.
    pub fn parameters(&self) -> &Config {
        &self.config
    }

    /// Options with these limits for a statement, and for its wait for a lock.
    pub fn connect_options(&self, statement_timeout: Duration, lock_timeout: Duration) -> ConnectOptions {
        let password = self.password.clone();
        ConnectOptions {
            config: self.config.clone(),
            session_attributes: self.session_attributes,
            tls: self.tls.clone(),
            password: Arc::new(move || {
                let password = password.clone();
                async move { password.read().await.map_err(anyhow::Error::new) }.boxed()
            }),
            statement_timeout,
            lock_timeout,
        }
    }

    /// Hosts and ports, for people: `db1.internal:5432`.
    pub fn address(&self) -> String {
        let mut address = String::new();
        for (number, host) in self.config.get_hosts().iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let port = port(&self.config, number);
            // Writing to a String cannot fail.
            let _ = match host {
                Host::Tcp(name) if name.contains(':') => write!(address, "{comma}[{name}]:{port}"),
                Host::Tcp(name) => write!(address, "{comma}{}:{port}", name.to_lowercase()),
                Host::Unix(folder) => write!(address, "{comma}{}:{port}", folder.display()),
            };
        }
        for ip in self.config.get_hostaddrs() {
            let _ = write!(address, " ({ip})");
        }
        address
    }

    /// Whether every host is a loopback address or a Unix socket, so that nothing leaves this machine.
    pub fn is_local(&self) -> bool {
        is_local(&self.config)
    }

    /// Equal for two addresses of the same sessions: host, port and database. The database is part of it, because a
    /// pooler may map each database to another server. The user is not.
    pub(super) fn server_key(&self) -> String {
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{}/{database}", self.address())
    }

    /// Reads the URL in `value` and the password keys of its section.
    pub(super) fn read(
        value: &ConfigValue<'_>,
        section: &ConfigSection<'_>,
        paths: &BasePath,
        env: Environment<'_>,
    ) -> Result<Self, Reported> {
        let url = value.parsed(PostgresUrl::parse).and_then(|mut url| {
            let tls = url
                .tls
                .into_options(is_local(&url.config), paths)
                .map_err(|message| value.refuse(message))?;
            check_hosts(&url.config, tls.mode).map_err(|message| value.refuse(message))?;
            url.config.ssl_mode(match tls.mode {
                TlsMode::Disable => SslMode::Disable,
                _ => SslMode::Require,
            });
            Ok((url.config, url.session_attributes, tls, url.password))
        });
        let (url, in_url) = match url {
            Ok((config, attributes, tls, password)) => (Ok((config, attributes, tls)), password),
            Err(reported) => (Err(reported), None),
        };
        let password = PasswordSource::from_keys(section, in_url, paths, env);
        let (config, session_attributes, tls) = url?;
        Ok(Self { config, session_attributes, tls, password: password? })
    }
}

/// Refuses an address that no connection could use.
fn check_hosts(config: &Config, mode: TlsMode) -> Result<(), String> {
    let hosts = config.get_hosts();
    let ports = config.get_ports().len();
    let addresses = config.get_hostaddrs().len();
    if hosts.is_empty() || hosts.iter().any(|host| matches!(host, Host::Tcp(name) if name.is_empty())) {
        return Err("it names no host".to_owned());
    }
    if ports > 1 && ports != hosts.len() || addresses > 0 && addresses != hosts.len() {
        return Err("the number of ports or addresses differs from the number of hosts".to_owned());
    }
    if config.get_ports().contains(&0) {
        return Err("0 is not a port".to_owned());
    }
    let has_socket = hosts.iter().any(|host| matches!(host, Host::Unix(_)));
    if has_socket && mode != TlsMode::Disable {
        return Err("PostgreSQL has no TLS on a Unix socket; leave sslmode out".to_owned());
    }
    Ok(())
}

/// An address in `hostaddr` takes precedence over the host name.
fn is_local(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    if !addresses.is_empty() {
        return addresses.iter().all(std::net::IpAddr::is_loopback);
    }
    config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) if name.eq_ignore_ascii_case("localhost") => true,
        Host::Tcp(name) => name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback()),
    })
}

fn port(config: &Config, number: usize) -> u16 {
    let ports = config.get_ports();
    ports.get(number).or(ports.first()).copied().unwrap_or(5432)
}
