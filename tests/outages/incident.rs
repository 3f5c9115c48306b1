//! People who go on working an incident, whatever happens to the bot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use discord_sim::Message;
use futures_util::future::{join, join_all};
use throwaway_postgres::{SqlState, Victim};
use tokio::time::{sleep, timeout};

use crate::stage::{APPROVE, DENY, Stage};

/// How often people look at the channel.
const LOOK: Duration = Duration::from_millis(20);
/// How long they wait for a card before they ask again, and for a result before they give up for good.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const GIVE_UP: Duration = Duration::from_secs(90);

/// What came of one session that somebody wanted gone.
pub struct Case {
    pub pid: i32,
    pub backend_start_us: i64,
    /// How its own client was told to end; `None` while it goes on.
    pub fate: Option<SqlState>,
    pub approved: bool,
}

/// Has so many people at a time work on incidents for as long as `trouble` lasts, and until each is decided.
pub async fn during<T>(stage: &Stage, lanes: usize, trouble: impl Future<Output = T>) -> (T, Vec<Case>) {
    let stop = AtomicBool::new(false);
    let people = join_all((0..lanes).map(|number| lane(stage, number, &stop)));
    let trouble = async {
        let done = trouble.await;
        stop.store(true, Ordering::SeqCst);
        done
    };
    let (done, cases) = join(trouble, people).await;
    (done, cases.into_iter().flatten().collect())
}

/// Asks for one session after the other, has each decided, and waits for each result, until told to stop.
async fn lane(stage: &Stage, lane: usize, stop: &AtomicBool) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut number = lane;
    while !stop.load(Ordering::SeqCst) {
        cases.push(case(stage, lane, number, || ()).await);
        number += 1;
    }
    cases
}

/// One session from question to result; `trap` is set just before the decision.
pub async fn case(stage: &Stage, lane: usize, number: usize, trap: impl FnOnce()) -> Case {
    let mut victim = stage
        .cluster
        .victim(&format!("app{lane}"))
        .running("select pg_sleep(600)")
        .await
        .expect("a victim");
    let command = if number.is_multiple_of(3) {
        "/cancel"
    } else {
        "/terminate"
    };
    let approved = !number.is_multiple_of(4);
    let card = asked(stage, &victim, command).await;
    trap();
    stage
        .person("ben")
        .reacts(&card, if approved { APPROVE } else { DENY });
    let told = seen(GIVE_UP, || results(stage, &card).pop()).await;
    assert!(
        told.is_some(),
        "{command} {} has no result\n{}\n{}",
        victim.pid(),
        stage.sim.transcript(),
        stage.log()
    );
    // What was signalled ends in a moment; what was not goes on for ten minutes.
    let fate = timeout(Duration::from_millis(300), victim.ended()).await;
    Case {
        pid: victim.pid(),
        backend_start_us: victim.backend_start_us(),
        fate: fate.ok().map(|ended| ended.expect("it was told why")),
        approved,
    }
}

/// Asks until there is a card; the bot may be dead when it is asked, or while it answers.
pub async fn asked(stage: &Stage, victim: &Victim, command: &str) -> Message {
    loop {
        let asking = stage
            .person("ana")
            .in_channel(&stage.incident())
            .types(command)
            .option("pid", victim.pid());
        // It is refused before the bot has registered its commands for the first time.
        let _ = asking.send_off();
        if let Some(card) = seen(ASK_AGAIN, || card_about(stage, victim.pid())).await {
            return card;
        }
    }
}

fn card_about(stage: &Stage, pid: i32) -> Option<Message> {
    let pid = pid.to_string();
    let is_about = |message: &Message| {
        is_card(message)
            && message
                .card()
                .title()
                .split(|c: char| !c.is_ascii_digit())
                .any(|word| word == pid)
    };
    // A pid may be used again within a long test: the newest card is meant.
    stage.incident().messages().into_iter().rev().find(is_about)
}

/// Whether it is a request's card.
pub fn is_card(message: &Message) -> bool {
    !message.is_loading()
        && message
            .cards()
            .first()
            .is_some_and(|card| card.footer().starts_with("Request #"))
}

/// The replies that tell how the card's request ended.
pub fn results(stage: &Stage, card: &Message) -> Vec<Message> {
    let mut messages = stage.incident().messages();
    messages.retain(|message| message.replies_to(card));
    messages
}

async fn seen<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let looking = async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            sleep(LOOK).await;
        }
    };
    timeout(limit, looking).await.ok()
}
