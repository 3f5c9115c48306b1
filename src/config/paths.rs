//! Paths as they are written in the file.

use std::path::{Path, PathBuf};

/// The folder that relative paths start from: the configuration file's own.
#[derive(Clone, Debug)]
pub(super) struct BasePath {
    folder: PathBuf,
}

impl BasePath {
    pub(super) fn beside(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The path meant by `text`; the error says what is wrong with it.
    pub(super) fn resolve(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("the path is empty".to_owned());
        }
        if text.starts_with('~') {
            return Err("~ is not expanded; write the whole path".to_owned());
        }
        if text.contains('\0') {
            return Err("a path holds no NUL character".to_owned());
        }
        Ok(self.folder.join(text))
    }
}
