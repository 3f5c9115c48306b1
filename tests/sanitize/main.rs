//! Sanitized text: what people see, and that it contains no markup.

mod characters;
mod discord;
mod forms;
mod hostile;
