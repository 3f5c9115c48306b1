//! What PostgreSQL is doing, to be read on a phone: a session is two or three short lines, and the worst trouble
//! comes first.

mod controls;
mod head;
mod paging;
mod row;
mod tree;

use std::sync::Arc;

use serenity::all::{Colour, CreateEmbed, CreateEmbedFooter, Timestamp};

use crate::domain::inert;
use crate::domain::session::{Session, Snapshot};
use crate::domain::view::filter::Filter;
use crate::domain::view::{self, Listing, Shown, View};

use super::body::Body;
use super::words::name;
use paging::{Entry, Section};

const PROBLEM: usize = 200;

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The one target, where one was named.
    pub target: Option<String>,
    pub view: View,
    pub filter: Filter,
}

/// What became of asking one target.
#[derive(Clone, Debug)]
pub struct Answer {
    pub target: String,
    pub seen: Result<Arc<Snapshot>, Silence>,
}

/// Why there is nothing to show of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    /// It is still being waited for.
    NotYet,
    /// What is wrong, for people.
    Failed(String),
}

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct Page {
    pub body: Body,
    /// From 0; the last one where a page beyond it was asked for.
    pub number: usize,
    /// How many pages there are; at least 1.
    pub of: usize,
}

/// Page `number` (from 0) of what `answers` show of what is `wanted`.
pub fn page(answers: &[Answer], wanted: &Wanted, number: usize) -> Page {
    let alone = answers.len() == 1;
    let mut sections: Vec<_> = answers
        .iter()
        .map(|answer| (section(answer, wanted, alone), answer))
        .collect();
    // Whoever does not answer is seen on the first page, however much the others have to show.
    sections.sort_by_key(|((_, trouble), _)| *trouble);
    let trouble = sections.iter().map(|((_, trouble), _)| *trouble).min();
    let (sections, told): (Vec<_>, Vec<_>) = sections
        .into_iter()
        .map(|((section, _), answer)| (section, answer))
        .unzip();
    let pages = paging::pages(&sections);
    let number = number.min(pages.len() - 1);
    let sheet = &pages[number];
    let mut embed = CreateEmbed::new()
        .title(title(answers, wanted.view))
        .description(&sheet.text)
        .colour(trouble.unwrap_or(Trouble::None).colour());
    let turning = controls::turning(wanted, number, pages.len());
    let footer = footer(wanted, number, pages.len(), turning.is_some());
    if !footer.is_empty() {
        embed = embed.footer(CreateEmbedFooter::new(footer));
    }
    if let Some(at) = seen_at(answers) {
        embed = embed.timestamp(at);
    }
    let shown = sheet.rows.iter().map(|(place, row)| (told[*place], *row));
    let rows = turning.into_iter().chain(controls::picking(shown, alone));
    Page {
        body: Body::embed(embed).with_components(rows.collect()),
        number,
        of: pages.len(),
    }
}

/// How bad it is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    NoAnswer,
    Blocking,
    Something,
    None,
}

impl Trouble {
    fn colour(self) -> Colour {
        Colour::new(match self {
            Self::NoAnswer | Self::Blocking => 0x00f2_3f43,
            Self::Something => 0x0058_65f2,
            Self::None => 0x0023_a55a,
        })
    }
}

fn section<'a>(answer: &'a Answer, wanted: &Wanted, alone: bool) -> (Section<'a>, Trouble) {
    let target = format!("**{}**", name(&answer.target));
    let snapshot = match &answer.seen {
        Ok(snapshot) => snapshot,
        Err(Silence::NotYet) => {
            let head = format!("⏳ {target} has not answered yet");
            return (Section::bare(head), Trouble::NoAnswer);
        }
        Err(Silence::Failed(problem)) => {
            let head = format!("⚠️ {target} did not answer: {}", inert::line(problem, PROBLEM));
            return (Section::bare(head), Trouble::NoAnswer);
        }
    };
    let listing = view::list(snapshot, wanted.view, &wanted.filter);
    let entries = entries(&listing, snapshot);
    let blocked = snapshot.sessions.iter().any(Session::is_blocked);
    let trouble = match (blocked, entries.is_empty()) {
        (true, _) => Trouble::Blocking,
        (false, false) => Trouble::Something,
        (false, true) => Trouble::None,
    };
    let totals = head::totals(&listing, wanted);
    let head = if alone {
        totals
    } else {
        format!("{target} · {totals}")
    };
    (Section { head, entries }, trouble)
}

fn entries<'a>(listing: &Listing<'a>, snapshot: &Snapshot) -> Vec<Entry<'a>> {
    match &listing.shown {
        Shown::Sessions(rows) => rows.iter().map(|row| row::entry(row, snapshot.at)).collect(),
        Shown::Trees(trees) => trees.iter().map(|tree| tree::entry(tree, snapshot.at)).collect(),
    }
}

fn title(answers: &[Answer], view: View) -> String {
    let what = match view {
        View::Busy => "Busy sessions",
        View::Blocking => "Who blocks whom",
        View::IdleInTransaction => "Idle in transaction",
        View::All => "All sessions",
    };
    match answers {
        [one] => format!("{what} on {}", name(&one.target)),
        several => format!("{what} on {} targets", several.len()),
    }
}

fn footer(wanted: &Wanted, number: usize, of: usize, is_turnable: bool) -> String {
    let page = (of > 1).then(|| format!("Page {} of {of}", number + 1));
    let filter = (!wanted.filter.is_empty())
        .then(|| head::described(&wanted.filter, |text, limit| inert::plain(text, limit).into()));
    let stuck = (!is_turnable).then(|| "This filter is too long for buttons: repeat the command".to_owned());
    let parts: Vec<_> = [page, filter, stuck].into_iter().flatten().collect();
    parts.join(" · ")
}

/// When the oldest of the snapshots was taken.
fn seen_at(answers: &[Answer]) -> Option<Timestamp> {
    let at = answers
        .iter()
        .filter_map(|answer| answer.seen.as_ref().ok())
        .map(|snapshot| snapshot.at)
        .min()?;
    Timestamp::from_unix_timestamp(at.as_seconds()).ok()
}
