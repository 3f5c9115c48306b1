//! Any event there can be.

use std::time::Duration;

use killgate::domain::event::{Action, Asked, Ending, Entry, Event, Recorded, Why};
use killgate::domain::identity::{Identity, Pid, Server};
use killgate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::session::{BackendKind, Session, State, Wait};
use killgate::domain::timestamp::Moment;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// Records with numbers of any size, texts with any character, and times in the years that can be written.
pub(crate) fn recorded() -> impl Strategy<Value = Recorded> {
    (any::<u64>(), of(any::<u64>()), moment(), event()).prop_map(|(seq, request, at, event)| Recorded {
        seq,
        entry: Entry {
            request: request.map(RequestId),
            at,
            event,
        },
    })
}

fn event() -> impl Strategy<Value = Event> {
    let why = select(Why::ALL.to_vec());
    prop_oneof![
        asked().prop_map(|asked| Event::Requested(Box::new(asked))),
        any::<u64>().prop_map(|id| Event::Posted {
            message: MessageId(id)
        }),
        user().prop_map(|actor| Event::Approved { actor }),
        user().prop_map(|actor| Event::ApprovalRemoved { actor }),
        (user(), why).prop_map(|(actor, why)| Event::AttemptRefused { actor, why }),
        vec(user(), 0..4).prop_map(|approvers| Event::Executing { approvers }),
        ending().prop_map(Event::Finished),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let what = (
        select(vec![Action::Cancel, Action::Terminate]),
        text(),
        identity(),
        session(),
    );
    let who = (user(), any::<u64>(), of(text()), any::<u32>());
    let when = (moment(), of(moment()), moment());
    (what, any::<u32>(), of(pid()), who, when).prop_map(
        |((action, target, identity, session), waiters, worker, who, (asked_at, seen_at, expires_at))| {
            let (requester, channel, reason, needed) = who;
            Asked {
                action,
                target,
                identity,
                session,
                waiters,
                worker,
                requester,
                channel: ChannelId(channel),
                reason,
                needed,
                asked_at,
                seen_at,
                expires_at,
            }
        },
    )
}

fn identity() -> impl Strategy<Value = Identity> {
    (any::<u64>(), moment(), pid(), moment(), of(moment())).prop_map(
        |(system_identifier, postmaster_start, pid, backend_start, query_start)| Identity {
            server: Server {
                system_identifier,
                postmaster_start,
            },
            pid,
            backend_start,
            query_start,
        },
    )
}

fn session() -> impl Strategy<Value = Session> {
    let process = (pid(), moment(), kind(), of(pid()), any::<bool>(), any::<bool>());
    let names = (of(text()), of(text()), text(), of(text()), of(text()));
    let doing = (state(), of((text(), text())), vec(any::<i32>(), 0..4));
    let times = (of(moment()), of(moment()), of(moment()));
    (process, names, doing, times).prop_map(|(process, names, doing, times)| {
        let (pid, backend_start, kind, leader, superuser, own) = process;
        let (user, database, application, client, query) = names;
        let (state, wait, blocked_by) = doing;
        let (xact_start, query_start, state_change) = times;
        Session {
            pid,
            backend_start,
            kind,
            leader,
            user,
            superuser,
            own,
            database,
            application,
            client,
            state,
            wait: wait.map(|(kind, event)| Wait { kind, event }),
            xact_start,
            query_start,
            state_change,
            query,
            blocked_by,
        }
    })
}

fn ending() -> impl Strategy<Value = Ending> {
    let outcome = select(Outcome::ALL.to_vec());
    // A record holds whole milliseconds.
    let elapsed = of(any::<u64>().prop_map(Duration::from_millis));
    let rest = (
        of(any::<bool>()),
        text(),
        of(text()),
        of(any::<u32>()),
        of(user()),
    );
    (outcome, elapsed, rest).prop_map(|(outcome, elapsed, rest)| {
        let (signal_sent, detail, postgres, released, actor) = rest;
        Ending {
            outcome,
            elapsed,
            signal_sent,
            detail,
            postgres,
            released,
            actor,
        }
    })
}

fn kind() -> impl Strategy<Value = BackendKind> {
    prop_oneof![
        Just(BackendKind::Client),
        Just(BackendKind::ParallelWorker),
        Just(BackendKind::WalSender),
        text().prop_map(|name| BackendKind::named(Some(&name))),
    ]
}

fn state() -> impl Strategy<Value = State> {
    select(vec![
        State::Active,
        State::Idle,
        State::IdleInTransaction,
        State::IdleInTransactionAborted,
        State::FastpathFunctionCall,
        State::Disabled,
        State::Unknown,
    ])
}

fn moment() -> impl Strategy<Value = Moment> {
    (-62_167_219_200_000_000..=253_402_207_200_000_000_i64).prop_map(Moment::from_micros)
}

fn pid() -> impl Strategy<Value = Pid> {
    (1..=i32::MAX).prop_map(|number| Pid::new(number).expect("a positive number"))
}

fn user() -> impl Strategy<Value = UserId> {
    any::<u64>().prop_map(UserId)
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}
