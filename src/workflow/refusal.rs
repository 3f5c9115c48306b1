//! Why a command is refused or a reaction does not count, and the sentence that says so.
//!
//! Every sentence says why, and what to do next. The guards are in [`crate::domain::creation`] (what may be requested),
//! [`crate::domain::decision`] (which reactions count), `handle` (targets and pids) and `discord::interactions` (options).

mod several;

use std::fmt;

use crate::domain::creation::CreationError;
use crate::domain::event::{Action, RefusalReason};
use crate::domain::identity::{InvalidPid, Pid};
use crate::domain::ids::ChannelId;
use crate::domain::owner::SessionOwner;
use crate::domain::protection::ProtectionRule;
use crate::domain::protection_advice::advice;

/// How much of an invalid input is repeated, in characters.
const MAX_INPUT_LENGTH: usize = 60;

const UNKNOWN_COMMAND: &str = "killgate does not have this command; another version or another tool registered it. Type / for its commands.";
const NOT_UNDERSTOOD: &str = "killgate could not read what Discord sent. Repeat the command; if this happens again, operators \
    of killgate find the cause in its log.";
const CARD_REJECTED: &str = "Discord rejected the card of this request, so nobody could approve it, and it is withdrawn. \
    Operators of killgate find the cause in its log.";

const CARD_BY_ITSELF: &str = "The answer to this command did not get through in time, so the card is a separate message. Look for it in this channel.";

