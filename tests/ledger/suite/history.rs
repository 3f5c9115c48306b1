//! What is told of the past.

use std::collections::BTreeSet;
use std::sync::Arc;

use killgate::domain::event::RequestEvent;
use killgate::domain::ids::{MessageId, RequestId};
use killgate::workflow::ports::{Ledger, RequestSearch, SearchAnchor};

use super::super::given::{ALICE, BOB, CAROL, denied, pid, posted, requested, whole};
use super::{Place, append, number};

pub(crate) async fn history_tells_the_newest_requests_first(place: &impl Place) {
    let ledger = place.open().await;
    for request in 1..=4 {
        append(&ledger, vec![requested(request, 0, pid(1), ALICE)]).await;
    }
    append(&ledger, vec![denied(3, 9, BOB), posted(4, 9, 1), posted(2, 9, 2)]).await;
    let search = RequestSearch { limit: 3, ..RequestSearch::default() };
    let records = ledger.history(search).await.expect("found");
    let told: Vec<_> = records.iter().map(|record| (number(record), record.seq())).collect();
    assert_eq!(told, [(4, 4), (4, 6), (3, 3), (3, 5), (2, 2), (2, 7)]);
}

pub(crate) async fn history_finds_what_is_searched_for(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, whole(1, 0)).await;
    append(&ledger, vec![requested(2, 10, pid(4001), BOB), posted(2, 11, 222)]).await;
    append(&ledger, vec![requested(3, 20, pid(99), ALICE), denied(3, 21, BOB)]).await;
    let all = RequestSearch { limit: 10, ..RequestSearch::default() };
    let cases = [
        (all.clone(), vec![3, 2, 1]),
        (RequestSearch { ended: Some(true), ..all.clone() }, vec![3, 1]),
        (RequestSearch { ended: Some(false), ..all.clone() }, vec![2]),
        (RequestSearch { pid: Some(pid(4001)), ..all.clone() }, vec![2, 1]),
        (RequestSearch { requester: Some(ALICE), ..all.clone() }, vec![3, 1]),
        (RequestSearch { requester: Some(CAROL), ..all.clone() }, vec![]),
        (RequestSearch { card: Some(MessageId(222)), ..all.clone() }, vec![2]),
        (RequestSearch { card: Some(MessageId(2)), ..all.clone() }, vec![]),
        (
            RequestSearch { ended: Some(true), pid: Some(pid(4001)), requester: Some(ALICE), ..all.clone() },
            vec![1],
        ),
        (RequestSearch { ended: Some(true), limit: 1, ..all.clone() }, vec![3]),
        (RequestSearch { limit: 0, ..all }, vec![]),
    ];
    for settled in [false, true] {
        for (search, expected) in cases.clone() {
            assert_eq!(
                requests_found(&ledger, search.clone()).await,
                expected,
                "{search:?}, settled: {settled}"
            );
        }
        ledger.mark_delivered(RequestId(1)).await.expect("settled");
    }
}

pub(crate) async fn history_goes_on_from_a_request_in_either_direction(place: &impl Place) {
    let ledger = place.open().await;
    for request in 1..=7 {
        let who = if request == 4 { BOB } else { ALICE };
        append(&ledger, vec![requested(request, 0, pid(1), who)]).await;
    }
    let cases = [
        (SearchAnchor::Newest, vec![7, 6, 5]),
        (SearchAnchor::OlderThan(RequestId(5)), vec![3, 2, 1]),
        (SearchAnchor::OlderThan(RequestId(3)), vec![2, 1]),
        (SearchAnchor::OlderThan(RequestId(1)), vec![]),
        (SearchAnchor::NewerThan(RequestId(2)), vec![6, 5, 3]),
        (SearchAnchor::NewerThan(RequestId(6)), vec![7]),
        (SearchAnchor::NewerThan(RequestId(7)), vec![]),
        (SearchAnchor::OlderThan(RequestId(u64::MAX)), vec![7, 6, 5]),
    ];
    for (reach, expected) in cases {
        let search =
            RequestSearch { requester: Some(ALICE), anchor: reach, limit: 3, ..RequestSearch::default() };
        assert_eq!(requests_found(&ledger, search).await, expected, "{reach:?}");
    }
}

pub(crate) async fn history_tells_of_the_targets_asked_for_alone(place: &impl Place) {
    let ledger = place.open().await;
    for (request, target) in [(1, "orders"), (2, "bill\"ing'"), (3, "orders"), (4, "mail")] {
        let mut entry = requested(request, 0, pid(1), ALICE);
        if let RequestEvent::Requested(asked) = &mut entry.event {
            target.clone_into(&mut asked.target);
        }
        append(&ledger, vec![entry]).await;
    }
    let about = |targets: &[&str]| RequestSearch {
        targets: Some(targets.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>()),
        limit: 2,
        ..RequestSearch::default()
    };
    assert_eq!(requests_found(&ledger, about(&["orders"])).await, [3, 1]);
    assert_eq!(requests_found(&ledger, about(&["orders", "bill\"ing'"])).await, [3, 2]);
    assert_eq!(requests_found(&ledger, about(&["ORDERS"])).await, [0_u64; 0]);
    assert_eq!(requests_found(&ledger, about(&[])).await, [0_u64; 0]);
}

async fn requests_found(ledger: &Arc<dyn Ledger>, search: RequestSearch) -> Vec<u64> {
    let records = ledger.history(search).await.expect("found");
    let mut requests: Vec<u64> = records.iter().map(number).collect();
    requests.dedup();
    requests
}
