//! `/sessions`, `/requests` and their buttons, end to end: the real bot, real PostgreSQL servers, a simulated Discord.

mod autocomplete;
#[path = "../fixture/components.rs"]
mod components;
mod crowd;
#[path = "../stories/environment/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the stories use the rest of it")]
mod environment;
mod invalid_options;
mod navigation;
mod pictures;
mod proxy;
#[path = "../replay/mod.rs"]
mod replay;
mod requests;
mod scene;
mod session_buttons;
mod several_targets;
mod under_load;
