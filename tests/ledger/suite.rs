//! What holds for every ledger, whatever it is kept in.

mod history;

use std::collections::BTreeSet;
use std::sync::Arc;

use killgate::domain::event::{LedgerEntry, Recorded, RefusalReason, RequestEvent};
use killgate::domain::ids::RequestId;
use killgate::workflow::ports::{Ledger, LedgerError, PendingRequests};

use super::given::{
    ALICE, BOB, CAROL, approved, at, denied, entry, executing, pid, posted, requested, whole,
};

/// A place where a ledger is kept, which can be opened again once what was opened is dropped.
pub(crate) trait Place {
    fn open(&self) -> impl Future<Output = Arc<dyn Ledger>>;
}

/// Makes a test of every sentence of the suite, for the places that `$place` makes.
macro_rules! for_every_ledger {
    ($place:expr) => {
        $crate::ledger::suite::for_every_ledger!($place;
            what_was_acknowledged_is_there_after_a_restart,
            an_empty_ledger_remembers_nothing_and_begins_at_request_one,
            appends_of_many_at_once_stay_whole_and_in_order,
            only_what_must_be_gone_on_with_is_recalled,
            an_ended_request_is_owed_until_it_is_settled,
            a_request_that_was_executed_lately_is_recalled_though_it_is_settled,
            an_open_request_cannot_be_settled,
            a_request_is_asked_for_executed_and_ended_once,
            a_refused_append_leaves_nothing_behind,
            a_refused_append_does_no_harm_to_those_made_at_the_same_moment,
            history_tells_the_newest_requests_first,
            history_finds_what_is_searched_for,
            history_goes_on_from_a_request_in_either_direction,
            history_tells_of_the_targets_asked_for_alone,
            attempts_that_never_became_a_request_are_recorded,
            probing_records_nothing
        );
    };
    ($place:expr; $($sentence:ident),+) => {
        $(
            #[tokio::test]
            async fn $sentence() {
                $crate::ledger::suite::$sentence(&$place).await;
            }
        )+
    };
}
pub(crate) use for_every_ledger;
pub(crate) use history::*;

async fn append(ledger: &Arc<dyn Ledger>, entries: Vec<LedgerEntry>) -> Vec<Recorded> {
    ledger.append(entries).await.expect("recorded")
}

async fn recall(ledger: &Arc<dyn Ledger>) -> PendingRequests {
    // Nothing in these tests is executed after midnight.
    ledger.load_pending(at(86_400)).await.expect("recalled")
}

fn number(record: &Recorded) -> u64 {
    record.entry().request.expect("it belongs to a request").0
}

fn numbers(records: &[Recorded]) -> BTreeSet<u64> {
    records.iter().map(number).collect()
}

fn owed(requests: &[u64]) -> BTreeSet<RequestId> {
    requests.iter().copied().map(RequestId).collect()
}

pub(crate) async fn what_was_acknowledged_is_there_after_a_restart(place: &impl Place) {
    let ledger = place.open().await;
    let mut acknowledged = append(&ledger, whole(1, 0)).await;
    acknowledged.extend(append(&ledger, vec![requested(2, 9, pid(7), BOB)]).await);
    let entries: Vec<_> = acknowledged.iter().map(|record| record.entry().clone()).collect();
    assert_eq!(entries, [whole(1, 0), vec![requested(2, 9, pid(7), BOB)]].concat());
    let order: Vec<_> = acknowledged.iter().map(Recorded::seq).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 6]);
    drop(ledger);
    let recalled = recall(&place.open().await).await;
    let expected = PendingRequests { records: acknowledged, next_id: RequestId(3), undelivered: owed(&[1]) };
    assert_eq!(recalled, expected);
}

pub(crate) async fn an_empty_ledger_remembers_nothing_and_begins_at_request_one(place: &impl Place) {
    let ledger = place.open().await;
    let recalled = recall(&ledger).await;
    assert_eq!(recalled.next_id, RequestId(1));
    assert!(recalled.records.is_empty() && recalled.undelivered.is_empty());
    assert_eq!(append(&ledger, Vec::new()).await, []);
}

pub(crate) async fn appends_of_many_at_once_stay_whole_and_in_order(place: &impl Place) {
    let ledger = place.open().await;
    let mut tasks = tokio::task::JoinSet::new();
    for request in 1..=100 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move { ledger.append(whole(request, 0)).await.expect("recorded") });
    }
    let mut places = BTreeSet::new();
    for acknowledged in tasks.join_all().await {
        let first = acknowledged[0].seq();
        assert_eq!(
            acknowledged.iter().map(Recorded::seq).collect::<Vec<_>>(),
            (first..first + 5).collect::<Vec<_>>()
        );
        places.insert(first);
    }
    assert_eq!(places, (0..100).map(|append| append * 5 + 1).collect());
    assert_eq!(recall(&ledger).await.records.len(), 500);
}

pub(crate) async fn only_what_must_be_gone_on_with_is_recalled(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, whole(1, 0)).await;
    append(&ledger, vec![requested(2, 10, pid(2), ALICE), denied(2, 11, BOB)]).await;
    append(&ledger, vec![requested(3, 20, pid(3), ALICE)]).await;
    append(&ledger, vec![requested(4, 30, pid(4), ALICE), approved(4, 31, BOB), executing(4, 31, &[BOB])])
        .await;
    append(&ledger, vec![requested(5, 40, pid(5), ALICE), denied(5, 41, BOB)]).await;
    for settled in [1, 2] {
        ledger.mark_delivered(RequestId(settled)).await.expect("settled");
    }
    drop(ledger);
    let recalled = recall(&place.open().await).await;
    assert_eq!(numbers(&recalled.records), BTreeSet::from([3, 4, 5]));
    assert_eq!(recalled.undelivered, owed(&[5]));
    assert_eq!(recalled.next_id, RequestId(6));
    assert!(recalled.records.is_sorted_by_key(Recorded::seq));
}

