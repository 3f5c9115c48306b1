//! A session: what a bot asked for, and what it was sent, kept to be replayed.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;

use super::hub::Event;
use super::intents::Intents;

/// Events kept for a resume.
const MOST_KEPT: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) intents: Intents,
    pub(crate) seq: u64,
    /// The connection it is on, if it is on one.
    pub(crate) link: Option<u64>,
    kept: VecDeque<(u64, Utf8Bytes)>,
}

impl Session {
    pub(crate) fn new(intents: Intents, link: u64) -> Self {
        Self {
            intents,
            seq: 0,
            link: Some(link),
            kept: VecDeque::new(),
        }
    }

    pub(crate) fn wants(&self, event: &Event) -> bool {
        event.intents == Intents::NONE || self.intents.0 & event.intents.0 != 0
    }

    /// Numbers an event and keeps it; gives the payload to send.
    pub(crate) fn take(&mut self, event: &Event) -> Utf8Bytes {
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
        if self.kept.len() == MOST_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((self.seq, text.clone()));
        text
    }

    /// The events after `seq`, unless some of them are no longer kept.
    pub(crate) fn missed_since(&self, seq: u64) -> Option<Vec<Utf8Bytes>> {
        let oldest = self.kept.front().map_or(self.seq + 1, |(seq, _)| *seq);
        if seq + 1 < oldest {
            return None;
        }
        Some(
            self.kept
                .iter()
                .filter(|(kept, _)| *kept > seq)
                .map(|(_, text)| text.clone())
                .collect(),
        )
    }
}

/// The message as a bot without the privileged intent gets it.
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
        let mut session = Session::new(Intents::GUILDS, 0);
        for _ in 0..3 {
            session.take(&Event::new("X", Intents::GUILDS, Value::Null));
        }
        assert_eq!(session.missed_since(1).map(|missed| missed.len()), Some(2));
        assert_eq!(session.missed_since(3).map(|missed| missed.len()), Some(0));
    }
}
