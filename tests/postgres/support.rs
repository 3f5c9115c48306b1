//! The targets of the tests: one whose role may signal, and one with the guard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use async_trait::async_trait;
use killgate::domain::approval::Approved;
use killgate::domain::event::{
    Action, Binding, LedgerEntry, Recorded, RequestDetails, RequestEvent, RequestedBackend,
};
use killgate::domain::identity::{Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::request::{Request, RequestState};
use killgate::domain::session::Session;
use killgate::domain::timestamp::Timestamp;
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::guard::guard_sql;
use killgate::postgres::tls::{TlsMode, TlsOptions};
use killgate::postgres::{PostgresTarget, SignalRight, StatementTimeouts, TargetStatus};
use killgate::workflow::ports::{Freshness, Lease, LedgerError, SessionResult, SignalResult, Target};
use throwaway_postgres::{Cluster, eventually};

/// A name that works only if it is quoted correctly everywhere.
pub(crate) const GUARDED: &str = r#"on call's "bot" \ :x"#;

pub(crate) const REQUEST: u64 = 7;

/// A target and how it signals.
pub(crate) struct Stage {
    pub(crate) right: SignalRight,
    pub(crate) target: PostgresTarget,
}

/// A lease that lasts so long after each call.
pub(crate) struct GivenLease(pub(crate) Option<Duration>);

#[async_trait]
impl Lease for GivenLease {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        Ok(self.0)
    }
}

/// The same server twice: once with the role's own privilege to signal, once through the guard.
pub(crate) async fn stages(cluster: &Cluster) -> Result<[Stage; 2]> {
    cluster.bot().await?;
    cluster.sql(&guard_sql(GUARDED)).await?;
    let stage = async |right, role| {
        let target = open(options(cluster, role));
        match target.wait_for_connection_attempt().await {
            TargetStatus::Up(findings) if findings.signal_right == right => Ok(Stage { right, target }),
            other => bail!("{role} should have had the right {right}: {other:?}"),
        }
    };
    Ok([stage(SignalRight::Direct, "killgate").await?, stage(SignalRight::Guard, GUARDED).await?])
}

pub(crate) fn options(cluster: &Cluster, role: &str) -> ConnectOptions {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(cluster.port()).user(role).dbname("postgres");
    ConnectOptions {
        config,
        session_attributes: killgate::postgres::hosts::SessionAttributes::Any,
        tls: TlsOptions { mode: TlsMode::Disable, ..TlsOptions::default() },
        password: Arc::new(|| Box::pin(async { Ok(None) })),
        statement_timeout: Duration::from_secs(4),
        lock_timeout: Duration::from_secs(1),
    }
}

pub(crate) fn open(options: ConnectOptions) -> PostgresTarget {
    let limits = StatementTimeouts { listing: Duration::from_secs(5), signalling: Duration::from_secs(10) };
    open_within(options, limits)
}

pub(crate) fn open_within(options: ConnectOptions, limits: StatementTimeouts) -> PostgresTarget {
    PostgresTarget::open("orders", options, limits, Arc::new(|query| Some(format!("shown: {query}"))))
}

/// Waits until the target is connected.
pub(crate) async fn up(target: &PostgresTarget) -> Result<()> {
    eventually("a target that is up", async || {
        Ok(matches!(target.status(), TargetStatus::Up(_)).then_some(()))
    })
    .await
}

/// Waits until a connection attempt fails, and returns why.
pub(crate) async fn down(target: &PostgresTarget) -> Result<String> {
    eventually("a target that is down", async || {
        Ok(match target.status() {
            TargetStatus::Down(unreachable) => Some(unreachable.message),
            _ => None,
        })
    })
    .await
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::new(number).expect("a positive number")
}

impl Stage {
    /// The details of a request about this session.
    pub(crate) async fn ask(&self, action: Action, number: i32) -> Result<RequestDetails> {
        let snapshot = self.target.snapshot(Freshness::Now).await?;
        let session = snapshot.find(pid(number)).context("no such session")?.clone();
        Ok(asked(action, snapshot.server, session))
    }

    /// The session that has this pid now.
    pub(crate) async fn find_session(&self, pid: Pid) -> SessionResult {
        let server = self.target.snapshot(Freshness::Now).await?.server;
        self.target.find_sessions(server, &[pid]).await.pop().expect("one result for the one pid")
    }

    pub(crate) async fn signal(&self, asked: RequestDetails) -> SignalResult {
        self.signal_with(asked, &ProtectionRules::default()).await
    }

    pub(crate) async fn signal_with(
        &self,
        asked: RequestDetails,
        protection: &ProtectionRules,
    ) -> SignalResult {
        self.signal_each(asked, protection).await.pop().expect("one result for the one session")
    }

    pub(crate) async fn signal_each(
        &self,
        asked: RequestDetails,
        protection: &ProtectionRules,
    ) -> Vec<SignalResult> {
        self.target.signal(&approved(asked), protection, &GivenLease(None)).await
    }

    /// Requests and approves a signal to the current session, and sends it.
    pub(crate) async fn carry_out(&self, action: Action, number: i32) -> Result<SignalResult> {
        Ok(self.signal(self.ask(action, number).await?).await)
    }
}

pub(crate) fn asked(action: Action, server: ServerIdentity, session: Session) -> RequestDetails {
    RequestDetails {
        action,
        target: "orders".to_owned(),
        server,
        requester: UserId(1),
        channel: ChannelId(1),
        reason: None,
        approvals_needed: 1,
        asked_at: Timestamp::from_micros(0),
        seen_at: Timestamp::from_micros(0),
        expires_at: Timestamp::from_micros(1),
        backends: vec![RequestedBackend {
            identity: session.identity(),
            bound_to: match action {
                Action::Cancel => Binding::Query,
                Action::Terminate => Binding::Session,
            },
            session,
            waiters: 0,
            worker: None,
        }],
    }
}

/// The request of person 1, approved by person 2.
pub(crate) fn approved(asked: RequestDetails) -> Approved {
    let id = RequestId(REQUEST);
    let open = Request {
        reminder: None,
        id,
        mark: "4f2a91c0".to_owned(),
        details: asked,
        card: None,
        approvals: BTreeSet::from([UserId(2)]),
        attempts: BTreeMap::new(),
        state: RequestState::Open,
    };
    let entry = LedgerEntry {
        request: Some(id),
        at: Timestamp::from_micros(0),
        event: RequestEvent::Executing { approvers: vec![UserId(2)] },
    };
    let recorded = Recorded::acknowledge(1, "4f2a91c0".to_owned(), entry);
    Approved::from_records(&open, &[recorded]).expect("a quorum of one")
}

/// The outcome, if certainly nothing was signalled.
pub(crate) fn unsignalled(signalled: &SignalResult) -> Option<Outcome> {
    match signalled {
        SignalResult::NotSent { outcome, .. } => Some(*outcome),
        _ => None,
    }
}

/// The message about a signal that was not sent: the detail, then PostgreSQL's message.
pub(crate) fn told(signalled: &SignalResult) -> String {
    match signalled {
        SignalResult::NotSent { detail, postgres: Some(words), .. } => format!("{detail} | {words}"),
        SignalResult::NotSent { detail, .. } | SignalResult::Unknown { detail } => detail.clone(),
        SignalResult::Sent => "sent".to_owned(),
    }
}