pub(crate) async fn an_ended_request_is_owed_until_it_is_settled(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, whole(1, 0)).await;
    assert_eq!(recall(&ledger).await.undelivered, owed(&[1]));
    ledger.mark_delivered(RequestId(1)).await.expect("settled");
    ledger.mark_delivered(RequestId(1)).await.expect("settled again");
    drop(ledger);
    let recalled = recall(&place.open().await).await;
    assert!(recalled.undelivered.is_empty() && recalled.records.is_empty(), "{recalled:?}");
}

pub(crate) async fn a_request_that_was_executed_lately_is_recalled_though_it_is_settled(place: &impl Place) {
    let ledger = place.open().await;
    for (request, seconds) in [(1, 0), (2, 100)] {
        append(&ledger, whole(request, seconds)).await;
        ledger.mark_delivered(RequestId(request)).await.expect("settled");
    }
    for (since, expected) in [(2, vec![1, 2]), (3, vec![2]), (102, vec![2]), (103, vec![])] {
        let recalled = ledger.load_pending(at(since)).await.expect("recalled");
        assert_eq!(numbers(&recalled.records), expected.into_iter().collect(), "since {since}");
        assert!(recalled.undelivered.is_empty());
    }
}

pub(crate) async fn an_open_request_cannot_be_settled(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, vec![requested(1, 0, pid(1), ALICE)]).await;
    ledger.mark_delivered(RequestId(1)).await.expect("nothing to do");
    assert_eq!(numbers(&recall(&ledger).await.records), BTreeSet::from([1]));
}

pub(crate) async fn a_request_is_asked_for_executed_and_ended_once(place: &impl Place) {
    let ledger = place.open().await;
    let recorded = append(&ledger, whole(1, 0)).await;
    for again in [requested(1, 9, pid(9), BOB), executing(1, 9, &[BOB]), denied(1, 9, BOB)] {
        let refused = ledger.append(vec![again]).await;
        assert!(matches!(refused, Err(LedgerError::NotRecorded(_))), "{refused:?}");
    }
    assert_eq!(recall(&ledger).await.records, recorded);
}

pub(crate) async fn a_refused_append_leaves_nothing_behind(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, vec![requested(1, 0, pid(1), ALICE)]).await;
    let refused = ledger
        .append(vec![posted(1, 1, 77), requested(2, 1, pid(2), BOB), requested(1, 1, pid(1), ALICE)])
        .await;
    assert!(matches!(refused, Err(LedgerError::NotRecorded(_))), "{refused:?}");
    assert_eq!(recall(&ledger).await.next_id, RequestId(2));
    let next = append(&ledger, vec![posted(1, 2, 78)]).await;
    assert_eq!(next[0].seq(), 2);
}

pub(crate) async fn a_refused_append_does_no_harm_to_those_made_at_the_same_moment(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, vec![requested(1_000, 0, pid(1), ALICE)]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for request in 1..=60 {
        let ledger = Arc::clone(&ledger);
        let mut entries = whole(request, 0);
        if request % 2 == 0 {
            entries.push(requested(1_000, 0, pid(1), ALICE));
        }
        tasks.spawn(async move { (request, ledger.append(entries).await) });
    }
    for (request, taken) in tasks.join_all().await {
        assert_eq!(taken.is_ok(), request % 2 == 1, "request {request}: {taken:?}");
    }
    let recalled = recall(&ledger).await;
    let expected: Vec<u64> = (1..=60).filter(|request| request % 2 == 1).chain([1_000]).collect();
    assert_eq!(numbers(&recalled.records), expected.into_iter().collect());
    assert_eq!(recalled.records.len(), 151);
    assert!(recalled.records.iter().map(Recorded::seq).eq(1..=151), "no number is left out");
}

pub(crate) async fn attempts_that_never_became_a_request_are_recorded(place: &impl Place) {
    let ledger = place.open().await;
    let attempt = LedgerEntry {
        request: None,
        ..entry(0, 0, RequestEvent::AttemptRefused { actor: CAROL, why: RefusalReason::NotARequester })
    };
    let recorded = append(&ledger, vec![attempt.clone()]).await;
    let entries: Vec<_> = recorded.iter().map(|record| (record.seq(), record.entry())).collect();
    assert_eq!(entries, [(1, &attempt)]);
    assert_eq!(recall(&ledger).await.records, []);
    assert_eq!(append(&ledger, vec![requested(1, 0, pid(1), ALICE)]).await[0].seq(), 2);
}

pub(crate) async fn probing_records_nothing(place: &impl Place) {
    let ledger = place.open().await;
    let before = append(&ledger, vec![requested(1, 0, pid(1), ALICE)]).await;
    ledger.probe().await.expect("writable");
    ledger.probe().await.expect("still writable");
    assert_eq!(recall(&ledger).await.records, before);
    assert_eq!(append(&ledger, vec![posted(1, 1, 7)]).await[0].seq(), 2);
}
