//! The ledger's disk is full, or read-only, or holds something else than what was written.

use std::time::Duration;

use discord_sim::Message;
use killgate::ledger::sqlite::reader::SqliteReader;
use rusqlite::Connection;
use throwaway_postgres::{SqlState, Victim};

use crate::failovers::SETTING as SHARED;
use crate::incident::{asked, results};
use crate::reckoning::reckon;
use crate::stage::{APPROVE, Bot, Setting, Stage, becomes_ready};

const LIMIT: Duration = Duration::from_secs(30);

struct Scene {
    stage: Stage,
    setting: Setting,
    bot: Bot,
    victim: Victim,
    card: Message,
}

impl Scene {
    /// An open request for a session that goes on.
    async fn open(stage: Stage, setting: Setting) -> Self {
        let bot = stage.bot(&setting);
        becomes_ready(&stage, &bot).await;
        let victim = stage.cluster.victim("app").running("select pg_sleep(600)").await;
        let victim = victim.expect("a victim");
        let card = asked(&stage, &victim, "/terminate").await;
        let scene = Self {
            stage,
            setting,
            bot,
            victim,
            card,
        };
        scene.records_of_the_card().await;
        scene
    }

    /// The card was posted, and that is recorded.
    async fn records_of_the_card(&self) {
        while self.events().await != ["requested", "posted"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn events(&self) -> Vec<String> {
        let records = self.stage.records(&self.setting).await;
        let event = |record: &serde_json::Value| record["event"].as_str().map(str::to_owned);
        records.iter().filter_map(event).collect()
    }

    fn is_approved(&self) {
        self.stage.person("ben").reacts(&self.card, APPROVE);
    }

    async fn channel_is_told(&self, words: &str) {
        let told = || {
            let messages = self.stage.incident().messages();
            messages
                .iter()
                .any(|message| message.content().starts_with(words))
        };
        self.stage.sim.eventually(LIMIT, words, told).await;
    }

    /// While the ledger takes no record the approval has no effect, people are told, and what is recorded stays.
    async fn nothing_happens_without_the_ledger(&self, why: &str) {
        self.is_approved();
        self.channel_is_told("The ledger cannot be written").await;
        self.bot.says(503, why).await;
        self.bot.measures("killgate_ledger_writable 0").await;
        assert_eq!(self.bot.get("/healthz").await.expect("an answer").0, 200);
        let ana = self.stage.person("ana").in_channel(&self.stage.incident());
        let refused = ana.types("/cancel").option("pid", self.victim.pid()).send().await;
        assert!(refused.text().contains("ledger"), "{}", refused.text());
        assert_eq!(self.events().await, ["requested", "posted"]);
        assert!(self.victim.still_alive().await.expect("asked"));
        let log = self.stage.cluster.server_log().expect("the server's log");
        assert!(!log.contains(": signalling"), "{log}");
    }

    /// Once it does again the approval counts.
    async fn goes_on(mut self) {
        self.channel_is_told("The ledger can be written again").await;
        self.bot.says(200, "ready").await;
        self.bot.measures("killgate_ledger_writable 1").await;
        self.ends_by_signal().await;
    }

    async fn ends_by_signal(&mut self) {
        assert_eq!(
            self.victim.ended().await.expect("told why"),
            SqlState::ADMIN_SHUTDOWN
        );
        let told = || results(&self.stage, &self.card).pop();
        let told = self.stage.sim.awaits(LIMIT, "the result", told).await;
        assert!(told.content().starts_with("Terminated"), "{}", told.content());
        let outcomes = reckon(&self.stage, &self.setting, &[]).await;
        assert_eq!(outcomes["terminated"], 1, "{outcomes:?}");
    }
}

#[tokio::test]
async fn a_full_disk_stops_every_decision_until_there_is_room_again() {
    let Some(stage) = Stage::on_a_small_disk().await else {
        return;
    };
    let scene = Scene::open(stage, Setting::default()).await;
    scene.stage.disk().fill().await;
    scene.nothing_happens_without_the_ledger("the disk is full").await;
    scene.stage.disk().make_room().await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_stops_every_decision_until_it_does_again() {
    let scene = Scene::open(Stage::new().await, SHARED).await;
    let cluster = &scene.stage.cluster;
    let turn_read_only = async |value| {
        let set = format!("alter database ledger set default_transaction_read_only = {value}");
        cluster.sql(&set).await.expect("set");
        // Only once that is committed: it holds for the sessions that begin after it.
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'keeper'";
        cluster.sql(end).await.expect("begun anew");
    };
    turn_read_only("on").await;
    scene
        .nothing_happens_without_the_ledger("read-only transaction")
        .await;
    turn_read_only("off").await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_read_only_disk_is_named_at_the_start() {
    let Some(stage) = Stage::on_a_small_disk().await else {
        return;
    };
    let mut scene = Scene::open(stage, Setting::default()).await;
    scene.bot.kill().await;
    scene.stage.disk().make_read_only().await;
    let refused = scene.stage.bot(&scene.setting).ends().await;
    assert_eq!(refused.code(), Some(1));
    let log = scene.stage.log();
    assert!(log.contains("Read-only file system"), "{log}");
    scene.stage.disk().make_writable().await;
    scene.is_approved();
    scene.bot = scene.stage.bot(&scene.setting);
    scene.ends_by_signal().await;
}

#[tokio::test]
async fn a_record_that_was_changed_is_not_built_on_and_everybody_is_told() {
    let mut scene = Scene::open(Stage::new().await, Setting::default()).await;
    scene.bot.kill().await;
    let file = scene.stage.folder.path().join("killgate.db");
    let kept = scene.stage.folder.path().join("kept.db");
    let ledger = Connection::open(&file).expect("opened");
    let copy = format!("vacuum into '{}'", kept.display());
    ledger.execute_batch(&copy).expect("copied");
    let tampered = "drop trigger record_is_not_changed;
                    update record set line = replace(line, 'terminate', 'cancel') where seq = 1";
    ledger.execute_batch(tampered).expect("changed");
    drop(ledger);

    let mut bot = scene.stage.bot(&scene.setting);
    bot.says(503, "damaged at record 1").await;
    scene.channel_is_told("The ledger is damaged").await;
    assert_eq!(bot.get("/healthz").await.expect("an answer").0, 200);
    scene.is_approved();
    assert!(bot.stops("with a damaged ledger").await.success());
    assert!(scene.victim.still_alive().await.expect("asked"));
    let records = SqliteReader::open(&file).expect("opened");
    let verdict = killgate::operations::audit::verify(&mut { records }, None).expect("read");
    assert!(verdict.to_string().contains("record 1"), "{verdict}");

    for left in ["killgate.db-wal", "killgate.db-shm"] {
        // Gone already when the last connection was closed in order.
        let _ = std::fs::remove_file(scene.stage.folder.path().join(left));
    }
    std::fs::rename(&kept, &file).expect("restored");
    scene.bot = scene.stage.bot(&scene.setting);
    scene.ends_by_signal().await;
}
