//! Every `custom_id` is parsed back to what it was made from, and nothing else is accepted.

use std::time::Duration;

use killgate::discord::messages::component_id::{
    ComponentAction, ComponentIdError, PageNavigation, PageStep, RequestNavigation, RequestedSessions,
    SELECT_IDLE_ID, SELECT_SESSION_ID, SessionChoice, TERMINATE_IDLE_ID,
};
use killgate::discord::messages::request_list::{self, RequestStatus};
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::page::SessionQuery;
use killgate::domain::event::Action;
use killgate::domain::ids::{RequestId, UserId};
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::SearchAnchor;
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::pid;

const TARGETS: [&str; 3] = [
    "orders",
    "billing",
    "a target whose name is longer than the custom id of any button could \
    hold, because the configuration does not limit its length",
];

fn choice(target: &str) -> SessionChoice {
    SessionChoice {
        target: target.to_owned(),
        pid: pid(4711),
        backend_start: Timestamp::from_micros(1_795_287_600_123_456),
        is_locked: false,
    }
}

fn next_page(filter: SessionFilter) -> PageNavigation {
    PageNavigation {
        step: PageStep::Forward,
        from_page: 2,
        query: SessionQuery { target: Some("orders".to_owned()), view: SessionView::Busy, filter },
    }
}

fn parse(id: &str) -> Result<ComponentAction, ComponentIdError> {
    ComponentAction::parse(id, TARGETS)
}

#[test]
fn a_session_is_identified_by_more_than_its_pid() {
    for target in TARGETS {
        for action in [Action::Cancel, Action::Terminate] {
            let choice = choice(target);
            assert_eq!(
                parse(&choice.custom_id(action)),
                Ok(ComponentAction::RequestSignal { action, sessions: RequestedSessions::One(choice) })
            );
        }
        let choice = choice(target);
        assert_eq!(parse(&choice.details_id()), Ok(ComponentAction::ShowSession(choice)));
    }
    for menu in [SELECT_SESSION_ID, SELECT_IDLE_ID] {
        assert_eq!(parse(menu), Ok(ComponentAction::SelectSession));
    }
    let sessions = RequestedSessions::ListedIdle;
    let terminate = ComponentAction::RequestSignal { action: Action::Terminate, sessions };
    assert_eq!(parse(TERMINATE_IDLE_ID), Ok(terminate));
    assert_eq!(SessionChoice::parse(&choice("billing").value(), TARGETS), Ok(choice("billing")));
}

#[test]
fn a_removed_target_is_distinguished_from_an_invalid_id() {
    let id = choice("users").custom_id(Action::Cancel);
    assert_eq!(parse(&id), Err(ComponentIdError::TargetGone));
    for invalid in [
        "",
        "1",
        "1:",
        "1s:",
        "2s",
        "1c",
        "1c::",
        "1c:a:b:c",
        "1x:0:b:::::",
        "1r:0:b::::",
        "1r:00:b:::::",
        "1r:+1:b:::::",
        "1r:0:z:::::",
        "1r:0:b::1s:::",
        "1r:0:b:::%FF::",
        "1r:0:b:::a b::",
        "1r:0:b::01:::",
        "1r:0:b::::::",
        "1q:o::",
        "1q:o::::",
        "1q:x:::",
        "1q:o:0::",
        "1q:o::007:",
        "1q:o:::o",
        "1q:o:::o07",
        "1q:o:::é7",
        "1q:o:::x7",
        "kill",
    ] {
        assert_eq!(parse(invalid), Err(ComponentIdError::Foreign), "{invalid}");
    }
    let id = choice("orders").custom_id(Action::Terminate);
    for not_canonical in [id.replace(":4711:", ":04711:"), id.replace(":4711:", ":-4711:"), format!("{id}:")]
    {
        assert_eq!(parse(&not_canonical), Err(ComponentIdError::Foreign), "{not_canonical}");
    }
}

#[test]
fn a_filter_too_long_for_a_button_has_no_id() {
    let long = SessionFilter { application: Some("x".repeat(100)), ..SessionFilter::default() };
    assert_eq!(next_page(long).custom_id(), None);
}

#[test]
fn the_page_before_the_first_is_the_first() {
    let first = PageNavigation { step: PageStep::Back, from_page: 0, ..next_page(SessionFilter::default()) };
    assert_eq!((first.to_page(), next_page(SessionFilter::default()).to_page()), (0, 3));
}

proptest! {
    #[test]
    fn page_ids_are_parsed_back(
        (from_page, step) in (any::<usize>(), select(vec![PageStep::Back, PageStep::Stay, PageStep::Forward])),
        view in select(SessionView::ALL.to_vec()),
        target in proptest::option::of(select(TARGETS.to_vec())),
        names in proptest::array::uniform3(proptest::option::of(".{1,9}")),
        min_age in proptest::option::of(any::<u64>()),
    ) {
        let [user, database, application] = names;
        let min_age = min_age.map(Duration::from_secs);
        let filter = SessionFilter { user, database, application, min_age };
        let query = SessionQuery { target: target.map(str::to_owned), view, filter };
        let navigation = PageNavigation { step, from_page, query };
        if let Some(id) = navigation.custom_id() {
            prop_assert!(id.is_ascii() && id.len() <= 100);
            prop_assert_eq!(parse(&id), Ok(ComponentAction::NavigatePage(navigation)));
        }
    }

    #[test]
    fn request_list_ids_are_parsed_back(
        status in select(RequestStatus::ALL.to_vec()),
        about in proptest::option::of(1..=i32::MAX),
        requester in proptest::option::of(any::<u64>().prop_map(UserId)),
        (kind, from) in (0..3_usize, any::<u64>().prop_map(RequestId)),
    ) {
        let anchor = [SearchAnchor::Newest, SearchAnchor::OlderThan(from), SearchAnchor::NewerThan(from)][kind];
        let navigation = RequestNavigation { filter: request_list::RequestFilter { status, pid: about.map(pid), requester }, anchor };
        prop_assert!(navigation.custom_id().is_ascii() && navigation.custom_id().len() <= 100);
        prop_assert_eq!(parse(&navigation.custom_id()), Ok(ComponentAction::NavigateRequests(navigation)));
    }

    #[test]
    fn any_other_text_is_refused_without_a_panic(id in "1?[bcfqrst]?(:?[0-9a-f%:]{0,12}){0,9}|.{0,120}") {
        let _ = parse(&id);
        let _ = SessionChoice::parse(&id, TARGETS);
    }
}
