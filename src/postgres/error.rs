//! Describes an error of a server in one plain sentence, without secrets.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::CertificateError;
use tokio_postgres::error::{DbError, SqlState};

use super::certificate_verifier::is_authority_as_server;
use super::server_info::POOLED;
use crate::domain::unreachable_cause::NO_ANSWER;
use crate::workflow::ports::TargetUnreachable;

const CONNECTION_CUT: &str = "the connection was cut";

/// An unreachable target, described by `message`.
pub fn unreachable(message: impl Into<String>) -> TargetUnreachable {
    TargetUnreachable { message: message.into(), cause: &NO_ANSWER, source: None }
}

/// An unreachable target, described by a sentence about `error`, which is kept for the log.
pub fn unreachable_because(error: impl Into<anyhow::Error>) -> TargetUnreachable {
    let error = error.into();
    let message = describe(&error);
    TargetUnreachable { source: Some(Arc::new(error)), ..unreachable(message) }
}

/// PostgreSQL's own text of an error in one line: `ERROR 42501: permission denied …`.
pub fn format_error(error: &DbError) -> String {
    format!("{} {}: {}", error.severity(), error.code().code(), error.message())
}

/// The same with DETAIL and HINT, each on a line of its own, as `psql` prints them. From 16 on the message of a refused
/// signal does not say which role or attribute is missing: the DETAIL does.
pub(super) fn format_error_in_full(error: &DbError) -> String {
    let more = [("DETAIL", error.detail()), ("HINT", error.hint())];
    let more = more.into_iter().filter_map(|(name, text)| Some(format!("\n{name}:  {}", text?)));
    more.fold(format_error(error), |text, line| text + &line)
}

/// PostgreSQL's own text of a notice, as `psql` prints it: `WARNING:  PID 1 is not …`.
pub fn format_notice(notice: &DbError) -> String {
    format!("{}:  {}", notice.severity(), notice.message())
}

fn describe(error: &anyhow::Error) -> String {
    let description = error.chain().find_map(|cause| {
        from_server(cause)
            .or_else(|| from_tls(cause))
            .or_else(|| without_tls(cause))
            .or_else(|| slow_login(cause))
            .or_else(|| without_password(cause))
            .or_else(|| from_socket(cause))
    });
    // Other causes are texts of the driver and the TLS library, which contain no secret.
    description.unwrap_or_else(|| format!("{error:#}"))
}

fn from_server(cause: &(dyn StdError + 'static)) -> Option<String> {
    // A boxed error is a separate link in the chain and hides the error in the box.
    let boxed = || cause.downcast_ref::<Box<DbError>>().map(AsRef::as_ref);
    let error = cause.downcast_ref::<DbError>().or_else(boxed)?;
    let message = error.message();
    let code = error.code();
    // On a connection of one's own, only a pooler mixes up prepared statements.
    if [SqlState::DUPLICATE_PSTATEMENT, SqlState::INVALID_SQL_STATEMENT_NAME].contains(code) {
        return Some(POOLED.to_owned());
    }
    Some(if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        format!("the server refused the login: {message}. Check user, password and pg_hba.conf")
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        format!("the server has no connection slot left: {message}")
    } else if *code == SqlState::CANNOT_CONNECT_NOW {
        format!("the server is not ready: {message}")
    } else if *code == SqlState::PROTOCOL_VIOLATION && message.starts_with("unsupported startup parameter") {
        format!(
            "a connection pooler answers ({message}), and a setting of the role or database ends sessions at once: connect to \
             the server itself, or set its timeouts higher for this role (ALTER ROLE … SET)"
        )
    } else if *code == SqlState::UNDEFINED_DATABASE {
        format!("there is no such database: {message}")
    } else if [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(code) {
        format!("the server cancelled the statement ({message}): a system catalog may be locked")
    } else {
        format!("the server said {}", format_error(error))
    })
}

fn from_tls(cause: &(dyn StdError + 'static)) -> Option<String> {
    // The driver wraps the TLS library's error in an `io::Error`, which hides it from the chain of causes.
    let error = cause.downcast_ref::<rustls::Error>().or_else(|| {
        let wrapper = cause.downcast_ref::<io::Error>()?;
        wrapper.get_ref()?.downcast_ref::<rustls::Error>()
    })?;
    let rustls::Error::InvalidCertificate(certificate_error) = error else {
        return Some(format!("the TLS handshake failed: {error}"));
    };
    Some(match certificate_error {
        // A bad signature is from an authority that has the name of a trusted one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate comes from an authority that is not trusted: name the right one with sslrootcert=FILE in the url".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: check the clocks".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_host_name(&expected.to_str(), presented)
        }
        CertificateError::NotValidForName => "the server's certificate is for another host name".into(),
        CertificateError::Other(other) if is_authority_as_server(other) => {
            "the server uses the certificate of an authority (CA:TRUE) as its own: name that certificate itself with \
             sslrootcert, or sign a server certificate with it"
                .into()
        }
        // rustls has no variant for this error of webpki.
        CertificateError::Other(other) if other.to_string() == "UnsupportedCertVersion" => {
            "the server's certificate is not of X.509 version 3: make one with a subjectAltName".into()
        }
        other => format!("the server's certificate is not acceptable: {other}"),
    })
}

/// The driver has no error code for this, only a message.
fn without_tls(cause: &(dyn StdError + 'static)) -> Option<String> {
    let message = "server does not support TLS";
    (cause.to_string() == message).then(|| format!("the {message}: turn it on there (ssl = on)"))
}

/// The driver refuses more than 100,000 iterations, because the server chooses the number, and each login computes them.
fn slow_login(cause: &(dyn StdError + 'static)) -> Option<String> {
    let message = "SCRAM iteration count exceeds the maximum allowed";
    (cause.to_string() == message).then(|| {
        "the password was stored with more than 100000 SCRAM iterations, which killgate does not compute at each login: set \
         scram_iterations to less (16 and later; the default is 4096), then set the password again"
            .to_owned()
    })
}

/// The driver has no error code for this either.
fn without_password(cause: &(dyn StdError + 'static)) -> Option<String> {
    (cause.to_string() == "password missing").then(|| {
        "the server asks for a password: set password_file, password_env or password_command beside the url".to_owned()
    })
}

fn wrong_host_name(expected: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        return format!(
            "the server's certificate is for another host name than {expected}: it has no subjectAltName, and the \
             name in its subject alone does not count"
        );
    }
    format!(
        "the server's certificate is for another host name than {expected}: it is for {}",
        presented.iter().map(|name| plain_name(name)).collect::<Vec<_>>().join(", ")
    )
}

/// The TLS library formats a name as `DnsName("db1.internal")`.
fn plain_name(name: &str) -> &str {
    name.split_once('(').map_or(name, |(_, inner)| inner.trim_matches(['(', ')', '"']))
}

fn from_socket(cause: &(dyn StdError + 'static)) -> Option<String> {
    // Which of the two errors a cut connection causes is a matter of luck.
    if cause.downcast_ref().is_some_and(tokio_postgres::Error::is_closed) {
        return Some(CONNECTION_CUT.to_owned());
    }
    let error = cause.downcast_ref::<io::Error>()?;
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".into(),
        io::ErrorKind::TimedOut => "it did not answer in time".into(),
        io::ErrorKind::NotFound => "there is no server at that socket".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            CONNECTION_CUT.to_owned()
        }
        // The standard library has no `ErrorKind` for a name that does not resolve.
        _ if error.to_string().contains("lookup address") => {
            format!("its host name does not resolve: {error}")
        }
        _ => format!("network error: {error}"),
    })
}
