//! What would break if a protected session were ended, and what to do instead: one table from the kind of a session to
//! sentences.

use super::protection::ProtectionRule;

/// Processes of the server by the beginning of their `backend_type`.
const PROCESSES: &[(&str, &str)] = &[
    (
        "logical replication",
        "Ending it stops the changes of its subscription: this server falls behind until it starts again. \
         ALTER SUBSCRIPTION … DISABLE stops it for good.",
    ),
    (
        "autovacuum worker",
        "It comes back after it was ended. An ordinary one gives way by itself when somebody waits for it longer than \
         deadlock_timeout; one “to prevent wraparound” does not, and the table needs it: let it finish, and end what waits \
         behind it instead. If it must stop, a database administrator can end it and run VACUUM at a better time.",
    ),
    (
        "startup",
        "It replays the primary's changes. Ending it stops the standby: end the sessions that it waits for instead.",
    ),
];

/// Who can act now, and how.
pub fn advice(rule: &ProtectionRule) -> &'static str {
    match rule {
        ProtectionRule::Own => {
            "It is needed to signal any session here. Use /sessions to see which others there are."
        }
        ProtectionRule::Replication => {
            "Even a cancel ends replication: the standby or subscriber that reads from it falls behind, and a base backup \
             through it fails. A database administrator can end it with psql, after a look at the other side. \
             pg_basebackup --max-rate slows the next backup down."
        }
        ProtectionRule::NotAClient { kind } => {
            let known = PROCESSES.iter().find(|(prefix, _)| kind.starts_with(prefix));
            let unknown =
                "The server itself needs it. End the session that makes it work instead, if there is one.";
            known.map_or(unknown, |(_, sentences)| sentences)
        }
        ProtectionRule::Superuser => "Only a superuser can end it, with psql.",
        ProtectionRule::UserUnknown => "A database administrator can end it with psql.",
        ProtectionRule::Pattern { .. } => {
            "A database administrator can end it with psql, or an operator of killgate can change the rule."
        }
    }
}
