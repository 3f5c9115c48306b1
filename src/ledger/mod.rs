//! The append-only ledger: every record is chained to the previous one, and durable before it is acknowledged.
//!
//! | module | what is in it |
//! |---|---|
//! | [`record`] | converts a record to the JSON object of the export, and back |
//! | [`hash_chain`] | hashes a record, and checks that it follows the previous one |
//! | [`pending`] | which requests are resumed after a start |
//! | [`reader`] | reads a whole ledger, oldest record first |
//! | [`postgres`] | the ledger in a database that several replicas share |
//! | [`sqlite`] | the ledger in a file that one running killgate holds |

pub mod hash_chain;
pub mod pending;
pub mod postgres;
pub mod reader;
pub mod record;
pub mod sqlite;
