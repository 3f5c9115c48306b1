//! The file, and the lock by which one running killgate holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::SqliteOpenError;

/// A ledger's file that nobody else holds, until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(super) struct LockedFile {
    /// The one path of the file, without links.
    pub(super) path: PathBuf,
    _lock: File,
}

impl LockedFile {
    /// Takes hold of the file, creating it where there is none.
    pub(super) fn take(path: &Path) -> Result<Self, SqliteOpenError> {
        create(path).map_err(|source| SqliteOpenError::file(path, "create", source))?;
        let (path, beside) = paths(path)?;
        let lock = private()
            .create(true)
            .truncate(false)
            .open(&beside)
            .map_err(|source| SqliteOpenError::file(&beside, "open", source))?;
        lock_now(&lock, &path, &beside)?;
        Ok(Self { path, _lock: lock })
    }
}

/// The one path of a file that no running killgate holds; fails with [`OpenError::LockedFile`] where one does. Creates nothing.
pub(super) fn unheld(path: &Path) -> Result<PathBuf, SqliteOpenError> {
    let (path, beside) = paths(path)?;
    match File::open(&beside) {
        Ok(lock) => lock_now(&lock, &path, &beside)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(SqliteOpenError::file(&beside, "open", source)),
    }
    Ok(path)
}

/// The one path of the file, without links, and that of its lock.
fn paths(path: &Path) -> Result<(PathBuf, PathBuf), SqliteOpenError> {
    // Two paths to one file must lead to one lock.
    let path = path
        .canonicalize()
        .map_err(|source| SqliteOpenError::file(path, "open", source))?;
    // Not the ledger itself: closing it a second time would take away SQLite's own locks (SQLite
    // documentation, "How To Corrupt An SQLite Database File", POSIX advisory locks).
    let lock = beside(&path, ".lock");
    Ok((path, lock))
}

/// The path of what belongs to the file and is named after it.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.to_owned().into_os_string();
    beside.push(ending);
    PathBuf::from(beside)
}

fn lock_now(lock: &File, path: &Path, beside: &Path) -> Result<(), SqliteOpenError> {
    lock.try_lock().map_err(|refused| match refused {
        TryLockError::WouldBlock => SqliteOpenError::Held {
            path: path.to_owned(),
        },
        TryLockError::Error(source) => SqliteOpenError::file(beside, "lock", source),
    })
}

/// Creates the file so that it is still there after the loss of power, unless it exists.
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

/// Readable and writable by its owner only; SQLite gives its own files beside it the same permissions.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}
