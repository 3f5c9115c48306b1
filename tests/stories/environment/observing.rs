//! Reads the channel and the exported ledger.

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::eventually;

use super::{LIMIT, TestEnv};

impl TestEnv {
    /// The text of the reply to the card that gives the outcome.
    pub async fn result_text(&self, card: &Message) -> String {
        let reply = self.incident_channel();
        let reply = reply.message(|message| message.replies_to(card) && !is_notice(message));
        reply.await.content()
    }

    /// Waits until the ledger, the reply to the card and the card itself all show the outcome. Returns the reply.
    pub async fn assert_outcome(
        &self,
        request: u64,
        card: &Message,
        outcome: &str,
        headline: &str,
    ) -> String {
        let record = self.wait_for_finished(request).await;
        let result = self.result_text(card).await;
        assert_eq!(record["outcome"], outcome, "{record}\n{}", self.sim.transcript());
        assert!(result.starts_with(headline), "{result}");
        card.becomes("the card shows the outcome", |card| card.card().title().starts_with(headline)).await;
        result
    }

    /// The replies to the card that say that a reaction does not count, oldest first.
    pub fn notices(&self, card: &Message) -> Vec<String> {
        let messages = self.incident_channel().messages();
        let notices = messages.iter().filter(|message| message.replies_to(card) && is_notice(message));
        notices.map(Message::content).collect()
    }

    /// The same, once there are some.
    pub async fn wait_for_notices(&self, card: &Message) -> Vec<String> {
        self.sim.eventually(LIMIT, "a notice", || !self.notices(card).is_empty()).await;
        self.notices(card)
    }

    /// The ledger, as `killgate audit export` prints it.
    pub async fn ledger(&self) -> Vec<Value> {
        let lines = self.export(&[]).await;
        let records = lines.lines().map(serde_json::from_str);
        records.collect::<Result<_, _>>().expect("a JSON object a line")
    }

    /// The output of `killgate audit export`.
    pub async fn export(&self, arguments: &[&str]) -> String {
        let output = self.run_killgate(&[&["audit", "export"], arguments].concat()).await;
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The events of a request as short texts with names instead of ids: `approved by ben`, `finished: terminated`.
    pub async fn events(&self, request: u64) -> Vec<String> {
        let ledger = self.ledger().await;
        let of_request = ledger.iter().filter(|record| record["request"] == request);
        of_request.map(|record| self.summarize(record)).collect()
    }

    /// Waits for `count` recorded attempts that never became a request, and returns them.
    pub async fn wait_for_attempts(&self, count: usize) -> Vec<String> {
        let result = eventually("recorded attempts", async || {
            let ledger = self.ledger().await;
            let attempts = ledger.iter().filter(|record| record["request"].is_null());
            let attempts: Vec<_> = attempts.map(|record| self.summarize(record)).collect();
            Ok((attempts.len() >= count).then_some(attempts))
        })
        .await;
        result.unwrap_or_else(|error| panic!("{error}\n{}", self.sim.transcript()))
    }

    /// Waits until the ledger has the event `times` times, and returns all events of the request.
    pub async fn wait_for_event(&self, request: u64, event: &str, times: usize) -> Vec<String> {
        let result = eventually(event, async || {
            let events = self.events(request).await;
            let count = events.iter().filter(|recorded| *recorded == event).count();
            Ok((count >= times).then_some(events))
        })
        .await;
        match result {
            Ok(events) => events,
            Err(error) => panic!("{error}\n{:#?}\n{}", self.events(request).await, self.sim.transcript()),
        }
    }

    /// Waits until the request has ended, and returns its only `finished` record.
    pub async fn wait_for_finished(&self, request: u64) -> Value {
        let result = eventually(&format!("request {request} ends"), async || {
            let ledger = self.ledger().await;
            let finished = ledger
                .into_iter()
                .filter(|record| record["request"] == request && record["event"] == "finished");
            let finished: Vec<_> = finished.collect();
            assert!(finished.len() < 2, "ended twice: {finished:#?}");
            Ok(finished.into_iter().next())
        })
        .await;
        match result {
            Ok(record) => record,
            Err(error) => panic!(
                "{error}\n{:#?}\n{}\n{}",
                self.events(request).await,
                self.sim.transcript(),
                self.log()
            ),
        }
    }

    fn summarize(&self, record: &Value) -> String {
        let event = record["event"].as_str().expect("an event");
        let by = record["actor"].as_str().map(|id| format!(" by {}", self.name(id)));
        let details = ["action", "outcome", "why"].map(|key| record[key].as_str());
        let detail = details.into_iter().flatten().next();
        let detail = detail.map(|detail| format!(": {detail}"));
        let approvers = record["approvers"].as_array().map(|approvers| {
            let ids = approvers.iter().filter_map(Value::as_str);
            let names: Vec<_> = ids.map(|id| self.name(id)).collect();
            format!(", approved by {}", names.join(" and "))
        });
        let parts = [by, detail, approvers].into_iter().flatten();
        [event.to_owned()].into_iter().chain(parts).collect()
    }

    fn name(&self, id: &str) -> String {
        let people = self.sim.people().into_iter();
        people
            .chain([("robo".to_owned(), self.person("robo").id())])
            .find(|(_, known)| known.to_string() == id)
            .map_or_else(|| id.to_owned(), |(name, _)| name)
    }
}

fn is_notice(message: &Message) -> bool {
    let notices = ["does not count", "waits for your decision", "still waits for a decision"];
    notices.iter().any(|notice| message.content().contains(notice))
}

/// The values that can be chosen in the menus of a message.
pub fn menu_values(message: &Message) -> Vec<String> {
    let message = message.json();
    let rows = message["components"].as_array().into_iter().flatten();
    let components = rows.flat_map(|row| row["components"].as_array().into_iter().flatten());
    let options = components.flat_map(|component| component["options"].as_array().into_iter().flatten());
    options.filter_map(|option| option["value"].as_str()).map(ToOwned::to_owned).collect()
}
