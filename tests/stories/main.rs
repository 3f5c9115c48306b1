//! End-to-end tests: the real bot as a process, a real PostgreSQL server, and a simulated Discord. The client of the signalled
//! session reports what happened to it.

#![allow(clippy::unwrap_used, reason = "a test that cannot continue must fail at that line")]

/// Runs each test twice: with a bot whose role may signal directly, and with one that may signal only through the
/// guard.
macro_rules! test_with_both_rights {
    ($($test:ident),+ $(,)?) => {
        mod directly {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::environment::SignalRight::Direct).await;
                }
            )+
        }
        mod through_the_guard {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::environment::SignalRight::Guard).await;
                }
            )+
        }
    };
}

mod another_process;
mod approving;
mod asking_for_several;
mod beside_the_chain;
mod blindness;
mod card_updates;
mod clocks;
mod closing;
#[path = "../fixture/components.rs"]
mod components;
mod configuration;
mod consequences;
mod environment;
#[path = "../fixture/faketime.rs"]
mod faketime;
mod guard;
mod hanging_files;
mod http;
mod identity;
mod incidents;
mod limits;
mod load;
mod logs;
mod lost_sight;
mod mentions;
mod metrics;
mod moderators;
mod not_found;
mod others_locks;
#[path = "../fixture/pgbouncer.rs"]
mod pgbouncer;
mod places;
mod posting;
mod privacy;
mod quorum;
mod recovery;
mod refused;
mod reload;
mod reminding;
#[path = "../replay/mod.rs"]
mod replay;
mod replicas;
mod reports;
mod requesting;
mod secrets;
mod several;
mod signalling;
mod strangers;
mod super_reactions;
mod targets;
mod unseen;
mod words;
#[path = "../written/mod.rs"]
mod written;
