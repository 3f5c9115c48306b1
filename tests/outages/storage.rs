//! The ledger's disk is full or read-only, or its contents were changed.

use std::fs;
use std::time::Duration;

use discord_sim::Message;
use killgate::ledger::sqlite::reader::SqliteReader;
use rusqlite::Connection;
use throwaway_postgres::{SqlState, Victim, eventually};
use tokio::time::sleep;

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, Bot, TestEnv, wait_until_ready};
use crate::failovers::SETTING as SHARED;
use crate::verification::verify;
use crate::workload::{request_card, results};

const LIMIT: Duration = Duration::from_secs(30);

struct OpenRequest {
    env: TestEnv,
    config: BotConfig,
    bot: Bot,
    victim: Victim,
    card: Message,
}

impl OpenRequest {
    /// Opens a request.
    async fn open(env: TestEnv, config: BotConfig) -> Self {
        let bot = env.bot(&config);
        wait_until_ready(&env, &bot).await;
        let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
        let victim = victim.expect("a victim");
        let card = request_card(&env, &victim, "/terminate").await;
        let request = Self { env, config, bot, victim, card };
        request.wait_for_posted_record().await;
        request
    }

    /// Waits until the posted card is recorded.
    async fn wait_for_posted_record(&self) {
        let is_posted = async || Ok((self.events().await == ["requested", "posted"]).then_some(()));
        eventually("the posted card is recorded", is_posted).await.expect("recorded");
    }

    async fn events(&self) -> Vec<String> {
        let records = self.env.records(&self.config).await;
        let event = |record: &serde_json::Value| record["event"].as_str().map(str::to_owned);
        records.iter().filter_map(event).collect()
    }

    fn approve(&self) {
        self.env.person("ben").reacts(&self.card, APPROVE);
    }

    async fn wait_for_channel_message(&self, words: &str) {
        let is_posted = || {
            let messages = self.env.incident().messages();
            messages.iter().any(|message| message.content().starts_with(words))
        };
        self.env.sim.eventually(LIMIT, words, is_posted).await;
    }

    /// Asserts that an approval has no effect while the ledger refuses records, that it is announced, and that the records stay.
    async fn assert_no_effect_without_ledger(&self, why: &str) {
        self.approve();
        self.wait_for_channel_message("The ledger cannot be written").await;
        self.bot.wait_for_readyz(503, why).await;
        self.bot.wait_for_metric("killgate_ledger_writable 0").await;
        assert_eq!(self.bot.get("/healthz").await.expect("an answer").0, 200);
        let ana = self.env.person("ana").in_channel(&self.env.incident());
        let refused = ana.types("/cancel").option("pid", self.victim.pid()).send().await;
        assert!(refused.text().contains("ledger"), "{}", refused.text());
        assert_eq!(self.events().await, ["requested", "posted"]);
        assert!(self.victim.still_alive().await.expect("asked"));
        let log = self.env.cluster.server_log().expect("the server's log");
        assert!(!log.contains(": signalling"), "{log}");
    }

    /// Asserts that the approval counts once the ledger accepts records again.
    async fn assert_continues(mut self) {
        self.wait_for_channel_message("The ledger can be written again").await;
        self.bot.wait_for_readyz(200, "ready").await;
        self.bot.wait_for_metric("killgate_ledger_writable 1").await;
        self.assert_terminated().await;
    }

