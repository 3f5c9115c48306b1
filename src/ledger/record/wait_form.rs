//! What a session waited for and how far it was, in the names and types of the export.

use serde::{Deserialize, Serialize};

use super::values::{exact, exact_if_any, timestamp};
use super::{RecordError, time};
use crate::domain::lock_wait::{LockWait, LockedRelation, PreparedTransaction};
use crate::domain::progress::Progress;

#[derive(Serialize, Deserialize)]
pub(super) struct LockForm {
    r#type: String,
    mode: String,
    /// Its name, or `relation_oid` and `database` where killgate does not know it.
    relation: Option<String>,
    relation_oid: Option<u32>,
    database: Option<String>,
    since: String,
    since_first_seen: bool,
    prepared: Vec<PreparedForm>,
}

#[derive(Serialize, Deserialize)]
struct PreparedForm {
    gid: String,
    prepared_at: String,
    owner: Option<String>,
    database: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ProgressForm {
    command: String,
    phase: Option<String>,
    #[serde(serialize_with = "exact")]
    done: u64,
    #[serde(serialize_with = "exact_if_any")]
    total: Option<u64>,
}

impl LockForm {
    pub(super) fn of(wait: &LockWait) -> Self {
        let (relation, relation_oid, database) = match &wait.relation {
            None => (None, None, None),
            Some(LockedRelation::Named(name)) => (Some(name.clone()), None, None),
            Some(LockedRelation::Unnamed { oid, database }) => (None, Some(*oid), database.clone()),
        };
        let prepared = wait.prepared.iter().map(|transaction| PreparedForm {
            gid: transaction.gid.clone(),
            prepared_at: time::write(transaction.prepared_at),
            owner: transaction.owner.clone(),
            database: transaction.database.clone(),
        });
        Self {
            r#type: wait.lock.clone(),
            mode: wait.mode.clone(),
            relation,
            relation_oid,
            database,
            since: time::write(wait.since),
            since_first_seen: wait.is_since_first_seen,
            prepared: prepared.collect(),
        }
    }

    pub(super) fn wait(&self) -> Result<LockWait, RecordError> {
        let relation = match (&self.relation, self.relation_oid) {
            (Some(name), _) => Some(LockedRelation::Named(name.clone())),
            (None, Some(oid)) => Some(LockedRelation::Unnamed { oid, database: self.database.clone() }),
            (None, None) => None,
        };
        let prepared = self.prepared.iter().map(|form| {
            Ok(PreparedTransaction {
                gid: form.gid.clone(),
                prepared_at: timestamp("prepared_at", &form.prepared_at)?,
                owner: form.owner.clone(),
                database: form.database.clone(),
            })
        });
        Ok(LockWait {
            lock: self.r#type.clone(),
            mode: self.mode.clone(),
            relation,
            since: timestamp("since", &self.since)?,
            is_since_first_seen: self.since_first_seen,
            prepared: prepared.collect::<Result<_, _>>()?,
        })
    }
}

impl ProgressForm {
    pub(super) fn of(progress: &Progress) -> Self {
        let Progress { command, phase, done, total } = progress.clone();
        Self { command, phase, done, total }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            command: self.command.clone(),
            phase: self.phase.clone(),
            done: self.done,
            total: self.total,
        }
    }
}
