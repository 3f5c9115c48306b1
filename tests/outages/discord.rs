//! Discord is down, hangs, forgets the session, or carries out a call and loses the response.

use std::time::Duration;

use discord_sim::{Cut, Fault, Message, Permissions};
use throwaway_postgres::{SqlState, Victim};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, Bot, TestEnv, port_of};
use crate::workload::{is_card, request_card, results};

/// A result that was not posted yet must be posted this soon after Discord is back.
const POST_LIMIT: Duration = Duration::from_secs(30);

struct OpenRequest {
    env: TestEnv,
    bot: Bot,
    victim: Victim,
    card: Message,
}

impl OpenRequest {
    /// Opens a request, and waits until its card has both reactions.
    async fn open() -> Self {
        let env = TestEnv::new().await;
        let bot = env.bot(&BotConfig::default());
        env.sim.bot_is_ready().await;
        let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
        let victim = victim.expect("a victim");
        let card = request_card(&env, &victim, "/terminate").await;
        env.sim.eventually(POST_LIMIT, "the card has both reactions", || card.emoji().len() == 2).await;
        Self { env, bot, victim, card }
    }

    fn approve(&self) {
        self.env.person("ben").reacts(&self.card, APPROVE);
    }

    /// Asserts that the session ends and that its result is posted once.
    async fn assert_terminated(&mut self) {
        let began = Instant::now();
        assert_eq!(self.victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
        let result =
            self.env.sim.awaits(POST_LIMIT, "the result", || results(&self.env, &self.card).pop()).await;
        println!("result posted after {:?}", began.elapsed());
        assert!(result.content().starts_with("Terminated"), "{}", result.content());
        self.env
            .sim
            .eventually(POST_LIMIT, "the card shows the outcome", || {
                self.card.card().title().starts_with("Terminated")
            })
            .await;
        assert_eq!(results(&self.env, &self.card).len(), 1);
    }
}

#[tokio::test]
async fn an_approval_made_during_an_outage_counts_afterwards() {
    let mut request = OpenRequest::open().await;
    request.env.sim.outage().await;
    request.approve();
    request.env.sim.restore().await;
    request.assert_terminated().await;
}

#[tokio::test]
async fn an_approval_made_while_the_bot_could_not_view_the_channel_counts_afterwards() {
    let mut request = OpenRequest::open().await;
    let incident = request.env.incident();
    request.env.sim.bot_loses(&incident, Permissions::VIEW_CHANNEL);
    request.approve();
    request.env.sim.bot_regains(&incident);
    request.assert_terminated().await;
}

#[tokio::test]
async fn the_bot_recovers_from_every_gateway_fault() {
    for fault in ["refused", "hung upgrade", "invalid session", "lost session", "reconnect"] {
        let mut request = OpenRequest::open().await;
        let gateway = request.env.sim.gateway();
        match fault {
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
        request.approve();
        request.env.sim.gateway().recovers().await;
        println!("{fault}:");
        request.assert_terminated().await;
    }
}

/// How long the test counts connection attempts during the outage.
const COUNTING_TIME: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_long_outage_causes_few_connection_attempts() {
    let mut request = OpenRequest::open().await;
    let ports = [request.env.sim.api_url(), request.env.sim.gateway_url()].map(|url| port_of(&url));
    let pid = request.bot.pid();
    request.env.sim.outage().await;
    // The card must be edited from the start, and the result posted later.
    request.approve();
    let before = cpu_time_of(pid);
    let counting = ports.map(|port| tokio::spawn(count_connections(port)));
    let mut attempts = Vec::new();
    for count in counting {
        attempts.push(count.await.expect("counted"));
    }
    println!(
        "in {COUNTING_TIME:?}: connections to the API and the gateway {attempts:?}, CPU time {:?}",
        cpu_time_of(pid).saturating_sub(before)
    );
    // The gateway waits up to 5 s between attempts, REST calls up to 10 s; the first attempts are closer together.
    assert!(attempts.iter().sum::<usize>() < 50, "{attempts:?}");
    request.env.sim.restore().await;
    request.assert_terminated().await;
}

/// Counts connections to the port, closing each.
async fn count_connections(port: u16) -> usize {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
    let mut count = 0;
    let counting = async {
        while listener.accept().await.is_ok() {
            count += 1;
        }
    };
    // The loop ends only by the timeout.
    let _ = timeout(COUNTING_TIME, counting).await;
    count
}

/// The process's CPU time (proc(5), `/proc/pid/stat`: fields 14 and 15, in hundredths of a second on Linux).
fn cpu_time_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
    let after_name = stat.rsplit(") ").next().expect("its fields");
    let ticks = after_name.split(' ').skip(11).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().expect("ticks") * 10).sum())
}

#[tokio::test]
async fn a_lost_response_does_not_duplicate_the_result() {
    let mut request = OpenRequest::open().await;
    request.env.sim.fails_next(3, "POST /channels/*/messages", Fault::EffectThenReset);
    request.approve();
    request.assert_terminated().await;
}

#[tokio::test]
async fn a_lost_response_does_not_duplicate_the_card_in_a_busy_channel() {
    let env = TestEnv::new().await;
    for _ in 0..150 {
        env.person("ben").in_channel(&env.incident()).says("still down");
    }
    let _bot = env.bot(&BotConfig::default());
    env.sim.bot_is_ready().await;
    env.sim.fails_next(2, "POST /interactions/**", Fault::EffectThenReset);
    env.sim.fails_next(2, "PATCH /webhooks/**", Fault::EffectThenReset);
    let victim = env.cluster.victim("app").running("select pg_sleep(600)").await;
    let mut victim = victim.expect("a victim");
    let card = request_card(&env, &victim, "/terminate").await;
    env.person("ben").reacts(&card, APPROVE);
    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    let result = || results(&env, &card).pop();
    env.sim.awaits(POST_LIMIT, "the result", result).await;
    let cards = env.incident().messages();
    let cards: Vec<_> = cards.iter().filter(|message| is_card(message)).collect();
    assert_eq!(cards.len(), 1, "{}", env.sim.transcript());
}

#[tokio::test]
async fn an_open_request_is_decided_although_discord_refuses_the_commands() {
    let OpenRequest { env, mut bot, mut victim, card } = OpenRequest::open().await;
    assert!(bot.stop("before the commands are gone").await.success());
    env.sim.deletes_commands();
    // The daily limit (Discord documentation, "Opcodes and Status Codes").
    let refused = Fault::Error { status: 400, code: 30034 };
    env.sim.fails_next(1000, "PUT /applications/*/guilds/*/commands", refused);
    let bot = env.bot(&BotConfig::default());
    bot.wait_for_readyz(200, "").await;
    env.person("ben").reacts(&card, APPROVE);
    assert_eq!(victim.ended().await.expect("an error from the server"), SqlState::ADMIN_SHUTDOWN);
    assert!(env.log().contains("the commands could not be registered"), "{}", env.log());
}
