//! Keeps the targets open that the settings name, also when a reload changes the settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::{PostgresAddress, Settings};
use crate::postgres::connection::ConnectOptions;
use crate::postgres::redaction::QueryVisibility;
use crate::postgres::rows::QueryRedactor;
use crate::postgres::target::{PostgresTarget, StatementTimeouts, TargetStatus};
use crate::workflow::targets::{CurrentTargets, TargetRegistry, TargetWithPolicy};

const LISTING_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than `confirm_within` a signalling statement may take.
const SIGNALLING_EXTRA: Duration = Duration::from_secs(5);
/// Shorter than killgate's own timeouts, so that the server reports the end of the statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(4_500);
/// Even shorter for a lock on a system catalog. After this error, the signal was certainly not sent.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the metric of the connections is updated.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// Opens the targets of the settings, and follows the settings until their sender or the runtime ends. A target of which
/// the connection is unchanged stays connected.
pub fn open_targets(mut settings: watch::Receiver<Arc<Settings>>) -> CurrentTargets {
    let mut pool = TargetPool::default();
    let registry = pool.update(&settings.borrow_and_update());
    let (sender, targets) = watch::channel(Arc::new(registry));
    tokio::spawn(async move {
        loop {
            pool.update_gauges();
            tokio::select! {
                () = sleep(GAUGE_INTERVAL) => {}
                changed = settings.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let registry = pool.update(&settings.borrow_and_update());
                    sender.send_replace(Arc::new(registry));
                }
            }
        }
    });
    targets
}

/// The open targets by name, each with the address that it was opened with.
#[derive(Default)]
struct TargetPool {
    open: BTreeMap<String, (PostgresAddress, Arc<PostgresTarget>)>,
}

impl TargetPool {
    /// Opens and closes targets as the settings say, and combines each with its policy.
    fn update(&mut self, settings: &Settings) -> TargetRegistry {
        let signalling = settings.limits.confirm_within + SIGNALLING_EXTRA;
        let timeouts = StatementTimeouts { listing: LISTING_TIMEOUT, signalling };
        let mut before = std::mem::take(&mut self.open);
        let mut by_name = BTreeMap::new();
        for config in &settings.targets {
            let (name, policy) = (config.name.clone(), Arc::new(config.policy.clone()));
            let (address, redact) = (config.connection.clone(), redactor(settings.privacy));
            let kept = before.remove(&name).filter(|(opened_with, _)| *opened_with == address);
            // A server that is out of connection slots is still helped over the connection that is open.
            let postgres = Arc::new(match kept {
                Some((_, open)) => open.with_settings(timeouts, redact),
                None => PostgresTarget::open(&name, connect_options(&address), timeouts, redact),
            });
            by_name.insert(name.clone(), TargetWithPolicy { target: postgres.clone(), policy });
            self.open.insert(name, (address, postgres));
        }
        for name in before.into_keys().filter(|name| !self.open.contains_key(name)) {
            // Neither up nor down: an alert compares with 0.
            set_target_up(name, f64::NAN);
        }
        TargetRegistry {
            by_name,
            shared_access: settings.shared_access.clone(),
            limits: settings.limits,
            owners: settings.owners.clone(),
        }
    }

    /// Updates the metric of each target's connection.
    fn update_gauges(&self) {
        for (name, (_, target)) in &self.open {
            let up = if matches!(target.status(), TargetStatus::Up(_)) { 1.0 } else { 0.0 };
            set_target_up(name.clone(), up);
        }
    }
}

fn set_target_up(name: String, up: f64) {
    gauge!("killgate_target_up", "target" => name).set(up);
}

/// Applied to all query text before it leaves `postgres`.
fn redactor(privacy: QueryVisibility) -> QueryRedactor {
    Arc::new(move |query| privacy.show(query).map(|visible| visible.to_string()))
}

/// How to connect to a target.
pub(super) fn connect_options(address: &PostgresAddress) -> ConnectOptions {
    address.connect_options(STATEMENT_TIMEOUT, LOCK_TIMEOUT)
}
