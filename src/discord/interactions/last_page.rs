//! Keeps the page that was rendered last. In an incident everybody asks for the same one within half a second, and
//! rendering a list of a thousand sessions takes longer than everything else in the answer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::discord::session_list::page::{SessionPage, SessionQuery, TargetAnswer, render_page};

/// How many pages are on their way to Discord at the same time. One takes some 20 kB until it is accepted, and a thousand people
/// may ask at once.
const MAX_PAGES: usize = 64;

pub struct LastPage {
    last: Mutex<Option<RenderedPage>>,
    places: Semaphore,
}

impl Default for LastPage {
    fn default() -> Self {
        Self { last: Mutex::default(), places: Semaphore::new(MAX_PAGES) }
    }
}

struct RenderedPage {
    answers: Vec<TargetAnswer>,
    query: SessionQuery,
    number: usize,
    page: SessionPage,
}

impl LastPage {
    /// Waits until few enough pages are on their way. The page is rendered and sent while the result is held.
    pub(super) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.places.acquire().await.ok()
    }

    /// Page `number` (from 0) of the sessions that match `query`.
    pub(super) fn render(
        &self,
        answers: Vec<TargetAnswer>,
        query: &SessionQuery,
        number: usize,
    ) -> SessionPage {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
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
