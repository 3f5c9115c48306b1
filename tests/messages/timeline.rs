//! What happened to one request.

use std::time::Duration;

use insta::assert_snapshot;
use killgate::discord::messages::timeline::timeline;
use killgate::domain::event::{Action, LedgerEntry, Recorded, RefusalReason, RequestEvent};
use killgate::domain::ids::{MessageId, RequestId};

use crate::fixture::*;

fn records(events: impl IntoIterator<Item = (u64, RequestEvent)>) -> Vec<Recorded> {
    (12..)
        .zip(events)
        .map(|(seq, (millis, event))| {
            let at = now().plus(Duration::from_millis(millis));
            let entry = LedgerEntry { request: Some(RequestId(7)), at, event };
            Recorded::acknowledge(seq, format!("{seq:064x}"), entry)
        })
        .collect()
}

fn requested() -> (u64, RequestEvent) {
    (0, RequestEvent::Requested(Box::new(details(Action::Terminate))))
}

#[test]
fn each_record_shows_when_who_and_what() {
    let events = [
        requested(),
        (180, RequestEvent::Posted { message: MessageId(1_400) }),
        (21_000, RequestEvent::AttemptRefused { actor: ALICE, why: RefusalReason::SelfApproval }),
        (30_000, RequestEvent::ApprovalAdded { actor: BOB }),
        (31_000, RequestEvent::ApprovalRemoved { actor: BOB }),
        (32_000, RequestEvent::ApprovalAdded { actor: BOB }),
        (180_000, RequestEvent::Reminded { message: MessageId(1_500) }),
        (200_000, RequestEvent::ApprovalAdded { actor: CAROL }),
        (200_000, RequestEvent::Executing { approvers: vec![BOB, CAROL] }),
        (200_143, RequestEvent::Finished(terminated())),
    ];
    assert_snapshot!(read(&timeline(RequestId(7), &records(events))), @r"
    notifies: []
    # What happened to request #7
    <t:1795374000:T> · <@1> asked to terminate psql of user app (4711) on orders: checkout is stuck behind it · record 12
    <t:1795374000:T> (+180 ms) · card posted · record 13
    <t:1795374021:T> (+21 s) · the reaction of <@1> did not count: it was their own request · record 14
    <t:1795374030:T> (+30 s) · <@2> approved · record 15
    <t:1795374031:T> (+31 s) · the approval of <@2> no longer counts · record 16
    <t:1795374032:T> (+32 s) · <@2> approved · record 17
    <t:1795374180:T> (+3 m) · approvers reminded · record 18
    <t:1795374200:T> (+3 m 20 s) · <@3> approved · record 19
    <t:1795374200:T> (+3 m 20 s) · **decided** by <@2>, <@3>, about to signal · record 20
    <t:1795374200:T> (+3 m 20 s) · **Terminated** after 143 ms: the session ended · record 21
    ");
}

#[test]
fn a_long_history_keeps_its_beginning_and_its_end_within_discords_limit() {
    let attempt = |n| (n, RequestEvent::AttemptRefused { actor: BOB, why: RefusalReason::NotAnApprover });
    let events = [requested()]
        .into_iter()
        .chain((1..200).map(attempt))
        .chain([(999, RequestEvent::Finished(terminated()))]);
    let shown = timeline(RequestId(7), &records(events));
    let text = json(&shown)["embeds"][0]["description"].as_str().expect("text").to_owned();
    assert!(text.chars().map(char::len_utf16).sum::<usize>() <= 4_096);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("<@1> asked to terminate"), "{}", lines[0]);
    assert!(lines[1].contains("more: `killgate audit report --request 7` has all"), "{}", lines[1]);
    assert!(lines.last().expect("a line").contains("Terminated"), "{text}");
}
