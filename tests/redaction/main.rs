//! Redaction of query text: what is shown of a statement, and that nothing else is.

mod arbitrary;
mod cases;
mod closed;
mod generated;
mod grammar;
mod mistakes;
mod oracle;
mod random;
