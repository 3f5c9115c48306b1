//! `/requests`.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use killgate::discord::render::requests::list;
use killgate::domain::event::{Action, Ending};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;

use crate::fixture::*;

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
    assert_snapshot!(read(&list(&[open, denied, unposted], "all", &look())), @r"
    notifies: []
    # Requests
    **[#9](https://discord.com/channels/1100/1200/1400)** cancel 4711 on orders · **open**, 1 of 2, expires <t:1795374900:R>
    <@1> asked <t:1795374000:f>, <@2> approved
    checkout is stuck behind it
    **[#7](https://discord.com/channels/1100/1200/1400)** terminate 4711 on orders · **Denied**
    <@1> asked <t:1795374000:f>; closed by <@3> <t:1795374060:f>
    checkout is stuck behind it
    **#7** terminate 4711 on orders · **Terminated**
    <@1> asked <t:1795374000:f>, <@2>, <@3> approved; closed <t:1795374060:f>
    checkout is stuck behind it
    ");
}

#[test]
fn where_there_are_none_it_says_what_to_do() {
    assert_snapshot!(read(&list(&[], "open", &look())), @r"
    notifies: []
    # Open requests
    None. Choose another status, or leave pid and user out.
    ");
}
