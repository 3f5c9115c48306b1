//! A checklist for the first minute with killgate. A step is done when the channel, the ledger and the shop
//! show that it happened.

use discord_sim::{Channel, Message, Sim};
use serde::Serialize;

use crate::bot::Bot;
use crate::channel::{BOT_NAME, CHANNEL};
use crate::database::Session;
use crate::ledger::{Ledger, Record};
use crate::trouble::{Trouble, Troubles};

/// A step and a hint. Commands, buttons and people are between backticks.
#[derive(Debug, Serialize)]
pub struct Step {
    pub title: &'static str,
    pub hint: String,
    /// Who types the command in the hint.
    person: &'static str,
    pub done: bool,
}

const SEE: usize = 0;
const ASK: usize = 1;
const TRY: usize = 2;
const APPROVE: usize = 3;
const RECOVER: usize = 4;

const REQUESTER: &str = "ana";
const TOO_LATE: &str = "The session has ended. Start the first trouble again to do this, too";

/// One person asks to end the session that blocks the shop, and another approves.
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
    /// A checklist about the latest queue.
    pub fn of(troubles: &Troubles, bot: &Bot, discord: &Sim) -> Self {
        let pid = troubles.root_blocker(Trouble::Queue);
        let step = |title, hint: String| Step { title, hint, person: REQUESTER, done: false };
        let steps = [
            step("See the trouble", format!("As `@{REQUESTER}`, send `/sessions view:blocking`")),
            step(
                "Ask to end it",
                format!("As `@{REQUESTER}`, send `/terminate pid:{pid} reason:blocks the shop`"),
            ),
            step("Try to approve it yourself", own_approval(REQUESTER)),
            step("Approve it as the DBA", approval(REQUESTER)),
            step("See it recover", format!("Session {pid} ends, and the shop sells again")),
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

    /// Updates the steps.
    pub async fn update(&mut self, shop_sells: bool, sessions: &[Session]) -> anyhow::Result<()> {
        if !self.steps[SEE].done {
            let messages = self.incident.messages();
            self.steps[SEE].done = messages.iter().any(|message| self.lists_session(message));
        }
        if self.steps[ASK..].iter().all(|step| step.done) {
            return Ok(());
        }
        let is_there = sessions.iter().any(|session| session.pid == self.pid);
        if !is_there {
            // What was not done yet can no longer be done.
            for step in &mut self.steps[..RECOVER] {
                step.hint = TOO_LATE.into();
            }
        }
        self.ledger.refresh().await?;
        let records = self.ledger.records();
        let Some(requested) = records.iter().rfind(|record| record.asks_to_terminate(self.pid)) else {
            return Ok(());
        };
        let of_request: Vec<_> =
            records.iter().filter(|record| record.request == requested.request).collect();
        let happened = |event: &str, detail: &str| of_request.iter().any(|record| record.is(event, detail));
        let is_terminated = happened("finished", "terminated");
        // After a withdrawn or denied request, somebody must ask again.
        let is_closed = of_request.iter().any(|record| record.ends()) && !is_terminated;
        self.steps[ASK].done = happened("posted", "") && !is_closed;
        self.steps[TRY].done |= happened("attempt_refused", "self_approval");
        self.steps[APPROVE].done = happened("approved", "") && !is_closed;
        self.steps[RECOVER].done |= is_terminated && shop_sells;

        let asked_by = self.name_of(requested);
        if is_there {
            self.steps[TRY].hint = own_approval(&asked_by);
            self.steps[APPROVE].hint = approval(&asked_by);
        }
        Ok(())
    }

    /// The name of the record's actor.
    fn name_of(&self, record: &Record) -> String {
        let known = self.people.iter().find(|(_, id)| record.actor.as_deref() == Some(&id.to_string()));
        known.map_or_else(|| "the requester".into(), |(name, _)| name.clone())
    }

    /// Whether the message is the answer to a `/sessions` command and contains the session.
    fn lists_session(&self, message: &Message) -> bool {
        let answers = message.json()["interaction"]["name"] == "sessions";
        let pid = self.pid.to_string();
        let text = message.text();
        let mut numbers = text.split(|c: char| !c.is_ascii_digit());
        answers && message.author() == BOT_NAME && numbers.any(|number| number == pid)
    }
}

fn own_approval(requester: &str) -> String {
    format!("As `@{requester}`, click `✅` below the card: nobody can approve their own request")
}

/// The hint for an approver who is not the requester.
fn approval(requester: &str) -> String {
    let approver = if requester == "ben" { "dora" } else { "ben" };
    format!("As `@{approver}`, click `✅` below the card")
}
