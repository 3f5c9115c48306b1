//! The first minute with killgate, step by step. A step is done when it really happened: what the channel shows, what
//! the ledger says, what the shop sells.

use discord_sim::{Channel, Message};
use serde::Serialize;

use crate::bot::Bot;
use crate::channel::BOT_NAME;
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

/// One person asks and another approves to end the session that holds up the shop.
pub struct FirstMinute {
    /// The session to be ended.
    pid: i32,
    steps: [Step; 5],
    ledger: Ledger,
}

impl FirstMinute {
    /// About the queue that was made last.
    pub fn of(troubles: &Troubles, bot: &Bot) -> Self {
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
            step(
                "Try to approve it yourself",
                "As ana, click `✅` below the card: nobody approves what they asked for".into(),
            ),
            step(
                "Approve it as the DBA",
                "As ben, click `✅` below the card".into(),
            ),
            step(
                "See it heal",
                format!("Session {pid} ends, and the shop sells again"),
            ),
        ];
        Self {
            pid,
            steps,
            ledger: bot.ledger(),
        }
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Looks what has happened.
    pub async fn look(&mut self, incident: &Channel, shop_sells: bool) -> anyhow::Result<()> {
        if !self.steps[SEE].done {
            self.steps[SEE].done = incident.messages().iter().any(|message| self.shows_it(message));
        }
        if self.steps[ASK..].iter().all(|step| step.done) {
            return Ok(());
        }
        self.ledger.follow().await?;
        let records = self.ledger.records();
        let about_it = |record: &&Record| record.asks_to_terminate(self.pid);
        let Some(request) = records.iter().rfind(about_it).and_then(|asked| asked.request) else {
            return Ok(());
        };
        let happened = |event: &str, detail: &str| {
            let of_it = records.iter().filter(|record| record.request == Some(request));
            of_it.into_iter().any(|record| record.is(event, detail))
        };
        self.steps[ASK].done |= happened("posted", "");
        self.steps[TRY].done |= happened("attempt_refused", "self_approval");
        self.steps[APPROVE].done |= happened("approved", "");
        self.steps[HEAL].done |= happened("finished", "terminated") && shop_sells;
        Ok(())
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
