//! All sessions and connections of the bot, with their injected faults.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::event::GatewayEvent;
use super::intents::Intents;
use super::session::GatewaySession;
use crate::world::minimal_events::make_minimal;

/// A command to a connection's task.
#[derive(Debug)]
pub(crate) enum ConnectionCommand {
    Send { text: Utf8Bytes, at: Instant },
    Close(u16),
}

#[derive(Clone, Debug)]
pub(crate) struct GatewaySettings {
    pub(crate) heartbeat: Duration,
    /// The minimum time between two identifies.
    pub(crate) identify_every: Duration,
    /// The total number of identifies allowed.
    pub(crate) identify_limit: u32,
    /// The privileged intents that are enabled for the application.
    pub(crate) allowed: Intents,
    /// The gateway's URL according to the API, if it is not the listener's.
    pub(crate) url: Option<String>,
}

/// A payload that the bot sent over the gateway.
#[derive(Clone, Debug)]
pub struct GatewayCommand {
    pub op: u64,
    pub data: Value,
    pub at: Instant,
}

#[derive(Debug)]
struct ConnectionEntry {
    commands: UnboundedSender<ConnectionCommand>,
    /// A silent connection sends nothing, not even acknowledgements.
    silent: bool,
}

#[derive(Debug)]
pub(crate) struct GatewaySessions {
    pub(crate) settings: GatewaySettings,
    pub(crate) log: Vec<GatewayCommand>,
    /// How much events are delayed, and how often each is sent.
    pub(crate) delay: Duration,
    pub(crate) copies: usize,
    /// Whether interactions and reactions have few fields and odd values.
    pub(crate) is_minimal: bool,
    pub(crate) upgrades: UpgradeMode,
    /// The `User-Agent` of each upgrade, where it had one.
    pub(crate) user_agents: Vec<Option<String>>,
    pub(crate) identifies: u32,
    last_identify: Option<Instant>,
    sessions: HashMap<String, GatewaySession>,
    connections: HashMap<u64, ConnectionEntry>,
    last_connection: u64,
}

/// How the gateway treats new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UpgradeMode {
    Accept,
    Unavailable,
    Hang,
}

impl GatewaySessions {
    pub(crate) fn new(settings: GatewaySettings) -> Self {
        Self {
            settings,
            log: Vec::new(),
            delay: Duration::ZERO,
            copies: 1,
            is_minimal: false,
            upgrades: UpgradeMode::Accept,
            user_agents: Vec::new(),
            identifies: 0,
            last_identify: None,
            sessions: HashMap::new(),
            connections: HashMap::new(),
            last_connection: 0,
        }
    }

    pub(crate) fn connect(&mut self, commands: UnboundedSender<ConnectionCommand>) -> u64 {
        self.last_connection += 1;
        self.connections.insert(self.last_connection, ConnectionEntry { commands, silent: false });
        self.last_connection
    }

    /// Removes a connection. Its session can be resumed, unless the bot ended it.
    pub(crate) fn disconnect(&mut self, connection: u64, ends_session: bool) {
        self.connections.remove(&connection);
        self.sessions.retain(|_, session| {
            let is_current = session.connection == Some(connection);
            if is_current {
                session.connection = None;
            }
            !(is_current && ends_session)
        });
    }

    /// Numbers an event in every session that receives it, and sends it.
    pub(crate) fn emit(&mut self, event: &GatewayEvent) {
        let mut event = Cow::Borrowed(event);
        if self.is_minimal {
            let event = event.to_mut();
            make_minimal(event.name, &mut event.data);
        }
        let at = Instant::now() + self.delay;
        for session in self.sessions.values_mut().filter(|session| session.receives(&event)) {
            for _ in 0..self.copies {
                let text = session.record(&event);
                if let Some(connection) =
                    session.connection.and_then(|connection| self.connections.get(&connection))
                {
                    connection.send(ConnectionCommand::Send { text, at });
                }
            }
        }
    }

    /// Whether an identify is allowed now. If so, it is counted.
    pub(crate) fn may_identify(&mut self) -> bool {
        let now = Instant::now();
        let every = self.settings.identify_every;
        let too_soon = self.last_identify.is_some_and(|last| now.duration_since(last) < every);
        if too_soon || self.identifies >= self.settings.identify_limit {
            return false;
        }
        self.last_identify = Some(now);
        self.identifies += 1;
        true
    }

    pub(crate) fn open_session(&mut self, id: String, intents: Intents, connection: u64) {
        self.sessions.insert(id, GatewaySession::new(intents, connection));
    }

    /// Sends an event to one session only.
    pub(crate) fn emit_to(&mut self, session: &str, event: &GatewayEvent) {
        let Some(session) = self.sessions.get_mut(session) else {
            return;
        };
        let text = session.record(event);
        if let Some(connection) = session.connection.and_then(|connection| self.connections.get(&connection))
        {
            connection.send(ConnectionCommand::Send { text, at: Instant::now() });
        }
    }

    /// Moves a session to a new connection and replays the missed events. If its old connection
    /// is still open, that one is closed.
    pub(crate) fn resume(&mut self, id: &str, seq: u64, connection: u64) -> ResumeResult {
        let Some(session) = self.sessions.get_mut(id) else {
            return ResumeResult::Unknown;
        };
        if seq > session.seq {
            return ResumeResult::BadSequence;
        }
        let Some(missed) = session.missed_since(seq) else {
            return ResumeResult::Unknown;
        };
        let old = session.connection.replace(connection).filter(|old| *old != connection);
        if let Some(old) = old.and_then(|old| self.connections.get(&old)) {
            _ = old.commands.send(ConnectionCommand::Close(4000));
        }
        if let Some(connection) = self.connections.get(&connection) {
            for text in missed {
                connection.send(ConnectionCommand::Send { text, at: Instant::now() });
            }
        }
        self.emit_to(
            id,
            &GatewayEvent::new("RESUMED", Intents::NONE, serde_json::json!({ "_trace": ["discord-sim"] })),
        );
        ResumeResult::Yes
    }

    pub(crate) fn is_silent(&self, connection: u64) -> bool {
        self.connections.get(&connection).is_some_and(|connection| connection.silent)
    }

    /// Sends a payload that is not an event to every connection.
    pub(crate) fn send_to_all(&self, payload: &Value) {
        for connection in self.connections.values() {
            connection.send(ConnectionCommand::Send { text: payload.to_string().into(), at: Instant::now() });
        }
    }

    pub(crate) fn close_all(&self, code: u16) {
        for connection in self.connections.values() {
            _ = connection.commands.send(ConnectionCommand::Close(code));
        }
    }

    /// Silences every connection: it stays open, but nothing is sent.
    pub(crate) fn silence(&mut self) {
        for connection in self.connections.values_mut() {
            connection.silent = true;
        }
    }

    /// Forgets every session, so that none can be resumed.
    pub(crate) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    pub(crate) fn connections(&self) -> usize {
        self.sessions.values().filter(|session| session.connection.is_some()).count()
    }

    /// Whether the bot has a session on an open connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.sessions.values().any(|session| session.connection.is_some())
    }
}

impl ConnectionEntry {
    /// Sending fails only while the connection closes; the session keeps the event.
    fn send(&self, command: ConnectionCommand) {
        if !self.silent {
            _ = self.commands.send(command);
        }
    }
}

pub(crate) enum ResumeResult {
    Yes,
    Unknown,
    BadSequence,
}
