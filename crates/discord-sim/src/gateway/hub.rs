//! All sessions and connections of the bot, and what is wrong with them on purpose.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::intents::Intents;
use super::session::Session;

/// Something a bot is told.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    /// A session needs one of these; none means that everybody is told.
    pub(crate) intents: Intents,
    pub(crate) data: Value,
    /// Whether content is for those with the privileged intent only.
    pub(crate) private_content: bool,
}

impl Event {
    pub(crate) fn new(name: &'static str, intents: Intents, data: Value) -> Self {
        Self {
            name,
            intents,
            data,
            private_content: false,
        }
    }
}

/// What a connection is told to do.
#[derive(Debug)]
pub(crate) enum Order {
    Send { text: Utf8Bytes, at: Instant },
    Close(u16),
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) heartbeat: Duration,
    /// The time that has to pass between two identifies.
    pub(crate) identify_every: Duration,
    /// Identifies allowed in all.
    pub(crate) identify_limit: u32,
    /// Which intents are switched on for the application.
    pub(crate) allowed: Intents,
}

/// A command the bot sent over the gateway.
#[derive(Clone, Debug)]
pub struct GatewayCommand {
    pub op: u64,
    pub data: Value,
    pub at: Instant,
}

#[derive(Debug)]
struct Link {
    orders: UnboundedSender<Order>,
    /// A silent connection sends nothing any more, not even acknowledgements.
    silent: bool,
}

#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) settings: Settings,
    pub(crate) log: Vec<GatewayCommand>,
    /// How late events are, and how often each is sent.
    pub(crate) delay: Duration,
    pub(crate) copies: usize,
    pub(crate) upgrades: Upgrades,
    pub(crate) identifies: u32,
    last_identify: Option<Instant>,
    sessions: HashMap<String, Session>,
    links: HashMap<u64, Link>,
    serial: u64,
}

/// How a new connection is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrades {
    Welcome,
    Unavailable,
    Hang,
}

impl Hub {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            log: Vec::new(),
            delay: Duration::ZERO,
            copies: 1,
            upgrades: Upgrades::Welcome,
            identifies: 0,
            last_identify: None,
            sessions: HashMap::new(),
            links: HashMap::new(),
            serial: 0,
        }
    }

    pub(crate) fn connect(&mut self, orders: UnboundedSender<Order>) -> u64 {
        self.serial += 1;
        self.links.insert(
            self.serial,
            Link {
                orders,
                silent: false,
            },
        );
        self.serial
    }

    /// A connection is gone. Its session waits to be resumed, unless the bot closed it for good.
    pub(crate) fn disconnect(&mut self, link: u64, for_good: bool) {
        self.links.remove(&link);
        self.sessions.retain(|_, session| {
            let here = session.link == Some(link);
            if here {
                session.link = None;
            }
            !(here && for_good)
        });
    }

    /// Numbers an event in every session that wants it and sends it there.
    pub(crate) fn emit(&mut self, event: &Event) {
        let at = Instant::now() + self.delay;
        for session in self.sessions.values_mut().filter(|session| session.wants(event)) {
            for _ in 0..self.copies {
                let text = session.take(event);
                if let Some(link) = session.link.and_then(|link| self.links.get(&link)) {
                    link.send(Order::Send { text, at });
                }
            }
        }
    }

    /// Whether an identify may be taken now; counts it if so.
    pub(crate) fn may_identify(&mut self) -> bool {
        let now = Instant::now();
        let every = self.settings.identify_every;
        let soon = self
            .last_identify
            .is_some_and(|last| now.duration_since(last) < every);
        if soon || self.identifies >= self.settings.identify_limit {
            return false;
        }
        self.last_identify = Some(now);
        self.identifies += 1;
        true
    }

    pub(crate) fn open_session(&mut self, id: String, intents: Intents, link: u64) {
        self.sessions.insert(id, Session::new(intents, link));
    }

    /// Sends an event to one session only.
    pub(crate) fn tell(&mut self, session: &str, event: &Event) {
        let Some(session) = self.sessions.get_mut(session) else {
            return;
        };
        let text = session.take(event);
        if let Some(link) = session.link.and_then(|link| self.links.get(&link)) {
            link.send(Order::Send {
                text,
                at: Instant::now(),
            });
        }
    }

    /// Puts a session on a new connection and replays what it missed. A session may be resumed while its
    /// old connection still seems alive; that one is closed.
    pub(crate) fn resume(&mut self, id: &str, seq: u64, link: u64) -> Resumed {
        let Some(session) = self.sessions.get_mut(id) else {
            return Resumed::Unknown;
        };
        if seq > session.seq {
            return Resumed::BadSequence;
        }
        let Some(missed) = session.missed_since(seq) else {
            return Resumed::Unknown;
        };
        let old = session.link.replace(link).filter(|old| *old != link);
        if let Some(old) = old.and_then(|old| self.links.get(&old)) {
            _ = old.orders.send(Order::Close(4000));
        }
        if let Some(link) = self.links.get(&link) {
            for text in missed {
                link.send(Order::Send {
                    text,
                    at: Instant::now(),
                });
            }
        }
        self.tell(
            id,
            &Event::new(
                "RESUMED",
                Intents::NONE,
                serde_json::json!({ "_trace": ["discord-sim"] }),
            ),
        );
        Resumed::Yes
    }

    pub(crate) fn is_silent(&self, link: u64) -> bool {
        self.links.get(&link).is_some_and(|link| link.silent)
    }

    /// Sends a payload that is no event to every connection.
    pub(crate) fn send_to_all(&self, payload: &Value) {
        for link in self.links.values() {
            link.send(Order::Send {
                text: payload.to_string().into(),
                at: Instant::now(),
            });
        }
    }

    pub(crate) fn close_all(&self, code: u16) {
        for link in self.links.values() {
            _ = link.orders.send(Order::Close(code));
        }
    }

    /// Every connection there is goes silent: open, but nothing comes any more.
    pub(crate) fn silence(&mut self) {
        for link in self.links.values_mut() {
            link.silent = true;
        }
    }

    /// Forgets every session: nothing can be resumed.
    pub(crate) fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// Whether the bot has a session on a live connection.
    pub(crate) fn is_connected(&self) -> bool {
        self.sessions.values().any(|session| session.link.is_some())
    }
}

impl Link {
    /// A send fails only when the connection is closing anyway; the session keeps the event.
    fn send(&self, order: Order) {
        if !self.silent {
            _ = self.orders.send(order);
        }
    }
}

pub(crate) enum Resumed {
    Yes,
    Unknown,
    BadSequence,
}
