//! Secrets: where they come from, and that they go nowhere else.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::fault::{FaultCollector, FileSpan, Reported};
use super::paths::BasePath;
use super::section::ConfigSection;
use super::value::ConfigValue;

/// More than any token or password has; keeps a wrong path, such as a device, from filling the memory.
const LONGEST: usize = 64 * 1024;

/// Environment variables by name. A function, so that nothing but `main` touches the process's own.
pub(super) type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Where the password of a connection comes from.
#[derive(Clone, Debug)]
pub enum PasswordSource {
    /// No password: the server asks for none, or for a certificate.
    None,
    /// Read again at each connect, so that a password can be changed while killgate runs.
    File(PathBuf),
    Environment(SecretString),
    /// Within the URL itself.
    Url(SecretString),
}

/// A secret file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("cannot read the secret file {}: {problem}", path.display())]
    Unreadable { path: PathBuf, problem: io::Error },
    #[error("the secret file {} is empty", .0.display())]
    Empty(PathBuf),
    #[error("the secret file {} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    #[error("the secret file {} is larger than {LONGEST} bytes", .0.display())]
    TooLong(PathBuf),
}

impl PasswordSource {
    /// The password as it is now, if there is one.
    pub fn read(&self) -> Result<Option<SecretString>, SecretError> {
        match self {
            Self::None => Ok(None),
            Self::File(path) => read_file(path).map(Some),
            Self::Environment(password) | Self::Url(password) => Ok(Some(password.clone())),
        }
    }

    /// From `password_file`, `password_env`, or what the URL held: one of them at most.
    pub(super) fn of(
        section: &ConfigSection<'_>,
        in_url: Option<SecretString>,
        paths: &BasePath,
        env: Environment<'_>,
    ) -> Result<Self, Reported> {
        let file = section.optional("password_file", |value| secret_file(value, paths));
        let variable = section.optional("password_env", |value| variable(value, env));
        match (file?, variable?, in_url) {
            (None, None, None) => Ok(Self::None),
            (Some(path), None, None) => Ok(Self::File(path)),
            (None, Some(password), None) => Ok(Self::Environment(password)),
            (None, None, Some(password)) => Ok(Self::Url(password)),
            (file, ..) => {
                let name = if file.is_some() {
                    "password_file"
                } else {
                    "password_env"
                };
                let spot = section
                    .value(name)?
                    .map_or_else(|| section.spot(name), |value| value.spot);
                let allowed = "one of password_file, password_env, a password in the url";
                Err(section
                    .findings
                    .report(&spot, "the password comes from more than one place", allowed))
            }
        }
    }
}

/// The bot's token: from `token_file`, else from `DISCORD_TOKEN`.
pub(super) fn token(
    discord: &ConfigSection<'_>,
    paths: &BasePath,
    env: Environment<'_>,
) -> Result<SecretString, Reported> {
    let spot = discord.spot("token_file");
    let from_file = discord.optional("token_file", |value| {
        let path = secret_file(value, paths)?;
        let token = read_file(&path).map_err(|error| value.refuse(error.to_string()))?;
        bare(&token, value.findings, &value.spot)
    })?;
    if let Some(token) = from_file {
        return Ok(token);
    }
    let allowed = "token_file, or the environment variable DISCORD_TOKEN";
    match env("DISCORD_TOKEN").as_deref().map(str::trim) {
        None => Err(discord.findings.report(&spot, "there is no token", allowed)),
        Some("") => Err(discord.findings.report(&spot, "DISCORD_TOKEN is empty", allowed)),
        Some(token) => bare(&token.into(), discord.findings, &spot),
    }
}

/// A token goes into an HTTP header as it is.
fn bare(
    token: &SecretString,
    findings: &FaultCollector<'_>,
    spot: &FileSpan,
) -> Result<SecretString, Reported> {
    use secrecy::ExposeSecret;

    let token = token.expose_secret().trim();
    if token.bytes().all(|byte| byte.is_ascii_graphic()) && !token.is_empty() {
        return Ok(token.into());
    }
    let problem = "the token has white space or other characters that no token has";
    Err(findings.report(spot, problem, "the token alone, without \"Bot \" before it"))
}

/// The path of a file that holds a secret now.
fn secret_file(value: &ConfigValue<'_>, paths: &BasePath) -> Result<PathBuf, Reported> {
    let text = value.string()?;
    let path = paths.resolve(text).map_err(|problem| value.refuse(problem))?;
    match read_file(&path) {
        Ok(_) => Ok(path),
        // What looks like no path is not repeated: it may be the secret itself, put in the wrong place.
        Err(SecretError::Unreadable { problem, .. }) if !text.contains('/') => {
            let folder = path.parent().unwrap_or(&path).display();
            Err(value.refuse(format!(
                "cannot read the secret file of this name in the folder {folder}: {problem}"
            )))
        }
        Err(error) => Err(value.refuse(error.to_string())),
    }
}

fn variable(value: &ConfigValue<'_>, env: Environment<'_>) -> Result<SecretString, Reported> {
    // The name is not repeated: it may be the password itself, put in the wrong place.
    match env(value.string()?) {
        None => Err(value.refuse("the environment has no variable of this name")),
        Some(password) if password.is_empty() => Err(value.refuse("the environment variable is empty")),
        Some(password) => Ok(password.into()),
    }
}

/// The content of a secret file without the line end that editors add.
fn read_file(path: &Path) -> Result<SecretString, SecretError> {
    let unreadable = |problem| SecretError::Unreadable {
        path: path.to_owned(),
        problem,
    };
    // As large as it may become: what grows leaves copies behind, which nobody overwrites.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let file = File::open(path).map_err(unreadable)?;
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() > LONGEST {
        return Err(SecretError::TooLong(path.to_owned()));
    }
    let text = str::from_utf8(&bytes).map_err(|_| SecretError::NotText(path.to_owned()))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(SecretError::Empty(path.to_owned())),
        secret => Ok(secret.into()),
    }
}
