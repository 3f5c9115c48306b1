//! Discord goes away, hangs, forgets the session, or carries out a call and loses the answer.

use std::time::Duration;

use discord_sim::{Cut, Fault, Message, Permissions};
use throwaway_postgres::{SqlState, Victim};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::incident::{asked, is_card, results};
use crate::stage::{APPROVE, Bot, Setting, Stage};

/// A result owed to the channel is there this long after Discord is back.
const OWED: Duration = Duration::from_secs(30);

struct Scene {
    stage: Stage,
    bot: Bot,
    victim: Victim,
    card: Message,
}

impl Scene {
    /// An open request, and its card with both reactions offered.
    async fn open() -> Self {
        let stage = Stage::new().await;
        let bot = stage.bot(&Setting::default());
        stage.sim.bot_is_ready().await;
        let victim = stage.cluster.victim("app").running("select pg_sleep(600)").await;
        let victim = victim.expect("a victim");
        let card = asked(&stage, &victim, "/terminate").await;
        stage
            .sim
            .eventually(OWED, "both reactions are offered", || card.emoji().len() == 2)
            .await;
        Self {
            stage,
            bot,
            victim,
            card,
        }
    }

    fn approves(&self) {
        self.stage.person("ben").reacts(&self.card, APPROVE);
    }

    /// The session ends and its result is told, once.
    async fn ends(&mut self) {
        let began = Instant::now();
        assert_eq!(
            self.victim.ended().await.expect("told why"),
            SqlState::ADMIN_SHUTDOWN
        );
        let told = self
            .stage
            .sim
            .awaits(OWED, "the result", || results(&self.stage, &self.card).pop())
            .await;
        println!("back and told after {:?}", began.elapsed());
        assert!(told.content().starts_with("Terminated"), "{}", told.content());
        self.stage
            .sim
            .eventually(OWED, "the card shows it", || {
                self.card.card().title().starts_with("Terminated")
            })
            .await;
        assert_eq!(results(&self.stage, &self.card).len(), 1);
    }
}

#[tokio::test]
async fn an_approval_made_while_discord_was_away_from_the_bot_counts_once_it_is_back() {
    let mut scene = Scene::open().await;
    scene.stage.sim.outage().await;
    scene.approves();
    scene.stage.sim.restore().await;
    scene.ends().await;
}

#[tokio::test]
async fn an_approval_made_while_the_bot_could_not_see_the_channel_counts_once_it_can() {
    let mut scene = Scene::open().await;
    let incident = scene.stage.incident();
    scene.stage.sim.bot_loses(&incident, Permissions::VIEW_CHANNEL);
    scene.approves();
    scene.stage.sim.bot_regains(&incident);
    scene.ends().await;
}

#[tokio::test]
async fn the_gateway_fails_in_each_way_it_can_and_the_bot_is_back() {
    for way in [
        "refused",
        "hung upgrade",
        "invalid session",
        "lost session",
        "reconnect",
    ] {
        let mut scene = Scene::open().await;
        let gateway = scene.stage.sim.gateway();
        match way {
            "refused" => gateway.refuses().await,
            "hung upgrade" => {
                gateway.hangs_upgrades();
                gateway.cuts(Cut::Reset);
            }
            "invalid session" => gateway.invalidates_sessions(false),
            "lost session" => {
                gateway.loses_sessions();
                gateway.cuts(Cut::End);
            }
            _ => gateway.asks_to_reconnect(),
        }
        scene.approves();
        scene.stage.sim.gateway().recovers().await;
        println!("{way}:");
        scene.ends().await;
    }
}

/// For so long somebody counts who comes to Discord's address while it is away.
const COUNTED: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_outage_costs_few_requests_however_long_it_lasts() {
    let mut scene = Scene::open().await;
    let ports = [scene.stage.sim.api_url(), scene.stage.sim.gateway_url()].map(|url| port_of(&url));
    let pid = scene.bot.pid();
    scene.stage.sim.outage().await;
    // An edit of the card is owed from the beginning on, and its result later.
    scene.approves();
    let before = processor_time_of(pid);
    let counting = ports.map(|port| tokio::spawn(visitors(port)));
    let mut tries = Vec::new();
    for count in counting {
        tries.push(count.await.expect("counted"));
    }
    println!(
        "in {COUNTED:?}: connections to the API and the gateway {tries:?}, processor time {:?}",
        processor_time_of(pid).saturating_sub(before)
    );
    // Between two tries of the gateway's are up to 5 s, of REST calls up to 10 s; at the beginning they are closer.
    assert!(tries.iter().sum::<usize>() < 50, "{tries:?}");
    scene.stage.sim.restore().await;
    scene.ends().await;
}

/// How many connect to the port meanwhile; each is hung up on.
async fn visitors(port: u16) -> usize {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
    let mut count = 0;
    let counting = async {
        while listener.accept().await.is_ok() {
            count += 1;
        }
    };
    // It ends by running out of time.
    let _ = timeout(COUNTED, counting).await;
    count
}

fn port_of(url: &str) -> u16 {
    let end = url.rsplit(':').next().expect("a port");
    let digits = end.split(|c: char| !c.is_ascii_digit()).next();
    digits.expect("a port").parse().expect("a number")
}

/// What the process has used (proc(5), `/proc/pid/stat`: fields 14 and 15, in hundredths of a second on Linux).
fn processor_time_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
    let after_name = stat.rsplit(") ").next().expect("its fields");
    let ticks = after_name.split(' ').skip(11).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().expect("ticks") * 10).sum())
}

#[tokio::test]
async fn an_answer_that_is_lost_after_its_effect_doubles_no_result() {
    let mut scene = Scene::open().await;
    scene
        .stage
        .sim
        .fails_next(3, "POST /channels/*/messages", Fault::EffectThenReset);
    scene.approves();
    scene.ends().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_after_its_effect_doubles_no_card_in_a_busy_channel() {
    let stage = Stage::new().await;
    for _ in 0..150 {
        stage
            .person("ben")
            .in_channel(&stage.incident())
            .says("still down");
    }
    let _bot = stage.bot(&Setting::default());
    stage.sim.bot_is_ready().await;
    stage
        .sim
        .fails_next(2, "POST /interactions/**", Fault::EffectThenReset);
    stage
        .sim
        .fails_next(2, "PATCH /webhooks/**", Fault::EffectThenReset);
    let victim = stage.cluster.victim("app").running("select pg_sleep(600)").await;
    let mut victim = victim.expect("a victim");
    let card = asked(&stage, &victim, "/terminate").await;
    stage.person("ben").reacts(&card, APPROVE);
    assert_eq!(victim.ended().await.expect("told why"), SqlState::ADMIN_SHUTDOWN);
    let told = || results(&stage, &card).pop();
    stage.sim.awaits(OWED, "the result", told).await;
    let cards = stage.incident().messages();
    let cards: Vec<_> = cards.iter().filter(|message| is_card(message)).collect();
    assert_eq!(cards.len(), 1, "{}", stage.sim.transcript());
}
