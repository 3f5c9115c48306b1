//! killgate: cancels or terminates PostgreSQL sessions from a Discord channel, once a second authorized person
//! approved with a reaction.
//!
//! # The folders
//! | module | what it contains | may import |
//! |---|---|---|
//! | [`domain`] | every rule about requests. Pure: no clock, no I/O, no async | nothing |
//! | [`common`] | [`common::backoff`], [`common::bounded_read`], [`common::check_result`], [`common::deadline`], [`common::error_causes`] and [`common::uptime`] | nothing |
//! | [`workflow`] | a request from command to result | `domain`, `common` |
//! | [`postgres`] | the target servers: connecting, listing sessions, signalling | `domain`, `common`, `workflow::ports` |
//! | [`ledger`] | the append-only, hash-chained record | `domain`, `common`, `workflow::ports`, `postgres::connection`, `postgres::connection_manager`, `postgres::error` |
//! | [`discord`] | commands, reactions, cards, results; the only folder that uses serenity | `domain`, `common`, `workflow::ports`, `workflow::refusal`, `workflow::input`, `workflow::handle`, `workflow::EngineHandle` |
//! | [`config`] | reads file and environment into the options of the other folders | `domain`, `common`, `discord`, `postgres`, `ledger` |
//! | [`operations`] | starts everything; leadership, `check`, `audit`, health, metrics, logs | everything |
//!
//! # The life of a request
//! 1. A command arrives. [`discord::interactions`] reads it, [`workflow::handle`] takes a snapshot of the target's
//!    sessions, and [`domain::creation`] decides whether it may be requested.
//! 2. `requested` is durable in the ledger before anybody sees the card. [`discord::messages`] draws the card,
//!    `discord::incident_channel` posts it.
//! 3. Reactions arrive through `discord::event_handler`, in Discord's order. [`domain::decision`] decides what each
//!    one means. Meanwhile the session is monitored, and the card shows what changed.
//! 4. With enough approvals, `executing` becomes durable: together with the only `approved`, or, if several are needed,
//!    after all approvers were looked up again. Only then can [`domain::approval::Approved`] be created, the only value
//!    that [`postgres`] accepts for a signal.
//! 5. One statement compares the backend with the one on the card and signals it. Then the session is watched until it
//!    ends.
//! 6. `finished` becomes durable, and the result is posted as a reply to the card.

pub mod common;
pub mod config;
pub mod discord;
pub mod domain;
pub mod ledger;
pub mod operations;
pub mod postgres;
pub mod workflow;
