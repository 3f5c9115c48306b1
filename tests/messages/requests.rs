//! `/requests`.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use killgate::discord::messages::request_list::{Page, Status, Wanted, list};
use killgate::domain::event::{Action, Ending};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::workflow::ports::Reach;

use crate::fixture::*;

fn newest(requests: &[Request]) -> Page<'_> {
    Page {
        requests,
        reach: Reach::Newest,
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
fn buttons(page: Page<'_>) -> Vec<(String, bool)> {
    let json = json(&list(page, Wanted::default(), &look()));
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
    let denied = closed(Ending::unsignalled(Outcome::Denied, "an approver said no").by(CAROL));
    let unposted = Request {
        message: None,
        ..executed(Action::Terminate, terminated())
    };
    assert_snapshot!(read(&list(newest(&[open, denied, unposted]), Wanted::default(), &look())), @r"
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
    let open = Wanted {
        status: Status::Open,
        ..Wanted::default()
    };
    assert_snapshot!(told(open), @r"
    notifies: []
    # Open requests
    None is open. Choose the status all for those that were decided.
    ");
    assert_snapshot!(told(Wanted::default()), @r"
    notifies: []
    # Requests
    None yet. /cancel and /terminate make one, and so do the buttons under /sessions.
    ");
    let narrow = Wanted {
        status: Status::Closed,
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
    let first = Page { older: true, ..alone };
    assert_eq!(pressable(first), [false, true, true]);
    let last = Page {
        newer: true,
        reach: Reach::OlderThan(RequestId(10)),
        ..alone
    };
    assert_eq!(pressable(last), [true, true, false]);
}
