//! The parameters of a URL that are about TLS.

use std::fs::File;
use std::path::PathBuf;

use super::paths::BasePath;
use crate::postgres::tls::{ClientCertificate, TlsMode, TlsOptions};

/// The parameters as written in a URL, which tokio-postgres does not know.
#[derive(Clone, Debug, Default)]
pub(super) struct TlsParameters {
    pub(super) sslmode: Option<String>,
    pub(super) sslrootcert: Option<String>,
    pub(super) sslcert: Option<String>,
    pub(super) sslkey: Option<String>,
}

impl TlsParameters {
    /// The parameter called `name`, if it is one of them.
    pub(super) fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "sslmode" => Some(&mut self.sslmode),
            "sslrootcert" => Some(&mut self.sslrootcert),
            "sslcert" => Some(&mut self.sslcert),
            "sslkey" => Some(&mut self.sslkey),
            _ => None,
        }
    }

    /// Converts them; `is_local` when every host is a loopback address or a socket. The error says what is wrong.
    pub(super) fn into_options(self, is_local: bool, paths: &BasePath) -> Result<TlsOptions, String> {
        let file = |name: &str, path: Option<&String>| -> Result<Option<PathBuf>, String> {
            path.map(|path| readable(name, path, paths)).transpose()
        };
        let mode = match self.sslmode.as_deref() {
            Some(mode) => mode_of(mode)?,
            None if is_local => TlsMode::Disable,
            None => TlsMode::VerifyFull,
        };
        // In libpq, `system` means the system's certificate authorities, which are the default here.
        let root = self.sslrootcert.filter(|root| root != "system");
        if mode == TlsMode::Disable && (root.is_some() || self.sslcert.is_some() || self.sslkey.is_some()) {
            return Err("it names certificates, which are not used without TLS (sslmode=disable)".to_owned());
        }
        let client = match (file("sslcert", self.sslcert.as_ref())?, file("sslkey", self.sslkey.as_ref())?) {
            (Some(chain), Some(key)) => Some(ClientCertificate { chain, key }),
            (None, None) => None,
            _ => return Err("sslcert and sslkey belong together".to_owned()),
        };
        let root = file("sslrootcert", root.as_ref())?;
        Ok(TlsOptions {
            // A certificate authority implies verification; libpq does the same.
            mode: if mode == TlsMode::Require && root.is_some() { TlsMode::VerifyCa } else { mode },
            root,
            client,
        })
    }
}

fn mode_of(text: &str) -> Result<TlsMode, String> {
    match text {
        "disable" => Ok(TlsMode::Disable),
        "require" => Ok(TlsMode::Require),
        "verify-ca" => Ok(TlsMode::VerifyCa),
        "verify-full" => Ok(TlsMode::VerifyFull),
        "allow" | "prefer" => Err(format!(
            "sslmode={text} would fall back to plain text; it is disable, require, verify-ca or verify-full"
        )),
        _ => Err("sslmode is disable, require, verify-ca or verify-full".to_owned()),
    }
}

fn readable(name: &str, path: &str, paths: &BasePath) -> Result<PathBuf, String> {
    let path = paths.resolve(path).map_err(|error| format!("{name}: {error}"))?;
    if paths.ignores_secrets && name != "sslrootcert" {
        return Ok(path);
    }
    match File::open(&path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => Ok(path),
        Ok(_) => Err(format!("{name}: {} is not a file", path.display())),
        Err(error) => Err(format!("{name}: cannot read {}: {error}", path.display())),
    }
}
