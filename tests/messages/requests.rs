//! The list of `/requests`.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use killgate::discord::messages::request_list::{RequestFilter, RequestPage, RequestStatus, request_list};
use killgate::domain::event::{Action, Resolution};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::workflow::ports::SearchAnchor;

use crate::fixture::*;

fn newest(requests: &[Request]) -> RequestPage<'_> {
    RequestPage { requests, anchor: SearchAnchor::Newest, has_newer: false, has_older: false }
}

fn numbered(number: u64) -> Request {
    Request { id: RequestId(number), ..request(Action::Cancel) }
}

/// The buttons, each with whether it is enabled.
fn buttons(page: RequestPage<'_>) -> Vec<(String, bool)> {
    let json = json(&request_list(page, RequestFilter::default(), &render_config()));
    let rows = json["components"].as_array().expect("rows").iter();
    rows.flat_map(|row| row["components"].as_array().expect("components"))
        .filter(|component| component["type"] == 2)
        .map(|button| {
            let label = button["label"].as_str().expect("a label").to_owned();
            (label, button["disabled"] != true)
        })
        .collect()
}

#[test]
fn each_request_shows_its_people_its_outcome_and_a_link_to_its_card() {
    let open = Request { id: RequestId(9), approvals: BTreeSet::from([BOB]), ..request(Action::Cancel) };
    let denied = closed(Resolution::without_signal(Outcome::Denied, "an approver said no").closed_by(CAROL));
    let unposted = Request { card: None, ..executed(Action::Terminate, terminated()) };
    assert_snapshot!(read(&request_list(newest(&[open, denied, unposted]), RequestFilter::default(), &render_config())), @r"
    notifies: []
    # Requests
    **[#9](https://discord.com/channels/1100/1200/1400)** cancel the query of psql of user app (4711) on orders · **open**, 1 of 2, expires <t:1795374900:R>
    <@1> asked <t:1795374000:R>, <@2> approved
    checkout is stuck behind it

    **[#7](https://discord.com/channels/1100/1200/1400)** terminate psql of user app (4711) on orders · **Denied**
    <@1> asked <t:1795374000:R>; closed by <@3> <t:1795374060:R>
    checkout is stuck behind it

    **#7** terminate psql of user app (4711) on orders · **Terminated** after 143 ms
    <@1> asked <t:1795374000:R>, <@2>, <@3> approved; closed <t:1795374060:R>
    checkout is stuck behind it
    ");
}

#[test]
fn an_empty_list_says_what_to_do() {
    let shown = |filter| read(&request_list(newest(&[]), filter, &render_config()));
    let open = RequestFilter { status: RequestStatus::Open, ..RequestFilter::default() };
    assert_snapshot!(shown(open), @r"
    notifies: []
    # Open requests
    No open requests. `status:all` shows the closed ones too.
    ");
    assert_snapshot!(shown(RequestFilter::default()), @r"
    notifies: []
    # Requests
    No requests yet. Make one with /cancel, /terminate or the buttons under /sessions.
    ");
    let narrow_filter =
        RequestFilter { status: RequestStatus::Closed, pid: Some(pid(4711)), requester: Some(BOB) };
    assert_snapshot!(shown(narrow_filter), @r"
    notifies: []
    # Closed requests
    Only requests about pid 4711, by <@2>

    No matching requests. Use another status, or leave out pid and user.
    ");
}

#[test]
fn buttons_lead_to_newer_and_older_requests() {
    let requests = [numbered(9), numbered(8)];
    let only_page = newest(&requests);
    assert_eq!(buttons(only_page), [("Refresh".to_owned(), true)]);
    let is_enabled = |page| buttons(page).into_iter().map(|(_, is_enabled)| is_enabled).collect::<Vec<_>>();
    let first = RequestPage { has_older: true, ..only_page };
    assert_eq!(is_enabled(first), [false, true, true]);
    let last = RequestPage { has_newer: true, anchor: SearchAnchor::OlderThan(RequestId(10)), ..only_page };
    assert_eq!(is_enabled(last), [true, true, false]);
}
