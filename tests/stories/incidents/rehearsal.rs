//! Follows a row of `docs/incidents.md`: what it says is seen first must be what `/sessions` says first, and its way must
//! lead to a card in three taps at most.

use discord_sim::Message;

use crate::components::{button, option};
use crate::environment::{APPROVE, TestEnv};

const PAGE: &str = include_str!("../../../docs/incidents.md");
const MOST_TAPS: usize = 3;

/// One incident of the page. `…` in its cells stands for anything.
pub(super) struct Rehearsal<'a> {
    env: &'a TestEnv,
    first_seen: &'static str,
    way: Vec<&'static str>,
    loss: &'static str,
}

/// The cells of each row of the page's table.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.skip(1).map(|row| row.split(" | ").collect())
}

#[test]
fn every_incident_of_the_page_has_a_test() {
    let tests =
        [include_str!("locks.rs"), include_str!("replication.rs"), include_str!("clients.rs")].concat();
    let rows: Vec<_> = rows().map(|row| row[0]).collect();
    assert_eq!(rows.len(), 12);
    for incident in rows {
        assert!(tests.contains(&format!("Rehearsal::of(&env, \"{incident}\")")), "{incident}");
    }
}

impl<'a> Rehearsal<'a> {
    pub(super) fn of(env: &'a TestEnv, incident: &str) -> Self {
        let row = rows().find(|row| row[0] == incident).unwrap_or_else(|| panic!("no row {incident}"));
        let [_, first_seen, way, loss] = row[..] else { panic!("not four cells: {row:?}") };
        Self { env, first_seen, way: way.split(" → ").collect(), loss }
    }

    /// Ana types the command at the beginning of the way. Its first lines and its first session say what the page says.
    pub(super) async fn looks(&self) -> Message {
        let list = self.types(self.way[0].trim_matches('`')).await;
        let card = list.card();
        let first: Vec<_> = card.description().split("\n\n").take(2).collect();
        assert_words(self.first_seen, &first.join("\n"));
        list
    }

    pub(super) async fn types(&self, command: &str) -> Message {
        let ana = self.env.person("ana").in_channel(&self.env.incident_channel());
        ana.types(command).send().await.message()
    }

    /// Goes the rest of the way, picking `pid` where it picks one, to the card. The card says what the page says is lost.
    pub(super) async fn asks(&self, list: &Message, pid: i32) -> Message {
        let ana = self.env.person("ana");
        assert!(self.way.len() - 1 <= MOST_TAPS, "{:?}", self.way);
        let (sending, taps) = self.way[1..].split_last().expect("a way with taps");
        assert_eq!(*sending, "send");
        let mut shown = list.clone();
        let mut form = None;
        for tap in taps {
            let answer = if tap.starts_with("pick ") {
                let (menu, value) = option(&shown, pid);
                ana.chooses(&shown, &menu, [value.as_str()]).await
            } else {
                ana.presses(&shown, &button(&shown, tap.trim_matches('*'))).await
            };
            match answer.modal() {
                Some(_) => form = Some(answer),
                None => shown = answer.message(),
            }
        }
        let card = ana.submits(&form.expect("a form"), [("reason", "")]).await.message();
        assert!(!card.is_ephemeral(), "a card: {}", card.text());
        self.env.wait_for_bot_reactions(&card).await;
        assert_words(self.loss, card.card().field("If approved").unwrap_or_default());
        card
    }

    /// Goes the rest of the way, to the words that say what to do instead of a request.
    pub(super) async fn reads(&self, list: &Message) {
        let mut shown = list.clone();
        assert!(self.way.len() - 1 <= MOST_TAPS, "{:?}", self.way);
        for label in &self.way[1..] {
            let pressed = button(&shown, label.trim_matches('*'));
            shown = self.env.person("ana").presses(&shown, &pressed).await.message();
        }
        assert_words(self.loss, shown.card().description());
    }

    /// Ben approves, and the request ends as asked. Returns the reply.
    pub(super) async fn approved(&self, card: &Message, outcome: &str, headline: &str) -> String {
        self.env.react("ben", card, APPROVE);
        self.env.assert_outcome(1, card, outcome, headline).await
    }
}

/// The words between the `…` of the page are in the text, in this order.
#[track_caller]
fn assert_words(page: &str, text: &str) {
    let plain = |text: &str| text.replace(['*', '`', '\\'], "");
    let (page, text) = (plain(page), plain(text));
    let mut rest = text.as_str();
    for words in page.split('…').map(str::trim).filter(|words| !words.is_empty()) {
        let found = rest.find(words).unwrap_or_else(|| panic!("“{words}” of the page is not in: {text}"));
        rest = &rest[found + words.len()..];
    }
}

/// The card's first line, which a notification shows.
pub(super) fn first_line(card: &Message) -> String {
    card.content().lines().next().unwrap_or_default().to_owned()
}
