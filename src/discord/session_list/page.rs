//! What PostgreSQL is doing, to be read on a phone: a session is two or three short lines, and the worst trouble
//! comes first.

use std::sync::Arc;

use serenity::all::{Colour, CreateEmbed, CreateEmbedFooter, Timestamp};

use super::paging::{ListEntry, ListSection};
use super::{controls, paging, row_text, summary, tree_text};
use crate::discord::messages::body::MessageBody;
use crate::discord::messages::format::name;
use crate::discord::sanitize;
use crate::discord::session_list::filter::SessionFilter;
use crate::discord::session_list::{self, ListedSessions, SessionList, SessionView};
use crate::domain::session::{Session, Snapshot};

const PROBLEM: usize = 200;

/// What somebody wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// The one target, where one was named.
    pub target: Option<String>,
    pub view: SessionView,
    pub filter: SessionFilter,
}

/// What became of asking one target.
#[derive(Clone, Debug)]
pub struct TargetAnswer {
    pub target: String,
    pub snapshot: Result<Arc<Snapshot>, NoAnswerReason>,
}

/// Why there is nothing to show of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswerReason {
    /// It is still being waited for.
    Pending,
    /// What is wrong, for people.
    Failed(String),
}

/// One page of a listing.
#[derive(Clone, Debug)]
pub struct SessionPage {
    pub body: MessageBody,
    /// From 0; the last one where a page beyond it was asked for.
    pub number: usize,
    /// How many pages there are; at least 1.
    pub of: usize,
}

