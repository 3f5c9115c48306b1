//! Builds the targets and the target registry from the settings.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;

use crate::config::{PostgresAddress, Settings};
use crate::postgres::connection::ConnectOptions;
use crate::postgres::redaction::QueryVisibility;
use crate::postgres::rows::QueryRedactor;
use crate::postgres::target::{PostgresTarget, StatementTimeouts, TargetStatus};
use crate::workflow::ports::Target;
use crate::workflow::targets::{TargetRegistry, TargetWithPolicy};

const LISTING_TIMEOUT: Duration = Duration::from_secs(5);
/// How much longer than `confirm_within` a signalling statement may take.
const SIGNALLING_EXTRA: Duration = Duration::from_secs(5);
/// Shorter than killgate's own timeouts, so that the server reports the end of the statement.
const STATEMENT_TIMEOUT: Duration = Duration::from_millis(4_500);
/// Even shorter for a lock on a system catalog. After this error, the signal was certainly not sent.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often the metric of the connections is updated.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// Starts to connect to every target.
pub fn open_targets(settings: &Settings) -> BTreeMap<String, Arc<PostgresTarget>> {
    let signalling = settings.limits.confirm_within + SIGNALLING_EXTRA;
    let timeouts = StatementTimeouts { listing: LISTING_TIMEOUT, signalling };
    settings
        .targets
        .iter()
        .map(|target| {
            let options = connect_options(&target.connection);
            let postgres_target =
                PostgresTarget::open(&target.name, options, timeouts, redactor(settings.privacy));
            (target.name.clone(), Arc::new(postgres_target))
        })
        .collect()
}

/// Combines each target with its policy.
pub fn target_registry(
    settings: &Settings,
    targets: &BTreeMap<String, Arc<PostgresTarget>>,
) -> TargetRegistry {
    let targets_with_policies = settings.targets.iter().filter_map(|config| {
        let target: Arc<dyn Target> = targets.get(&config.name)?.clone();
        Some((config.name.clone(), TargetWithPolicy { target, policy: Arc::new(config.policy.clone()) }))
    });
    TargetRegistry { by_name: targets_with_policies.collect(), limits: settings.limits }
}

/// Updates the metric of each target's connection until it is cancelled.
pub async fn update_target_gauges(targets: BTreeMap<String, Arc<PostgresTarget>>) {
    loop {
        for (name, target) in &targets {
            let up = if matches!(target.status(), TargetStatus::Up(_)) { 1.0 } else { 0.0 };
            gauge!("killgate_target_up", "target" => name.clone()).set(up);
        }
        tokio::time::sleep(GAUGE_INTERVAL).await;
    }
}

/// Applied to all query text before it leaves `postgres`.
fn redactor(privacy: QueryVisibility) -> QueryRedactor {
    Arc::new(move |query| privacy.show(query).map(|visible| visible.to_string()))
}

/// How to connect to a target.
pub(super) fn connect_options(address: &PostgresAddress) -> ConnectOptions {
    address.connect_options(STATEMENT_TIMEOUT, LOCK_TIMEOUT)
}
