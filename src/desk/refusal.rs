//! Why somebody's command is not done, and what to do instead.

use std::fmt;

use crate::domain::asking::NotAsked;
use crate::domain::event::Action;
use crate::domain::identity::{NotAPid, Pid};

/// Longest piece of what was typed that is repeated.
const REPEATED: usize = 60;

/// A refusal, told to nobody but the person who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The channel is none of those that the configuration names.
    WrongChannel,
    NotAViewer,
    NotAPid(NotAPid),
    /// An option holds something else than it should.
    BadOption {
        option: &'static str,
        given: String,
        expected: &'static str,
    },
    UnknownTarget {
        given: String,
        known: Vec<String>,
    },
    /// Several targets have a backend with this pid.
    Ambiguous {
        pid: Pid,
        targets: Vec<String>,
    },
    /// No target has a backend with this pid; what PostgreSQL says of such a pid, in its own words.
    NoSuchBackend {
        pid: Pid,
        targets: Vec<String>,
        postgres: Option<String>,
    },
    Unreachable {
        target: String,
        problem: String,
    },
    /// The domain's rules say no.
    NotAsked {
        action: Action,
        pid: Pid,
        target: String,
        why: NotAsked,
    },
    /// A button, a menu or a form that this version does not understand.
    Outdated,
    /// A button, a menu or a form about a target that the configuration no longer names.
    TargetGone,
    /// The session that was chosen has ended.
    Ended {
        pid: Pid,
        target: String,
    },
    /// The ledger takes no records, so nothing may be begun.
    LedgerDown,
    /// The bot is going down.
    Stopping,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongChannel => {
                f.write_str("Not in this channel. Use one of the incident channels that killgate serves.")
            }
            Self::NotAViewer => f.write_str(
                "You may not look at sessions here. Ask whoever runs killgate to add you or one of your roles to [access].",
            ),
            Self::NotAPid(number) => write!(f, "{number}. See /sessions for the pids there are."),
            Self::BadOption { option, given, expected } => {
                let given: String = given.chars().take(REPEATED).collect();
                write!(f, "{option} cannot be “{given}”: give {expected}.")
            }
            Self::UnknownTarget { given, known } => {
                let given: String = given.chars().take(REPEATED).collect();
                write!(f, "There is no target “{given}”. Choose one of: {}.", known.join(", "))
            }
            Self::Ambiguous { pid, targets } => write!(
                f,
                "Several targets have a backend with pid {pid}: {}. Say which one with the option target.",
                targets.join(", ")
            ),
            Self::NoSuchBackend { pid, targets, postgres } => {
                let targets = targets.join(", ");
                match postgres {
                    Some(words) => write!(f, "{words} (on {targets}).")?,
                    None => write!(f, "No session on {targets} has pid {pid}.")?,
                }
                f.write_str(" Nothing was asked for; see /sessions for what runs now.")
            }
            Self::Unreachable { target, problem } => {
                write!(f, "{target} could not be asked: {problem}. Nothing was asked for; try again.")
            }
            Self::NotAsked { action, pid, target, why } => write_not_asked(f, *action, *pid, target, why),
            Self::Outdated => f.write_str("This was made by another version of killgate. Use /sessions again."),
            Self::TargetGone => {
                f.write_str("The target that this is about is no longer configured. Use /sessions for those that are.")
            }
            Self::Ended { pid, target } => write!(
                f,
                "The session {pid} on {target} that you chose has ended. See /sessions for what runs now."
            ),
            Self::LedgerDown => f.write_str(
                "The ledger cannot be written, and nothing is done without a record. Whoever runs killgate finds the cause in its log and at /readyz.",
            ),
            Self::Stopping => f.write_str("killgate is stopping. Ask again in a minute."),
        }
    }
}

fn write_not_asked(
    f: &mut fmt::Formatter<'_>,
    action: Action,
    pid: Pid,
    target: &str,
    why: &NotAsked,
) -> fmt::Result {
    let verb = action.name();
    match why {
        NotAsked::NotARequester => write!(
            f,
            "You may not ask for a {verb} on {target}. Ask somebody who may, or have your role added to requesters."
        ),
        NotAsked::ReasonMissing => {
            write!(
                f,
                "A reason is required. Repeat the command with the option reason filled in."
            )
        }
        NotAsked::NoSuchBackend => {
            write!(
                f,
                "No session on {target} has pid {pid}. See /sessions for what runs now."
            )
        }
        NotAsked::Replaced => write!(
            f,
            "The session that you looked at has ended: pid {pid} on {target} belongs to another one now. See /sessions for what runs now."
        ),
        NotAsked::LeaderGone { leader: Some(leader) } => write!(
            f,
            "{pid} is a parallel worker of {leader}, which has ended. See /sessions for what runs now."
        ),
        NotAsked::LeaderGone { leader: None } => {
            write!(
                f,
                "{pid} is a parallel worker that has just ended. See /sessions for what runs now."
            )
        }
        NotAsked::Protected { rule } => {
            write!(
                f,
                "{pid} on {target} is protected: {rule}. Nobody can {verb} it through killgate."
            )
        }
        NotAsked::TooManyOpenByYou { limit } => write!(
            f,
            "You have {}, as many as one person may. Withdraw one with the denying reaction, or wait for a decision.",
            count(*limit, "open request")
        ),
        NotAsked::TooManyOpen { limit } => {
            write!(
                f,
                "There {} {}, as many as there may be. Have some decided first; see /requests.",
                if *limit == 1 { "is" } else { "are" },
                count(*limit, "open request")
            )
        }
        NotAsked::SignalsUsedUp { limit } => write!(
            f,
            "{} sent to {target} within the last hour, as many as allowed (signals_per_hour). Try again later.",
            if *limit == 1 {
                "1 signal was".to_owned()
            } else {
                format!("{limit} signals were")
            }
        ),
        NotAsked::AlreadyOpen { request, .. } => {
            write!(
                f,
                "Request #{request} already asks for this. Decide it on its card."
            )
        }
    }
}

/// `1 open request`, `7 open requests`.
fn count(number: u32, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}
