//! The signals that the process handles: SIGTERM, SIGINT and SIGHUP.

use std::convert::Infallible;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// SIGHUP, which would end the process by default, is noticed from its registration on.
pub struct ReloadSignal(Signal);

/// They outlive a run, so that none is lost between two runs.
pub(super) struct ProcessSignals {
    term: Signal,
    int: Signal,
    hup: Signal,
    /// A SIGHUP came and its reload has not ended. A run that ends meanwhile leaves the reload to the next run.
    is_reload_due: bool,
}

impl ReloadSignal {
    /// Call it before anything that takes time. SIGTERM and SIGINT still end the process then, so that a start that waits for a
    /// file can be interrupted.
    pub fn register() -> anyhow::Result<Self> {
        // The handler stays when the runtime ends; the signals that it notices reach the next runtime.
        let runtime = super::runtime()?;
        let _context = runtime.enter();
        let hup = signal(SignalKind::hangup()).context("the handler of SIGHUP could not be installed")?;
        Ok(Self(hup))
    }
}

impl ProcessSignals {
    /// Needs the context of a runtime. A SIGHUP that came since its registration leads to a reload.
    pub(super) fn register(ReloadSignal(hup): ReloadSignal) -> anyhow::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate()).context("the handler of SIGTERM could not be installed")?,
            int: signal(SignalKind::interrupt()).context("the handler of SIGINT could not be installed")?,
            hup,
            is_reload_due: false,
        })
    }

    /// Sets `stop` to `true` on SIGTERM and SIGINT, also during a reload, and calls `reload` on SIGHUP. However many SIGHUP
    /// come during a reload, they lead to one more.
    pub(super) async fn handle(&mut self, stop: &watch::Sender<bool>, reload: impl AsyncFn()) -> Infallible {
        let Self { term, int, hup, is_reload_due } = self;
        let stopping = async {
            loop {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = int.recv() => {}
                }
                stop.send_replace(true);
            }
        };
        let reloading = async {
            loop {
                if !*is_reload_due {
                    hup.recv().await;
                    *is_reload_due = true;
                }
                reload().await;
                *is_reload_due = false;
            }
        };
        tokio::select! {
            never = stopping => never,
            never = reloading => never,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};
    use std::time::Duration;

    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    /// Sends a signal to this process.
    fn send(name: &str) {
        let sent = Command::new("kill").args(["-s", name, &id().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "{name}");
    }

    async fn becomes<T: PartialEq>(value: &watch::Sender<T>, wanted: T) {
        let mut value = value.subscribe();
        let seen = timeout(Duration::from_secs(30), value.wait_for(|value| *value == wanted)).await;
        seen.expect("in time").expect("it is still sent");
    }

    /// One test, because a signal reaches the whole process.
    #[test]
    fn no_stop_and_no_reload_is_lost_before_a_run_between_two_runs_and_during_a_reload() {
        let reload_signal = ReloadSignal::register().expect("a handler");
        send("HUP");
        let runtime = crate::operations::runtime().expect("a runtime");
        runtime.block_on(nothing_is_lost(reload_signal));
    }

    /// A SIGHUP has been sent.
    async fn nothing_is_lost(reload_signal: ReloadSignal) {
        let mut signals = ProcessSignals::register(reload_signal).expect("handlers");
        let stop = watch::Sender::new(false);
        let (started, may_end) = (watch::Sender::new(0), Semaphore::new(0));
        let reload = async || {
            started.send_modify(|reloads| *reloads += 1);
            may_end.acquire().await.expect("a permit").forget();
        };
        // The run ends during the reload. The next run starts it again.
        tokio::select! {
            never = signals.handle(&stop, &reload) => match never {},
            () = becomes(&started, 1) => {}
        }
        let next_run = async {
            becomes(&started, 2).await;
            send("HUP");
            send("HUP");
            send("TERM");
            becomes(&stop, true).await;
            assert_eq!(*started.borrow(), 2, "the reload has not ended");
            may_end.add_permits(1);
            becomes(&started, 3).await;
            may_end.add_permits(1);
            stop.send_replace(false);
            send("INT");
            becomes(&stop, true).await;
            assert_eq!(*started.borrow(), 3, "there is no other SIGHUP");
        };
        tokio::select! {
            never = signals.handle(&stop, &reload) => match never {},
            () = next_run => {}
        }
    }
}
