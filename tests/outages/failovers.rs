//! Two replicas with one ledger. The active one is killed, or paused and continued later.

use std::time::Duration;

use tokio::time::Instant;

use crate::bot_config::{BotConfig, LedgerKind};
use crate::environment::{TestEnv, wait_until_ready, wait_until_standby};
use crate::proxy::{Direction, Proxy};
use crate::random_delays::RandomDelays;
use crate::verification::verify;
use crate::workload::{all_results, run_during};

/// `KILLGATE_FAILOVERS` overrides this.
const FAILOVERS: usize = 4;
const LANES: usize = 4;
/// How much longer each answer of the target takes: a failover often comes between a statement and its answer.
const SLOWNESS: Duration = Duration::from_millis(50);

pub const SETTING: BotConfig = BotConfig {
    ledger: LedgerKind::Postgres,
    api_port: None,
    target_port: None,
    ledger_port: None,
    password_file: None,
    confirm_within: "2s",
};

#[tokio::test]
async fn failovers_by_kill_and_pause_with_a_slow_target_neither_lose_nor_duplicate_anything() {
    let failovers = std::env::var("KILLGATE_FAILOVERS")
        .map_or(FAILOVERS, |number| number.parse().expect("a number of failovers"));
    let env = TestEnv::new().await;
    let target = Proxy::to(env.cluster.port()).await;
    target.slow_down(SLOWNESS);
    let config = BotConfig { target_port: Some(target.port), ..SETTING };
    let mut active = env.bot(&config);
    wait_until_ready(&env, &active).await;
    let mut standby = env.bot(&config);
    wait_until_standby(&standby).await;
    let mut delays = RandomDelays::default();
    let failovers_done = async {
        let mut times = Vec::new();
        for number in 0..failovers {
            delays.next(&env.sim, all_results(&env)).await;
            let by_kill = number.is_multiple_of(2);
            active.signal(if by_kill { "KILL" } else { "STOP" }).await;
            let began = Instant::now();
            wait_until_ready(&env, &standby).await;
            times.push((if by_kill { "kill" } else { "pause" }, began.elapsed()));
            std::mem::swap(&mut active, &mut standby);
            if by_kill {
                standby = env.bot(&config);
            } else {
                standby.signal("CONT").await;
            }
            wait_until_standby(&standby).await;
        }
        // The bots must run until every request is decided.
        (times, active, standby)
    };
    let ((times, _active, _standby), cases) = run_during(&env, LANES, failovers_done).await;
    let outcomes = verify(&env, &SETTING, &cases).await;
    println!("{} requests, {outcomes:?}\nfailovers: {times:?}", cases.len());
    assert!(!cases.is_empty(), "no requests were made");
}

#[tokio::test]
async fn a_standby_reports_itself_and_does_not_call_discord() {
    let env = TestEnv::new().await;
    let active = env.bot(&SETTING);
    wait_until_ready(&env, &active).await;
    let api = Proxy::to(env.api_port()).await;
    let standby = env.bot(&BotConfig { api_port: Some(api.port), ..SETTING });
    wait_until_standby(&standby).await;
    assert_eq!(standby.get("/healthz").await.expect("an answer").0, 200);
    let (status, why) = standby.get("/readyz").await.expect("an answer");
    assert_eq!(status, 503);
    assert!(why.starts_with("standby: the active replica is the one at"), "{why}");
    assert_eq!(api.forwarded(Direction::ToServer), 0, "it called Discord");
    assert!(active.is_active().await && !standby.is_active().await);

    active.signal("TERM").await;
    let began = Instant::now();
    wait_until_ready(&env, &standby).await;
    println!("took over {:?} after a clean stop", began.elapsed());
}
