//! Paths in the file.

use std::path::{Path, PathBuf};

/// The folder of the configuration file, which relative paths start from.
#[derive(Clone, Debug)]
pub(super) struct BasePath {
    folder: PathBuf,
    /// Whether a secret need not exist, because it is not used.
    pub(super) ignores_secrets: bool,
}

impl BasePath {
    pub(super) fn of_file(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        Self { folder: folder.to_owned(), ignores_secrets: false }
    }

    /// For a command that uses no secret.
    pub(super) fn without_secrets(&self) -> Self {
        Self { ignores_secrets: true, ..self.clone() }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path in `text`. The error says what is wrong with it.
    pub(super) fn resolve(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("the path is empty".to_owned());
        }
        if text.starts_with('~') {
            return Err("~ is not expanded; write the whole path".to_owned());
        }
        if text.contains('\0') {
            return Err("a path cannot contain a NUL character".to_owned());
        }
        Ok(self.folder.join(text))
    }
}
