//! `[ledger]`: where every request is recorded.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::connection::PostgresAddress;
use super::environment::Environment;
use super::fault::Reported;
use super::paths::BasePath;
use super::section::ConfigSection;
use super::value::ConfigValue;

/// Where the ledger is.
#[derive(Clone, Debug, PartialEq)]
pub enum LedgerLocation {
    /// A file, held by one running killgate.
    Sqlite { path: PathBuf },
    /// A database that several replicas share.
    Postgres { connection: Box<PostgresAddress> },
}

pub(super) fn read(
    section: &ConfigSection<'_>,
    paths: &BasePath,
    env: Environment<'_>,
) -> Result<LedgerLocation, Reported> {
    let given = section.optional("url", |value| {
        let text = value.string()?;
        if let Some(file) = text.strip_prefix("sqlite:") {
            let has_no_password = no_password(section);
            let path = sqlite(file, paths).map_err(|message| value.refuse(message))?;
            return has_no_password.map(|()| LedgerLocation::Sqlite { path });
        }
        if !text.starts_with("postgres") {
            return Err(value.refuse("it begins with neither sqlite: nor postgresql://"));
        }
        let connection = PostgresAddress::read(value, section, paths, env)?;
        Ok(LedgerLocation::Postgres { connection: Box::new(connection) })
    })?;
    if let Some(ledger) = given {
        return Ok(ledger);
    }
    let has_no_password = no_password(section);
    let path = sqlite("killgate.db", paths).map_err(|message| {
        section.faults.report(&section.span("url"), message, "a file that can be written")
    })?;
    has_no_password.map(|()| LedgerLocation::Sqlite { path })
}

/// The file of `sqlite:FILE`; `sqlite:///FILE` is accepted, because other programs write it so.
fn sqlite(file: &str, paths: &BasePath) -> Result<PathBuf, String> {
    let file = file.strip_prefix("//").unwrap_or(file);
    if file == ":memory:" {
        return Err("a ledger in memory would be lost".to_owned());
    }
    if file.contains('?') {
        return Err("parameters are not allowed".to_owned());
    }
    let path = paths.resolve(file)?;
    if path.is_dir() {
        return Err(format!("{} is a folder", path.display()));
    }
    let Some(folder) = path.parent() else { return Err(format!("{} is no file", path.display())) };
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(path),
        _ if folder.as_os_str().is_empty() => Ok(path),
        // A user who asks for the health may not look into it. Whoever opens the ledger is told.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(path),
        _ => Err(format!("the folder {} does not exist", folder.display())),
    }
}

fn no_password(section: &ConfigSection<'_>) -> Result<(), Reported> {
    let refuse = |value: &ConfigValue<'_>| Err(value.refuse("a SQLite ledger has no password"));
    let keys = ["password_file", "password_env", "password_command"];
    let refused: Vec<Result<Option<()>, _>> =
        keys.into_iter().map(|key| section.optional(key, refuse)).collect();
    refused.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}
