//! Keeps the page that was rendered last. In an incident everybody asks for the same one within half a second, and
//! rendering a list of a thousand sessions takes longer than everything else in the answer.

use std::sync::{Arc, Mutex, PoisonError};

use crate::discord::session_list::page::{SessionPage, SessionQuery, TargetAnswer, render_page};

#[derive(Default)]
pub struct LastPage(Mutex<Option<RenderedPage>>);

struct RenderedPage {
    answers: Vec<TargetAnswer>,
    query: SessionQuery,
    number: usize,
    page: SessionPage,
}

impl LastPage {
    /// Page `number` (from 0) of the sessions that match `query`.
    pub(super) fn render(
        &self,
        answers: Vec<TargetAnswer>,
        query: &SessionQuery,
        number: usize,
    ) -> SessionPage {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rendered) = &*last
            && rendered.number == number
            && rendered.query == *query
            && is_same(&rendered.answers, &answers)
        {
            return rendered.page.clone();
        }
        let page = render_page(&answers, query, number);
        *last = Some(RenderedPage { answers, query: query.clone(), number, page: page.clone() });
        page
    }
}

/// Whether these are the same snapshots. A target without one makes a difference, because it may answer next time.
fn is_same(rendered: &[TargetAnswer], present: &[TargetAnswer]) -> bool {
    let is_same_answer = |(one, other): (&TargetAnswer, &TargetAnswer)| match (&one.snapshot, &other.snapshot)
    {
        (Ok(one_snapshot), Ok(other_snapshot)) => {
            one.target == other.target && Arc::ptr_eq(one_snapshot, other_snapshot)
        }
        _ => false,
    };
    rendered.len() == present.len() && rendered.iter().zip(present).all(is_same_answer)
}
