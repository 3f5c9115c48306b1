//! `/sessions`, `/requests` and their buttons, end to end: the real bot, real PostgreSQL servers, a simulated Discord.

mod autocomplete;
#[path = "../fixture/components.rs"]
mod components;
mod crowd;
mod invalid_options;
mod navigation;
mod pictures;
mod proxy;
mod requests;
mod scene;
mod session_buttons;
mod several_targets;
mod under_load;