/// Page `number` (from 0) of what `answers` show of what is `wanted`.
pub fn page(answers: &[TargetAnswer], wanted: &SessionQuery, number: usize) -> SessionPage {
    let alone = answers.len() == 1;
    let mut reports: Vec<_> = answers
        .iter()
        .map(|answer| TargetReport::of(answer, wanted))
        .collect();
    // Whoever does not answer is seen on the first page, however much the others have to show.
    reports.sort_by_key(|report| report.severity);
    let trouble = reports
        .first()
        .map_or(ReportSeverity::None, |report| report.severity);
    let told: Vec<_> = reports.iter().map(|report| report.answer).collect();
    let preface = preface(&reports, answers, wanted);
    let sections: Vec<_> = reports
        .into_iter()
        .map(|report| ListSection {
            heading: if alone {
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
    let turning = controls::turning(wanted, number, pages.len(), trouble == ReportSeverity::Blocking);
    let footer = footer(wanted, number, pages.len(), turning.is_some());
    if !footer.is_empty() {
        embed = embed.footer(CreateEmbedFooter::new(footer));
    }
    if let Some(at) = seen_at(answers) {
        embed = embed.timestamp(at);
    }
    let shown = sheet.rows.iter().map(|(place, row)| (told[*place], *row));
    let rows = turning.into_iter().chain(controls::picking(shown, alone));
    SessionPage {
        body: MessageBody::embed(embed).with_components(rows.collect()),
        number,
        of: pages.len(),
    }
}

/// What stands before all sessions: how each target is, the worst first.
fn preface(reports: &[TargetReport<'_>], answers: &[TargetAnswer], wanted: &SessionQuery) -> Vec<String> {
    let mut lines: Vec<_> = match reports {
        [alone] => vec![alone.summary.clone()],
        several => several
            .iter()
            .map(|report| match report.severity {
                ReportSeverity::NoAnswer => report.summary.clone(),
                _ => format!("{} · {}", report.target(), report.summary),
            })
            .collect(),
    };
    let is_empty = reports.iter().all(|report| report.entries.is_empty());
    if is_empty && reports.iter().any(|report| report.is_filtered) {
        let seen = answers
            .iter()
            .filter_map(|answer| answer.snapshot.as_deref().ok());
        lines.insert(0, summary::advice(wanted, &seen.collect::<Vec<_>>()));
    }
    lines
}

/// How bad it is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ReportSeverity {
    NoAnswer,
    Blocking,
    Something,
    None,
}

impl ReportSeverity {
    fn colour(self) -> Colour {
        Colour::new(match self {
            Self::NoAnswer | Self::Blocking => 0x00f2_3f43,
            Self::Something => 0x0058_65f2,
            Self::None => 0x0023_a55a,
        })
    }
}

/// What there is to tell of one target.
struct TargetReport<'a> {
    answer: &'a TargetAnswer,
    severity: ReportSeverity,
    summary: String,
    entries: Vec<ListEntry<'a>>,
    /// Whether the filter keeps out something that the view would show.
    is_filtered: bool,
}

impl<'a> TargetReport<'a> {
    fn of(answer: &'a TargetAnswer, wanted: &SessionQuery) -> Self {
        let target = format!("**{}**", name(&answer.target));
        let silent = |told| Self {
            answer,
            severity: ReportSeverity::NoAnswer,
            summary: told,
            entries: Vec::new(),
            is_filtered: false,
        };
        let snapshot = match &answer.snapshot {
            Ok(snapshot) => snapshot,
            Err(NoAnswerReason::Pending) => return silent(format!("⏳ {target} has not answered yet")),
            Err(NoAnswerReason::Failed(problem)) => {
                let problem = sanitize::line(problem, PROBLEM);
                return silent(format!("⚠️ {target} did not answer: {problem}"));
            }
        };
        let listing = session_list::list_sessions(snapshot, wanted.view, &wanted.filter);
        let entries = entries(&listing, snapshot);
        let blocked = snapshot.sessions.iter().any(Session::is_blocked);
        Self {
            answer,
            severity: match (blocked, entries.is_empty()) {
                (true, _) => ReportSeverity::Blocking,
                (false, false) => ReportSeverity::Something,
                (false, true) => ReportSeverity::None,
            },
            summary: summary::totals(&listing, snapshot, wanted.view),
            entries,
            is_filtered: listing.hidden.filtered > 0,
        }
    }

    fn target(&self) -> String {
        format!("**{}**", name(&self.answer.target))
    }
}

fn entries<'a>(listing: &SessionList<'a>, snapshot: &Snapshot) -> Vec<ListEntry<'a>> {
    match &listing.shown {
        ListedSessions::Sessions(rows) => rows
            .iter()
            .map(|row| row_text::entry(row, snapshot.taken_at))
            .collect(),
        ListedSessions::Trees(trees) => trees
            .iter()
            .map(|tree| tree_text::entry(tree, snapshot.taken_at))
            .collect(),
    }
}

fn title(answers: &[TargetAnswer], view: SessionView) -> String {
    let what = match view {
        SessionView::Busy => "Busy sessions",
        SessionView::Blocking => "Who blocks whom",
        SessionView::IdleInTransaction => "Idle in transaction",
        SessionView::All => "All sessions",
    };
    match answers {
        [one] => format!("{what} on {}", name(&one.target)),
        several => format!("{what} on {} targets", several.len()),
    }
}

fn footer(wanted: &SessionQuery, number: usize, of: usize, is_turnable: bool) -> String {
    let page = (of > 1).then(|| format!("Page {} of {of}", number + 1));
    let filter = (!wanted.filter.is_empty())
        .then(|| summary::described(&wanted.filter, |text, limit| sanitize::plain(text, limit).into()));
    let stuck = (!is_turnable).then(|| "This filter is too long for buttons: repeat the command".to_owned());
    let parts: Vec<_> = [page, filter, stuck].into_iter().flatten().collect();
    parts.join(" · ")
}

/// When the oldest of the snapshots was taken.
fn seen_at(answers: &[TargetAnswer]) -> Option<Timestamp> {
    let at = answers
        .iter()
        .filter_map(|answer| answer.snapshot.as_ref().ok())
        .map(|snapshot| snapshot.taken_at)
        .min()?;
    Timestamp::from_unix_timestamp(at.as_seconds()).ok()
}
