//! Why a session cannot be seen or was not signalled, and what to do then: one table. The ledger records the words of a
//! result, so one that is posted after a restart says the same.

#[derive(Debug, PartialEq, Eq)]
pub struct UnreachableCause {
    /// What cards say of a session that cannot be seen, and how the recorded detail of a result begins.
    pub detail: &'static str,
    pub next_step: &'static str,
}

/// Only cards show this detail; a result shows the error.
pub const NO_ANSWER: UnreachableCause = UnreachableCause {
    detail: "the target cannot be queried",
    next_step: "Ask again when the server answers.",
};
pub const TARGET_REMOVED: UnreachableCause = UnreachableCause {
    detail: "the target is no longer configured",
    next_step: "Operators of killgate: add the target to the configuration again. Until then a database administrator can end \
                the session with psql.",
};
pub const ANOTHER_SERVER: UnreachableCause = UnreachableCause {
    detail: "another server answers at its address",
    next_step: "Use /sessions to see what runs on the server that answers. If the session's own server still runs, operators of \
                killgate have to name that one in the target's url.",
};
pub const NO_RIGHT: UnreachableCause = UnreachableCause {
    detail: "killgate may not signal there",
    next_step: "Operators of killgate: `killgate check` says how to give it the right.",
};
pub const GUARD_CHANGED: UnreachableCause = UnreachableCause {
    detail: "killgate.signal_backend was changed since killgate verified it",
    next_step: "Operators of killgate: `killgate check` says what was changed. Find out by whom, and install the guard again.",
};
pub const QUERY_HIDDEN: UnreachableCause = UnreachableCause {
    detail: "PostgreSQL does not show what the session runs (track_activities is off)",
    next_step: "Use /terminate, bound to the session: it compares no query.",
};
pub const SESSION_HIDDEN: UnreachableCause = UnreachableCause {
    detail: "killgate's role may see nothing but the pid",
    next_step: "Operators of killgate: `killgate check` says which privilege is missing.",
};
pub const LEASE_UNCONFIRMED: UnreachableCause = UnreachableCause {
    detail: "the ledger did not confirm in time that this killgate may still act",
    next_step: "Ask again: another killgate may have taken over. If that fails too, operators of killgate find the cause in its \
                log and at /readyz.",
};
pub const TOO_LATE: UnreachableCause = UnreachableCause {
    detail: "the time limit of the decision was over before the target was asked",
    next_step: "Ask again.",
};

const CAUSES: [UnreachableCause; 8] = [
    TARGET_REMOVED,
    ANOTHER_SERVER,
    NO_RIGHT,
    GUARD_CHANGED,
    QUERY_HIDDEN,
    SESSION_HIDDEN,
    LEASE_UNCONFIRMED,
    TOO_LATE,
];

/// What to do next. `detail` is the recorded reason why the session was not signalled.
pub fn next_step(detail: &str) -> &'static str {
    let known = CAUSES.iter().find(|cause| detail.starts_with(cause.detail));
    known.unwrap_or(&NO_ANSWER).next_step
}