/// Why a command is refused. Only the person who gave the command is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The channel is not configured; these are some that are.
    WrongChannel { served: Vec<ChannelId> },
    /// A private thread of this channel.
    PrivateThread { channel: ChannelId },
    /// The person may view no target.
    NotAViewer,
    /// The number cannot be a pid.
    NotAPid(InvalidPid),
    /// An option has an invalid value.
    BadOption { option: &'static str, given: String, expected: &'static str },
    /// No target has the given name. `known` are those that the person may view.
    UnknownTarget { given: String, known: Vec<String> },
    /// Several targets have a backend with this pid.
    Ambiguous { pid: Pid, targets: Vec<String> },
    /// This target has a backend with this pid, and others may have one too: they did not answer.
    MaybeAmbiguous { pid: Pid, target: String, silent: Vec<String> },
    /// No target has a backend with this pid. `postgres` is what PostgreSQL itself says about such a pid.
    NoSuchBackend { pid: Pid, targets: Vec<String>, postgres: Option<String> },
    /// No target that answered has a backend with this pid, and one did not answer.
    NotSeen { pid: Pid, answered: Vec<String>, silent: String, problem: String },
    /// The target could not be asked.
    Unreachable { target: String, problem: String },
    /// The domain rejects the request. `owner` looks after the session, if a protected one was asked for.
    Rejected { action: Action, target: String, error: CreationError, owner: Option<SessionOwner> },
    /// A button, a menu or a form of another version.
    Outdated,
    /// A command, a button, a menu or a form for a target that is no longer configured.
    TargetGone,
    /// Sessions of several targets were picked.
    SeveralTargets,
    /// The selected session has ended.
    Ended { pid: Pid, target: String },
    /// The selected session has ended, and its pid belongs to another one.
    Replaced { pid: Pid, target: String },
    /// The ledger does not accept records.
    LedgerDown,
    /// A command of another version or another tool.
    UnknownCommand,
    /// An interaction that cannot be read.
    NotUnderstood,
    /// Discord rejected the card of the request.
    CardRejected,
    /// The card is not the answer, but a separate message.
    CardByItself,
    /// The process is stopping.
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
        matches!(self, Self::Rejected { error: CreationError::NotARequester, .. })
    }

    /// The sentence for a place where text may be read as markup. Every text from elsewhere passes through `verbatim`.
    pub fn to_text(&self, verbatim: impl Fn(&str) -> String) -> String {
        match self {
            Self::WrongChannel { served } => {
                let served: Vec<_> = served.iter().map(|channel| format!("<#{channel}>")).collect();
                let use_one = if served.is_empty() { "one of its incident channels".to_owned() } else { served.join(" or ") };
                format!("killgate is not configured for this channel. Use {use_one}.")
            }
            Self::PrivateThread { channel } => format!(
                "killgate serves no private threads, because approvers may not see them. Use <#{channel}> or a public thread of it."
            ),
            Self::NotAViewer => format!(
                "You may not view sessions here. Ask an operator of killgate to add you or one of your roles to {}.",
                verbatim("[access]")
            ),
            Self::NotAPid(invalid_pid) => format!("{invalid_pid}. /sessions lists the current pids."),
            Self::BadOption { option, given, expected } => format!(
                "{} cannot be “{}”. Use {expected}.",
                verbatim(option),
                verbatim(&shorten(given))
            ),
            Self::UnknownTarget { given, known } => {
                let suggestion = closest_name(given, known).map_or(String::new(), |name| {
                    format!(" Did you mean {}?", verbatim(name))
                });
                format!(
                    "There is no target “{}”.{suggestion} Choose one of: {}.",
                    verbatim(&shorten(given)),
                    join_names(known, &verbatim)
                )
            }
            Self::Ambiguous { pid, targets } => format!(
                "Several targets have a session with pid {pid}: {}. Repeat the command with the option target.",
                join_names(targets, &verbatim)
            ),
            Self::MaybeAmbiguous { pid, target, silent } => format!(
                "{} has a session with pid {pid}, and {} did not answer in time, so it is not known whether pid {pid} is \
                 there too. Nothing was requested. Repeat the command with the option target.",
                verbatim(target),
                join_names(silent, &verbatim)
            ),
            Self::NoSuchBackend { pid, targets, postgres } => {
                let message = postgres.as_ref().map_or(String::new(), |message| {
                    format!(" PostgreSQL says of such a pid: {}.", verbatim(message))
                });
                let no_such_session = no_such_session(*pid, &join_names(targets, &verbatim));
                format!("{no_such_session}{message}")
            }
            Self::NotSeen { pid, answered, silent, problem } => format!(
                "No session on {} has pid {pid}, and {} could not be queried: {}. Nothing was requested. Try again.",
                join_names(answered, &verbatim),
                verbatim(silent),
                verbatim(problem)
            ),
            Self::Unreachable { target, problem } => format!(
                "{} could not be queried: {}. Nothing was requested. Try again.",
                verbatim(target),
                verbatim(problem)
            ),
            Self::Rejected { action, target, error, owner } => {
                let target = if target.is_empty() { String::new() } else { verbatim(target) };
                let text = creation_error_text(*action, &target, error, &verbatim);
                let role = |owner: &SessionOwner| owner.role.map(|role| format!("<@&{role}>"));
                let owner = owner.as_ref().and_then(|owner| owner.name.as_deref().map(&verbatim).or_else(|| role(owner)));
                owner.map_or(text.clone(), |owner| format!("{text} Its owner is {owner}."))
            }
            Self::Outdated | Self::TargetGone | Self::SeveralTargets => self.component_text().to_owned(),
            Self::Ended { pid, target } => format!(
                "The session {pid} on {} that you chose has ended. Use /sessions to see what runs now.",
                verbatim(target)
            ),
            Self::Replaced { pid, target } => replaced(*pid, &verbatim(target)),
            Self::LedgerDown => {
                "The ledger cannot be written, and killgate does nothing without a record. Operators of killgate find \
                 the cause in its log and at /readyz."
                    .to_owned()
            }
            Self::UnknownCommand => UNKNOWN_COMMAND.to_owned(),
            Self::NotUnderstood => NOT_UNDERSTOOD.to_owned(),
            Self::CardRejected => CARD_REJECTED.to_owned(),
            Self::CardByItself => CARD_BY_ITSELF.to_owned(),
            Self::Stopping => "killgate is stopping. Try again in a minute.".to_owned(),
        }
    }

    /// Why a button, a menu or a form cannot be used.
    fn component_text(&self) -> &'static str {
        match self {
            Self::TargetGone => {
                "The target that this is about is no longer configured. Use /sessions for the current targets."
            }
            Self::SeveralTargets => {
                "The sessions that you picked are on several targets, and one request is about one target. Pick again."
            }
            _ => "This button, menu or form is from another version of killgate. Repeat the command.",
        }
    }
}

/// Why a reaction on a card does not count, as the end of a sentence.
pub fn ignored_reaction_text(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::SelfApproval => "you made the request yourself. Somebody else has to approve it.",
        RefusalReason::NotAnApprover => {
            "you may not approve for this target, or you are timed out. The card says who may approve."
        }
        RefusalReason::Expired => "the request had expired. Make a new one if it is still needed.",
        RefusalReason::Closed => "the request was already decided. /requests shows how.",
        RefusalReason::Bot => "bots cannot approve or deny.",
        // These reject a command, before there is a card to react to.
        RefusalReason::NotARequester => "you may not make this request.",
        RefusalReason::Protected => "the session is protected.",
        RefusalReason::Limited => "a limit is reached.",
    }
}

