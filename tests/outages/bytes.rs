//! The network between the bot and Discord's API, its target and its ledger is cut, stalled and delayed every few bytes of one
//! whole approval.

use std::time::Duration;

use crate::environment::{BotConfig, TestEnv, wait_until_ready};
use crate::failovers::SETTING;
use crate::proxy::{Direction, FaultEffect, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::case;

/// How many bytes apart the faults are. `KILLGATE_FAULT_STRIDE` overrides this.
const STRIDE: usize = 4_000;
const EFFECTS: [FaultEffect; 3] =
    [FaultEffect::Cut, FaultEffect::Stall, FaultEffect::Delay(Duration::from_secs(2))];

/// What is behind the proxy.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    Discord,
    Target,
    Ledger,
}

async fn faults_between_bot_and(link: Link) {
    let stride = std::env::var("KILLGATE_FAULT_STRIDE")
        .map_or(STRIDE, |number| number.parse().expect("a number of bytes"));
    let env = TestEnv::new().await;
    let server = if matches!(link, Link::Discord) { env.api_port() } else { env.cluster.port() };
    let proxy = Proxy::to(server).await;
    let port = Some(proxy.port);
    let config = match link {
        Link::Discord => BotConfig { api_port: port, ..SETTING },
        Link::Target => BotConfig { target_port: port, ..SETTING },
        Link::Ledger => BotConfig { ledger_port: port, ..SETTING },
    };
    let bot = env.bot(&config);
    wait_until_ready(&env, &bot).await;
    let mut cases = Vec::new();
    // Odd numbers are approved, and include both kinds of signal.
    let mut number = 1;
    for direction in [Direction::ToServer, Direction::ToClient] {
        let before = proxy.forwarded(direction);
        cases.push(case(&env, 0, number, || ()).await);
        let length = proxy.forwarded(direction) - before;
        println!("{link:?}, {direction:?}: {length} bytes for one approval");
        for after in (0..length).step_by(stride) {
            for effect in EFFECTS {
                number += 2;
                cases.push(
                    case(&env, 0, number, || proxy.arm(NetworkFault { direction, after, effect })).await,
                );
            }
        }
    }
    let outcomes = verify(&env, &BotConfig { ledger_port: None, ..config }, &cases).await;
    println!("{link:?}: {} requests, {outcomes:?}", cases.len());
    // What becomes of a session is seen whatever Discord does.
    assert!(!matches!(link, Link::Discord) || !outcomes.contains_key("unknown"), "{outcomes:?}");
}

#[tokio::test]
async fn faults_every_few_bytes_between_bot_and_discord_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::Discord).await;
}

#[tokio::test]
async fn faults_every_few_bytes_between_bot_and_target_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::Target).await;
}

#[tokio::test]
async fn faults_every_few_bytes_between_bot_and_ledger_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::Ledger).await;
}
