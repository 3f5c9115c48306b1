//! What people see, message by message.

mod card;
mod fixture;
mod result;
mod sessions;
