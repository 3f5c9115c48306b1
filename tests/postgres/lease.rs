//! The lease bounds the signal, by the target's own clock.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use async_trait::async_trait;
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::workflow::ports::{Freshness, Lease, LedgerError, SignalResult, Target};
use throwaway_postgres::{Client, Cluster, eventually};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::support::{GivenLease, Stage, approved, stages, told, unsignalled, up};

const SLEEP: &str = "select pg_sleep(600)";

/// The lease of a replica that was deposed.
struct Lost;

#[async_trait]
impl Lease for Lost {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        Err(LedgerError::Deposed)
    }
}

async fn terminate(stage: &Stage, number: i32, lease: &dyn Lease) -> Result<SignalResult> {
    let approved = approved(stage.ask(Action::Terminate, number).await?);
    let mut results = stage.target.signal(&approved, &ProtectionRules::default(), lease).await;
    Ok(results.remove(0))
}

#[tokio::test]
async fn nothing_is_signalled_without_a_lease_or_after_it() -> Result<()> {
    let cluster = Cluster::start().await?;
    for stage in stages(&cluster).await? {
        let victim = cluster.victim("app").running(SLEEP).await?;
        for (lease, words) in [
            (&Lost as &dyn Lease, "the ledger did not confirm"),
            (&GivenLease(Some(Duration::ZERO)), "the time limit of the decision"),
            (&GivenLease(Some(Duration::from_micros(1))), "the time limit of the decision"),
        ] {
            let result = terminate(&stage, victim.pid(), lease).await?;
            assert_eq!(unsignalled(&result), Some(Outcome::Unreachable), "{result:?}");
            assert!(told(&result).starts_with(words), "{result:?}");
        }
        assert!(victim.still_alive().await?);
        let lease = GivenLease(Some(Duration::from_secs(2)));
        let result = terminate(&stage, victim.pid(), &lease).await?;
        assert_eq!(result, SignalResult::Sent, "it did not break what works");
    }
    Ok(())
}

/// How often killgate has read the server's clock alone, by the server's log.
fn clock_readings(cluster: &Cluster) -> Result<usize> {
    let statement =
        "<unnamed>: SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at";
    Ok(cluster.server_log()?.lines().filter(|line| line.ends_with(statement)).count())
}

#[tokio::test]
async fn the_clock_is_read_while_the_decision_is_recorded_and_again_if_that_takes_long() -> Result<()> {
    let cluster = Cluster::builder().setting("log_statement", "all").start().await?;
    let [stage, _] = stages(&cluster).await?;
    let mut cases = vec![(Duration::from_millis(1_100), 2), (Duration::ZERO, 1)];
    while let Some((recording, readings)) = cases.pop() {
        let mut victim = cluster.victim("app").running(SLEEP).await?;
        let approved = approved(stage.ask(Action::Terminate, victim.pid()).await?);
        let before = clock_readings(&cluster)?;
        let began = Instant::now();
        stage.target.expect_signal();
        let reading = || Ok((clock_readings(&cluster)? > before).then_some(()));
        eventually("the reading", async || reading()).await?;
        // Time has to pass for a reading to become old.
        sleep(recording).await;
        let lease = GivenLease(Some(Duration::from_secs(2)));
        let results = stage.target.signal(&approved, &ProtectionRules::default(), &lease).await;
        assert_eq!(results, [SignalResult::Sent]);
        let took = began.elapsed();
        victim.ended().await?;
        if recording.is_zero() && took > Duration::from_millis(200) {
            // The machine was busy for so long that the reading was old. Try that again.
            cases.push((recording, readings));
            continue;
        }
        assert_eq!(clock_readings(&cluster)? - before, readings, "after {recording:?}");
    }
    Ok(())
}

/// How often the server has executed the statement that signals the session. Its parameters are logged with it.
pub(crate) fn signalling_statements(cluster: &Cluster, number: i32) -> Result<usize> {
    let parameters = format!("parameters: $1 = '{number}', $2 = 'terminate', ");
    // From 16 on PostgreSQL begins the word with a capital letter.
    Ok(cluster.server_log()?.lines().filter(|line| line.to_lowercase().contains(&parameters)).count())
}

/// What happens after the clock was read and before the statement is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hindrance {
    /// A listing keeps the connection busy, because it waits for a lock.
    Busy,
    /// The connection is closed, and the role may not log in.
    LoggedOut,
}

const SHORT: Duration = Duration::from_millis(300);

/// A lease that is confirmed once the hindrance has begun, and lasts shorter than that.
#[derive(Default)]
struct HinderedLease {
    begins: Notify,
    has_begun: Notify,
}

#[async_trait]
impl Lease for HinderedLease {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        self.begins.notify_one();
        self.has_begun.notified().await;
        Ok(Some(SHORT))
    }
}

impl Hindrance {
    async fn begin(self, superuser: &Client) -> Result<()> {
        match self {
            Self::Busy => {
                superuser.batch_execute("begin; lock table pg_authid in access exclusive mode").await?;
            }
            Self::LoggedOut => {
                superuser.batch_execute("alter role killgate nologin").await?;
                let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'killgate'";
                superuser.batch_execute(end).await?;
            }
        }
        Ok(())
    }

