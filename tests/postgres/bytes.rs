//! Queries and names of any bytes, in databases of any encoding.

use anyhow::{Context, Result};
use killgate::domain::event::Action;
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::workflow::ports::{Freshness, SignalResult, Target};
use regex::Regex;
use throwaway_postgres::{Cluster, SqlState, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Stage, open, options, pid, stages};

const ENCODINGS: [&str; 5] = ["UTF8", "LATIN1", "SQL_ASCII", "EUC_JP", "WIN1252"];

async fn databases(cluster: &Cluster) -> Result<()> {
    for encoding in ENCODINGS {
        cluster
            .sql(&format!(
                "create database in_{encoding} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"
            ))
            .await?;
    }
    Ok(())
}

/// A connection whose client converts nothing, which the driver cannot open.
struct RawClient {
    stream: TcpStream,
}

impl RawClient {
    async fn connect(cluster: &Cluster, user: &[u8], database: impl AsRef<[u8]>) -> Result<Self> {
        Self::connect_as(cluster, user, database, b"").await
    }

    async fn connect_as(
        cluster: &Cluster,
        user: &[u8],
        database: impl AsRef<[u8]>,
        application: &[u8],
    ) -> Result<Self> {
        let named: [(&str, &[u8]); 4] = [
            ("user", user),
            ("database", database.as_ref()),
            ("application_name", application),
            ("client_encoding", b"SQL_ASCII"),
        ];
        let mut parameters =
            named.map(|(name, value)| [name.as_bytes(), b"\0", value, b"\0"].concat()).concat();
        parameters.push(0);
        let mut stream = TcpStream::connect(("127.0.0.1", cluster.port())).await?;
        stream.write_u32(u32::try_from(8 + parameters.len())?).await?;
        stream.write_u32(3 << 16).await?;
        stream.write_all(&parameters).await?;
        let mut client = Self { stream };
        client.until(b'Z').await?;
        Ok(client)
    }

    async fn send(&mut self, sql: &[u8]) -> Result<()> {
        self.stream.write_u8(b'Q').await?;
        self.stream.write_u32(u32::try_from(5 + sql.len())?).await?;
        self.stream.write_all(sql).await?;
        self.stream.write_u8(0).await?;
        Ok(())
    }

    /// Reads up to a message of this kind, and returns its content.
    async fn until(&mut self, kind: u8) -> Result<Vec<u8>> {
        loop {
            let found = self.stream.read_u8().await?;
            let length = self.stream.read_u32().await? as usize - 4;
            let mut content = vec![0; length];
            self.stream.read_exact(&mut content).await?;
            if found == kind {
                return Ok(content);
            }
            anyhow::ensure!(found != b'E', "{}", String::from_utf8_lossy(&content));
        }
    }

    async fn pid(&mut self) -> Result<i32> {
        self.send(b"select pg_backend_pid()").await?;
        let row = self.until(b'D').await?;
        self.until(b'Z').await?;
        Ok(std::str::from_utf8(&row[6..])?.parse()?)
    }
}

/// killgate in each database, with its own right and through the guard.
async fn everywhere(cluster: &Cluster) -> Result<Vec<(String, Stage)>> {
    let mut all = Vec::new();
    for encoding in ENCODINGS {
        let database = format!("in_{}", encoding.to_lowercase());
        let superuser = cluster.connect("postgres", &database).await?;
        superuser.batch_execute(&killgate::postgres::guard::guard_sql("guarded")).await?;
        for (stage, role) in stages(cluster).await?.into_iter().zip(["killgate", "guarded"]) {
            let mut options = options(cluster, role);
            options.config.dbname(&database);
            let target = open(options);
            all.push((format!("{role} in {database}"), Stage { target, ..stage }));
        }
    }
    Ok(all)
}

/// Bytes that are not zero, from a seed: random ones, quotes and backslashes, and cut multibyte characters.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            match state % 8 {
                0 => b'\'',
                1 => b'\\',
                2 => 0xe9,
                _ => u8::try_from(state >> 32 & 0xff).unwrap_or(1).max(1),
            }
        })
        .collect()
}

