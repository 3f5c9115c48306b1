//! Query text fit to show: what stays of a statement, and that nothing else does.

mod arbitrary;
mod cases;
mod closed;
mod generated;
mod grammar;
mod mistakes;
mod oracle;
mod random;
