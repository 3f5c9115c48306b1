//! Where requests live: takes what happened, asks the domain, records, then acts.
//!
//! | room | what happens there |
//! |---|---|
//! | [`ports`] | what the desk needs of the world |
//! | [`rules`] | which policy holds on which target |
//! | [`reception`] | commands come in: the target is found, the session is looked up |
//! | [`refusal`] | why a command is not done |
//! | [`inbox`] | everything that can happen, in one queue |
//! | `clerk` | the one owner of all requests: decides, records, then sets things going |
//! | `handling` | what the clerk does about each happening |
//! | `intake` | a question becomes a request, or is refused |
//! | `reactions` | what people do to cards |
//! | `book` | the requests in memory: a fold of the ledger |
//! | `execution` | an approved request: signal, confirmation, outcome |
//! | `watching` | cards follow the truth |
//! | `recovery` | after a restart or a gap: what happened meanwhile? |
//! | `courier` | brings a request's card and result to the channel |
//! | `log` | what the log says of a request |

mod card_publisher;
mod creation;
mod dispatch;
mod engine;
mod execution;
pub mod handle;
pub mod input;
mod log;
mod monitor;
pub mod ports;
mod reactions;
pub mod refusal;
mod resume;
mod store;
pub mod targets;
pub use engine::{Engine, EngineExit};
pub use handle::EngineHandle;
