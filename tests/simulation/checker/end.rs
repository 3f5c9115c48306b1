//! The incident is over, nothing is wrong any more, and all is quiet: how does it look to those who read the
//! channel, and to those who read the ledger?

use std::time::Duration;

use killgate::domain::event::BackendResolution;
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;

use super::{Case, Checker, Invariant, Verdict, Violation};
use crate::world::discord::Kind;
use crate::world::{State, World};

pub fn check(checker: &Checker, world: &World) -> Verdict {
    world.with(|state| {
        for (id, case) in &checker.cases {
            let decided =
                of_request(state, checker, *id, case).and_then(|()| expired_for_a_reason(checker, case));
            decided.map_err(|violation| Violation {
                detail: format!("request {id}: {}", violation.detail),
                ..violation
            })?;
        }
        let kept: Vec<_> = state.disk().records().collect();
        for (seq, hash) in &checker.acknowledged {
            let place = usize::try_from(seq - 1).expect("few records");
            if kept.get(place).is_none_or(|record| record.hash() != hash) {
                return Err(Violation::of(
                    Invariant::Durable,
                    format!("record {seq} was acknowledged and is gone"),
                ));
            }
        }
        Ok(())
    })
}

/// How long all must have been well, and a quorum must have stood, for a request to be executed.
const DECIDED_WITHIN: Duration = Duration::from_secs(90);

/// No request expires on which enough people approve whom nobody can ask to click again.
fn expired_for_a_reason(checker: &Checker, case: &Case) -> Verdict {
    let is_expired = case.ended.as_ref().is_some_and(|ending| ending.outcome == Outcome::Expired);
    let had_time = checker.healed_at.is_some_and(|at| case.asked.expires_at > at.plus(DECIDED_WITHIN));
    let standing = checker.votes.standing(case.card, case.asked.requester, case.asked.expires_at);
    if is_expired && had_time && standing >= case.asked.approvals_needed as usize {
        return Err(Violation::of(Invariant::AwayReactions, "it expired although enough people approve"));
    }
    Ok(())
}

fn of_request(state: &State, checker: &Checker, id: RequestId, case: &Case) -> Verdict {
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
    if case.is_set_back {
        // The channel shows its first end.
        return Ok(());
    }
    let theirs = || state.discord.there().filter(|(_, message)| message.bears(id, &case.mark));
    let results: Vec<_> = theirs()
        .filter_map(|(_, message)| match &message.kind {
            Kind::Result { replies_to, outcome } => Some((*replies_to, *outcome)),
            _ => None,
        })
        .collect();
    if case.is_answered_elsewhere || checker.objections.was_taken_over(&case.cards) {
        // The message is the other process's, and left alone.
        return if results.len() < 2 { Ok(()) } else { wrong("its channel was told several results") };
    }
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
            // A replica that is deposed at that moment may reply to the card that it had posted, and that was deleted since.
            if !replies_to.is_some_and(|to| to == card || case.cards.contains(&to)) {
                return wrong("its result is no reply to its card");
            }
            Ok(())
        }
        _ => wrong("it has several cards"),
    }
}
