//! Parses a `postgresql://` URL. No error repeats any part of it, because it may contain a password.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use tokio_postgres::Config;

use super::tls::TlsParameters;
use crate::postgres::hosts::SessionAttributes;
use crate::postgres::session_settings;

/// The parameters for tokio-postgres. Those for TLS and `target_session_attrs` are read here.
const PARAMETERS: &[&str] = &[
    "channel_binding",
    "connect_timeout",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "port",
    "sslnegotiation",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

/// Parameters of libpq that have no effect here, and why.
const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("application_name", "killgate sets it, to know its own sessions"),
    ("keepalives", KEEPALIVES),
    ("keepalives_idle", KEEPALIVES),
    ("keepalives_interval", KEEPALIVES),
    ("keepalives_retries", KEEPALIVES),
    ("load_balance_hosts", "the hosts are tried in the order of the url"),
];
const KEEPALIVES: &str = "killgate sets it, so that a dead connection is noticed within 30 s";

/// A parsed URL.
#[derive(Debug)]
pub(super) struct PostgresUrl {
    /// Everything but the password and TLS.
    pub(super) config: Config,
    pub(super) session_attributes: SessionAttributes,
    pub(super) password: Option<SecretString>,
    pub(super) tls: TlsParameters,
}

impl PostgresUrl {
    /// Parses `text`. The error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("postgresql://")
            .or_else(|| text.strip_prefix("postgres://"))
            .ok_or("it does not begin with postgresql://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let end = rest.find(['/', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (login, hosts) = match authority.split_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        // A password with these characters would be read as a host, and shown as one.
        if [hosts, path, query].iter().any(|part| part.contains(['@', '#', ' '])) {
            return Err("it has an @, # or space out of place; in a password or a value they are \
                        written %40, %23, %20, and / is %2F, ? is %3F"
                .to_owned());
        }
        let mut parameters = UrlParameters::read(query)?;
        // The rest cannot contain a password, so tokio-postgres may parse it.
        let mut config: Config = format!("postgresql://{hosts}{path}?{}", parameters.others)
            .parse()
            .map_err(|error: tokio_postgres::Error| reason(&error))?;
        if let Some(login) = login {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (login, None),
            };
            if !user.is_empty() {
                if config.get_user().is_some() {
                    return Err("it contains two users".to_owned());
                }
                config.user(decode(user)?);
            }
            if let Some(password) = password.filter(|password| !password.is_empty())
                && parameters.password.replace(decode(password)?.into()).is_some()
            {
                return Err("it contains two passwords".to_owned());
            }
        }
        if let Some(setting) = config.get_options().and_then(overridden_setting) {
            return Err(format!("options sets {setting}, which killgate sets itself"));
        }
        Ok(Self {
            config,
            session_attributes: parameters.session_attributes,
            password: parameters.password,
            tls: parameters.tls,
        })
    }
}

#[derive(Default)]
struct UrlParameters {
    session_attributes: SessionAttributes,
    tls: TlsParameters,
    password: Option<SecretString>,
    /// Those for tokio-postgres, as they were written.
    others: String,
}

impl UrlParameters {
    fn read(query: &str) -> Result<Self, String> {
        let mut read = Self::default();
        let mut names = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or("a parameter has no value")?;
            let name = decode(name)?;
            if names.contains(&name) {
                return Err("a parameter is given twice".to_owned());
            }
            if let Some(slot) = read.tls.slot(&name) {
                *slot = Some(decode(value)?);
            } else if name == "password" {
                read.password = Some(decode(value)?.into());
            } else if name == "target_session_attrs" {
                read.session_attributes = SessionAttributes::from_name(&decode(value)?).ok_or_else(|| {
                    let names = SessionAttributes::ALL.map(SessionAttributes::name);
                    format!("target_session_attrs is one of {}", names.join(", "))
                })?;
            } else if let Some((_, why)) = WITHOUT_EFFECT.iter().find(|(known, _)| *known == name) {
                return Err(format!("{name} has no effect: {why}; leave it out"));
            } else if PARAMETERS.contains(&name.as_str()) {
                read.others.push_str(parameter);
                read.others.push('&');
            } else {
                let near = PARAMETERS.iter().chain(&["sslmode", "sslrootcert", "sslcert", "sslkey"]);
                let near = near.max_by(|a, b| strsim::jaro(a, &name).total_cmp(&strsim::jaro(b, &name)));
                return Err(match near.filter(|near| strsim::jaro(near, &name) > 0.85) {
                    Some(near) => format!("it has an unknown parameter, did you mean `{near}`?"),
                    None => format!("it has an unknown parameter; known are {}", PARAMETERS.join(", ")),
                });
            }
            names.push(name);
        }
        Ok(read)
    }
}

/// A setting in `-c name=value` or `--name=value` that killgate overrides.
fn overridden_setting(options: &str) -> Option<&'static str> {
    let words = options
        .split_whitespace()
        .map(|word| word.strip_prefix("-c").unwrap_or(word).trim_start_matches('-'));
    words.filter_map(|word| word.split_once('=')).find_map(|(name, _)| session_settings::overridden(name))
}

fn decode(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| "it does not decode to UTF-8")?;
    if text.contains('\0') {
        return Err("it contains a NUL character".to_owned());
    }
    Ok(text.into_owned())
}

/// tokio-postgres names the parameter in the source of its error.
fn reason(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
