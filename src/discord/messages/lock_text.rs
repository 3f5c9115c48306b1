//! Which lock is waited for, in words.

use super::format::{age, name, quoted_name, verbatim};
use crate::discord::sanitize;
use crate::domain::lock_wait::{LockWait, LockedRelation, PreparedTransaction};
use crate::domain::progress::Progress;
use crate::domain::session::Session;
use crate::domain::timestamp::Timestamp;

/// Each part of a qualified name has at most 63 bytes.
const RELATION_LENGTH: usize = 60;
const GID_LENGTH: usize = 200;

/// The lock with its type and mode: `orders (relation, AccessExclusiveLock)`, `a row of orders (tuple, ExclusiveLock)`.
pub(in crate::discord) fn lock_text(wait: &LockWait) -> String {
    format!("{} ({}, {})", locked_thing(wait), name(&wait.lock), name(&wait.mode))
}

/// What is locked, without type and mode: `orders`, `a row of orders`.
pub(in crate::discord) fn locked_thing(wait: &LockWait) -> String {
    let relation = wait.relation.as_ref().map(relation_text);
    match (wait.lock.as_str(), relation) {
        (_, Some(relation)) if wait.is_for_a_row() => format!("a row of {relation}"),
        ("extend", Some(relation)) => format!("more space for {relation}"),
        ("page", Some(relation)) => format!("a page of {relation}"),
        (_, Some(relation)) => relation,
        ("transactionid", None) => "the end of another transaction".to_owned(),
        ("virtualxid", None) => "the end of another session's transaction".to_owned(),
        ("advisory", None) => "an advisory lock".to_owned(),
        ("object", None) => "a database object".to_owned(),
        _ => "a lock".to_owned(),
    }
}

fn relation_text(relation: &LockedRelation) -> String {
    match relation {
        // PostgreSQL's default `search_path` finds these without their schema, unless they are named like its own.
        LockedRelation::Named(text) => {
            let in_public = text.strip_prefix("public.").filter(|name| !name.starts_with("pg_"));
            verbatim(in_public.unwrap_or(text), RELATION_LENGTH)
        }
        LockedRelation::Unnamed { oid, database: Some(database) } => {
            format!("relation {oid} of database {}", quoted_name(database))
        }
        LockedRelation::Unnamed { oid, database: None } => format!("relation {oid}"),
    }
}

/// How long a session has waited for its lock at `now`: ` 4 m 12 s`. Empty if that is not known.
pub(in crate::discord) fn waited_text(session: &Session, now: Timestamp) -> String {
    let at_least = session.lock_wait.as_ref().is_some_and(|wait| wait.is_since_first_seen);
    match session.wait_age(now) {
        None => String::new(),
        Some(waited) if at_least => format!(" at least {}", age(waited)),
        Some(waited) => format!(" {}", age(waited)),
    }
}

/// A prepared transaction, and how to end it. `when` says when it was prepared: `4 m ago`.
pub(in crate::discord) fn prepared_text(transaction: &PreparedTransaction, when: &str) -> String {
    let gid = verbatim(&transaction.gid, GID_LENGTH);
    let database = transaction
        .database
        .as_deref()
        .map_or(String::new(), |database| format!(" in {}", quoted_name(database)));
    let owner = transaction.owner.as_deref().map_or("its owner".to_owned(), quoted_name);
    let statement = format!("ROLLBACK PREPARED '{}'", transaction.gid.replace('\'', "''"));
    let shown = sanitize::code(&statement, GID_LENGTH + 40);
    // People copy it. One that lost a character, or has a replacement for bytes that are no text, may end another transaction.
    let how = if shown.as_str() == format!("`{statement}`")
        && !statement.contains(char::REPLACEMENT_CHARACTER)
    {
        format!("with {shown} (or COMMIT PREPARED)")
    } else {
        "with `ROLLBACK PREPARED` (or `COMMIT PREPARED`); its gid has characters that are not shown here: take it from `pg_prepared_xacts`".to_owned()
    };
    format!("{gid}, prepared {when}{database}. {owner} or a superuser ends it there {how}")
}

/// How far a command is: `VACUUM is at 42 % (scanning heap)`.
pub(in crate::discord) fn progress_text(progress: &Progress) -> String {
    let phase = progress.phase.as_deref().map_or(String::new(), |phase| format!(" ({})", name(phase)));
    let command = name(&progress.command);
    match progress.percent() {
        Some(percent) => format!("{command} is at {percent} %{phase}"),
        None => format!("{command} is under way{phase}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_that_ends_a_prepared_transaction_is_shown_only_if_a_copy_of_it_is_the_same() {
        let text = |gid: &str| {
            let (owner, database) = (Some("app".to_owned()), Some("shop".to_owned()));
            let prepared_at = Timestamp::from_micros(0);
            let transaction = PreparedTransaction { gid: gid.to_owned(), prepared_at, owner, database };
            prepared_text(&transaction, "4 m ago")
        };
        for (gid, statement) in [
            ("order-7", "`ROLLBACK PREPARED 'order-7'` (or"),
            ("order's 7 ", "`ROLLBACK PREPARED 'order''s 7 '` (or"),
        ] {
            assert!(text(gid).contains(statement), "{}", text(gid));
        }
        let long = "7".repeat(200);
        for gid in [
            "order  7",
            "order-7\u{200b}",
            "order\t7",
            "order`7",
            "order-7 @everyone",
            "order\u{fffd}7",
            &long,
        ] {
            let is_shown = text(gid).contains("ROLLBACK PREPARED '");
            assert_eq!(is_shown, gid == long, "{}", text(gid));
        }
    }
}
