//! A separate database for a ledger.

use std::sync::Arc;
use std::time::Duration;

use killgate::ledger::postgres::reader::PostgresReader;
use killgate::ledger::postgres::{HighWaterMark, LeaseTimings, PostgresLedger, PostgresOpenError};
use killgate::ledger::reader::LedgerReader;
use killgate::operations::audit::{ChainVerification, verify};
use killgate::postgres::connection::ConnectOptions;
use killgate::postgres::tls::{TlsMode, TlsOptions};
use killgate::workflow::ports::Ledger;
use throwaway_postgres::{Client, Cluster, shared};
use tokio::sync::watch;

use super::suite::Place;

/// The role that owns it and has no other privilege.
pub(crate) const OWNER: &str = "keeper";

/// Short intervals, for tests.
pub(crate) const QUICK: LeaseTimings = LeaseTimings {
    heartbeat: Duration::from_millis(20),
    grace: Duration::from_millis(100),
    expiry: Duration::from_millis(400),
};

pub(crate) struct Database {
    cluster: &'static Cluster,
    name: String,
}

impl Database {
    pub(crate) async fn new() -> Self {
        let cluster = shared().await.expect("a PostgreSQL server");
        cluster.role(OWNER).await.expect("a role");
        let folder = tempfile::tempdir().expect("a name that nobody else has");
        let name = folder.path().file_name().expect("a name").to_string_lossy();
        let name = name.trim_start_matches('.').to_owned();
        let database = Self { cluster, name };
        let make = format!("create database \"{}\" owner {OWNER}", database.name);
        cluster.sql(&make).await.expect("a database");
        database
    }

    pub(crate) fn connect_options(&self) -> ConnectOptions {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.cluster.port()).user(OWNER).dbname(&self.name);
        ConnectOptions {
            config,
            session_attributes: killgate::postgres::hosts::SessionAttributes::Any,
            tls: TlsOptions { mode: TlsMode::Disable, ..TlsOptions::default() },
            password: Arc::new(|| Box::pin(async { Ok(None) })),
            statement_timeout: Duration::from_secs(2),
            lock_timeout: Duration::from_secs(2),
        }
    }

    /// A replica that has become the active one.
    pub(crate) async fn replica(&self, timings: LeaseTimings) -> Result<PostgresLedger, PostgresOpenError> {
        let waiting = watch::Sender::default();
        PostgresLedger::stand_by(self.connect_options(), timings, &waiting, &HighWaterMark::default()).await
    }

    /// A replica of a process that has seen the ledger before.
    pub(crate) async fn replica_that_remembers(
        &self,
        high_water_mark: &HighWaterMark,
    ) -> Result<PostgresLedger, PostgresOpenError> {
        PostgresLedger::stand_by(self.connect_options(), QUICK, &watch::Sender::default(), high_water_mark)
            .await
    }

    pub(crate) async fn active(&self) -> PostgresLedger {
        self.replica(QUICK).await.expect("the active one")
    }

    /// Another connection as the ledger's owner.
    pub(crate) async fn owner(&self) -> Client {
        self.cluster.connect(OWNER, &self.name).await.expect("connected")
    }

    /// Its owner's sessions in it, as `ALTER ROLE` names them.
    pub(crate) fn owner_here(&self) -> String {
        format!("{OWNER} in database \"{}\"", self.name)
    }

    pub(crate) async fn superuser(&self) -> Client {
        self.cluster.connect("postgres", &self.name).await.expect("connected")
    }

    pub(crate) fn verdict(&self) -> ChainVerification {
        verify(&mut self.pages(), None).expect("read to its end")
    }

    pub(crate) fn pages(&self) -> impl LedgerReader {
        self.try_pages().expect("opened")
    }

    pub(crate) fn try_pages(&self) -> Result<PostgresReader, PostgresOpenError> {
        PostgresReader::open(&self.connect_options())
    }

    /// Somebody who may connect, and has no other right.
    pub(crate) async fn stranger(&self) -> Client {
        self.cluster.role("stranger").await.expect("a role");
        self.cluster.connect("stranger", &self.name).await.expect("connected")
    }

    pub(crate) async fn records(&self) -> i64 {
        let row = self.owner().await;
        let row = row.query_one("select count(*) from killgate_ledger.record", &[]);
        row.await.expect("counted").get(0)
    }
}

impl Place for Database {
    async fn open(&self) -> Arc<dyn Ledger> {
        Arc::new(self.active().await)
    }
}
