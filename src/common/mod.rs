//! What several modules need and the domain does not use.
//!
//! | file | what is in it |
//! |---|---|
//! | [`backoff`] | how long to wait before the next attempt |
//! | [`bounded_read`] | reads files within a time limit |
//! | [`check_result`] | the result of one check of `killgate check` |
//! | [`deadline`] | waits for a deadline, if there is one |
//! | [`error_causes`] | an error with its causes |
//! | [`uptime`] | the system's uptime, by the monotonic clock that includes sleep |

pub mod backoff;
pub mod bounded_read;
pub mod check_result;
pub mod deadline;
pub mod error_causes;
pub mod uptime;
