//! What a session waits for in the lock manager: its row of `pg_locks` that is not granted (PostgreSQL documentation,
//! "`pg_locks`").

use super::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockWait {
    /// `locktype`: `relation`, `transactionid`, `tuple`, …
    pub lock: String,
    /// `mode`: `AccessExclusiveLock`, `ShareLock`, …
    pub mode: String,
    /// The relation that is locked, or that has the locked row; `None` where PostgreSQL does not say.
    pub relation: Option<LockedRelation>,
    /// When the wait began, by the server's clock.
    pub since: Timestamp,
    /// PostgreSQL does not say when it began (before 14, and for an instant later): `since` is when killgate first saw it.
    pub is_since_first_seen: bool,
    /// The prepared transactions that hold it. No session holds their locks.
    pub prepared: Vec<PreparedTransaction>,
}

/// A relation, named as far as it can be: names can be resolved only in the database that killgate is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockedRelation {
    /// `public.orders`.
    Named(String),
    /// One of another database, or one that was dropped meanwhile.
    Unnamed { oid: u32, database: Option<String> },
}

/// A transaction that was prepared for two-phase commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedTransaction {
    /// The name that its client gave it.
    pub gid: String,
    pub prepared_at: Timestamp,
    pub owner: Option<String>,
    pub database: Option<String>,
}

impl LockWait {
    /// Whether it is the same wait, seen twice.
    pub fn is_same_lock(&self, other: &Self) -> bool {
        self.lock == other.lock && self.mode == other.mode && self.relation == other.relation
    }

    /// Whether it waits for a row, through the transaction that changed or locked it.
    pub fn is_for_a_row(&self) -> bool {
        self.relation.is_some() && matches!(self.lock.as_str(), "transactionid" | "tuple")
    }
}
