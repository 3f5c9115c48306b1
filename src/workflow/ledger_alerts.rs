//! Decides when people are told that the ledger fails and that it works again, so that one that flaps does not flood
//! their channels.

use std::time::Duration;

use tokio::time::Instant;

/// For how long after a notice of recovery a short failure is not reported.
const FLAPPING_WITHIN: Duration = Duration::from_mins(1);
/// How long a failure in that time lasts before it is reported.
const NOTIFY_AFTER: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct LedgerAlerts {
    failure: Option<Failure>,
    /// When people were last told that the ledger works again.
    notified_recovery_at: Option<Instant>,
}

struct Failure {
    since: Instant,
    is_notified: bool,
}

impl LedgerAlerts {
    /// The ledger fails, or still fails. Returns whether people are to be told now.
    pub(super) fn fail(&mut self, now: Instant) -> bool {
        let failure = self.failure.get_or_insert(Failure { since: now, is_notified: false });
        let is_flapping =
            self.notified_recovery_at.is_some_and(|told| failure.since < told + FLAPPING_WITHIN);
        if failure.is_notified || (is_flapping && now < failure.since + NOTIFY_AFTER) {
            return false;
        }
        failure.is_notified = true;
        true
    }

    /// The ledger works again. Returns whether people are to be told: only those who know of the failure.
    pub(super) fn recover(&mut self, now: Instant) -> bool {
        let is_notified = self.failure.take().is_some_and(|failure| failure.is_notified);
        if is_notified {
            self.notified_recovery_at = Some(now);
        }
        is_notified
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told when the ledger fails (`-`, also repeatedly) and works (`+`) at these seconds.
    fn told(changes: &[(u64, char)]) -> String {
        let start = Instant::now();
        let mut alerts = LedgerAlerts::default();
        let notified = changes.iter().filter(|(second, what)| {
            let now = start + Duration::from_secs(*second);
            if *what == '-' { alerts.fail(now) } else { alerts.recover(now) }
        });
        let told: Vec<_> = notified.map(|(second, what)| format!("{what}{second}")).collect();
        told.join(" ")
    }

    #[test]
    fn the_first_failure_is_notified_at_once_and_only_once() {
        assert_eq!(told(&[(0, '-'), (2, '-'), (20, '-'), (22, '+')]), "-0 +22");
    }

    #[test]
    fn a_short_failure_within_a_minute_is_not_told_and_neither_is_its_end() {
        assert_eq!(told(&[(0, '-'), (2, '+'), (3, '-'), (5, '+'), (50, '-'), (59, '-'), (60, '+')]), "-0 +2");
    }

    #[test]
    fn a_failure_within_a_minute_is_notified_once_it_has_lasted_ten_seconds() {
        let failures = [(0, '-'), (2, '+'), (61, '-'), (70, '-'), (71, '-'), (73, '-'), (80, '+')];
        assert_eq!(told(&failures), "-0 +2 -71 +80");
    }

    #[test]
    fn a_failure_after_a_quiet_minute_is_notified_at_once() {
        assert_eq!(told(&[(0, '-'), (2, '+'), (30, '-'), (31, '+'), (62, '-'), (63, '+')]), "-0 +2 -62 +63");
    }
}
