//! The active replica loses its role at each point between the deciding reaction and the statement that signals: it is
//! paused, or its ledger does not answer, for longer than its successor needs to take over. What is on its way then is held
//! up for an instant, cut, or late. Afterwards it continues.

use std::time::Duration;

use crate::bot_config::BotConfig;
use crate::environment::{APPROVE, Bot, TestEnv, wait_until_ready, wait_until_standby};
use crate::failovers::SETTING;
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::{Case, request_card, results, session_end};

/// How many of all combinations are tried. `KILLGATE_DEPOSITIONS` overrides this.
const DEPOSITIONS: usize = 6;
/// The points are so many bytes apart.
const STRIDE: usize = 64;
const LIMIT: Duration = Duration::from_mins(1);

/// Until the replica has lost its role.
const AN_INSTANT: Duration = Duration::from_millis(500);
/// Longer than another replica needs to take over and to record that the outcome is unknown.
const LATE: Duration = Duration::from_secs(10);
const EFFECTS: [FaultEffect; 3] =
    [FaultEffect::Delay(AN_INSTANT), FaultEffect::Cut, FaultEffect::Delay(LATE)];

/// Why another replica takes over.
#[derive(Clone, Copy, Debug)]
enum Loss {
    Paused,
    WithoutLedger,
}

/// Where the fault is.
#[derive(Clone, Copy, Debug)]
enum Link {
    Target,
    Ledger,
}

#[derive(Clone, Copy, Debug)]
struct Deposition {
    link: Link,
    fault: NetworkFault,
    loss: Loss,
}

/// A replica, and what is between it and the others.
struct Replica {
    bot: Bot,
    api: Proxy,
    target: Proxy,
    ledger: Proxy,
}

impl Replica {
    async fn start(env: &TestEnv) -> Self {
        let server = env.cluster.port();
        let (api, target, ledger) =
            (Proxy::to(env.api_port()).await, Proxy::to(server).await, Proxy::to(server).await);
        let bot = env.bot(&BotConfig {
            api_port: Some(api.port),
            target_port: Some(target.port),
            ledger_port: Some(ledger.port),
            ..SETTING
        });
        Self { bot, api, target, ledger }
    }

    fn link(&self, link: Link) -> &Proxy {
        match link {
            Link::Target => &self.target,
            Link::Ledger => &self.ledger,
        }
    }

    async fn lose(&self, loss: Loss) {
        match loss {
            Loss::Paused => self.bot.signal("STOP").await,
            Loss::WithoutLedger => self.ledger.drop_data(true),
        }
    }

    async fn recover(&self, loss: Loss) {
        match loss {
            Loss::Paused => self.bot.signal("CONT").await,
            Loss::WithoutLedger => self.ledger.drop_data(false),
        }
    }
}

/// Every combination, by what an undisturbed approval sends until its session has ended, in the same order in every run. First
/// those in which the statement, which is in the middle of what the target is sent, arrives after another replica took over:
/// only the deadline in it keeps it from signalling then.
async fn depositions(env: &TestEnv, active: &Replica) -> Vec<Deposition> {
    let mut victim = env.cluster.victim("app").running("select pg_sleep(86400)").await.expect("a victim");
    let card = request_card(env, &victim, "/terminate").await;
    env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
    let links = [Link::Ledger, Link::Target].map(|link| (link, active.link(link)));
    let directions = [Direction::ToServer, Direction::ToClient];
    let forwarded = || links.map(|(_, proxy)| directions.map(|direction| proxy.forwarded(direction)));
    let before = forwarded();
    env.person("ben").reacts(&card, APPROVE);
    victim.ended().await.expect("an error from the server");
    let after = forwarded();
    let (mut decisive, mut others) = (Vec::new(), Vec::new());
    for (index, (link, _)) in links.into_iter().enumerate() {
        for (place, direction) in directions.into_iter().enumerate() {
            let length = after[index][place] - before[index][place];
            println!("{link:?}, {direction:?}: {length} bytes from the decision to the signal");
            for after in (0..length).step_by(STRIDE) {
                for effect in EFFECTS {
                    let fault = NetworkFault { direction, after, effect };
                    let is_decisive = matches!((link, direction), (Link::Target, Direction::ToServer))
                        && matches!(effect, FaultEffect::Delay(LATE))
                        && after == length / 2 / STRIDE * STRIDE;
                    let losses = [Loss::Paused, Loss::WithoutLedger];
                    let depositions = losses.map(|loss| Deposition { link, fault, loss });
                    if is_decisive { &mut decisive } else { &mut others }.extend(depositions);
                }
            }
        }
    }
    fastrand::Rng::with_seed(0).shuffle(&mut others);
    decisive.extend(others);
    decisive
}

/// One approval, during which `active` is deposed by `successor`.
async fn depose(env: &TestEnv, active: &Replica, successor: &Replica, deposition: Deposition) -> Case {
    let Deposition { link, fault, loss } = deposition;
    let mut victim = env.cluster.victim("app").running("select pg_sleep(86400)").await.expect("a victim");
    let card = request_card(env, &victim, "/terminate").await;
    env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;
    let proxy = active.link(link);
    proxy.arm(fault);
    env.person("ben").reacts(&card, APPROVE);
    let result = || results(env, &card).pop();
    // How much is sent differs by some bytes.
    env.sim.eventually(LIMIT, "the fault", || proxy.has_triggered() || result().is_some()).await;
    active.lose(loss).await;
    wait_until_ready(env, &successor.bot).await;
    let result = env.sim.awaits(LIMIT, "the result", result).await.content();

    let called = active.api.forwarded(Direction::ToServer);
    active.recover(loss).await;
    wait_until_standby(&active.bot).await;
    env.sim.eventually(LIMIT, "what was late", || !proxy.has_triggered() || proxy.has_ended()).await;
    // One whose ledger does not answer cannot know that it was deposed.
    if matches!(loss, Loss::Paused) {
        let calls = active.api.forwarded(Direction::ToServer) - called;
        assert_eq!(calls, 0, "{deposition:?}: it called Discord after it was deposed");
    }
    assert_eq!(results(env, &card).len(), 1, "{deposition:?}");
    let case = session_end(&mut victim, true).await;
    if result.contains("still there") {
        assert_eq!(case.ended_with, None, "{deposition:?}: signalled after {result}");
    }
    println!("{deposition:?}: {}", result.lines().next().unwrap_or_default());
    case
}

#[tokio::test]
async fn a_replica_that_is_deposed_between_decision_and_statement_neither_signals_nor_answers() {
    let count = std::env::var("KILLGATE_DEPOSITIONS")
        .map_or(DEPOSITIONS, |number| number.parse().expect("a number of depositions"));
    let env = TestEnv::new().await;
    let mut active = Replica::start(&env).await;
    wait_until_ready(&env, &active.bot).await;
    let mut standby = Replica::start(&env).await;
    wait_until_standby(&standby.bot).await;
    let depositions = depositions(&env, &active).await;
    let mut cases = Vec::new();
    for deposition in depositions.into_iter().take(count) {
        cases.push(depose(&env, &active, &standby, deposition).await);
        std::mem::swap(&mut active, &mut standby);
    }
    let outcomes = verify(&env, &SETTING, &cases).await;
    println!("{} depositions, {outcomes:?}", cases.len());
}
