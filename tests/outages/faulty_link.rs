//! A bot with a proxy between it and Discord's REST API or gateway, its target or its ledger, and approvals that a fault disturbs.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::bot_config::BotConfig;
use crate::environment::{Bot, TestEnv, wait_until_ready};
use crate::failovers::SETTING;
use crate::proxy::{Direction, NetworkFault, Proxy};
use crate::verification::verify;
use crate::workload::{Case, case, is_card, results};

pub const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];
const LIMIT: Duration = Duration::from_mins(3);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Longer than the first pause before the bot connects again.
const QUIET: Duration = Duration::from_millis(250);

/// What is behind the proxy.
#[derive(Clone, Copy, Debug)]
pub enum Link {
    RestApi,
    Gateway,
    Target,
    Ledger,
}

/// An environment of its own with a bot and what it has been through.
pub struct FaultyLink {
    link: Link,
    env: TestEnv,
    proxy: Proxy,
    config: BotConfig,
    bot: Bot,
    cases: Vec<Case>,
}

impl FaultyLink {
    pub async fn start(link: Link) -> Self {
        let proxy = Proxy::new().await;
        let env = match link {
            Link::Gateway => TestEnv::with_gateway_at(proxy.port).await,
            Link::RestApi | Link::Target | Link::Ledger => TestEnv::new().await,
        };
        proxy.forward_to(match link {
            Link::RestApi => env.api_port(),
            Link::Gateway => env.gateway_port(),
            Link::Target | Link::Ledger => env.cluster.port(),
        });
        let port = Some(proxy.port);
        let config = match link {
            Link::RestApi => BotConfig { api_port: port, ..SETTING },
            Link::Gateway => SETTING,
            Link::Target => BotConfig { target_port: port, ..SETTING },
            Link::Ledger => BotConfig { ledger_port: port, ..SETTING },
        };
        let bot = env.bot(&config);
        env.sim.bot_is_ready().await;
        Self { link, env, proxy, config, bot, cases: Vec::new() }
    }

    /// How many approvals it has been through.
    pub fn approvals(&self) -> usize {
        self.cases.len()
    }

    /// One approval without a fault. Returns how many bytes it sent in each of [`DIRECTIONS`], from the command to the closed card.
    pub async fn measure(&mut self) -> [usize; 2] {
        self.settle().await;
        let forwarded = || DIRECTIONS.map(|direction| self.proxy.forwarded(direction));
        let before = forwarded();
        let case = case(&self.env, 0, 1, || self.send_to_gateway()).await;
        self.answered_cards_are_closed().await;
        let after = forwarded();
        self.cases.push(case);
        [after[0] - before[0], after[1] - before[1]]
    }

    /// One approval with a fault that is armed before its command. Returns whether it triggered before the card was closed.
    pub async fn disturb(&mut self, number: usize, fault: NetworkFault) -> bool {
        let disturbed = async {
            self.settle().await;
            self.proxy.arm(fault);
            let case = case(&self.env, 0, number, || self.send_to_gateway()).await;
            self.answered_cards_are_closed().await;
            case
        };
        let Ok(case) = timeout(LIMIT, disturbed).await else {
            panic!("no closed card after {LIMIT:?}\n{}\n{}", self.env.sim.transcript(), self.env.log());
        };
        self.cases.push(case);
        self.proxy.has_triggered()
    }

    /// Verifies all approvals, and returns how often each outcome occurred.
    pub async fn verify(self) -> BTreeMap<String, usize> {
        let outcomes = verify(&self.env, &BotConfig { ledger_port: None, ..self.config }, &self.cases).await;
        // What becomes of a session is seen whatever Discord does.
        let is_discord = matches!(self.link, Link::RestApi | Link::Gateway);
        assert!(!is_discord || !outcomes.contains_key("unknown"), "{outcomes:?}");
        outcomes
    }

    /// Waits until the bot has recovered from the last fault, so that the next approval sends as much as any other.
    async fn settle(&self) {
        wait_until_ready(&self.env, &self.bot).await;
        if matches!(self.link, Link::Target) {
            // Statements are prepared on a new connection, which are several times as long as all that an approval sends.
            let sent = || self.proxy.forwarded(Direction::ToServer);
            let mut before = None;
            while before.replace(sent()) != Some(sent()) {
                sleep(QUIET).await;
            }
        }
    }

    /// The bot sends hardly anything to the gateway during an approval, unless it has to resume its session.
    fn send_to_gateway(&self) {
        if matches!(self.link, Link::Gateway) {
            self.env.sim.gateway().asks_to_reconnect();
        }
    }

    /// Edits of cards are spaced out, so the last one may come after the result.
    async fn answered_cards_are_closed(&self) {
        let is_left_open = || {
            let messages = self.env.incident().messages();
            messages.iter().any(|message| {
                is_card(message)
                    && !message.content().ends_with(" · closed")
                    && !results(&self.env, message).is_empty()
            })
        };
        while is_left_open() {
            sleep(POLL_INTERVAL).await;
        }
    }
}
