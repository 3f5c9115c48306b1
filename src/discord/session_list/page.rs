//! What PostgreSQL is doing, to be read on a phone: a session is two or three short lines, and the worst trouble
//! comes first.

use std::sync::Arc;

use serenity::all::{Colour, CreateEmbed, CreateEmbedFooter, Timestamp};

use super::paging::{Entry, Section};
use super::{controls, paging, row_text, summary, tree_text};
use crate::discord::messages::body::Body;
use crate::discord::messages::format::name;
use crate::discord::sanitize;
use crate::discord::session_list::filter::Filter;
use crate::discord::session_list::{self, Listing, Shown, View};
use crate::domain::session::{Session, Snapshot};

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
    let mut reports: Vec<_> = answers.iter().map(|answer| Report::of(answer, wanted)).collect();
    // Whoever does not answer is seen on the first page, however much the others have to show.
    reports.sort_by_key(|report| report.trouble);
    let trouble = reports.first().map_or(Trouble::None, |report| report.trouble);
    let told: Vec<_> = reports.iter().map(|report| report.answer).collect();
    let preface = preface(&reports, answers, wanted);
    let sections: Vec<_> = reports
        .into_iter()
        .map(|report| Section {
            head: if alone {
                String::new()
            } else {
                format!("▸ {}", report.target())
            },
            entries: report.entries,
        })
        .collect();
    let pages = paging::pages(&preface, &sections);
    let number = number.min(pages.len() - 1);
    let sheet = &pages[number];
    let mut embed = CreateEmbed::new()
        .title(title(answers, wanted.view))
        .description(sheet.text())
        .colour(trouble.colour());
    let turning = controls::turning(wanted, number, pages.len(), trouble == Trouble::Blocking);
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

/// What stands before all sessions: how each target is, the worst first.
fn preface(reports: &[Report<'_>], answers: &[Answer], wanted: &Wanted) -> Vec<String> {
    let mut lines: Vec<_> = match reports {
        [alone] => vec![alone.told.clone()],
        several => several
            .iter()
            .map(|report| match report.trouble {
                Trouble::NoAnswer => report.told.clone(),
                _ => format!("{} · {}", report.target(), report.told),
            })
            .collect(),
    };
    let is_empty = reports.iter().all(|report| report.entries.is_empty());
    if is_empty && reports.iter().any(|report| report.is_filtered) {
        let seen = answers.iter().filter_map(|answer| answer.seen.as_deref().ok());
        lines.insert(0, summary::advice(wanted, &seen.collect::<Vec<_>>()));
    }
    lines
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

/// What there is to tell of one target.
struct Report<'a> {
    answer: &'a Answer,
    trouble: Trouble,
    told: String,
    entries: Vec<Entry<'a>>,
    /// Whether the filter keeps out something that the view would show.
    is_filtered: bool,
}

impl<'a> Report<'a> {
    fn of(answer: &'a Answer, wanted: &Wanted) -> Self {
        let target = format!("**{}**", name(&answer.target));
        let silent = |told| Self {
            answer,
            trouble: Trouble::NoAnswer,
            told,
            entries: Vec::new(),
            is_filtered: false,
        };
        let snapshot = match &answer.seen {
            Ok(snapshot) => snapshot,
            Err(Silence::NotYet) => return silent(format!("⏳ {target} has not answered yet")),
            Err(Silence::Failed(problem)) => {
                let problem = sanitize::line(problem, PROBLEM);
                return silent(format!("⚠️ {target} did not answer: {problem}"));
            }
        };
        let listing = session_list::list(snapshot, wanted.view, &wanted.filter);
        let entries = entries(&listing, snapshot);
        let blocked = snapshot.sessions.iter().any(Session::is_blocked);
        Self {
            answer,
            trouble: match (blocked, entries.is_empty()) {
                (true, _) => Trouble::Blocking,
                (false, false) => Trouble::Something,
                (false, true) => Trouble::None,
            },
            told: summary::totals(&listing, snapshot, wanted.view),
            entries,
            is_filtered: listing.left_out.filtered > 0,
        }
    }

    fn target(&self) -> String {
        format!("**{}**", name(&self.answer.target))
    }
}

fn entries<'a>(listing: &Listing<'a>, snapshot: &Snapshot) -> Vec<Entry<'a>> {
    match &listing.shown {
        Shown::Sessions(rows) => rows.iter().map(|row| row_text::entry(row, snapshot.at)).collect(),
        Shown::Trees(trees) => trees
            .iter()
            .map(|tree| tree_text::entry(tree, snapshot.at))
            .collect(),
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
        .then(|| summary::described(&wanted.filter, |text, limit| sanitize::plain(text, limit).into()));
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
