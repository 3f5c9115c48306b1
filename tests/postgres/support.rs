//! Targets to act upon: one whose role may signal, and one whose role has the guard.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use killgate::domain::approval::Approved;
use killgate::domain::event::{Action, Asked, Entry, Event, Recorded};
use killgate::domain::identity::{Identity, Pid};
use killgate::domain::ids::{ChannelId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::Protection;
use killgate::domain::request::{Phase, Request};
use killgate::domain::session::Session;
use killgate::domain::timestamp::Moment;
use killgate::postgres::connection::Dial;
use killgate::postgres::guard::guard_sql;
use killgate::postgres::tls::{Tls, TlsMode};
use killgate::postgres::{Limits, PostgresTarget, Reach, Right};
use killgate::workflow::ports::{Freshness, Signalled, Target};
use throwaway_postgres::{Cluster, eventually};

/// A name that only comes through if it is quoted right everywhere.
pub(crate) const GUARDED: &str = r#"on call's "bot" \ :x"#;

pub(crate) const REQUEST: u64 = 7;

/// A target, and whose right it uses.
pub(crate) struct Stage {
    pub(crate) right: Right,
    pub(crate) target: PostgresTarget,
}

/// The same server twice: once with the role's own right to signal, once through the guard.
pub(crate) async fn stages(cluster: &Cluster) -> Result<[Stage; 2]> {
    cluster.bot().await?;
    cluster.sql(&guard_sql(GUARDED)).await?;
    let stage = async |right, role| {
        let target = open(dial(cluster, role));
        match target.settled().await {
            Reach::Up(findings) if findings.right == right => Ok(Stage { right, target }),
            other => bail!("{role} should have had the right {right}: {other:?}"),
        }
    };
    Ok([
        stage(Right::Direct, "killgate").await?,
        stage(Right::Guard, GUARDED).await?,
    ])
}

pub(crate) fn dial(cluster: &Cluster, role: &str) -> Dial {
    let mut config = tokio_postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(cluster.port())
        .user(role)
        .dbname("postgres");
    Dial {
        config,
        tls: Tls {
            mode: TlsMode::Disable,
            ..Tls::default()
        },
        password: Arc::new(|| Ok(None)),
        statement_timeout: Duration::from_secs(4),
        lock_timeout: Duration::from_secs(1),
    }
}

pub(crate) fn open(dial: Dial) -> PostgresTarget {
    let limits = Limits {
        listing: Duration::from_secs(5),
        signalling: Duration::from_secs(10),
    };
    open_within(dial, limits)
}

pub(crate) fn open_within(dial: Dial, limits: Limits) -> PostgresTarget {
    PostgresTarget::open(
        "orders",
        dial,
        limits,
        Arc::new(|query| Some(format!("shown: {query}"))),
    )
}

/// Waits until the target has been reached.
pub(crate) async fn up(target: &PostgresTarget) -> Result<()> {
    eventually("a target that is up", async || {
        Ok(matches!(target.reach(), Reach::Up(_)).then_some(()))
    })
    .await
}

/// Waits until the target could not be reached, and tells why.
pub(crate) async fn down(target: &PostgresTarget) -> Result<String> {
    eventually("a target that is down", async || {
        Ok(match target.reach() {
            Reach::Down(unreachable) => Some(unreachable.problem),
            _ => None,
        })
    })
    .await
}

pub(crate) fn pid(number: i32) -> Pid {
    Pid::new(number).expect("a positive number")
}

impl Stage {
    /// What a card for this session would show.
    pub(crate) async fn ask(&self, action: Action, number: i32) -> Result<Asked> {
        let snapshot = self.target.snapshot(Freshness::Now).await?;
        let session = snapshot.find(pid(number)).context("no such session")?.clone();
        let identity = Identity {
            server: snapshot.server,
            pid: session.pid,
            backend_start: session.backend_start,
            query_start: session.query_start,
        };
        Ok(asked(action, identity, session))
    }

    pub(crate) async fn signal(&self, asked: Asked) -> Signalled {
        self.signal_with(asked, &Protection::default()).await
    }

    pub(crate) async fn signal_with(&self, asked: Asked, protection: &Protection) -> Signalled {
        self.target.signal(approved(asked), protection).await
    }

    /// Asks about the session as it is, and has it signalled.
    pub(crate) async fn carry_out(&self, action: Action, number: i32) -> Result<Signalled> {
        Ok(self.signal(self.ask(action, number).await?).await)
    }
}

pub(crate) fn asked(action: Action, identity: Identity, session: Session) -> Asked {
    Asked {
        action,
        target: "orders".to_owned(),
        identity,
        session,
        waiters: 0,
        worker: None,
        requester: UserId(1),
        channel: ChannelId(1),
        reason: None,
        needed: 1,
        asked_at: Moment::from_micros(0),
        seen_at: None,
        expires_at: Moment::from_micros(1),
    }
}

/// What person 1 asked for, approved by person 2.
pub(crate) fn approved(asked: Asked) -> Approved {
    let id = RequestId(REQUEST);
    let open = Request {
        id,
        asked,
        message: None,
        approvals: BTreeSet::from([UserId(2)]),
        told: BTreeSet::new(),
        phase: Phase::Open,
    };
    let recorded = Recorded {
        seq: 1,
        entry: Entry {
            request: Some(id),
            at: Moment::from_micros(0),
            event: Event::Executing {
                approvers: vec![UserId(2)],
            },
        },
    };
    Approved::mint(&open, &[recorded]).expect("a quorum of one")
}

/// The outcome of what was certainly not signalled.
pub(crate) fn unsignalled(signalled: &Signalled) -> Option<Outcome> {
    match signalled {
        Signalled::NotSent { outcome, .. } => Some(*outcome),
        _ => None,
    }
}

/// What the person is told of a signal that was not sent: the detail, then PostgreSQL's words.
pub(crate) fn told(signalled: &Signalled) -> String {
    match signalled {
        Signalled::NotSent {
            detail,
            postgres: Some(words),
            ..
        } => format!("{detail} | {words}"),
        Signalled::NotSent { detail, .. } | Signalled::Unknown { detail } => detail.clone(),
        Signalled::Sent => "sent".to_owned(),
    }
}