#[tokio::test]
async fn any_bytes_in_a_query_hide_no_row_and_protect_nobody() -> Result<()> {
    let cluster = Cluster::start().await?;
    databases(&cluster).await?;
    cluster.role("app").await?;
    let bystander = cluster.victim("app").application("bystander").idle().await?;
    for (seed, (place, stage)) in (1..).zip(everywhere(&cluster).await?) {
        // Only a database without an encoding accepts any bytes in a query.
        let mut victim = RawClient::connect(&cluster, b"app", "in_sql_ascii").await?;
        let number = victim.pid().await?;
        let mut sql = b"select pg_sleep(600) -- caf\xe9 \x8f\xa2".to_vec();
        sql.extend(bytes(seed, 500).into_iter().filter(|byte| !b"\r\n".contains(byte)));
        victim.send(&sql).await?;
        let asked = eventually("a running query", async || {
            let asked = stage.ask(Action::Cancel, number).await?;
            Ok(asked.backends[0].session.state.is_running().then_some(asked))
        })
        .await
        .context(place.clone())?;
        let snapshot = stage.target.snapshot(Freshness::Now).await.context(place.clone())?;
        assert!(snapshot.find(pid(bystander.pid())).is_some(), "{place}");
        let query = asked.backends[0].session.query.as_deref().unwrap_or_default();
        assert!(query.starts_with("shown: select pg_sleep(600) -- caf"), "{place}: {query}");
        assert_eq!(stage.signal(asked).await, SignalResult::Sent, "{place}");
        // The cancelled query, and then the session.
        let cancelled = victim.until(b'Z').await;
        assert!(cancelled.is_err_and(|error| error.to_string().contains("57014")), "{place}");
        assert_eq!(stage.carry_out(Action::Terminate, number).await?, SignalResult::Sent, "{place}");
        eventually("a session that is gone", async || {
            Ok(stage.find_session(pid(number)).await?.is_none().then_some(()))
        })
        .await?;
    }
    Ok(())
}

/// An identifier in double quotes.
fn quoted(name: &[u8]) -> Vec<u8> {
    let doubled = name.iter().flat_map(|&byte| vec![byte; if byte == b'"' { 2 } else { 1 }]);
    [b"\"".to_vec(), doubled.collect(), b"\"".to_vec()].concat()
}

