//! Settings become the parts that work: targets, ledger, rules, the incident channel.

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

/// A listing that takes longer than this is given up.
const LISTING_WITHIN: Duration = Duration::from_secs(5);
/// What a signalling statement gets beyond the time its effect is watched.
const SIGNALLING_BEYOND: Duration = Duration::from_secs(5);
/// The server ends a statement before killgate gives it up, so that its end is known.
const STATEMENT_WITHIN: Duration = Duration::from_millis(4_500);
/// And a wait for a lock on a catalogue even sooner: a signal that had to wait was certainly not sent.
const LOCK_WITHIN: Duration = Duration::from_secs(2);
/// How often the state of the connections is put into the metrics.
const GAUGE_EVERY: Duration = Duration::from_secs(1);

/// Begins to connect to every target.
pub fn targets(settings: &Settings) -> BTreeMap<String, Arc<PostgresTarget>> {
    let signalling = settings.limits.confirm_within + SIGNALLING_BEYOND;
    let limits = StatementTimeouts {
        listing: LISTING_WITHIN,
        signalling,
    };
    settings
        .targets
        .iter()
        .map(|target| {
            let options = connect_options(&target.connection);
            let open = PostgresTarget::open(&target.name, options, limits, redact(settings.privacy));
            (target.name.clone(), Arc::new(open))
        })
        .collect()
}

/// The policy of each target beside it.
pub fn rules(settings: &Settings, targets: &BTreeMap<String, Arc<PostgresTarget>>) -> TargetRegistry {
    let governed = settings.targets.iter().filter_map(|configured| {
        let target: Arc<dyn Target> = targets.get(&configured.name)?.clone();
        Some((
            configured.name.clone(),
            TargetWithPolicy {
                target,
                policy: Arc::new(configured.policy.clone()),
            },
        ))
    });
    TargetRegistry {
        targets: governed.collect(),
        limits: settings.limits,
    }
}

/// Keeps the gauge of each target's connection true, for as long as it is awaited.
pub async fn watch_targets(targets: BTreeMap<String, Arc<PostgresTarget>>) {
    loop {
        for (name, target) in &targets {
            let up = if matches!(target.status(), TargetStatus::Up(_)) {
                1.0
            } else {
                0.0
            };
            gauge!("killgate_target_up", "target" => name.clone()).set(up);
        }
        tokio::time::sleep(GAUGE_EVERY).await;
    }
}

/// Query text passes through here before it leaves the room that read it.
fn redact(privacy: QueryVisibility) -> QueryRedactor {
    Arc::new(move |query| privacy.show(query).map(|shown| shown.to_string()))
}

/// How to connect to a target.
pub(super) fn connect_options(address: &PostgresAddress) -> ConnectOptions {
    address.connect_options(STATEMENT_WITHIN, LOCK_WITHIN)
}
