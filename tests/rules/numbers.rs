//! Pids, ids, timestamps and percentages.

use std::time::Duration;

use killgate::domain::identity::{InvalidPid, Pid};
use killgate::domain::ids::{ChannelId, MessageId, RequestId, RoleId, UserId};
use killgate::domain::progress::Progress;
use killgate::domain::timestamp::Timestamp;

#[test]
fn a_pid_is_a_positive_32_bit_integer() {
    assert_eq!(Pid::new(1).map(Pid::number), Some(1));
    assert_eq!(Pid::new(0), None, "`kill(2)` takes it for a whole group of processes");
    assert_eq!(Pid::new(-1), None, "`kill(2)` takes it for every process");
    assert_eq!(Pid::try_from(4_711_i64), Ok(Pid::new(4_711).expect("a pid is positive")));
    assert_eq!(Pid::try_from(2_147_483_647_i64).map(Pid::number), Ok(i32::MAX));
    for number in [0, -1, 2_147_483_648, i64::MIN, i64::MAX] {
        assert_eq!(Pid::try_from(number), Err(InvalidPid(number)));
    }
}

#[test]
fn ids_are_displayed_as_numbers() {
    assert_eq!(Pid::new(4_711).expect("a pid is positive").to_string(), "4711");
    assert_eq!(
        InvalidPid(-4).to_string(),
        "There is no pid -4: a pid is a whole number from 1 to 2147483647"
    );
    assert_eq!(UserId(1).to_string(), "1");
    assert_eq!(RoleId(2).to_string(), "2");
    assert_eq!(ChannelId(3).to_string(), "3");
    assert_eq!(MessageId(4).to_string(), "4");
    assert_eq!(RequestId(5).to_string(), "5");
}

#[test]
fn a_timestamp_keeps_microseconds() {
    let moment = Timestamp::from_micros(1_700_000_000_123_456);
    assert_eq!(moment.as_micros(), 1_700_000_000_123_456);
    assert_eq!(moment.as_seconds(), 1_700_000_000);

    let span = Duration::from_micros(1_234_567);
    assert_eq!(moment.plus(span).as_micros(), 1_700_000_001_358_023);
    assert_eq!(moment.minus(span).as_micros(), 1_699_999_998_888_889);
    assert_eq!(moment.plus(span).duration_since(moment), span);
    assert_eq!(moment.duration_since(moment.plus(span)), Duration::ZERO);
}

#[test]
fn timestamps_saturate() {
    let last = Timestamp::from_micros(i64::MAX);
    let first = Timestamp::from_micros(i64::MIN);
    let second = Duration::from_secs(1);
    assert_eq!(last.plus(second), last);
    assert_eq!(first.minus(second), first);
    assert_eq!(last.duration_since(first), Duration::from_micros(i64::MAX as u64));
    assert_eq!(Timestamp::from_micros(0).plus(Duration::MAX), last);
    assert_eq!(Timestamp::from_micros(0).minus(Duration::MAX), Timestamp::from_micros(-i64::MAX));
}

#[test]
fn a_time_of_a_clock_that_is_an_hour_off_is_converted_and_one_of_a_clock_that_agrees_is_not() {
    let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
    assert_eq!(at(10_000).on_clock(at(14_000), at(10_400)), at(13_600), "an hour behind");
    assert_eq!(at(10_000).on_clock(at(10_400), at(14_000)), at(6_400), "an hour ahead");
    assert_eq!(at(10_000).on_clock(at(10_405), at(10_400)), at(10_000), "read five seconds later");
}

#[test]
fn seconds_round_down_also_before_1970() {
    assert_eq!(Timestamp::from_micros(1_999_999).as_seconds(), 1);
    assert_eq!(Timestamp::from_micros(-1).as_seconds(), -1);
}

#[test]
fn percent_is_known_where_the_total_is() {
    let percent = |done, total| Progress { command: "VACUUM".to_owned(), phase: None, done, total }.percent();
    assert_eq!(percent(1, Some(3)), Some(33));
    assert_eq!(percent(4, Some(3)), Some(100));
    assert_eq!(percent(u64::MAX, Some(u64::MAX)), Some(100));
    assert_eq!((percent(1, Some(0)), percent(1, None)), (None, None));
}