    /// A query that finds a row once it has begun.
    fn evidence(self) -> &'static str {
        match self {
            Self::Busy => {
                "select from pg_locks where relation = 'pg_authid'::regclass and not granted limit 1"
            }
            Self::LoggedOut => {
                "select where not exists (select from pg_stat_activity where usename = 'killgate')"
            }
        }
    }

    fn end(self) -> &'static str {
        match self {
            Self::Busy => "rollback",
            Self::LoggedOut => "alter role killgate login",
        }
    }
}

/// Hinders the statement for longer than the lease lasts.
async fn hinder(
    stage: &Stage,
    hindrance: Hindrance,
    superuser: &Client,
    lease: &HinderedLease,
) -> Result<()> {
    lease.begins.notified().await;
    hindrance.begin(superuser).await?;
    let listing = async {
        if hindrance == Hindrance::Busy {
            // It fails when it has waited for the lock too long.
            let _ = stage.target.snapshot(Freshness::Now).await;
        }
    };
    let hindered = async {
        eventually("the hindrance", async || {
            Ok(superuser.query_opt(hindrance.evidence(), &[]).await?.map(drop))
        })
        .await?;
        lease.has_begun.notify_one();
        // Time has to pass for the lease to end.
        sleep(SHORT * 2).await;
        superuser.batch_execute(hindrance.end()).await?;
        Ok(())
    };
    tokio::join!(listing, hindered).1
}

#[tokio::test]
async fn a_statement_that_waits_for_its_connection_longer_than_the_lease_is_never_sent() -> Result<()> {
    for hindrance in [Hindrance::Busy, Hindrance::LoggedOut] {
        let cluster = Cluster::builder().setting("log_statement", "all").start().await?;
        let [stage, _] = stages(&cluster).await?;
        let mut victim = cluster.victim("app").running(SLEEP).await?;
        let superuser = cluster.superuser().await?;
        let lease = HinderedLease::default();
        let hindering = hinder(&stage, hindrance, &superuser, &lease);
        let (result, hindered) = tokio::join!(terminate(&stage, victim.pid(), &lease), hindering);
        hindered?;
        let result = result?;
        assert_eq!(unsignalled(&result), Some(Outcome::Unreachable), "{hindrance:?}: {result:?}");
        up(&stage.target).await?;
        stage.target.snapshot(Freshness::Now).await?;
        assert_eq!(signalling_statements(&cluster, victim.pid())?, 0, "{hindrance:?}");
        assert!(victim.still_alive().await?);

        let result = terminate(&stage, victim.pid(), &GivenLease(Some(Duration::from_secs(2)))).await?;
        assert_eq!(result, SignalResult::Sent);
        victim.ended().await?;
        assert_eq!(signalling_statements(&cluster, victim.pid())?, 1, "the log shows what is sought in it");
    }
    Ok(())
}

/// A lease during whose confirmation the server's clock is set.
struct ClockSettingLease {
    clock: PathBuf,
    offset: &'static str,
}

#[async_trait]
impl Lease for ClockSettingLease {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        set_clock(&self.clock, self.offset).map_err(LedgerError::NotRecorded)?;
        Ok(Some(Duration::from_secs(2)))
    }
}

/// Sets the server's clock so many seconds from the real one. The file is replaced in one step, because a process reads it at any
/// time.
fn set_clock(clock: &Path, offset: &str) -> Result<()> {
    let new = clock.with_extension("new");
    fs::write(&new, offset)?;
    Ok(fs::rename(&new, clock)?)
}

fn libfaketime() -> Option<PathBuf> {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64"];
    let libraries = folders.map(|folder| PathBuf::from(folder).join("faketime/libfaketimeMT.so.1"));
    libraries.into_iter().find(|library| library.exists())
}

#[tokio::test]
async fn nothing_is_signalled_when_the_clock_was_set_since_it_was_read() -> Result<()> {
    let Some(library) = libfaketime() else {
        println!("SKIPPED: libfaketime is not installed");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let clock = folder.path().join("clock");
    set_clock(&clock, "+0")?;
    let cluster = Cluster::builder()
        .variable("LD_PRELOAD", &library.display().to_string())
        .variable("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string())
        .variable("FAKETIME_NO_CACHE", "1")
        .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .setting("log_statement", "all")
        .start()
        .await?;
    for stage in stages(&cluster).await? {
        let mut victim = cluster.victim("app").running(SLEEP).await?;
        for (number, offset) in (1..).zip(["+3600", "-3600"]) {
            set_clock(&clock, "+0")?;
            let lease = ClockSettingLease { clock: clock.clone(), offset };
            let result = terminate(&stage, victim.pid(), &lease).await?;
            assert_eq!(unsignalled(&result), Some(Outcome::Unreachable), "{offset}: {result:?}");
            assert!(told(&result).starts_with("the time limit of the decision"), "{offset}: {result:?}");
            let sent = signalling_statements(&cluster, victim.pid())?;
            ensure!(
                sent == number,
                "{offset}: the statement was to be sent and refused by the server: {sent}"
            );
        }
        assert!(victim.still_alive().await?);
        set_clock(&clock, "+0")?;
        let result = terminate(&stage, victim.pid(), &GivenLease(Some(Duration::from_secs(2)))).await?;
        assert_eq!(result, SignalResult::Sent);
        victim.ended().await?;
    }
    Ok(())
}
