//! The simulated Discord: one for each bot, with people who type and click.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use discord_sim::{Channel, Message, Person, Sim, SimBuilder};
use tokio::time::sleep;

/// The time limit of every wait.
pub const LIMIT: Duration = Duration::from_secs(30);

/// How often somebody who waits for many answers looks for them.
const LOOK_EVERY: Duration = Duration::from_millis(10);

pub const REQUESTERS: &str = "oncall";
pub const APPROVERS: &str = "dba";

/// Ana asks and Ben approves, in the incident channel.
pub struct Guild {
    pub sim: Sim,
    pub incident: Channel,
    /// Where killgate serves its metrics, if it does.
    pub http: Option<SocketAddr>,
    ana: Person,
    ben: Person,
}

impl Guild {
    pub async fn open() -> Self {
        Self::with(Sim::builder()).await
    }

    /// One that enforces Discord's rate limits.
    pub async fn with_rate_limits() -> Self {
        Self::with(Sim::builder().with_rate_limits()).await
    }

    /// One whose killgate serves metrics.
    pub async fn with_http() -> Result<Self> {
        // A port that nobody has now.
        let free = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        Ok(Self { http: Some(free), ..Self::open().await })
    }

    /// One with so many more people, who have no role. Returns them too.
    pub async fn with_strangers(number: usize) -> (Self, Vec<Person>) {
        let names: Vec<_> = (1..=number).map(|number| format!("stranger{number}")).collect();
        let sim = names.iter().fold(Sim::builder(), |sim, name| sim.person(name, []));
        let guild = Self::with(sim).await;
        let strangers = names.iter().map(|name| guild.sim.person(name)).collect();
        (guild, strangers)
    }

    async fn with(sim: SimBuilder) -> Self {
        let sim = sim
            .role(REQUESTERS)
            .role(APPROVERS)
            .person("ana", [REQUESTERS])
            .person("ben", [APPROVERS])
            .person("ivy", [])
            .channel("incident")
            .start()
            .await;
        Self {
            incident: sim.channel("incident"),
            http: None,
            ana: sim.person("ana"),
            ben: sim.person("ben"),
            sim,
        }
    }

    /// Ana types a command. Returns the response, once filled in, and how long it took.
    pub async fn asks(&self, command: &str) -> Result<(Message, Duration)> {
        let typed = self.ana.in_channel(&self.incident).types(command);
        let began = Instant::now();
        let answer = typed.try_send().await;
        let took = began.elapsed();
        let answer = answer.map_err(|problem| anyhow!("{command}: {problem}"))?;
        Ok((answer.message(), took))
    }

    /// Many people type the same command at once. Returns the time until the last response.
    pub async fn ask_at_once(&self, people: usize, command: &str) -> Result<Duration> {
        let ana = self.ana.in_channel(&self.incident);
        let began = Instant::now();
        let sent = (0..people).map(|_| ana.types(command).send_off());
        let answers =
            sent.collect::<Result<Vec<_>, _>>().map_err(|problem| anyhow!("{command}: {problem}"))?;
        let mut answered = 0;
        // One who waits for all: a hundred who wait would keep the simulator busy looking.
        let all = self.sim.awaits(LIMIT, "everybody has an answer", || {
            let waiting = &answers[answered..];
            let here = |answer: &&discord_sim::InteractionResponse| {
                answer.messages().first().is_some_and(|message| !message.is_loading())
            };
            answered += waiting.iter().take_while(here).count();
            (answered == answers.len()).then(|| began.elapsed())
        });
        Ok(all.await)
    }

    /// Many people type each of these commands at once. Returns the share of those that have an answer when all have one or
    /// the time is up.
    pub async fn ask_all(&self, people: usize, commands: &[String], limit: Duration) -> Result<f64> {
        let ana = self.ana.in_channel(&self.incident);
        let mut waiting = Vec::new();
        for command in commands {
            for _ in 0..people {
                let sent = ana.types(command).send_off();
                waiting.push(sent.map_err(|problem| anyhow!("{command}: {problem}"))?);
            }
        }
        let all = waiting.len();
        let until = Instant::now() + limit;
        while !waiting.is_empty() && Instant::now() < until {
            waiting.retain(|answer| answer.messages().first().is_none_or(|message| message.is_loading()));
            sleep(LOOK_EVERY).await;
        }
        let count = |number: usize| u32::try_from(number).map(f64::from);
        Ok(1.0 - count(waiting.len())? / count(all)?)
    }

    /// Waits until both reactions are on the card, so that the bot has done all it does before a vote.
    pub async fn offers_votes(&self, card: &Message) {
        card.becomes("a card with two reactions", |card| card.emoji().len() == 2).await;
    }

    /// Ben approves. Returns the time just before.
    pub fn approves(&self, card: &Message) -> Instant {
        let before = Instant::now();
        self.ben.reacts(card, "✅");
        before
    }

    /// Ana withdraws her request; waits for the reply.
    pub async fn withdraws(&self, card: &Message) {
        self.ana.reacts(card, "❌");
        self.is_told(card).await;
    }

    /// Waits for the reply to a card.
    pub async fn is_told(&self, card: &Message) {
        self.incident.next_message(|reply| reply.replies_to(card)).await;
    }

    /// When the bot's commands were there, and how much of the time since `began` Discord took to answer.
    pub fn registered(&self, began: Instant) -> Result<(Instant, Duration)> {
        let calls = self.sim.calls();
        let registering = calls
            .iter()
            .rfind(|call| call.method != "GET" && call.path.starts_with("/applications/"))
            .context("no commands were registered")?;
        let end = registering.at + registering.took;
        let mut answering = Duration::ZERO;
        // Calls that overlap count once.
        let mut covered = began;
        for call in calls.iter().filter(|call| call.at <= registering.at) {
            let done = call.at + call.took;
            answering += done.saturating_duration_since(covered.max(call.at));
            covered = covered.max(done);
        }
        Ok((end, answering))
    }
}
