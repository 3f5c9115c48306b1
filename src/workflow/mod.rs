//! The life of a request, from command to result: receives inputs, has the domain decide, records the decision, and then acts.
//!
//! | file | what is in it |
//! |---|---|
//! | [`ports`] | what the workflow needs from the outside: ledger, targets, channels, clock |
//! | [`targets`] | the targets by name, each with its policy |
//! | [`handle`] | the way in: commands are resolved, and snapshots are taken |
//! | [`refusal`] | why a command is refused, and what to do instead |
//! | [`input`] | everything that can happen, in one queue |
//! | `engine` | the one owner of all requests |
//! | `dispatch` | what the engine does about each input: decide, record, act |
//! | `store` | the requests in memory: a fold of the ledger |
//! | `open_request` | what is kept about one request besides what the ledger says |
//! | `another_process` | what the engine does when another process acts with the same token |
//! | `lag` | notices that the engine is behind |
//! | `health`, `ledger_alerts` | what keeps requests from being decided; when people are told that the ledger fails |
//! | `creation` | turns a command into a request, or refuses it |
//! | `reactions`, `card_search` | what people do to cards; which card a message is |
//! | `reaction_reads`, `reaction_reader`, `member_lookup` | what is known of the reactions on a card; reading those that may be unseen; who people are in the guild now |
//! | `explanations` | tells people that their reactions do not count |
//! | `execution` | signal, confirm, resolve |
//! | `released` | which waiting sessions got their locks, and who holds the locks now |
//! | `reminder` | mentions the approvers in replies to a card |
//! | `monitor` | keeps cards current |
//! | `card_publisher`, `vote_reactions`, `edit_throttle` | brings a request's card and result to the channel; puts the two reactions on it; spaces out edits |
//! | `resume` | resumes unfinished requests after a restart |
//! | `unknown_cards` | cards that the ledger does not know |
//! | `log` | what the log says about requests |

mod another_process;
mod card_publisher;
mod card_search;
mod creation;
mod dispatch;
mod edit_throttle;
mod engine;
mod execution;
mod explanations;
pub mod handle;
mod health;
pub mod input;
mod lag;
mod ledger_alerts;
mod log;
mod member_lookup;
mod monitor;
mod open_request;
pub mod ports;
mod reaction_reader;
mod reaction_reads;
mod reactions;
pub mod refusal;
mod released;
mod reminder;
mod resume;
mod store;
pub mod targets;
mod unknown_cards;
mod vote_reactions;

pub use engine::{Engine, EngineExit};
pub use handle::EngineHandle;
pub use health::EngineHealth;
