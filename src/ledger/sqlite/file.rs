//! The file, and the lock that lets only one running killgate use it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::SqliteOpenError;

/// A ledger's file that no other process uses, until this is dropped or the process ends in any way.
#[derive(Debug)]
pub(super) struct LockedFile {
    /// The canonical path of the file.
    pub(super) path: PathBuf,
    _lock: File,
}

impl LockedFile {
    /// Locks the file, or creates it first.
    pub(super) fn lock(path: &Path) -> Result<Self, SqliteOpenError> {
        create(path).map_err(|source| SqliteOpenError::file(path, "create", source))?;
        let (path, beside) = paths(path)?;
        let lock = private()
            .create(true)
            .truncate(false)
            .open(&beside)
            .map_err(|source| SqliteOpenError::file(&beside, "open", source))?;
        try_lock(&lock, &path, &beside)?;
        Ok(Self { path, _lock: lock })
    }
}

/// The canonical path of a file that no running killgate holds. Fails with [`SqliteOpenError::Held`] when one does. Creates
/// nothing.
pub(super) fn path_if_not_held(path: &Path) -> Result<PathBuf, SqliteOpenError> {
    let (path, beside) = paths(path)?;
    match File::open(&beside) {
        Ok(lock) => try_lock(&lock, &path, &beside)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(SqliteOpenError::file(&beside, "open", source)),
    }
    Ok(path)
}

/// The canonical path of the file, and the path of its lock file.
fn paths(path: &Path) -> Result<(PathBuf, PathBuf), SqliteOpenError> {
    // Two paths to one file must lead to the same lock.
    let path = path
        .canonicalize()
        .map_err(|source| SqliteOpenError::file(path, "open", source))?;
    // The ledger itself is not locked: closing a second descriptor would release SQLite's own locks (SQLite documentation,
    // "How To Corrupt An SQLite Database File", POSIX advisory locks).
    let lock = beside(&path, ".lock");
    Ok((path, lock))
}

/// The path of a file that belongs to `path` and is named after it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.to_owned().into_os_string();
    beside.push(suffix);
    PathBuf::from(beside)
}

fn try_lock(lock: &File, path: &Path, beside: &Path) -> Result<(), SqliteOpenError> {
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => SqliteOpenError::Held {
            path: path.to_owned(),
        },
        TryLockError::Error(source) => SqliteOpenError::file(beside, "lock", source),
    })
}

/// Creates the file so that it survives power loss, unless it exists.
fn create(path: &Path) -> io::Result<()> {
    match private().create_new(true).open(path) {
        Ok(file) => {
            file.sync_all()?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Readable and writable by its owner only. SQLite gives its other files the same permissions.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}
