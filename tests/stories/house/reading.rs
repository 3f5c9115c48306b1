//! What can be read afterwards: the channel, and the ledger as it is exported.

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::eventually;

use super::House;

impl House {
    /// The reply to the card that tells how the request ended.
    pub async fn result(&self, card: &Message) -> String {
        let reply = self.incident();
        let reply = reply.message(|message| message.replies_to(card) && !is_note(message));
        reply.await.content()
    }

    /// Waits until the request has ended in the ledger, in the reply to its card and on the card itself, all of
    /// them with the same words; gives the reply.
    pub async fn ends(&self, request: u64, card: &Message, outcome: &str, headline: &str) -> String {
        let record = self.finished(request).await;
        let result = self.result(card).await;
        assert_eq!(record["outcome"], outcome, "{record}\n{}", self.sim.transcript());
        assert!(result.starts_with(headline), "{result}");
        card.becomes("the card shows how it ended", |card| {
            card.card().title().starts_with(headline)
        })
        .await;
        result
    }

    /// The notes below the card that a reaction does not count, oldest first.
    pub fn notes(&self, card: &Message) -> Vec<String> {
        let messages = self.incident().messages();
        let notes = messages
            .iter()
            .filter(|message| message.replies_to(card) && is_note(message));
        notes.map(Message::content).collect()
    }

    /// The ledger, as `killgate audit export` prints it.
    pub async fn ledger(&self) -> Vec<Value> {
        let lines = self.export(&[]).await;
        let records = lines.lines().map(serde_json::from_str);
        records.collect::<Result<_, _>>().expect("a JSON object a line")
    }

    /// What `killgate audit export` prints.
    pub async fn export(&self, arguments: &[&str]) -> String {
        let output = self
            .run_killgate(&[&["audit", "export"], arguments].concat())
            .await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The events of a request in short, with names for the ids: `approved by ben`, `finished: terminated`.
    pub async fn events(&self, request: u64) -> Vec<String> {
        let ledger = self.ledger().await;
        let of_request = ledger.iter().filter(|record| record["request"] == request);
        of_request.map(|record| self.short(record)).collect()
    }

    /// Waits until so many attempts are recorded that became no request, and gives them.
    pub async fn attempts(&self, count: usize) -> Vec<String> {
        let waited = eventually("recorded attempts", async || {
            let ledger = self.ledger().await;
            let attempts = ledger.iter().filter(|record| record["request"].is_null());
            let attempts: Vec<_> = attempts.map(|record| self.short(record)).collect();
            Ok((attempts.len() >= count).then_some(attempts))
        })
        .await;
        waited.unwrap_or_else(|error| panic!("{error}\n{}", self.sim.transcript()))
    }

    /// Waits until the ledger has the event so often, and gives all events of the request.
    pub async fn recorded(&self, request: u64, event: &str, times: usize) -> Vec<String> {
        let waited = eventually(event, async || {
            let events = self.events(request).await;
            let count = events.iter().filter(|recorded| *recorded == event).count();
            Ok((count >= times).then_some(events))
        })
        .await;
        match waited {
            Ok(events) => events,
            Err(error) => panic!(
                "{error}\n{:#?}\n{}",
                self.events(request).await,
                self.sim.transcript()
            ),
        }
    }

    /// Waits until the request has ended, and gives the last record of it, checked to be the only ending.
    pub async fn finished(&self, request: u64) -> Value {
        let waited = eventually(&format!("request {request} ends"), async || {
            let ledger = self.ledger().await;
            let endings = ledger
                .into_iter()
                .filter(|record| record["request"] == request && record["event"] == "finished");
            let endings: Vec<_> = endings.collect();
            assert!(endings.len() < 2, "ended twice: {endings:#?}");
            Ok(endings.into_iter().next())
        })
        .await;
        match waited {
            Ok(record) => record,
            Err(error) => panic!(
                "{error}\n{:#?}\n{}\n{}",
                self.events(request).await,
                self.sim.transcript(),
                self.log()
            ),
        }
    }

    fn short(&self, record: &Value) -> String {
        let event = record["event"].as_str().expect("an event");
        let by = record["actor"]
            .as_str()
            .map(|id| format!(" by {}", self.name(id)));
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

fn is_note(message: &Message) -> bool {
    message.content().contains("does not count")
}
