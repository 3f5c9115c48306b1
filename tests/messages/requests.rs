//! `/requests`.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use killgate::discord::messages::request_list::{RequestFilter, RequestPage, RequestStatus, list};
use killgate::domain::event::{Action, Resolution};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::workflow::ports::SearchAnchor;

use crate::fixture::*;

fn newest(requests: &[Request]) -> RequestPage<'_> {
    RequestPage {
        requests,
        reach: SearchAnchor::Newest,
        newer: false,
        older: false,
    }
}

fn numbered(number: u64) -> Request {
    Request {
        id: RequestId(number),
        ..request(Action::Cancel)
    }
}

/// The buttons, each with whether it can be pressed.
fn buttons(page: RequestPage<'_>) -> Vec<(String, bool)> {
    let json = json(&list(page, RequestFilter::default(), &look()));
    let rows = json["components"].as_array().expect("rows").iter();
    rows.flat_map(|row| row["components"].as_array().expect("buttons"))
        .map(|button| {
            let label = button["label"].as_str().expect("a label").to_owned();
            (label, button["disabled"] != true)
        })
        .collect()
}

#[test]
fn each_request_is_shown_with_its_people_its_outcome_and_a_link_to_its_card() {
    let open = Request {
        id: RequestId(9),
        approvals: BTreeSet::from([BOB]),
        ..request(Action::Cancel)
    };
    let denied = closed(Resolution::without_signal(Outcome::Denied, "an approver said no").closed_by(CAROL));
    let unposted = Request {
        card: None,
        ..executed(Action::Terminate, terminated())
    };
    assert_snapshot!(read(&list(newest(&[open, denied, unposted]), RequestFilter::default(), &look())), @r"
    notifies: []
    # Requests
    **[#9](https://discord.com/channels/1100/1200/1400)** cancel 4711 on orders · **open**, 1 of 2, expires <t:1795374900:R>
    <@1> asked <t:1795374000:R>, <@2> approved
    checkout is stuck behind it

    **[#7](https://discord.com/channels/1100/1200/1400)** terminate 4711 on orders · **Denied**
    <@1> asked <t:1795374000:R>; closed by <@3> <t:1795374060:R>
    checkout is stuck behind it

    **#7** terminate 4711 on orders · **Terminated** after 143 ms
    <@1> asked <t:1795374000:R>, <@2>, <@3> approved; closed <t:1795374060:R>
    checkout is stuck behind it
    ");
}

#[test]
fn where_there_are_none_it_says_what_to_do() {
    let told = |wanted| read(&list(newest(&[]), wanted, &look()));
    let open = RequestFilter {
        status: RequestStatus::Open,
        ..RequestFilter::default()
    };
    assert_snapshot!(told(open), @r"
    notifies: []
    # Open requests
    None is open. Choose the status all for those that were decided.
    ");
    assert_snapshot!(told(RequestFilter::default()), @r"
    notifies: []
    # Requests
    None yet. /cancel and /terminate make one, and so do the buttons under /sessions.
    ");
    let narrow = RequestFilter {
        status: RequestStatus::Closed,
        pid: Some(pid(4711)),
        requester: Some(BOB),
    };
    assert_snapshot!(told(narrow), @r"
    notifies: []
    # Closed requests
    Only those about pid 4711, asked for by <@2>

    None. Choose another status, or leave pid and user out.
    ");
}

#[test]
fn buttons_lead_to_newer_and_older_requests_where_there_are_any() {
    let requests = [numbered(9), numbered(8)];
    let alone = newest(&requests);
    assert_eq!(buttons(alone), [("Refresh".to_owned(), true)]);
    let pressable = |page| {
        buttons(page)
            .into_iter()
            .map(|(_, pressable)| pressable)
            .collect::<Vec<_>>()
    };
    let first = RequestPage { older: true, ..alone };
    assert_eq!(pressable(first), [false, true, true]);
    let last = RequestPage {
        newer: true,
        reach: SearchAnchor::OlderThan(RequestId(10)),
        ..alone
    };
    assert_eq!(pressable(last), [true, true, false]);
}