/// Each round is made from its number alone, which a failure names.
#[tokio::test]
async fn whatever_bytes_stand_anywhere_every_session_is_seen_and_can_be_ended() -> Result<()> {
    let cluster = Cluster::start().await?;
    databases(&cluster).await?;
    cluster.role("app").await?;
    let bystander = cluster.victim("app").application("bystander").idle().await?;
    let stages = everywhere(&cluster).await?;
    let mut superuser = RawClient::connect(&cluster, b"postgres", "in_sql_ascii").await?;
    let about_names = ProtectionRules {
        users: vec![Regex::new("^payments$")?],
        applications: vec![Regex::new("^pg_dump$")?],
        databases: vec![Regex::new("^ledger$")?],
    };
    for round in 0..10_usize {
        let seed = 1_000 + 10 * u64::try_from(round)?;
        let (role, database) = (bytes(seed, 1 + round * 6), bytes(seed + 1, 1 + round * 4));
        let encoding = ENCODINGS[round % ENCODINGS.len()];
        let locale = format!(" template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'");
        for statement in [
            [b"create role ", &quoted(&role)[..], b" login"].concat(),
            [b"create database ", &quoted(&database)[..], locale.as_bytes()].concat(),
        ] {
            superuser.send(&statement).await?;
            superuser.until(b'Z').await.with_context(|| format!("round {round}"))?;
        }
        let mut victim =
            RawClient::connect_as(&cluster, &role, &database, &bytes(seed + 2, 1 + round * 6)).await?;
        let number = victim.pid().await?;
        // Where the server accepts these bytes, the session runs; else it is idle after an error.
        let query = [b"select pg_sleep(600) -- ".to_vec(), bytes(seed + 3, 120 * round)].concat();
        victim.send(&query).await?;
        for (place, stage) in &stages {
            let context = || format!("round {round}, {place}");
            let snapshot = stage.target.snapshot(Freshness::Now).await.with_context(context)?;
            assert!(snapshot.find(pid(bystander.pid())).is_some(), "{}", context());
            let session = snapshot.find(pid(number)).with_context(context)?;
            assert!(session.user.is_some() && session.database.is_some(), "{}: {session:?}", context());
            assert!(stage.find_session(pid(number)).await.with_context(context)?.is_some(), "{}", context());
        }
        let (place, stage) = &stages[round % stages.len()];
        let asked = stage.ask(Action::Terminate, number).await?;
        let signalled = stage.signal_with(asked, &about_names).await;
        assert_eq!(signalled, SignalResult::Sent, "round {round}, {place}");
        eventually("a session that is gone", async || {
            Ok(stage.find_session(pid(number)).await?.is_none().then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn any_bytes_in_the_names_of_role_and_database_are_compared_as_they_are() -> Result<()> {
    let cluster = Cluster::start().await?;
    databases(&cluster).await?;
    let mut superuser = RawClient::connect(&cluster, b"postgres", "in_sql_ascii").await?;
    let names: Vec<Vec<u8>> =
        [b"caf\xe9".to_vec(), b"it's \\ \xff\"\xa4".to_vec(), bytes(7, 20), bytes(8, 20)].into();
    for name in &names {
        let create = [b"create role ", &quoted(name)[..], b" login"].concat();
        superuser.send(&create).await?;
        superuser.until(b'Z').await?;
    }
    let about_names = ProtectionRules {
        users: vec![Regex::new("^payments$")?],
        applications: vec![Regex::new("^pg_dump$")?],
        databases: vec![Regex::new("^ledger$")?],
    };
    for (place, stage) in everywhere(&cluster).await? {
        for name in &names {
            let mut victim = RawClient::connect(&cluster, name, "in_sql_ascii").await?;
            let number = victim.pid().await?;
            let asked = stage.ask(Action::Terminate, number).await.context(place.clone())?;
            assert!(asked.backends[0].session.user.is_some(), "{place}");
            assert_eq!(stage.signal_with(asked, &about_names).await, SignalResult::Sent, "{place}: {name:?}");
            let ended = victim.until(b'Z').await;
            assert!(ended.is_err_and(|error| error.to_string().contains("57P01")), "{place}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_name_in_another_encoding_is_protected_as_it_is_read() -> Result<()> {
    let cluster = Cluster::start().await?;
    databases(&cluster).await?;
    let mut superuser = RawClient::connect(&cluster, b"postgres", "in_latin1").await?;
    superuser.send(b"create role \"caf\xe9\" login").await?;
    superuser.until(b'Z').await?;
    let mut victim = RawClient::connect(&cluster, b"caf\xe9", "in_latin1").await?;
    let number = victim.pid().await?;
    let [stage, _] = stages(&cluster).await?;
    let asked = stage.ask(Action::Terminate, number).await?;
    assert_eq!(asked.backends[0].session.user.as_deref(), Some("café"));
    let rules = ProtectionRules { users: vec![Regex::new("^café$")?], ..ProtectionRules::default() };
    let signalled = stage.signal_with(asked, &rules).await;
    assert!(matches!(signalled, SignalResult::NotSent { .. }), "{signalled:?}");
    assert!(victim.pid().await.is_ok(), "it lives");
    Ok(())
}

#[tokio::test]
async fn a_user_whose_name_the_guard_cannot_read_is_protected_as_soon_as_it_has_a_rule() -> Result<()> {
    let cluster = Cluster::start().await?;
    databases(&cluster).await?;
    let mut superuser = RawClient::connect(&cluster, b"postgres", "in_sql_ascii").await?;
    superuser.send(b"create role \"payments_\xe9\" login").await?;
    superuser.until(b'Z').await?;
    for (place, stage) in everywhere(&cluster).await? {
        if !place.starts_with("guarded in in_utf8") {
            continue;
        }
        let guarded = cluster.connect("postgres", "in_utf8").await?;
        guarded.batch_execute("insert into killgate.protected_users values ('^payments_')").await?;
        let mut victim = RawClient::connect(&cluster, b"payments_\xe9", "in_sql_ascii").await?;
        let number = victim.pid().await?;
        let asked = stage.ask(Action::Terminate, number).await?;
        let signalled = stage.signal_with(asked, &ProtectionRules::default()).await;
        let SignalResult::NotSent { outcome, detail, .. } = signalled else { panic!("{signalled:?}") };
        assert_eq!(outcome, Outcome::Protected, "{detail}");
        assert!(detail.contains("cannot be read"), "{detail}");
        assert!(victim.pid().await.is_ok(), "it lives");
        return Ok(());
    }
    panic!("no stage in UTF8")
}

#[tokio::test]
async fn megabytes_of_query_text_do_not_exceed_a_limit_of_temporary_files() -> Result<()> {
    let cluster = Cluster::builder()
        .setting("track_activity_query_size", "1MB")
        .setting("temp_file_limit", "64kB")
        .start()
        .await?;
    // The tests' own looks at pg_stat_activity are not meant.
    cluster.role("app").await?;
    cluster
        .sql("alter role postgres set temp_file_limit = -1; alter role app set temp_file_limit = -1")
        .await?;
    let [stage, _] = stages(&cluster).await?;
    let mut victims = Vec::new();
    for _ in 0..20 {
        let sql = format!("select pg_sleep(600) -- {}", "x".repeat(900_000));
        victims.push(cluster.victim("app").running(&sql).await?);
    }
    let snapshot = stage.target.snapshot(Freshness::Now).await?;
    for victim in &mut victims {
        assert!(snapshot.find(pid(victim.pid())).is_some());
        assert_eq!(stage.carry_out(Action::Cancel, victim.pid()).await?, SignalResult::Sent);
        assert_eq!(victim.ended().await?, SqlState::QUERY_CANCELED);
    }
    Ok(())
}
