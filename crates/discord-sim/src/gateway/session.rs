//! A session: its intents, and the events sent to it, which are kept for a resume.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;

use super::event::GatewayEvent;
use super::intents::Intents;

/// The number of events kept for a resume.
const MAX_REPLAY_BUFFER: usize = 10_000;

#[derive(Debug)]
pub(crate) struct GatewaySession {
    pub(crate) intents: Intents,
    pub(crate) seq: u64,
    /// Its current connection, if any.
    pub(crate) connection: Option<u64>,
    replay_buffer: VecDeque<(u64, Utf8Bytes)>,
}

impl GatewaySession {
    pub(crate) fn new(intents: Intents, connection: u64) -> Self {
        Self { intents, seq: 0, connection: Some(connection), replay_buffer: VecDeque::new() }
    }

    pub(crate) fn receives(&self, event: &GatewayEvent) -> bool {
        event.intents == Intents::NONE || self.intents.0 & event.intents.0 != 0
    }

    /// Numbers an event and keeps it. Returns the payload to send.
    pub(crate) fn record(&mut self, event: &GatewayEvent) -> Utf8Bytes {
        self.seq += 1;
        let redacted;
        let data = if event.private_content && !self.intents.contains(Intents::MESSAGE_CONTENT) {
            redacted = without_content(&event.data);
            &redacted
        } else {
            &event.data
        };
        let text = format!(r#"{{"t":"{}","s":{},"op":0,"d":{data}}}"#, event.name, self.seq);
        let text = Utf8Bytes::from(text);
        if self.replay_buffer.len() == MAX_REPLAY_BUFFER {
            self.replay_buffer.pop_front();
        }
        self.replay_buffer.push_back((self.seq, text.clone()));
        text
    }

    /// The events after `seq`. `None` if some of them are no longer kept.
    pub(crate) fn missed_since(&self, seq: u64) -> Option<Vec<Utf8Bytes>> {
        let oldest = self.replay_buffer.front().map_or(self.seq + 1, |(seq, _)| *seq);
        if seq + 1 < oldest {
            return None;
        }
        Some(
            self.replay_buffer.iter().filter(|(kept, _)| *kept > seq).map(|(_, text)| text.clone()).collect(),
        )
    }
}

/// The message for a bot without the privileged intent.
fn without_content(data: &Value) -> Value {
    let mut data = data.clone();
    data["content"] = "".into();
    for list in ["embeds", "attachments", "components"] {
        data[list] = Value::Array(Vec::new());
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_replays_exactly_what_was_missed() {
        let mut session = GatewaySession::new(Intents::GUILDS, 0);
        for _ in 0..3 {
            session.record(&GatewayEvent::new("X", Intents::GUILDS, Value::Null));
        }
        assert_eq!(session.missed_since(1).map(|missed| missed.len()), Some(2));
        assert_eq!(session.missed_since(3).map(|missed| missed.len()), Some(0));
    }
}
