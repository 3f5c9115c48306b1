//! The configuration: what is accepted, and what is said about what is not.

#[path = "config/documents.rs"]
mod documents;
#[path = "config/example.rs"]
mod example;
#[path = "config/faults.rs"]
mod faults;
#[path = "config/garbage.rs"]
mod garbage;
#[path = "config/manual.rs"]
mod manual;
#[path = "config/overrides.rs"]
mod overrides;
#[path = "config/panics.rs"]
mod panics;
#[path = "config/password_command.rs"]
mod password_command;
#[path = "config/quorum.rs"]
mod quorum;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/shipped.rs"]
mod shipped;
#[path = "config/urls.rs"]
mod urls;
#[path = "config/values.rs"]
mod values;
mod written;
