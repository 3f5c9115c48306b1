//! What people see, message by message.

mod card;
mod choices;
mod components;
mod definitions;
mod fixture;
mod limits;
mod press;
mod requests;
mod result;
mod sessions;
mod views;
