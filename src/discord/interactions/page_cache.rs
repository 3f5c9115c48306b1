//! Pages that were drawn already: when everybody looks at the same incident, it is drawn once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::discord::messages::body::Body;
use crate::discord::session_list::page::{Answer, Wanted, page};

/// So many pages are kept; each keeps the snapshots it shows.
const KEPT: usize = 4;

/// The pages drawn last.
#[derive(Default)]
pub struct Drawn {
    pages: Mutex<VecDeque<Kept>>,
}

struct Kept {
    answers: Vec<Answer>,
    wanted: Wanted,
    number: usize,
    body: Body,
}

impl Drawn {
    /// Page `number` of what `answers` show of what is `wanted`, drawn unless it is at hand.
    pub(super) fn page(&self, answers: Vec<Answer>, wanted: &Wanted, number: usize) -> Body {
        // Whoever panicked while drawing has left the pages as they were.
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |kept: &&Kept| {
            kept.number == number && kept.wanted == *wanted && are_same(&kept.answers, &answers)
        };
        if let Some(kept) = pages.iter().find(same) {
            return kept.body.clone();
        }
        let body = page(&answers, wanted, number).body;
        pages.truncate(KEPT - 1);
        pages.push_front(Kept {
            answers,
            wanted: wanted.clone(),
            number,
            body: body.clone(),
        });
        body
    }
}

/// Whether the very same snapshots answer for the same targets: to compare what is in them would take longer than drawing.
fn are_same(some: &[Answer], others: &[Answer]) -> bool {
    let is_same = |one: &Answer, other: &Answer| {
        one.target == other.target
            && match (&one.seen, &other.seen) {
                (Ok(one), Ok(other)) => Arc::ptr_eq(one, other),
                (Err(one), Err(other)) => one == other,
                _ => false,
            }
    };
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| is_same(one, other))
}
