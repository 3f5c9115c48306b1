//! Any event there can be.

use std::time::Duration;

use killgate::domain::event::{
    Action, LedgerEntry, Recorded, RefusalReason, RequestDetails, RequestEvent, Resolution,
};
use killgate::domain::identity::{BackendIdentity, Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::session::{BackendType, Session, SessionState, WaitEvent};
use killgate::domain::timestamp::Timestamp;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// Records with numbers of any size, texts with any character, and times in the years that can be written.
pub(crate) fn recorded() -> impl Strategy<Value = Recorded> {
    (any::<u64>(), of(any::<u64>()), moment(), event()).prop_map(|(seq, request, at, event)| Recorded {
        seq,
        entry: LedgerEntry {
            request: request.map(RequestId),
            at,
            event,
        },
    })
}

fn event() -> impl Strategy<Value = RequestEvent> {
    let why = select(RefusalReason::ALL.to_vec());
    prop_oneof![
        asked().prop_map(|asked| RequestEvent::Requested(Box::new(asked))),
        any::<u64>().prop_map(|id| RequestEvent::Posted {
            message: MessageId(id)
        }),
        user().prop_map(|actor| RequestEvent::Approved { actor }),
        user().prop_map(|actor| RequestEvent::ApprovalRemoved { actor }),
        (user(), why).prop_map(|(actor, why)| RequestEvent::AttemptRefused { actor, why }),
        vec(user(), 0..4).prop_map(|approvers| RequestEvent::Executing { approvers }),
        ending().prop_map(RequestEvent::Finished),
    ]
}

fn asked() -> impl Strategy<Value = RequestDetails> {
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
            RequestDetails {
                action,
                target,
                identity,
                session,
                waiters,
                worker,
                requester,
                channel: ChannelId(channel),
                reason,
                approvals_needed: needed,
                asked_at,
                seen_at,
                expires_at,
            }
        },
    )
}

fn identity() -> impl Strategy<Value = BackendIdentity> {
    (any::<u64>(), moment(), pid(), moment(), of(moment())).prop_map(
        |(system_identifier, postmaster_start, pid, backend_start, query_start)| BackendIdentity {
            server: ServerIdentity {
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
            backend_type: kind,
            leader_pid: leader,
            user,
            is_superuser: superuser,
            is_own: own,
            database,
            application,
            client,
            state,
            wait: wait.map(|(kind, event)| WaitEvent { kind, event }),
            xact_start,
            query_start,
            state_change,
            query,
            blocked_by,
        }
    })
}

fn ending() -> impl Strategy<Value = Resolution> {
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
        Resolution {
            outcome,
            elapsed,
            signal_sent,
            detail,
            postgres,
            waiters_released: released,
            actor,
        }
    })
}

fn kind() -> impl Strategy<Value = BackendType> {
    prop_oneof![
        Just(BackendType::Client),
        Just(BackendType::ParallelWorker),
        Just(BackendType::WalSender),
        text().prop_map(|name| BackendType::from_name(Some(&name))),
    ]
}

fn state() -> impl Strategy<Value = SessionState> {
    select(vec![
        SessionState::Active,
        SessionState::Idle,
        SessionState::IdleInTransaction,
        SessionState::IdleInTransactionAborted,
        SessionState::FastpathFunctionCall,
        SessionState::Disabled,
        SessionState::Unknown,
    ])
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000_000..=253_402_207_200_000_000_i64).prop_map(Timestamp::from_micros)
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
