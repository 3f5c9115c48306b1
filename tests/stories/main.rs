//! Whole stories: the real bot as a process of its own, a real PostgreSQL server, a simulated Discord. The victim's own
//! connection is the witness.

#![allow(
    clippy::unwrap_used,
    reason = "a story that cannot go on fails where it stands"
)]

/// Tells each of these stories twice: where the bot's role holds the right to signal itself, and where only the
/// guard in the database does.
macro_rules! told_under_both_rights {
    ($($story:ident),+ $(,)?) => {
        mod directly {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story(crate::house::Right::Direct).await;
                }
            )+
        }
        mod through_the_guard {
            $(
                #[tokio::test]
                async fn $story() {
                    super::$story(crate::house::Right::Guard).await;
                }
            )+
        }
    };
}

mod approving;
mod asking;
mod closing;
mod configuration;
mod guard;
mod house;
mod limits;
mod live_cards;
mod logs;
mod mentions;
mod metrics;
mod moderators;
mod posting;
mod privacy;
mod recovery;
mod secrets;
mod signalling;
mod targets;
#[path = "../written/mod.rs"]
mod written;
