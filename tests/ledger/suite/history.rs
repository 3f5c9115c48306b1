//! What is told of the past.

use std::collections::BTreeSet;
use std::sync::Arc;

use killgate::domain::event::Event;
use killgate::domain::ids::{MessageId, RequestId};
use killgate::workflow::ports::{Ledger, Reach, Search};

use super::super::given::{ALICE, BOB, CAROL, denied, pid, posted, requested, whole};
use super::{Place, append, number};

pub(crate) async fn history_tells_the_newest_requests_first(place: &impl Place) {
    let ledger = place.open().await;
    for request in 1..=4 {
        append(&ledger, vec![requested(request, 0, pid(1), ALICE)]).await;
    }
    append(&ledger, vec![denied(3, 9, BOB), posted(4, 9, 1), posted(2, 9, 2)]).await;
    let search = Search {
        limit: 3,
        ..Search::default()
    };
    let records = ledger.history(search).await.expect("found");
    let told: Vec<_> = records
        .iter()
        .map(|record| (number(record), record.seq))
        .collect();
    assert_eq!(told, [(4, 4), (4, 6), (3, 3), (3, 5), (2, 2), (2, 7)]);
}

pub(crate) async fn history_finds_what_is_searched_for(place: &impl Place) {
    let ledger = place.open().await;
    append(&ledger, whole(1, 0)).await;
    append(
        &ledger,
        vec![requested(2, 10, pid(4001), BOB), posted(2, 11, 222)],
    )
    .await;
    append(
        &ledger,
        vec![requested(3, 20, pid(99), ALICE), denied(3, 21, BOB)],
    )
    .await;
    let all = Search {
        limit: 10,
        ..Search::default()
    };
    let cases = [
        (all.clone(), vec![3, 2, 1]),
        (
            Search {
                ended: Some(true),
                ..all.clone()
            },
            vec![3, 1],
        ),
        (
            Search {
                ended: Some(false),
                ..all.clone()
            },
            vec![2],
        ),
        (
            Search {
                pid: Some(pid(4001)),
                ..all.clone()
            },
            vec![2, 1],
        ),
        (
            Search {
                requester: Some(ALICE),
                ..all.clone()
            },
            vec![3, 1],
        ),
        (
            Search {
                requester: Some(CAROL),
                ..all.clone()
            },
            vec![],
        ),
        (
            Search {
                message: Some(MessageId(222)),
                ..all.clone()
            },
            vec![2],
        ),
        (
            Search {
                message: Some(MessageId(2)),
                ..all.clone()
            },
            vec![],
        ),
        (
            Search {
                ended: Some(true),
                pid: Some(pid(4001)),
                requester: Some(ALICE),
                ..all.clone()
            },
            vec![1],
        ),
        (
            Search {
                ended: Some(true),
                limit: 1,
                ..all.clone()
            },
            vec![3],
        ),
        (Search { limit: 0, ..all }, vec![]),
    ];
    for settled in [false, true] {
        for (search, expected) in cases.clone() {
            assert_eq!(
                requests_found(&ledger, search.clone()).await,
                expected,
                "{search:?}, settled: {settled}"
            );
        }
        ledger.settle(RequestId(1)).await.expect("settled");
    }
}

pub(crate) async fn history_goes_on_from_a_request_in_either_direction(place: &impl Place) {
    let ledger = place.open().await;
    for request in 1..=7 {
        let who = if request == 4 { BOB } else { ALICE };
        append(&ledger, vec![requested(request, 0, pid(1), who)]).await;
    }
    let cases = [
        (Reach::Newest, vec![7, 6, 5]),
        (Reach::OlderThan(RequestId(5)), vec![3, 2, 1]),
        (Reach::OlderThan(RequestId(3)), vec![2, 1]),
        (Reach::OlderThan(RequestId(1)), vec![]),
        (Reach::NewerThan(RequestId(2)), vec![6, 5, 3]),
        (Reach::NewerThan(RequestId(6)), vec![7]),
        (Reach::NewerThan(RequestId(7)), vec![]),
        (Reach::OlderThan(RequestId(u64::MAX)), vec![7, 6, 5]),
    ];
    for (reach, expected) in cases {
        let search = Search {
            requester: Some(ALICE),
            reach,
            limit: 3,
            ..Search::default()
        };
        assert_eq!(requests_found(&ledger, search).await, expected, "{reach:?}");
    }
}

pub(crate) async fn history_tells_of_the_targets_asked_for_alone(place: &impl Place) {
    let ledger = place.open().await;
    for (request, target) in [(1, "orders"), (2, "bill\"ing'"), (3, "orders"), (4, "mail")] {
        let mut entry = requested(request, 0, pid(1), ALICE);
        if let Event::Requested(asked) = &mut entry.event {
            target.clone_into(&mut asked.target);
        }
        append(&ledger, vec![entry]).await;
    }
    let about = |targets: &[&str]| Search {
        targets: Some(
            targets
                .iter()
                .map(|&name| name.to_owned())
                .collect::<BTreeSet<_>>(),
        ),
        limit: 2,
        ..Search::default()
    };
    assert_eq!(requests_found(&ledger, about(&["orders"])).await, [3, 1]);
    assert_eq!(
        requests_found(&ledger, about(&["orders", "bill\"ing'"])).await,
        [3, 2]
    );
    assert_eq!(requests_found(&ledger, about(&["ORDERS"])).await, [0_u64; 0]);
    assert_eq!(requests_found(&ledger, about(&[])).await, [0_u64; 0]);
}

async fn requests_found(ledger: &Arc<dyn Ledger>, search: Search) -> Vec<u64> {
    let records = ledger.history(search).await.expect("found");
    let mut requests: Vec<u64> = records.iter().map(number).collect();
    requests.dedup();
    requests
}
