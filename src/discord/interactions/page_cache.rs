//! Pages that were drawn already: when everybody looks at the same incident, it is drawn once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::discord::messages::body::MessageBody;
use crate::discord::session_list::page::{SessionQuery, TargetAnswer, page};

/// So many pages are kept; each keeps the snapshots it shows.
const KEPT: usize = 4;

/// The pages drawn last.
#[derive(Default)]
pub struct PageCache {
    pages: Mutex<VecDeque<CachedPage>>,
}

struct CachedPage {
    answers: Vec<TargetAnswer>,
    wanted: SessionQuery,
    number: usize,
    body: MessageBody,
}

impl PageCache {
    /// Page `number` of what `answers` show of what is `wanted`, drawn unless it is at hand.
    pub(super) fn page(
        &self,
        answers: Vec<TargetAnswer>,
        wanted: &SessionQuery,
        number: usize,
    ) -> MessageBody {
        // Whoever panicked while drawing has left the pages as they were.
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |kept: &&CachedPage| {
            kept.number == number && kept.wanted == *wanted && are_same(&kept.answers, &answers)
        };
        if let Some(kept) = pages.iter().find(same) {
            return kept.body.clone();
        }
        let body = page(&answers, wanted, number).body;
        pages.truncate(KEPT - 1);
        pages.push_front(CachedPage {
            answers,
            wanted: wanted.clone(),
            number,
            body: body.clone(),
        });
        body
    }
}

/// Whether the very same snapshots answer for the same targets: to compare what is in them would take longer than drawing.
fn are_same(some: &[TargetAnswer], others: &[TargetAnswer]) -> bool {
    let is_same = |one: &TargetAnswer, other: &TargetAnswer| {
        one.target == other.target
            && match (&one.snapshot, &other.snapshot) {
                (Ok(one), Ok(other)) => Arc::ptr_eq(one, other),
                (Err(one), Err(other)) => one == other,
                _ => false,
            }
    };
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| is_same(one, other))
}
