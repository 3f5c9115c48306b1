//! Reads secrets, and keeps them out of faults.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use super::environment::Environment;
use super::fault::{FaultCollector, FileSpan, Reported};
use super::password_command::{PasswordCommand, PasswordCommandError};
use super::paths::BasePath;
use super::section::ConfigSection;
use super::value::ConfigValue;
use crate::common::bounded_read::{READ_WITHIN, read_within};

/// Longer than any token or password. A wrong path, such as a device, cannot fill the memory.
pub(super) const MAX_LENGTH: usize = 64 * 1024;

/// Where systemd puts credentials (systemd documentation, "System and Service Credentials").
const CREDENTIALS: &str = "/run/credentials";

/// Where the password of a connection comes from.
#[derive(Clone, Debug)]
pub enum PasswordSource {
    /// No password: the server requires none, or a certificate.
    None,
    /// Read for each connection, so that the password can be changed while killgate runs.
    File(PathBuf),
    Environment(SecretString),
    /// In the URL.
    Url(SecretString),
    /// Printed by a program that is run for each connection.
    Command(PasswordCommand),
}

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(transparent)]
    Command(#[from] PasswordCommandError),
    #[error("cannot read the secret file {}: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("the secret file {} is empty", .0.display())]
    Empty(PathBuf),
    #[error("the secret file {} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    #[error("the secret file {} is larger than {MAX_LENGTH} bytes", .0.display())]
    TooLong(PathBuf),
}

/// Compares the secrets themselves, to find out whether a reload changes them.
impl PartialEq for PasswordSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::File(one), Self::File(other)) => one == other,
            (Self::Command(one), Self::Command(other)) => one == other,
            (Self::Environment(one), Self::Environment(other)) | (Self::Url(one), Self::Url(other)) => {
                one.expose_secret() == other.expose_secret()
            }
            _ => false,
        }
    }
}

impl PasswordSource {
    /// Reads the current password.
    pub async fn read(&self) -> Result<Option<SecretString>, SecretError> {
        match self {
            Self::None => Ok(None),
            Self::File(path) => {
                let read = read_within(path, READ_WITHIN, read_file).await;
                let late = |error| Err(SecretError::Unreadable { path: path.clone(), error });
                read.unwrap_or_else(late).map(Some)
            }
            Self::Environment(password) | Self::Url(password) => Ok(Some(password.clone())),
            Self::Command(command) => Ok(Some(command.run().await?)),
        }
    }

    /// From at most one of `password_file`, `password_env`, `password_command` and the URL.
    pub(super) fn from_keys(
        section: &ConfigSection<'_>,
        in_url: Option<SecretString>,
        paths: &BasePath,
        env: Environment<'_>,
    ) -> Result<Self, Reported> {
        let file = section.optional("password_file", |value| secret_file(value, paths).map(Self::File));
        let variable =
            section.optional("password_env", |value| variable(value, paths, env).map(Self::Environment));
        let command = section.optional("password_command", |value| {
            PasswordCommand::read(value, paths, env).map(Self::Command)
        });
        let in_keys = [("password_file", file?), ("password_env", variable?), ("password_command", command?)];
        let mut given =
            in_keys.into_iter().filter_map(|(key, source)| Some((Some(key), source?))).collect::<Vec<_>>();
        given.extend(in_url.map(|password| (None, Self::Url(password))));
        let first_key = given.first().and_then(|(key, _)| *key);
        match (given.len(), first_key) {
            (2.., Some(key)) => {
                let span = section.value(key)?.map_or_else(|| section.span(key), |value| value.span);
                let allowed = "one of password_file, password_env, password_command, a password in the url";
                Err(section.faults.report(&span, "the password comes from more than one place", allowed))
            }
            _ => Ok(given.pop().map_or(Self::None, |(_, source)| source)),
        }
    }
}

/// The bot's token: from `token_file`, else from `DISCORD_TOKEN`.
pub(super) fn token(
    discord: &ConfigSection<'_>,
    paths: &BasePath,
    env: Environment<'_>,
) -> Result<SecretString, Reported> {
    let span = discord.span("token_file");
    let from_file = discord.optional("token_file", |value| {
        let path = secret_file(value, paths)?;
        if paths.ignores_secrets {
            return Ok(SecretString::default());
        }
        let token = read_file(&path).map_err(|error| value.refuse(error.to_string()))?;
        plain_token(&token, value.faults, &value.span)
    })?;
    if let Some(token) = from_file {
        return Ok(token);
    }
    let allowed = "token_file, or the environment variable DISCORD_TOKEN";
    if paths.ignores_secrets {
        return Ok(SecretString::default());
    }
    match env.get("DISCORD_TOKEN").as_deref().map(str::trim) {
        None => Err(discord.faults.report(&span, "there is no token", allowed)),
        Some("") => Err(discord.faults.report(&span, "DISCORD_TOKEN is empty", allowed)),
        Some(token) => plain_token(&token.into(), discord.faults, &span),
    }
}

/// Checks that the token can be an HTTP header.
fn plain_token(
    token: &SecretString,
    faults: &FaultCollector<'_>,
    span: &FileSpan,
) -> Result<SecretString, Reported> {
    let token = token.expose_secret().trim();
    if token.bytes().all(|byte| byte.is_ascii_graphic()) && !token.is_empty() {
        return Ok(token.into());
    }
    let message = "the token has white space or other characters that a token cannot have";
    Err(faults.report(span, message, "the token alone, without \"Bot \" before it"))
}

/// The path of a secret file, which must exist.
fn secret_file(value: &ConfigValue<'_>, paths: &BasePath) -> Result<PathBuf, Reported> {
    let text = value.string()?;
    let path = paths.resolve(text).map_err(|message| value.refuse(message))?;
    if paths.ignores_secrets {
        return Ok(path);
    }
    match read_file(&path) {
        Ok(_) => Ok(path),
        // Text that does not name a place in a folder is not repeated: it may be the secret itself, in the wrong place.
        Err(SecretError::Unreadable { error, .. }) if !text.contains('/') => {
            let folder = path.parent().unwrap_or(&path).display();
            Err(value
                .refuse(format!("cannot read the secret file of this name in the folder {folder}: {error}")))
        }
        Err(SecretError::Unreadable { .. }) if !path.parent().is_some_and(Path::is_dir) => {
            let why = if path.starts_with(CREDENTIALS) {
                "systemd provides its folder only while the service runs; if the service stops by itself, its log says why"
            } else {
                "its folder does not exist"
            };
            Err(value.refuse(format!("cannot read the secret file of this name: {why}")))
        }
        Err(error) => Err(value.refuse(error.to_string())),
    }
}

fn variable(
    value: &ConfigValue<'_>,
    paths: &BasePath,
    env: Environment<'_>,
) -> Result<SecretString, Reported> {
    // The name is not repeated: it may be the password itself, in the wrong place.
    match env.get(value.string()?) {
        _ if paths.ignores_secrets => Ok(SecretString::default()),
        None => Err(value.refuse("the environment has no variable of this name")),
        Some(password) if password.is_empty() => Err(value.refuse("the environment variable is empty")),
        Some(password) => Ok(password.into()),
    }
}

/// The content of a secret file, without a trailing line break.
fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    let unreadable = |error| SecretError::Unreadable { path: path.to_owned(), error };
    // At full capacity from the start: growing would leave copies in memory that are not overwritten.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LENGTH + 1));
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_LENGTH as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > MAX_LENGTH {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    let text = str::from_utf8(&bytes).map_err(|_| SecretError::NotText(path.to_owned()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(SecretError::Empty(path.to_owned())),
        secret => Ok(secret.into()),
    }
}
