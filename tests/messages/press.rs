//! What buttons carry is read as it was written, and nothing else is read at all.

use std::time::Duration;

use killgate::discord::messages::component_id::{
    ComponentAction, ComponentIdError, PICK, PageNavigation, PageStep, RequestNavigation, SessionChoice,
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
    "a target whose name is longer than any button could hold, \
    and then some, for nobody ever said that it must not be",
];

fn chosen(target: &str) -> SessionChoice {
    SessionChoice {
        target: target.to_owned(),
        pid: pid(4711),
        backend_start: Timestamp::from_micros(1_795_287_600_123_456),
    }
}

fn turn(filter: SessionFilter) -> PageNavigation {
    PageNavigation {
        step: PageStep::Forward,
        from: 2,
        wanted: SessionQuery {
            target: Some("orders".to_owned()),
            view: SessionView::Busy,
            filter,
        },
    }
}

fn read(id: &str) -> Result<ComponentAction, ComponentIdError> {
    ComponentAction::read(id, TARGETS)
}

#[test]
fn what_asks_about_a_session_names_it_beyond_its_pid() {
    for target in TARGETS {
        for action in [Action::Cancel, Action::Terminate] {
            let chosen = chosen(target);
            assert_eq!(
                read(&chosen.id(action)),
                Ok(ComponentAction::RequestSignal { action, chosen })
            );
        }
    }
    assert_eq!(read(PICK), Ok(ComponentAction::SelectSession));
    assert_eq!(
        SessionChoice::read(&chosen("billing").value(), TARGETS),
        Ok(chosen("billing"))
    );
}

#[test]
fn a_target_that_is_no_longer_configured_is_told_from_nonsense() {
    let id = chosen("users").id(Action::Cancel);
    assert_eq!(read(&id), Err(ComponentIdError::TargetGone));
    for nonsense in [
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
        assert_eq!(read(nonsense), Err(ComponentIdError::Foreign), "{nonsense}");
    }
    let other = chosen("orders").id(Action::Terminate);
    for strange in [
        other.replace(":4711:", ":04711:"),
        other.replace(":4711:", ":-4711:"),
        format!("{other}:"),
    ] {
        assert_eq!(read(&strange), Err(ComponentIdError::Foreign), "{strange}");
    }
}

#[test]
fn a_filter_too_long_for_a_button_has_none() {
    let long = SessionFilter {
        application: Some("x".repeat(100)),
        ..SessionFilter::default()
    };
    assert_eq!(turn(long).id(), None);
}

#[test]
fn the_first_page_has_none_before_it() {
    let first = PageNavigation {
        step: PageStep::Back,
        from: 0,
        ..turn(SessionFilter::default())
    };
    assert_eq!((first.to(), turn(SessionFilter::default()).to()), (0, 3));
}

proptest! {
    #[test]
    fn a_page_is_read_as_it_was_written(
        (from, step) in (any::<usize>(), select(vec![PageStep::Back, PageStep::Stay, PageStep::Forward])),
        view in select(SessionView::ALL.to_vec()),
        target in proptest::option::of(select(TARGETS.to_vec())),
        names in proptest::array::uniform3(proptest::option::of(".{1,9}")),
        min_age in proptest::option::of(any::<u64>()),
    ) {
        let [user, database, application] = names;
        let min_age = min_age.map(Duration::from_secs);
        let filter = SessionFilter { user, database, application, min_age };
        let wanted = SessionQuery { target: target.map(str::to_owned), view, filter };
        let turn = PageNavigation { step, from, wanted };
        if let Some(id) = turn.id() {
            prop_assert!(id.is_ascii() && id.len() <= 100);
            prop_assert_eq!(read(&id), Ok(ComponentAction::NavigatePage(turn)));
        }
    }

    #[test]
    fn other_requests_are_read_as_they_were_written(
        status in select(RequestStatus::ALL.to_vec()),
        about in proptest::option::of(1..=i32::MAX),
        requester in proptest::option::of(any::<u64>().prop_map(UserId)),
        (kind, from) in (0..3_usize, any::<u64>().prop_map(RequestId)),
    ) {
        let reach = [SearchAnchor::Newest, SearchAnchor::OlderThan(from), SearchAnchor::NewerThan(from)][kind];
        let browse = RequestNavigation { wanted: request_list::RequestFilter { status, pid: about.map(pid), requester }, reach };
        prop_assert!(browse.id().is_ascii() && browse.id().len() <= 100);
        prop_assert_eq!(read(&browse.id()), Ok(ComponentAction::NavigateRequests(browse)));
    }

    #[test]
    fn whatever_else_comes_is_refused_without_a_panic(id in "1?[bcfqrst]?(:?[0-9a-f%:]{0,12}){0,9}|.{0,120}") {
        let _ = read(&id);
        let _ = SessionChoice::read(&id, TARGETS);
    }
}
