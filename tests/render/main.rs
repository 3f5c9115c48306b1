//! What people see, message by message.

mod card;
mod choices;
mod definitions;
mod fixture;
mod limits;
mod requests;
mod result;
mod sessions;
mod views;