fn creation_error_text(
    action: Action,
    target: &str,
    error: &CreationError,
    verbatim: &dyn Fn(&str) -> String,
) -> String {
    let verb = action.name();
    match error {
        CreationError::NotARequester => {
            // The name of a target is not revealed to somebody who may not view it.
            let place = if target.is_empty() { "here".to_owned() } else { format!("on {target}") };
            format!(
                "You may not ask for a {verb} {place}. Ask somebody who may, or have your role added to {}.",
                verbatim("requesters")
            )
        }
        CreationError::ReasonMissing => {
            "A reason is required. Repeat the command with the option reason.".to_owned()
        }
        CreationError::NoSignalRight { obstacle } => {
            format!("killgate may not signal on {target}: {}. Nothing was requested.", verbatim(obstacle))
        }
        CreationError::Hidden { pid } => format!(
            "PostgreSQL on {target} does not show what {pid} runs, so a later check could not compare it. Nothing was \
             requested. If the session is listed, /terminate may still end it."
        ),
        CreationError::NoSuchBackend { pid } => no_such_session(*pid, target),
        CreationError::Replaced { pid } => replaced(*pid, target),
        CreationError::LeaderGone { pid, leader: Some(leader) } => format!(
            "{pid} is a parallel worker of {leader}, which has ended. Use /sessions to see what runs now."
        ),
        CreationError::LeaderGone { pid, leader: None } => {
            format!("{pid} is a parallel worker that has just ended. Use /sessions to see what runs now.")
        }
        CreationError::Protected { pid, rule } => {
            let why = protection_text(rule, verbatim);
            format!("{pid} on {target} is protected: {why}. Nothing was requested. {}", advice(rule))
        }
        CreationError::Repeated { pid } => {
            format!(
                "Pid {pid} was given twice. Nothing was requested. Repeat the command with each pid once."
            )
        }
        CreationError::OnAnotherTarget { pid, target: other } => format!(
            "{pid} is a session of {0}, not of {target}. Nothing was requested. One request is about one target: ask for \
             those on {0} in another one.",
            verbatim(other)
        ),
        CreationError::NotInTransaction { pid } => format!(
            "{pid} on {target} is in no transaction that a request could be bound to. Nothing was requested. Leave out \
             {}, or choose session.",
            verbatim("bound_to")
        ),
        CreationError::NothingToCancel { session, state } => format!(
            "{} on {target} runs no query that could be cancelled: it is {state}. Nothing was requested. Ask for \
             a terminate instead: it ends the session and what it has open.",
            session.pid
        ),
        CreationError::SomeRefused { refused, others, .. } => {
            several::some_refused_text(refused, others, target, verbatim)
        }
        CreationError::TooManySessions { limit, given } => format!(
            "One request may be about at most {limit} sessions ({}), not {given}. Nothing was requested. Ask in several requests.",
            verbatim("sessions_per_request")
        ),
        CreationError::OpenLimitPerUserReached { limit } => format!(
            "You have {}, the limit for one person. Withdraw one with the deny reaction, or wait for a decision.",
            count(*limit, "open request")
        ),
        CreationError::OpenLimitReached { limit } => format!(
            "There {} {}, which is the limit. Have some decided first: /requests lists them.",
            if *limit == 1 { "is" } else { "are" },
            count(*limit, "open request")
        ),
        CreationError::SignalLimitReached { limit, left: 0, .. } => format!(
            "{} {} sent to {target} within the last hour, which is the limit ({}). Try again later.",
            count(*limit, "signal"),
            if *limit == 1 { "was" } else { "were" },
            verbatim("signals_per_hour")
        ),
        CreationError::SignalLimitReached { limit, left, sessions } => format!(
            "{} would be signalled, and only {left} of the {limit} signals an hour to {target} are left ({}). Nothing was \
             requested. Ask for fewer, or try again later.",
            count(*sessions, "session"),
            verbatim("signals_per_hour")
        ),
        CreationError::Duplicate { request, .. } => {
            format!("Request #{request} already asks for this. Approvers decide on its card.")
        }
    }
}

fn protection_text(rule: &ProtectionRule, verbatim: &dyn Fn(&str) -> String) -> String {
    match rule {
        ProtectionRule::Pattern { field, pattern } => {
            let entry = verbatim(&format!("[protect] {field} = {pattern}"));
            format!("the rule {entry} matches it")
        }
        rule => verbatim(&rule.to_string()),
    }
}

fn no_such_session(pid: Pid, targets: &str) -> String {
    format!(
        "No session on {targets} has pid {pid}. Nothing was requested. Use /sessions to see what runs now."
    )
}

fn replaced(pid: Pid, target: &str) -> String {
    format!(
        "The session that you chose has ended: pid {pid} on {target} now belongs to another session. \
         Use /sessions to see what runs now."
    )
}

/// The target whose name is most similar to what was typed, if it is similar enough.
fn closest_name<'a>(given: &str, known: &'a [String]) -> Option<&'a String> {
    const MIN_SIMILARITY: f64 = 0.85;
    let given = given.to_lowercase();
    let similarity = |name: &&String| strsim::jaro_winkler(&given, &name.to_lowercase());
    let closest = known.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)))?;
    (known.len() > 1 && similarity(&closest) > MIN_SIMILARITY).then_some(closest)
}

fn shorten(input: &str) -> String {
    input.chars().take(MAX_INPUT_LENGTH).collect()
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
