//! Two replicas and one ledger. The active one is killed, or only stopped and continued later.

use tokio::time::Instant;

use crate::incident::during;
use crate::moments::Moments;
use crate::reckoning::reckon;
use crate::stage::{Ledger, Setting, Stage, becomes_ready, stands_by};

/// More are made when `KILLGATE_FAILOVERS` says so.
const FAILOVERS: usize = 10;
const LANES: usize = 4;

pub const SETTING: Setting = Setting {
    ledger: Ledger::Postgres,
    target_port: None,
    ledger_port: None,
    password_file: None,
};

#[tokio::test]
async fn failovers_by_kill_and_by_pause_lose_nothing_and_double_nothing() {
    let failovers = std::env::var("KILLGATE_FAILOVERS")
        .map_or(FAILOVERS, |number| number.parse().expect("a number of failovers"));
    let stage = Stage::new().await;
    let mut active = stage.bot(&SETTING);
    becomes_ready(&stage, &active).await;
    let mut standby = stage.bot(&SETTING);
    stands_by(&standby).await;
    let mut moments = Moments::default();
    let trouble = async {
        let mut times = Vec::new();
        for number in 0..failovers {
            moments.next(&stage.sim).await;
            let by_kill = number.is_multiple_of(2);
            active.signal(if by_kill { "KILL" } else { "STOP" }).await;
            let began = Instant::now();
            becomes_ready(&stage, &standby).await;
            times.push((if by_kill { "kill" } else { "pause" }, began.elapsed()));
            std::mem::swap(&mut active, &mut standby);
            if by_kill {
                standby = stage.bot(&SETTING);
            } else {
                standby.signal("CONT").await;
            }
            stands_by(&standby).await;
        }
        // They live on until everything is decided.
        (times, active, standby)
    };
    let ((times, _active, _standby), cases) = during(&stage, LANES, trouble).await;
    let outcomes = reckon(&stage, &SETTING, &cases).await;
    println!(
        "{} sessions asked for, {outcomes:?}\nfailovers: {times:?}",
        cases.len()
    );
    assert!(!cases.is_empty(), "nothing was going on");
}

#[tokio::test]
async fn a_standby_says_that_it_is_one_and_does_not_meet_discord() {
    let stage = Stage::new().await;
    let active = stage.bot(&SETTING);
    becomes_ready(&stage, &active).await;
    let calls = stage.sim.calls().len();
    let standby = stage.bot(&SETTING);
    stands_by(&standby).await;
    assert_eq!(standby.get("/healthz").await.expect("an answer").0, 200);
    let (status, why) = standby.get("/readyz").await.expect("an answer");
    assert_eq!(status, 503);
    assert!(
        why.starts_with("standby: the active replica is the one at"),
        "{why}"
    );
    assert_eq!(stage.sim.calls().len(), calls, "it called Discord");
    assert!(active.is_active().await && !standby.is_active().await);

    active.signal("TERM").await;
    let began = Instant::now();
    becomes_ready(&stage, &standby).await;
    println!("took over {:?} after a clean stop", began.elapsed());
}
