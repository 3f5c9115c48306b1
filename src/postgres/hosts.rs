//! The hosts of a connection's URL, which are tried in turn, and which kind of server is wanted among them.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::domain::named_enum::named_enum;

named_enum! {
    /// The kind of server to use: `target_session_attrs`, as in libpq (PostgreSQL documentation, "Parameter Key Words").
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum SessionAttributes {
        #[default]
        Any = "any",
        /// One that accepts writing transactions by default.
        ReadWrite = "read-write",
        /// One that does not.
        ReadOnly = "read-only",
        /// One that is not in recovery.
        Primary = "primary",
        /// One that is.
        Standby = "standby",
    }
}

/// What decides whether a server is of the wanted kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerKind {
    pub(super) is_standby: bool,
    pub(super) is_read_only: bool,
}

impl SessionAttributes {
    /// Why a server of this kind is not the wanted one; `None` if it is.
    pub(super) fn mismatch(self, kind: ServerKind) -> Option<&'static str> {
        let accepts_writes = !kind.is_standby && !kind.is_read_only;
        match self {
            Self::ReadWrite | Self::Primary if kind.is_standby => Some("it is a standby"),
            Self::ReadWrite if !accepts_writes => Some("its transactions are read-only by default"),
            Self::ReadOnly if accepts_writes => Some("it accepts writing transactions"),
            Self::Standby if !kind.is_standby => Some("it is not a standby"),
            _ => None,
        }
    }
}

/// One host of a URL, with everything else in the URL.
#[derive(Clone)]
pub(super) struct HostConfig {
    /// For people: `db1.internal:5432`.
    pub(super) address: String,
    pub(super) config: Config,
    /// PostgreSQL offers no TLS there.
    pub(super) is_socket: bool,
}

/// Each host by itself, in the order of the URL. The driver would try them all within one limit.
pub(super) fn split(config: &Config) -> Vec<HostConfig> {
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate();
    hosts
        .map(|(number, host)| {
            let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
            let mut own = without_hosts(config);
            own.port(port);
            if let Some(address) = config.get_hostaddrs().get(number) {
                own.hostaddr(*address);
            }
            let (address, is_socket) = match host {
                Host::Tcp(name) => {
                    own.host(name);
                    let name = if name.contains(':') { format!("[{name}]") } else { name.clone() };
                    (format!("{name}:{port}"), false)
                }
                Host::Unix(folder) => {
                    own.host_path(folder);
                    (format!("{}:{port}", folder.display()), true)
                }
            };
            HostConfig { address, config: own, is_socket }
        })
        .collect()
}

/// The driver offers no way to remove hosts.
fn without_hosts(config: &Config) -> Config {
    let mut own = Config::new();
    if let Some(user) = config.get_user() {
        own.user(user);
    }
    if let Some(password) = config.get_password() {
        own.password(password);
    }
    if let Some(name) = config.get_dbname() {
        own.dbname(name);
    }
    if let Some(options) = config.get_options() {
        own.options(options);
    }
    if let Some(limit) = config.get_tcp_user_timeout() {
        own.tcp_user_timeout(*limit);
    }
    own.ssl_negotiation(config.get_ssl_negotiation()).channel_binding(config.get_channel_binding());
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_keeps_everything_else_of_the_url() {
        let url = "postgresql://bot@db1:1,[::1]:2,%2Frun:3/orders?options=-c%20x%3D1&channel_binding=require";
        let hosts = split(&url.parse().expect("a URL"));
        let addresses: Vec<_> = hosts.iter().map(|host| (host.address.as_str(), host.is_socket)).collect();
        assert_eq!(addresses, [("db1:1", false), ("[::1]:2", false), ("/run:3", true)]);
        for host in hosts {
            assert_eq!(host.config.get_hosts().len(), 1);
            assert_eq!(host.config.get_user(), Some("bot"));
            assert_eq!(host.config.get_dbname(), Some("orders"));
            assert_eq!(host.config.get_options(), Some("-c x=1"));
            assert_eq!(host.config.get_channel_binding(), tokio_postgres::config::ChannelBinding::Require);
        }
    }

    #[test]
    fn each_kind_of_server_fits_the_attributes_that_libpq_lets_it_fit() {
        let fits = |is_standby, is_read_only| {
            let fitting = SessionAttributes::ALL
                .into_iter()
                .filter(|wanted| wanted.mismatch(ServerKind { is_standby, is_read_only }).is_none());
            fitting.map(SessionAttributes::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(fits(false, false), "any read-write primary");
        assert_eq!(fits(false, true), "any read-only primary");
        assert_eq!(fits(true, false), "any read-only standby");
        assert_eq!(fits(true, true), "any read-only standby");
    }
}
