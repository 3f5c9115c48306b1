//! How a request can end.

use super::named_enum::named_enum;

named_enum! {
    /// How a request ended, or what became of one of its sessions. The names are those of the ledger's export.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum Outcome {
        /// Signalled, and the query was seen to end.
        Cancelled = "cancelled",
        /// Signalled, and the session was seen to end.
        Terminated = "terminated",
        /// Signalled, and still there when watching was given up.
        Unconfirmed = "unconfirmed",
        /// The session had ended before the signal; nothing was signalled.
        Gone = "gone",
        /// The session runs another query, or another transaction, than the one it was bound to; nothing was signalled.
        MovedOn = "moved_on",
        /// The pid belongs to another session now; nothing was signalled.
        Replaced = "replaced",
        /// A protection rule applies now; nothing was signalled.
        Protected = "protected",
        /// PostgreSQL said that the pid is not one of its backends.
        NotABackend = "not_a_backend",
        /// PostgreSQL raised an error.
        Refused = "refused",
        /// Approved, but the hourly budget of signals is used up; nothing was signalled.
        Limited = "limited",
        /// The target could not be asked; nothing was signalled.
        Unreachable = "unreachable",
        /// It is not known whether it was signalled, or the execution was interrupted before the signal.
        Unknown = "unknown",
        /// Several sessions, which did not all end in the same way.
        Mixed = "mixed",
        /// An approver denied it.
        Denied = "denied",
        /// The requester withdrew it, or the card was deleted.
        Withdrawn = "withdrawn",
        /// Too few people approved in time.
        Expired = "expired",
        /// What it was bound to ended by itself while the request was open.
        Lapsed = "lapsed",
    }
}

impl Outcome {
    /// The words a result begins with.
    pub const fn headline(self) -> &'static str {
        match self {
            Self::Cancelled => "Cancelled",
            Self::Terminated => "Terminated",
            Self::Unconfirmed => "Unconfirmed",
            Self::Gone => "Already gone",
            Self::MovedOn => "Moved on",
            Self::Replaced => "Replaced",
            Self::Protected => "Protected",
            Self::NotABackend => "Not a backend",
            Self::Refused => "Refused by PostgreSQL",
            Self::Limited => "Limit reached",
            Self::Unreachable => "Unreachable",
            Self::Unknown => "Unknown",
            Self::Mixed => "Mixed",
            Self::Denied => "Denied",
            Self::Withdrawn => "Withdrawn",
            Self::Expired => "Expired",
            Self::Lapsed => "Lapsed",
        }
    }

    /// Whether only an execution can end so; the others close an open request.
    pub const fn is_of_execution(self) -> bool {
        !matches!(self, Self::Denied | Self::Withdrawn | Self::Expired | Self::Lapsed | Self::Limited)
    }
}
