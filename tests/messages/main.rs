//! The content of every message.

mod card;
mod choices;
mod component_id;
mod components;
mod crowd;
mod definitions;
mod fixture;
mod limits;
mod longest;
mod refusals;
mod requests;
mod result;
#[path = "../fixture/session.rs"]
mod session_fixture;
mod sessions;
mod several;
mod timeline;
mod views;
