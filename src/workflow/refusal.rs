//! Why somebody's command is not done, and what to do instead.

use std::fmt;

use crate::domain::creation::CreationError;
use crate::domain::event::Action;
use crate::domain::identity::{InvalidPid, Pid};
use crate::domain::protection::ProtectionRule;

/// Longest piece of what was typed that is repeated.
const REPEATED: usize = 60;

/// A refusal, told to nobody but the person who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The channel is none of those that the configuration names.
    WrongChannel,
    NotAViewer,
    NotAPid(InvalidPid),
    /// An option holds something else than it should.
    BadOption {
        option: &'static str,
        given: String,
        expected: &'static str,
    },
    UnknownTarget {
        given: String,
        /// Those that the person may know of.
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
    /// No target that answered has a backend with this pid, and one did not answer.
    NotSeen {
        pid: Pid,
        answered: Vec<String>,
        silent: String,
        problem: String,
    },
    Unreachable {
        target: String,
        problem: String,
    },
    /// The domain's rules say no.
    Rejected {
        action: Action,
        target: String,
        error: CreationError,
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
    /// The session that was chosen has ended, and its pid belongs to another one.
    Replaced {
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
        f.write_str(&self.to_text(str::to_owned))
    }
}

impl Refusal {
    /// Whether the person lacks the right to ask.
    pub fn is_unauthorized(&self) -> bool {
        matches!(
            self,
            Self::Rejected {
                error: CreationError::NotARequester,
                ..
            }
        )
    }

    /// The same for a place where text may be read as markup: whatever is not the bot's own sentence passes through
    /// `verbatim`.
    pub fn to_text(&self, verbatim: impl Fn(&str) -> String) -> String {
        match self {
            Self::WrongChannel => {
                "Not in this channel. Use one of the incident channels that killgate serves.".to_owned()
            }
            Self::NotAViewer => format!(
                "You may not look at sessions here. Ask whoever runs killgate to add you or one of your roles to {}.",
                verbatim("[access]")
            ),
            Self::NotAPid(number) => format!("{number}. See /sessions for the pids there are."),
            Self::BadOption {
                option,
                given,
                expected,
            } => {
                format!(
                    "{} cannot be “{}”: give {expected}.",
                    verbatim(option),
                    verbatim(&shortened(given))
                )
            }
            Self::UnknownTarget { given, known } => {
                let meant = closest_name(given, known).map_or(String::new(), |name| {
                    format!(" Did you mean {}?", verbatim(name))
                });
                format!(
                    "There is no target “{}”.{meant} Choose one of: {}.",
                    verbatim(&shortened(given)),
                    join_names(known, &verbatim)
                )
            }
            Self::Ambiguous { pid, targets } => format!(
                "Several targets have a backend with pid {pid}: {}. Say which one with the option target.",
                join_names(targets, &verbatim)
            ),
            Self::NoSuchBackend {
                pid,
                targets,
                postgres,
            } => {
                let targets = join_names(targets, &verbatim);
                let said = postgres.as_ref().map_or(String::new(), |words| {
                    format!(" PostgreSQL says of such a pid: {}.", verbatim(words))
                });
                format!(
                    "No session on {targets} has pid {pid}. Nothing was asked for; see /sessions for what runs now.{said}"
                )
            }
            Self::NotSeen {
                pid,
                answered,
                silent,
                problem,
            } => format!(
                "No session on {} has pid {pid}, and {} could not be asked: {}. Nothing was asked for; try again.",
                join_names(answered, &verbatim),
                verbatim(silent),
                verbatim(problem)
            ),
            Self::Unreachable { target, problem } => format!(
                "{} could not be asked: {}. Nothing was asked for; try again.",
                verbatim(target),
                verbatim(problem)
            ),
            Self::Rejected {
                action,
                target,
                error,
            } => {
                let target = if target.is_empty() { String::new() } else { verbatim(target) };
                creation_error_text(*action, &target, error, verbatim)
            }
            Self::Outdated => "This was made by another version of killgate. Use /sessions again.".to_owned(),
            Self::TargetGone => {
                "The target that this is about is no longer configured. Use /sessions for those that are."
                    .to_owned()
            }
            Self::Ended { pid, target } => format!(
                "The session {pid} on {} that you chose has ended. See /sessions for what runs now.",
                verbatim(target)
            ),
            Self::Replaced { pid, target } => replaced(*pid, &verbatim(target)),
            Self::LedgerDown => {
                "The ledger cannot be written, and nothing is done without a record. Whoever runs killgate finds \
                 the cause in its log and at /readyz."
                    .to_owned()
            }
            Self::Stopping => "killgate is stopping. Ask again in a minute.".to_owned(),
        }
    }
}

fn creation_error_text(
    action: Action,
    target: &str,
    error: &CreationError,
    verbatim: impl Fn(&str) -> String,
) -> String {
    let verb = action.name();
    match error {
        // Of targets that somebody may not even see nothing is told, the name included.
        CreationError::NotARequester if target.is_empty() => format!(
            "You may not ask for a {verb} here. Ask somebody who may, or have your role added to requesters."
        ),
        CreationError::NotARequester => format!(
            "You may not ask for a {verb} on {target}. Ask somebody who may, or have your role added to requesters."
        ),
        CreationError::ReasonMissing => {
            "A reason is required. Repeat the command with the option reason filled in.".to_owned()
        }
        CreationError::NoSuchBackend { pid } => {
            format!("No session on {target} has pid {pid}. See /sessions for what runs now.")
        }
        CreationError::Replaced { pid } => replaced(*pid, target),
        CreationError::LeaderGone {
            pid,
            leader: Some(leader),
        } => format!(
            "{pid} is a parallel worker of {leader}, which has ended. See /sessions for what runs now."
        ),
        CreationError::LeaderGone { pid, leader: None } => {
            format!("{pid} is a parallel worker that has just ended. See /sessions for what runs now.")
        }
        CreationError::Protected { pid, rule } => {
            let rule = match rule {
                ProtectionRule::Pattern { field, pattern } => {
                    format!(
                        "the rule {} matches it",
                        verbatim(&format!("[protect] {field} = {pattern}"))
                    )
                }
                rule => verbatim(&rule.to_string()),
            };
            format!("{pid} on {target} is protected: {rule}. Nobody can {verb} it through killgate.")
        }
        CreationError::Repeated { pid } => {
            format!(
                "Pid {pid} was given twice. Nothing was asked for; repeat the command with each pid once."
            )
        }
        CreationError::OpenLimitPerUserReached { limit } => format!(
            "You have {}, as many as one person may. Withdraw one with the denying reaction, or wait for a decision.",
            count(*limit, "open request")
        ),
        CreationError::OpenLimitReached { limit } => format!(
            "There {} {}, as many as there may be. Have some decided first; see /requests.",
            if *limit == 1 { "is" } else { "are" },
            count(*limit, "open request")
        ),
        CreationError::SignalLimitReached { limit } => format!(
            "{} {} sent to {target} within the last hour, as many as {} allows. Try again later.",
            count(*limit, "signal"),
            if *limit == 1 { "was" } else { "were" },
            verbatim("signals_per_hour")
        ),
        CreationError::Duplicate { request, .. } => {
            format!("Request #{request} already asks for this. Decide it on its card.")
        }
    }
}

fn replaced(pid: Pid, target: &str) -> String {
    format!(
        "The session that you looked at has ended: pid {pid} on {target} belongs to another one now. \
         See /sessions for what runs now."
    )
}

/// The one of several targets whose name is most like what was typed, if it is rather like it.
fn closest_name<'a>(given: &str, known: &'a [String]) -> Option<&'a String> {
    const ALIKE: f64 = 0.85;
    let given = given.to_lowercase();
    let likeness = |name: &&String| strsim::jaro_winkler(&given, &name.to_lowercase());
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (known.len() > 1 && likeness(&nearest) > ALIKE).then_some(nearest)
}

/// As much of what was typed as is repeated.
fn shortened(given: &str) -> String {
    given.chars().take(REPEATED).collect()
}

fn join_names(names: &[String], verbatim: impl Fn(&str) -> String) -> String {
    let names: Vec<_> = names.iter().map(|name| verbatim(name)).collect();
    names.join(", ")
}

/// `1 open request`, `7 open requests`.
fn count(number: u32, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}
