//! A workload: people who keep requesting and deciding, whatever happens to the bot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use discord_sim::Message;
use futures_util::future::{join, join_all};
use throwaway_postgres::{SqlState, Victim};
use tokio::time::{sleep, timeout};

use crate::environment::{APPROVE, DENY, TestEnv};

/// How often people check the channel.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How long people wait for a card before they ask again, and for a result before the test fails.
const ASK_AGAIN: Duration = Duration::from_secs(1);
const GIVE_UP: Duration = Duration::from_mins(5);

/// The result of one request.
pub struct Case {
    pub pid: i32,
    pub backend_start_us: i64,
    /// The SQLSTATE that the session's client received; `None` if the session continues.
    pub ended_with: Option<SqlState>,
    pub approved: bool,
}

/// Runs `lanes` sequences of requests at the same time until `disturbance` is done and every request is decided.
pub async fn run_during<T>(
    env: &TestEnv,
    lanes: usize,
    disturbance: impl Future<Output = T>,
) -> (T, Vec<Case>) {
    let stop = AtomicBool::new(false);
    let people = join_all((0..lanes).map(|number| lane(env, number, &stop)));
    let disturbance = async {
        let done = disturbance.await;
        stop.store(true, Ordering::SeqCst);
        done
    };
    let (done, cases) = join(disturbance, people).await;
    (done, cases.into_iter().flatten().collect())
}

/// Makes requests one after the other, each with its decision and result, until `stop` is set.
async fn lane(env: &TestEnv, lane: usize, stop: &AtomicBool) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut number = lane;
    while !stop.load(Ordering::SeqCst) {
        cases.push(case(env, lane, number, || ()).await);
        number += 1;
    }
    cases
}

/// One request from the command to its result. `before_decision` runs just before the reaction.
pub async fn case(env: &TestEnv, lane: usize, number: usize, before_decision: impl FnOnce()) -> Case {
    let mut victim =
        env.cluster.victim(&format!("app{lane}")).running("select pg_sleep(86400)").await.expect("a victim");
    let command = if number.is_multiple_of(3) { "/cancel" } else { "/terminate" };
    let approved = !number.is_multiple_of(4);
    let card = request_card(env, &victim, command).await;
    before_decision();
    env.person("ben").reacts(&card, if approved { APPROVE } else { DENY });
    let result = poll(GIVE_UP, || results(env, &card).pop()).await;
    assert!(
        result.is_some(),
        "{command} {} has no result\n{}\n{}",
        victim.pid(),
        env.sim.transcript(),
        env.log()
    );
    session_end(&mut victim, approved).await
}

/// What became of the session of a request that has ended. A signalled one ends at once; any other continues.
pub async fn session_end(victim: &mut Victim, approved: bool) -> Case {
    let ended = timeout(Duration::from_millis(300), victim.ended()).await;
    Case {
        pid: victim.pid(),
        backend_start_us: victim.backend_start_us(),
        ended_with: ended.ok().map(|state| state.expect("an error from the server")),
        approved,
    }
}

/// Sends the command until a card is posted. The bot may be down at any time.
pub async fn request_card(env: &TestEnv, victim: &Victim, command: &str) -> Message {
    request_card_of_list(env, std::slice::from_ref(victim), command).await
}

/// The same about several sessions.
pub async fn request_card_of_list(env: &TestEnv, victims: &[Victim], command: &str) -> Message {
    let victim = &victims[0];
    let also: Vec<_> = victims[1..].iter().map(|victim| victim.pid().to_string()).collect();
    // An earlier card may be about another session with the same pid.
    let earlier = env.incident().messages().last().map(Message::id);
    loop {
        let typed = env.person("ana").in_channel(&env.incident()).types(command).option("pid", victim.pid());
        let typed = if also.is_empty() { typed } else { typed.option("also", also.join(" ")) };
        // Fails until the bot has registered its commands for the first time.
        let _ = typed.send_off();
        let find = || {
            let found = if also.is_empty() { card_about(env, victim.pid()) } else { newest_open_card(env) };
            found.filter(|card| Some(card.id()) > earlier)
        };
        if let Some(card) = poll(ASK_AGAIN, find).await {
            return card;
        }
    }
}

/// A card of a list does not name each session in its title.
fn newest_open_card(env: &TestEnv) -> Option<Message> {
    let newest = env.incident().messages().into_iter().rev().find(is_card);
    newest.filter(|card| results(env, card).is_empty())
}

fn card_about(env: &TestEnv, pid: i32) -> Option<Message> {
    let pid = pid.to_string();
    let is_about = |message: &Message| {
        is_card(message)
            && message.card().title().split(|c: char| !c.is_ascii_digit()).any(|word| word == pid)
    };
    env.incident().messages().into_iter().rev().find(is_about)
}

/// Whether a message is the card of a request.
pub fn is_card(message: &Message) -> bool {
    !message.is_loading()
        && !message.cards().is_empty()
        && message.content().lines().last().is_some_and(|line| line.starts_with("Request #"))
}

/// The results that were posted in reply to the card.
pub fn results(env: &TestEnv, card: &Message) -> Vec<Message> {
    let mut messages = env.incident().messages();
    // A card that could not be the answer is followed by a note, which is a reply too.
    messages.retain(|message| message.replies_to(card) && message.content().ends_with(" · result"));
    messages
}

/// How many results were posted.
pub fn all_results(env: &TestEnv) -> usize {
    env.incident().messages().iter().filter(|message| message.content().ends_with(" · result")).count()
}

async fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let polling = async {
        loop {
            if let Some(found) = probe() {
                return found;
            }
            sleep(POLL_INTERVAL).await;
        }
    };
    timeout(limit, polling).await.ok()
}
