//! killgate: cancels or terminates PostgreSQL sessions from a Discord channel, once a second authorized person
//! approved with a reaction.
//!
//! # The house
//! | room | what is in it | may know |
//! |---|---|---|
//! | [`domain`] | the rules, pure: no clock, no I/O, no async | nothing here |
//! | [`desk`] | where requests live: takes what happened, asks the domain, records, acts | `domain` |
//! | [`ledger`] | the append-only, hash-chained memory | `desk::ports`, `domain` |
//! | [`postgres`] | the targets: connection, listing, signalling | `desk::ports`, `domain` |
//! | [`discord`] | the only place that knows serenity: commands, reactions, cards | `desk`, `domain` |
//! | [`config`] | file and environment become validated settings | `domain` |
//! | [`operations`] | puts it together: run, audit, health and metrics | everything |
//!
//! # The life of a request
//! 1. A command comes in: [`discord::commands`] reads it, [`desk::reception`] has the target looked at
//!    ([`postgres`]), [`domain::asking`] says whether it may be asked.
//! 2. `requested` is in the ledger before anybody sees the card, which the desk's courier brings to the
//!    channel ([`discord::channel`], drawn by [`discord::render`]).
//! 3. Reactions come in through [`discord::listener`], in Discord's order; [`domain::decision`] says what each
//!    means. Meanwhile the desk watches the session, and the card follows the truth.
//! 4. At the quorum `approved` and `executing` become durable in one append. Only then
//!    [`domain::approval::Approved`] can be minted, the one value that [`postgres`] takes to signal anything.
//! 5. One statement checks that the backend is still the one on the card, and signals it; the desk watches it end.
//! 6. `finished` is recorded, the result is posted as a reply, and the card shows it.

pub mod common;
pub mod config;
pub mod discord;
pub mod domain;
pub mod ledger;
pub mod operations;
pub mod postgres;
pub mod workflow;
