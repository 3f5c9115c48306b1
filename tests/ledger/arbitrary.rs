//! Any event there can be.

use std::time::Duration;

use killgate::domain::event::{
    Action, BackendResolution, Binding, LedgerEntry, RefusalReason, RequestDetails, RequestEvent,
    RequestedBackend, Resolution,
};
use killgate::domain::identity::{BackendIdentity, Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, MessageId, RequestId, UserId};
use killgate::domain::lock_wait::{LockWait, LockedRelation, PreparedTransaction};
use killgate::domain::outcome::Outcome;
use killgate::domain::progress::Progress;
use killgate::domain::session::{BackendType, Session, SessionState, WaitEvent};
use killgate::domain::timestamp::Timestamp;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;

/// Records with numbers up to the largest that can be written, texts with any character, and times in the years that can
/// be written.
pub(crate) fn record() -> impl Strategy<Value = (u64, LedgerEntry)> {
    (number(), of(number()), moment(), event()).prop_map(|(seq, request, at, event)| {
        let entry = LedgerEntry { request: request.map(RequestId), at, event };
        (seq, entry)
    })
}

fn number() -> impl Strategy<Value = u64> {
    0..=1_u64 << 53
}

fn event() -> impl Strategy<Value = RequestEvent> {
    let why = select(RefusalReason::ALL.to_vec());
    prop_oneof![
        asked().prop_map(|asked| RequestEvent::Requested(Box::new(asked))),
        any::<u64>().prop_map(|id| RequestEvent::Posted { message: MessageId(id) }),
        any::<u64>().prop_map(|id| RequestEvent::Reminded { message: MessageId(id) }),
        user().prop_map(|actor| RequestEvent::ApprovalAdded { actor }),
        user().prop_map(|actor| RequestEvent::ApprovalRemoved { actor }),
        (user(), why).prop_map(|(actor, why)| RequestEvent::AttemptRefused { actor, why }),
        vec(user(), 0..4).prop_map(|approvers| RequestEvent::Executing { approvers }),
        ending().prop_map(RequestEvent::Finished),
    ]
}

fn asked() -> impl Strategy<Value = RequestDetails> {
    let action = select(vec![Action::Cancel, Action::Terminate]);
    let who = (user(), any::<u64>(), of(text()), any::<u32>());
    let when = (moment(), moment(), moment());
    let what = (action, text(), server(), vec(backend(), 0..4));
    (what, who, when).prop_map(|(what, who, (asked_at, seen_at, expires_at))| {
        let (action, target, server, backends) = what;
        let (requester, channel, reason, approvals_needed) = who;
        RequestDetails {
            action,
            target,
            server,
            requester,
            channel: ChannelId(channel),
            reason,
            approvals_needed,
            asked_at,
            seen_at,
            expires_at,
            backends,
        }
    })
}

fn server() -> impl Strategy<Value = ServerIdentity> {
    (any::<u64>(), moment()).prop_map(|(system_identifier, postmaster_start)| ServerIdentity {
        system_identifier,
        postmaster_start,
    })
}

fn backend() -> impl Strategy<Value = RequestedBackend> {
    let bound_to = select(vec![Binding::Query, Binding::Transaction, Binding::Session]);
    (identity(), bound_to, session(), any::<u32>(), of(pid())).prop_map(
        |(identity, bound_to, session, waiters, worker)| RequestedBackend {
            identity,
            bound_to,
            session,
            waiters,
            worker,
        },
    )
}

fn identity() -> impl Strategy<Value = BackendIdentity> {
    (pid(), moment(), of(moment()), of(moment())).prop_map(|(pid, backend_start, xact_start, query_start)| {
        BackendIdentity { pid, backend_start, xact_start, query_start }
    })
}

fn session() -> impl Strategy<Value = Session> {
    let process = (pid(), moment(), kind(), of(pid()), any::<bool>(), any::<bool>());
    let names = (of(text()), of(text()), text(), of(text()), of(text()));
    let doing = (state(), of((text(), text())), vec(any::<i32>(), 0..4));
    let times = (of(moment()), of(moment()), of(moment()));
    let known = (of(lock_wait()), any::<bool>(), of(progress()), any::<bool>());
    (process, names, doing, times, known).prop_map(|(process, names, doing, times, known)| {
        let (lock_wait, has_xid, progress, has_begun_backup) = known;
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
            lock_wait,
            has_xid,
            progress,
            has_begun_backup,
        }
    })
}

fn lock_wait() -> impl Strategy<Value = LockWait> {
    let relation = prop_oneof![
        text().prop_map(LockedRelation::Named),
        (any::<u32>(), of(text())).prop_map(|(oid, database)| LockedRelation::Unnamed { oid, database }),
    ];
    let prepared =
        (text(), moment(), of(text()), of(text())).prop_map(|(gid, prepared_at, owner, database)| {
            PreparedTransaction { gid, prepared_at, owner, database }
        });
    let wait = (text(), text(), of(relation), moment(), any::<bool>(), vec(prepared, 0..3));
    wait.prop_map(|(lock, mode, relation, since, is_since_first_seen, prepared)| LockWait {
        lock,
        mode,
        relation,
        since,
        is_since_first_seen,
        prepared,
    })
}

fn progress() -> impl Strategy<Value = Progress> {
    let progress = (text(), of(text()), number(), of(number()));
    progress.prop_map(|(command, phase, done, total)| Progress { command, phase, done, total })
}

fn ending() -> impl Strategy<Value = Resolution> {
    let outcome = select(Outcome::ALL.to_vec());
    let rest =
        (of(any::<bool>()), text(), of(text()), of(any::<u32>()), of(user()), vec(resolved_backend(), 0..3));
    (outcome, elapsed(), rest).prop_map(|(outcome, elapsed, rest)| {
        let (signal_sent, detail, postgres, released, actor, backends) = rest;
        Resolution {
            outcome,
            elapsed,
            signal_sent,
            detail,
            postgres,
            waiters_released: released,
            actor,
            backends,
        }
    })
}

fn resolved_backend() -> impl Strategy<Value = BackendResolution> {
    let outcome = select(Outcome::ALL.to_vec());
    let rest = (of(any::<bool>()), text(), of(text()));
    (pid(), outcome, elapsed(), rest).prop_map(|(pid, outcome, elapsed, (signal_sent, detail, postgres))| {
        BackendResolution { pid, outcome, elapsed, signal_sent, detail, postgres }
    })
}

/// A record holds whole milliseconds.
fn elapsed() -> impl Strategy<Value = Option<Duration>> {
    of(number().prop_map(Duration::from_millis))
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
