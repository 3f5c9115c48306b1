//! What went wrong with a server, in one plain sentence and without secrets.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::{CertificateError, OtherError};
use tokio_postgres::error::{DbError, SqlState};

use crate::workflow::ports::TargetUnreachable;

/// An unreachable target whose problem is all there is to say.
pub fn unreachable(problem: impl Into<String>) -> TargetUnreachable {
    TargetUnreachable {
        message: problem.into(),
        source: None,
    }
}

/// An unreachable target whose problem is read out of `error`, which is kept for the log.
pub fn unreachable_because(error: impl Into<anyhow::Error>) -> TargetUnreachable {
    let error = error.into();
    TargetUnreachable {
        message: sentence(&error),
        source: Some(Arc::new(error)),
    }
}

/// PostgreSQL's own words for an error: `ERROR 42501: permission denied …`.
pub fn format_error(error: &DbError) -> String {
    format!(
        "{} {}: {}",
        error.severity(),
        error.code().code(),
        error.message()
    )
}

/// PostgreSQL's own words for a notice, as `psql` prints them: `WARNING:  PID 1 is not …`.
pub fn format_notice(notice: &DbError) -> String {
    format!("{}:  {}", notice.severity(), notice.message())
}

fn sentence(error: &anyhow::Error) -> String {
    let found = error.chain().find_map(|cause| {
        from_server(cause)
            .or_else(|| from_tls(cause))
            .or_else(|| without_tls(cause))
            .or_else(|| from_socket(cause))
    });
    // The causes that none of these know carry no secret: they are texts of the driver and the TLS library.
    found.unwrap_or_else(|| format!("{error:#}"))
}

fn from_server(cause: &(dyn StdError + 'static)) -> Option<String> {
    // A boxed error is a link of its own in the chain, and hides the one in the box.
    let boxed = || cause.downcast_ref::<Box<DbError>>().map(AsRef::as_ref);
    let error = cause.downcast_ref::<DbError>().or_else(boxed)?;
    let words = error.message();
    let code = error.code();
    Some(
        if [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        ]
        .contains(code)
        {
            format!("the server does not let killgate in: {words}. Check user, password and pg_hba.conf")
        } else if *code == SqlState::TOO_MANY_CONNECTIONS {
            format!("the server has no connection slot left: {words}")
        } else if *code == SqlState::CANNOT_CONNECT_NOW {
            format!("the server is not ready: {words}")
        } else if *code == SqlState::UNDEFINED_DATABASE {
            format!("there is no such database: {words}")
        } else if [SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE].contains(code) {
            format!(
                "the statement was given up on the server ({words}): perhaps a system catalogue is locked"
            )
        } else {
            format!("the server said {}", format_error(error))
        },
    )
}

fn from_tls(cause: &(dyn StdError + 'static)) -> Option<String> {
    // The driver wraps the TLS library's error in one of the standard library's, which hides it from the
    // chain of causes.
    let error = cause.downcast_ref::<rustls::Error>().or_else(|| {
        let wrapper = cause.downcast_ref::<io::Error>()?;
        wrapper.get_ref()?.downcast_ref::<rustls::Error>()
    })?;
    let rustls::Error::InvalidCertificate(problem) = error else {
        return Some(format!("the TLS handshake failed: {error}"));
    };
    Some(match problem {
        // A bad signature is that of an authority which bears the name of a trusted one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate comes from an authority that is not trusted: name the right one with sslrootcert".into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet: check the clocks".into()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            another_name(&expected.to_str(), presented)
        }
        CertificateError::NotValidForName => "the server's certificate is for another host name".into(),
        CertificateError::Other(other) if is(other, "CaUsedAsEndEntity") => {
            "the server shows the certificate of an authority (CA:TRUE) as its own: sign one for the server with it, \
             and name the authority's with sslrootcert"
                .into()
        }
        CertificateError::Other(other) if is(other, "UnsupportedCertVersion") => {
            "the server's certificate is not of X.509 version 3: make one with a subjectAltName".into()
        }
        other => format!("the server's certificate is not acceptable: {other}"),
    })
}

/// The driver has no error of its own for it, only these words.
fn without_tls(cause: &(dyn StdError + 'static)) -> Option<String> {
    let words = "server does not support TLS";
    (cause.to_string() == words).then(|| format!("the {words}: turn it on there (ssl = on)"))
}

fn another_name(expected: &str, presented: &[String]) -> String {
    if presented.is_empty() {
        return format!(
            "the server's certificate is for another host name than {expected}: it has no subjectAltName, and the \
             name in its subject alone does not count"
        );
    }
    format!(
        "the server's certificate is for another host name than {expected}: it is for {}",
        presented
            .iter()
            .map(|name| bare(name))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

/// `DnsName("db1.internal")` as the TLS library writes it is `db1.internal` to people.
fn bare(name: &str) -> &str {
    name.split_once('(')
        .map_or(name, |(_, inner)| inner.trim_matches(['(', ')', '"']))
}

/// The TLS library has no kind of its own for these.
fn is(error: &OtherError, name: &str) -> bool {
    error.to_string() == name
}

fn from_socket(cause: &(dyn StdError + 'static)) -> Option<String> {
    let error = cause.downcast_ref::<io::Error>()?;
    Some(match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there (connection refused)".into(),
        io::ErrorKind::TimedOut => "it did not answer in time".into(),
        io::ErrorKind::NotFound => "there is no server at that socket".into(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            "the connection was cut".into()
        }
        // The standard library has no kind of its own for a name that does not resolve.
        _ if error.to_string().contains("lookup address") => {
            format!("its host name does not resolve: {error}")
        }
        _ => format!("the network says: {error}"),
    })
}
