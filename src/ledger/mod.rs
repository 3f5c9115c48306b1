//! The append-only memory: every record is chained to the one before it, and durable before it is acknowledged.
//!
//! | room | what it knows |
//! |---|---|
//! | [`codec`] | a record as the JSON object of the export, and back |
//! | [`chain`] | a record's hash, and which record may follow which |
//! | [`standing`] | which requests must be gone on with after a start |
//! | [`pages`] | reading a whole ledger, oldest record first |
//! | [`postgres`] | the ledger in a database that several replicas share |
//! | [`sqlite`] | the ledger in a file, held by one running killgate |

pub mod hash_chain;
pub mod pending;
pub mod postgres;
pub mod reader;
pub mod record;
pub mod sqlite;
