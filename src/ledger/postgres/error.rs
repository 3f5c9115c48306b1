//! What an error of PostgreSQL means for a call to the ledger.

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::postgres::connection_manager::StatementError;
use crate::postgres::error::{format_error, unreachable, unreachable_because};
use crate::workflow::ports::{LedgerError, TargetUnreachable};

/// Raised by the ledger's functions: the epoch is no longer the current one.
const DEPOSED: &str = "KG001";
/// Raised by the ledger's functions: the chain ends elsewhere.
const TAIL_MOVED: &str = "KG002";

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    #[error(
        "the ledger was written by a newer killgate (its schema is version {found}, this one knows {known}): run \
         that version, or a later one"
    )]
    Newer { found: i32, known: i32 },
    #[error(
        "the ledger in the schema killgate_ledger was written by killgate 0.1.0-dev in a format that was never \
         released: rename the schema, and killgate creates a new one"
    )]
    NeverReleased,
    #[error(
        "the schema killgate_ledger contains something else than a ledger, and is left unchanged: use another database \
         in [ledger] url"
    )]
    Foreign,
    #[error(
        "the ledger's database has the encoding {found}, in which not every text can be recorded: create one with \
         ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding { found: String },
    #[error(
        "{object} of the ledger belongs to {owner}, who could have changed what it does: give it to the role that killgate \
         logs in as (ALTER … OWNER TO)"
    )]
    ForeignOwner { object: String, owner: String },
    #[error(
        "killgate_ledger.{name}, of the role {owner}, is no plain table: reading it would run what its owner wrote. killgate \
         uses nothing in this schema: use another database for the ledger, or let its owner drop the schema"
    )]
    ForeignRelation { name: String, owner: String },
    #[error("there is no ledger in this database yet: killgate run creates one")]
    Missing,
    #[error(
        "the ledger is damaged at record {seq}: {problem}. killgate does not append to it: keep the database, and \
         restore a copy that `killgate audit verify` finds intact"
    )]
    Damaged { seq: u64, problem: String },
    #[error(
        "the ledger is damaged: the row of killgate_ledger.{table} was deleted. killgate does not append to it: keep the \
         database, and restore a copy that `killgate audit verify` finds intact"
    )]
    RowDeleted { table: &'static str },
    /// Acknowledged records are missing.
    #[error(
        "record {seq} of the ledger, which was durable, is missing: the server may be a standby that was promoted \
         without the last records. Nothing is recorded or signalled until they are back; to continue without them, \
         restart every killgate"
    )]
    Behind { seq: u64 },
    /// A later attempt may succeed.
    #[error("the ledger's server: {0}")]
    Unavailable(#[source] TargetUnreachable),
}

impl PostgresOpenError {
    /// Whether the content of the ledger was changed.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::RowDeleted { .. })
    }

    /// Whether a later attempt may succeed.
    pub(super) fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Behind { .. })
    }

    pub(super) fn unavailable(error: impl Into<anyhow::Error>) -> Self {
        Self::Unavailable(unreachable_because(error))
    }

    pub(super) fn late() -> Self {
        Self::Unavailable(unreachable("it did not answer in time"))
    }
}

impl From<Error> for PostgresOpenError {
    fn from(error: Error) -> Self {
        Self::unavailable(error)
    }
}

/// Whether the ledger refused a statement because another replica has taken over.
fn is_deposed(error: &DbError) -> bool {
    error.code().code() == DEPOSED
}

/// For statements that write.
impl From<StatementError> for LedgerError {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Late => Self::Uncertain(anyhow::anyhow!("no answer came in time")),
            StatementError::Lost(error) => Self::Uncertain(error.into()),
            StatementError::Raised(error) if is_deposed(&error) => Self::Deposed,
            // An append took effect whose answer was lost, or another program appended. The ledger must be read
            // before the next append.
            StatementError::Raised(error) if error.code().code() == TAIL_MOVED => {
                Self::Uncertain(anyhow::Error::new(error))
            }
            StatementError::Raised(error) => {
                let explained = explain(&error);
                Self::NotRecorded(anyhow::Error::new(error).context(explained))
            }
        }
    }
}

/// For statements that only read: whether one took effect makes no difference to the records.
pub(super) fn not_read(error: StatementError) -> LedgerError {
    match error {
        StatementError::Raised(_) => error.into(),
        StatementError::Late | StatementError::Lost(_) => {
            LedgerError::NotRecorded(anyhow::Error::new(error).context("the ledger could not be read"))
        }
    }
}

/// The cause, and what to do, in a sentence for people.
fn explain(error: &DbError) -> String {
    let message = format_error(error);
    let explanation = if *error.code() == SqlState::UNIQUE_VIOLATION {
        "a request is requested once, executed at most once, and finished at most once"
    } else if *error.code() == SqlState::READ_ONLY_SQL_TRANSACTION {
        "the server accepts no writes: it is a standby, or read-only"
    } else if *error.code() == SqlState::DISK_FULL {
        "the server's disk is full: free some space"
    } else if *error.code() == SqlState::INSUFFICIENT_PRIVILEGE {
        "the role may not write: it must own the schema killgate_ledger"
    } else if *error.code() == SqlState::QUERY_CANCELED || *error.code() == SqlState::LOCK_NOT_AVAILABLE {
        "the server cancelled the statement after its time limit"
    } else {
        return message;
    };
    format!("{explanation} ({message})")
}
