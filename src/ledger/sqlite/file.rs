//! The file, and the lock that lets only one running killgate use it.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use super::error::SqliteOpenError;

/// A ledger's file that no other process uses, until this is dropped or the process ends in any way.
#[derive(Debug)]
pub(super) struct LockedFile {
    /// The canonical path of the file.
    pub(super) path: PathBuf,
    lock: File,
}

/// The files of an open ledger, to notice when their names lead elsewhere. Dropped after SQLite's connections.
pub(super) struct OpenFiles {
    ledger: (PathBuf, FileNumber),
    /// The write-ahead log.
    log: (PathBuf, FileNumber),
}

/// A device and the number of a file on it.
type FileNumber = (u64, u64);

impl LockedFile {
    /// Locks the file, or creates it first.
    pub(super) fn lock(path: &Path) -> Result<Self, SqliteOpenError> {
        verify_log_has_file(path)?;
        create(path).map_err(|source| SqliteOpenError::file(path, "create", source))?;
        // For writing, because SQLite would open a file on a read-only disk without an error.
        lock(path, OpenOptions::new().read(true).write(true))
    }

    /// The locked file and its write-ahead log, which must exist.
    pub(super) fn open_files(&self) -> io::Result<OpenFiles> {
        let log = beside(&self.path, "-wal");
        let log_number = file_number(&log.metadata()?);
        Ok(OpenFiles {
            ledger: (self.path.clone(), file_number(&self.lock.metadata()?)),
            log: (log, log_number),
        })
    }
}

impl OpenFiles {
    /// Fails when one of them was moved, deleted or replaced: what is written to it would be lost at the next start. SQLite checks that
    /// for its rollback journal, but not for its write-ahead log (`databaseIsUnmoved` in its source).
    pub(super) fn verify_in_place(&self) -> Result<(), String> {
        in_place(&self.ledger).and_then(|()| in_place(&self.log))
    }
}

/// SQLite leaves the log of a file that was replaced, and would apply it to the new one at the next start (SQLite documentation,
/// "How To Corrupt An SQLite Database File"). So the log is moved out of its way. Where no other file is there, the log stays: the file
/// may be put back, and needs it.
impl Drop for OpenFiles {
    fn drop(&mut self) {
        let number_at = |path: &Path| path.metadata().ok().map(|metadata| file_number(&metadata));
        let (log, log_number) = &self.log;
        let is_replaced = number_at(&self.ledger.0).is_some_and(|number| number != self.ledger.1);
        if is_replaced && number_at(log) == Some(*log_number) {
            let aside = beside(&self.ledger.0, &format!("-wal.of-{}", self.ledger.1.1));
            match fs::rename(log, &aside) {
                Ok(()) => {
                    warn!(log = %aside.display(), "the write-ahead log of the former ledger was renamed to this; keep it with that ledger");
                }
                Err(error) => {
                    warn!(
                        %error,
                        log = %log.display(),
                        "move this write-ahead log away before the next start: it belongs to the former ledger, and SQLite would apply it \
                         to the new file"
                    );
                }
            }
        }
    }
}

fn in_place((path, number): &(PathBuf, FileNumber)) -> Result<(), String> {
    let file = path.display();
    match path.metadata() {
        Ok(metadata) if file_number(&metadata) == *number => Ok(()),
        Ok(_) => Err(format!(
            "the file {file} was replaced after killgate opened it, so nothing is recorded: put the original back, or restart killgate to \
             use the new one"
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!(
            "the file {file} was moved or deleted after killgate opened it, so nothing is recorded: if it was moved, put it back; if it was \
             deleted, copy it from /proc/{}/fd before you stop killgate",
            std::process::id()
        )),
        Err(error) => Err(format!(
            "the file {file} cannot be accessed, so nothing is recorded: check the permissions of its folder: {error}"
        )),
    }
}

fn file_number(metadata: &Metadata) -> FileNumber {
    (metadata.dev(), metadata.ino())
}

/// Fails with [`SqliteOpenError::OnlyLog`] where the file is missing or empty and its log is there: SQLite deletes the log of a database
/// without pages when it opens it (`pagerOpenWalIfPresent` in its source).
pub fn verify_log_has_file(path: &Path) -> Result<(), SqliteOpenError> {
    let is_filled = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    // SQLite puts the log beside the file that a link leads to. A link to nothing is refused elsewhere.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let log = beside(path, "-wal");
    // The log is looked at first, because another killgate that starts fills the file before it.
    if is_filled(&log) && !is_filled(path) {
        return Err(SqliteOpenError::OnlyLog { path: path.to_owned(), log });
    }
    Ok(())
}

/// The canonical path of a file that no running killgate holds. Fails with [`SqliteOpenError::Held`] when one does. Creates
/// nothing. The file is closed again, so SQLite must not have opened it yet.
pub(super) fn path_if_not_held(path: &Path) -> Result<PathBuf, SqliteOpenError> {
    Ok(lock(path, OpenOptions::new().read(true))?.path)
}

/// Locks the file itself, so that another name of it (a link, a mount) leads to the same lock.
///
/// The lock is one of `flock(2)`, which does not affect SQLite's own: those are of `fcntl(2)`. But closing any descriptor of
/// the file releases SQLite's (SQLite documentation, "How To Corrupt An SQLite Database File"). So this descriptor is opened
/// before SQLite's first one and closed after its last one.
fn lock(path: &Path, options: &OpenOptions) -> Result<LockedFile, SqliteOpenError> {
    let path = path.canonicalize().map_err(|source| SqliteOpenError::file(path, "open", source))?;
    let file = options.open(&path).map_err(|source| SqliteOpenError::file(&path, "open", source))?;
    match file.try_lock() {
        Ok(()) => Ok(LockedFile { path, lock: file }),
        Err(TryLockError::WouldBlock) => Err(SqliteOpenError::Held { path }),
        Err(TryLockError::Error(source)) => Err(SqliteOpenError::file(&path, "lock", source)),
    }
}

/// The path of a file that belongs to `path` and is named after it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.to_owned().into_os_string();
    beside.push(suffix);
    PathBuf::from(beside)
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
