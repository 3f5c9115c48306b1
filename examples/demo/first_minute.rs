//! The first minute with killgate, step by step. A step is done when it really happened: what the channel shows, what
//! the ledger says, what the shop sells.

use discord_sim::{Channel, Message, Sim};
use serde::Serialize;

use crate::bot::Bot;
use crate::channel::{BOT_NAME, CHANNEL};
use crate::ledger::{Ledger, Record};
use crate::trouble::{Trouble, Troubles};

/// A step, and how it is done; commands and keys are between backticks.
#[derive(Debug, Serialize)]
pub struct Step {
    pub title: &'static str,
    pub hint: String,
    pub done: bool,
}

const SEE: usize = 0;
const ASK: usize = 1;
const TRY: usize = 2;
const APPROVE: usize = 3;
const HEAL: usize = 4;

const TOO_LATE: &str = "The session has ended. Start the first trouble again below to do this, too";

/// One person asks and another approves to end the session that holds up the shop.
pub struct FirstMinute {
    /// The session to be ended.
    pid: i32,
    steps: [Step; 5],
    ledger: Ledger,
    incident: Channel,
    /// Names and ids.
    people: Vec<(String, u64)>,
}

impl FirstMinute {
    /// About the queue that was made last.
    pub fn of(troubles: &Troubles, bot: &Bot, discord: &Sim) -> Self {
        let pid = troubles.culprit(Trouble::Queue);
        let step = |title, hint: String| Step {
            title,
            hint,
            done: false,
        };
        let steps = [
            step("See the trouble", "As ana, type `/sessions view:blocking`".into()),
            step(
                "Ask to end it",
                format!("As ana, type `/terminate pid:{pid} reason:holds up the shop`"),
            ),
            step("Try to approve it yourself", own_approval("ana")),
            step("Approve it as the DBA", approval("ana")),
            step(
                "See it heal",
                format!("Session {pid} ends, and the shop sells again"),
            ),
        ];
        Self {
            pid,
            steps,
            ledger: bot.ledger(),
            incident: discord.channel(CHANNEL),
            people: discord.people(),
        }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Looks what has happened.
    pub async fn look(&mut self, shop_sells: bool) -> anyhow::Result<()> {
        if !self.steps[SEE].done {
            let messages = self.incident.messages();
            self.steps[SEE].done = messages.iter().any(|message| self.shows_it(message));
        }
        if self.steps[ASK..].iter().all(|step| step.done) {
            return Ok(());
        }
        self.ledger.follow().await?;
        let records = self.ledger.records();
        let Some(asked) = records.iter().rfind(|record| record.asks_to_terminate(self.pid)) else {
            return Ok(());
        };
        let of_it: Vec<_> = records
            .iter()
            .filter(|record| record.request == asked.request)
            .collect();
        let happened = |event: &str, detail: &str| of_it.iter().any(|record| record.is(event, detail));
        let is_terminated = happened("finished", "terminated");
        // Whoever withdrew it, or let it be denied, has to ask anew.
        let is_in_vain = of_it.iter().any(|record| record.ends()) && !is_terminated;
        self.steps[ASK].done = happened("posted", "") && !is_in_vain;
        self.steps[TRY].done |= happened("attempt_refused", "self_approval");
        self.steps[APPROVE].done = happened("approved", "") && !is_in_vain;
        self.steps[HEAL].done |= is_terminated && shop_sells;

        let requester = self.name_of(asked);
        self.steps[TRY].hint = own_approval(&requester);
        self.steps[APPROVE].hint = approval(&requester);
        if is_terminated {
            // What was left out cannot be done any more.
            self.steps[SEE].hint = TOO_LATE.into();
            self.steps[TRY].hint = TOO_LATE.into();
        }
        Ok(())
    }

    /// Who did what the record says.
    fn name_of(&self, record: &Record) -> String {
        let known = self
            .people
            .iter()
            .find(|(_, id)| record.actor.as_deref() == Some(&id.to_string()));
        known.map_or_else(|| "whoever asked".into(), |(name, _)| name.clone())
    }

    /// Whether the bot answered somebody's `/sessions` with the session in it.
    fn shows_it(&self, message: &Message) -> bool {
        let answers = message.json()["interaction"]["name"] == "sessions";
        let pid = self.pid.to_string();
        let words = message.text();
        let mut numbers = words.split(|c: char| !c.is_ascii_digit());
        answers && message.author() == BOT_NAME && numbers.any(|number| number == pid)
    }
}

fn own_approval(requester: &str) -> String {
    format!("As {requester}, click `✅` below the card: nobody approves what they asked for")
}

/// By an approver who did not ask.
fn approval(requester: &str) -> String {
    let approver = if requester == "ben" { "dora" } else { "ben" };
    format!("As {approver}, click `✅` below the card")
}
