//! The incident is over, nothing is wrong any more, and all is quiet: how does it look to those who read the
//! channel, and to those who read the ledger?

use killgate::domain::event::BackendResolution;
use killgate::domain::ids::RequestId;

use super::{Case, Checker, Invariant, Verdict, Violation};
use crate::world::discord::Kind;
use crate::world::{State, World};

pub fn check(checker: &Checker, world: &World) -> Verdict {
    world.with(|state| {
        for (id, case) in &checker.cases {
            of_request(state, *id, case).map_err(|violation| Violation {
                detail: format!("request {id}: {}", violation.detail),
                ..violation
            })?;
        }
        let kept: Vec<_> = state.disk.records().collect();
        for (seq, record) in &checker.acknowledged {
            let place = usize::try_from(seq - 1).expect("few records");
            if kept.get(place) != Some(&record) {
                return Err(Violation::of(
                    Invariant::Durable,
                    format!("record {seq} was acknowledged and is gone"),
                ));
            }
        }
        Ok(())
    })
}

fn of_request(state: &State, id: RequestId, case: &Case) -> Verdict {
    let wrong = |detail: &str| Err(Violation::of(Invariant::OneOutcome, detail));
    let Some(ending) = &case.ended else {
        return wrong("it never ended");
    };
    let is_signalled = !case.signalled.is_empty();
    if ending.signal_sent.is_some_and(|sent| sent != is_signalled) {
        return wrong("what is told of the signal is not true");
    }
    let is_true = |backend: &BackendResolution| {
        backend.signal_sent.is_none_or(|sent| sent == case.signalled.contains(&backend.pid))
    };
    if !ending.backends.iter().all(is_true) {
        return wrong("what is told of the signal to one of several sessions is not true");
    }
    let theirs = || state.discord.there().filter(|(_, message)| message.bears(id, &case.mark));
    let results: Vec<_> = theirs()
        .filter_map(|(_, message)| match &message.kind {
            Kind::Result { replies_to, outcome } => Some((*replies_to, *outcome)),
            _ => None,
        })
        .collect();
    let [(replies_to, outcome)] = results[..] else {
        return wrong("its channel was not told the result exactly once");
    };
    if outcome != ending.outcome {
        return wrong("its channel was told another result than the ledger has");
    }
    let cards: Vec<_> = theirs()
        .filter_map(|(card, message)| match &message.kind {
            Kind::Card { shown, stray: false } => Some((card, shown)),
            _ => None,
        })
        .collect();
    match cards[..] {
        [] => Ok(()),
        [(card, shown)] => {
            if shown.outcome != Some(outcome) {
                return wrong("its card does not show how it ended");
            }
            if replies_to != Some(card) {
                return wrong("its result is no reply to its card");
            }
            Ok(())
        }
        _ => wrong("it has several cards"),
    }
}
