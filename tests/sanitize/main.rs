//! Text from a database or a person, made inert: what people see of it, and that it does nothing.

mod characters;
mod discord;
mod forms;
mod hostile;