    async fn assert_terminated(&mut self) {
        assert_eq!(self.victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
        let result = || results(&self.env, &self.card).pop();
        let result = self.env.sim.awaits(LIMIT, "the result", result).await;
        assert!(result.content().starts_with("Terminated"), "{}", result.content());
        let outcomes = verify(&self.env, &self.config, &[]).await;
        assert_eq!(outcomes["terminated"], 1, "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_full_disk_stops_every_decision_until_there_is_space() {
    let Some(env) = TestEnv::with_small_disk().await else {
        return;
    };
    let request = OpenRequest::open(env, BotConfig::default()).await;
    request.env.disk().fill().await;
    request.assert_no_effect_without_ledger("the disk is full").await;
    request.env.disk().free_space().await;
    request.assert_continues().await;
}

#[tokio::test]
async fn a_server_that_refuses_writes_stops_every_decision_until_it_accepts_them() {
    let request = OpenRequest::open(TestEnv::new().await, SHARED).await;
    let ledger = request.env.cluster.connect("postgres", "ledger").await.expect("connected");
    let refuse = "create function public.refuse() returns trigger language plpgsql
                  as $$ begin raise 'no more writes today'; end $$;
                  create trigger refuse before update on killgate_ledger.lease
                  for each row execute function public.refuse()";
    ledger.batch_execute(refuse).await.expect("refusing");
    request.assert_no_effect_without_ledger("no more writes today").await;
    ledger.batch_execute("drop trigger refuse on killgate_ledger.lease").await.expect("accepting");
    request.assert_continues().await;
}

#[tokio::test]
async fn a_read_only_disk_is_reported_at_start() {
    let Some(env) = TestEnv::with_small_disk().await else {
        return;
    };
    let mut request = OpenRequest::open(env, BotConfig::default()).await;
    request.bot.kill().await;
    request.env.disk().make_read_only().await;
    let refused = request.env.bot(&request.config).wait_for_exit().await;
    assert_eq!(refused.code(), Some(1));
    let log = request.env.log();
    assert!(log.contains("Read-only file system"), "{log}");
    request.env.disk().make_writable().await;
    request.approve();
    request.bot = request.env.bot(&request.config);
    request.assert_terminated().await;
}

#[tokio::test]
async fn a_changed_record_stops_every_decision_and_is_announced() {
    let mut request = OpenRequest::open(TestEnv::new().await, BotConfig::default()).await;
    request.bot.kill().await;
    let file = request.env.folder.path().join("killgate.db");
    let backup = request.env.folder.path().join("backup.db");
    let ledger = Connection::open(&file).expect("opened");
    let copy = format!("vacuum into '{}'", backup.display());
    ledger.execute_batch(&copy).expect("copied");
    let tampered = "drop trigger record_is_not_changed;
                    update record set line = replace(line, 'terminate', 'cancel') where seq = 1";
    ledger.execute_batch(tampered).expect("changed");
    drop(ledger);

    let mut bot = request.env.bot(&request.config);
    bot.wait_for_readyz(503, "damaged at record 1").await;
    request.wait_for_channel_message("The ledger is damaged").await;
    assert_eq!(bot.get("/healthz").await.expect("an answer").0, 200);
    request.approve();
    assert!(bot.stop("with a damaged ledger").await.success());
    assert!(request.victim.still_alive().await.expect("asked"));
    let records = SqliteReader::open(&file).expect("opened");
    let verdict = killgate::operations::audit::verify(&mut { records }, None).expect("read");
    assert!(verdict.to_string().contains("record 1"), "{verdict}");

    for left in ["killgate.db-wal", "killgate.db-shm"] {
        // Already removed if the last connection was closed cleanly.
        let _ = fs::remove_file(request.env.folder.path().join(left));
    }
    fs::rename(&backup, &file).expect("restored");
    request.bot = request.env.bot(&request.config);
    request.assert_terminated().await;
}

#[tokio::test]
async fn a_ledger_whose_file_was_moved_away_records_and_executes_nothing_until_it_is_back() {
    let env = TestEnv::new().await;
    let file = env.folder.path().join("killgate.db");
    let moved = env.folder.path().join("elsewhere.db");
    let request = OpenRequest::open(env, BotConfig::default()).await;
    fs::rename(&file, &moved).expect("moved");
    // As a restore does it.
    fs::write(&file, "").expect("written");

    request.approve();
    request.wait_for_channel_message("The ledger cannot be written").await;
    request
        .bot
        .wait_for_readyz(
            503,
            "was replaced after killgate opened it, so nothing is recorded: put the original back",
        )
        .await;
    assert!(request.victim.still_alive().await.expect("asked"));

    fs::rename(&moved, &file).expect("moved back");
    request.assert_continues().await;
}

#[tokio::test]
async fn a_backup_that_was_put_in_place_while_killgate_ran_is_used_after_a_restart() {
    let mut request = OpenRequest::open(TestEnv::new().await, BotConfig::default()).await;
    let folder = request.env.folder.path().to_owned();
    let (file, backup) = (folder.join("killgate.db"), folder.join("backup.db"));
    let into = format!("vacuum into '{}'", backup.display());
    Connection::open(&file).expect("opened").execute_batch(&into).expect("backed up");
    // Recorded after the backup, in the log of the file that is replaced.
    request.env.person("ana").reacts(&request.card, APPROVE);
    while request.events().await.len() < 3 {
        sleep(Duration::from_millis(50)).await;
    }
    fs::rename(&backup, &file).expect("replaced");
    request.bot.wait_for_readyz(503, "was replaced after killgate opened it").await;

    assert!(request.bot.stop("with another ledger in place").await.success());
    request.bot = request.env.bot(&request.config);
    wait_until_ready(&request.env, &request.bot).await;
    request.approve();
    request.assert_terminated().await;
}
