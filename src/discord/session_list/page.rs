//! Renders one page of a session list. It is read on a phone: a session is two or three short lines, and the worst
//! comes first.

use std::sync::Arc;

use serenity::all::{Colour, CreateEmbed, CreateEmbedFooter, Timestamp};

use super::filter::SessionFilter;
use super::paging::{ListEntry, ListSection};
use super::{
    HiddenCounts, ListedSessions, SessionList, SessionView, controls, list_sessions, paging, summary,
};
use crate::discord::messages::body::MessageBody;
use crate::discord::messages::format::name;
use crate::discord::sanitize;
use crate::domain::protection::ProtectionRules;
use crate::domain::session::{Session, Snapshot};

const ERROR_LENGTH: usize = 200;

/// Which sessions somebody asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// `None` for all targets.
    pub target: Option<String>,
    pub view: SessionView,
    pub filter: SessionFilter,
}

#[derive(Clone, Debug)]
pub struct TargetAnswer {
    pub target: String,
    pub snapshot: Result<Arc<Snapshot>, NoAnswerReason>,
    pub rules: RequestRules,
}

/// Which sessions of a target may be asked for, and how many at once.
#[derive(Clone, Debug, Default)]
pub struct RequestRules {
    pub protection: ProtectionRules,
    pub sessions_per_request: u32,
}

/// Why a target has no sessions to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswerReason {
    /// It has not answered yet.
    Pending,
    /// The error, in words for people.
    Failed(String),
}

#[derive(Clone, Debug)]
pub struct SessionPage {
    pub body: MessageBody,
    /// From 0. The last page if a later one was asked for.
    pub number: usize,
    /// At least 1.
    pub page_count: usize,
}

/// Renders page `number` (from 0) of the sessions that match `query`.
pub fn render_page(answers: &[TargetAnswer], query: &SessionQuery, number: usize) -> SessionPage {
    let is_only_target = answers.len() == 1;
    let mut reports: Vec<_> = answers.iter().map(|answer| TargetReport::new(answer, query)).collect();
    // A target that does not answer is named on the first page, however many sessions the others have.
    reports.sort_by_key(|report| report.severity);
    let severity = reports.first().map_or(ReportSeverity::Calm, |report| report.severity);
    let preface = preface(&reports, answers, query);
    let hidden = reports.iter().map(|report| report.hidden).sum();
    let sections: Vec<_> =
        reports.into_iter().filter_map(|report| report.into_section(is_only_target)).collect();
    let pages = paging::pages(&preface, &sections);
    let page_count = pages.len();
    let number = number.min(page_count - 1);
    let page = &pages[number];
    let mut embed = CreateEmbed::new()
        .title(title(answers, query.view))
        .description(page.text())
        .colour(severity.colour());
    let has_blocked_sessions = severity == ReportSeverity::Blocking;
    let navigation = controls::navigation_row(query, number, page_count, has_blocked_sessions);
    let footer = footer(query, hidden, (number, page_count), navigation.is_some());
    if !footer.is_empty() {
        embed = embed.footer(CreateEmbedFooter::new(footer));
    }
    if let Some(taken_at) = oldest_snapshot_time(answers) {
        embed = embed.timestamp(taken_at);
    }
    let menu = controls::menu_rows(&sections, page, is_only_target);
    SessionPage {
        body: MessageBody::embed(embed).with_components(navigation.into_iter().chain(menu).collect()),
        number,
        page_count,
    }
}

/// The lines before all sessions: the state of each target, the worst first.
fn preface(reports: &[TargetReport<'_>], answers: &[TargetAnswer], query: &SessionQuery) -> Vec<String> {
    let mut lines: Vec<_> = match reports {
        [only] => vec![only.summary.clone()],
        several => several
            .iter()
            .map(|report| match report.severity {
                ReportSeverity::NoAnswer => report.summary.clone(),
                _ => format!("{} · {}", bold_name(report.answer), report.summary),
            })
            .collect(),
    };
    let is_empty = reports.iter().all(|report| report.entries.is_empty());
    if is_empty && reports.iter().any(TargetReport::has_filtered_sessions) {
        let snapshots: Vec<_> = answers.iter().filter_map(|answer| answer.snapshot.as_deref().ok()).collect();
        lines.insert(0, summary::no_match_advice(query, &snapshots));
    }
    lines
}

/// How bad it is, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ReportSeverity {
    NoAnswer,
    Blocking,
    /// The server has a problem that no session shows.
    Warned,
    /// There are sessions, or a filter leaves none of them.
    Ordinary,
    Calm,
}

impl ReportSeverity {
    fn colour(self) -> Colour {
        Colour::new(match self {
            Self::NoAnswer | Self::Blocking | Self::Warned => 0x00f2_3f43,
            Self::Ordinary => 0x0058_65f2,
            Self::Calm => 0x0023_a55a,
        })
    }
}

/// What the list says about one target.
struct TargetReport<'a> {
    answer: &'a TargetAnswer,
    severity: ReportSeverity,
    summary: String,
    entries: Vec<ListEntry<'a>>,
    hidden: HiddenCounts,
}

impl<'a> TargetReport<'a> {
    fn new(answer: &'a TargetAnswer, query: &SessionQuery) -> Self {
        let no_answer = |summary| Self {
            answer,
            severity: ReportSeverity::NoAnswer,
            summary,
            entries: Vec::new(),
            hidden: HiddenCounts::default(),
        };
        let target = bold_name(answer);
        match &answer.snapshot {
            Ok(snapshot) => Self::from_snapshot(answer, snapshot, query),
            Err(NoAnswerReason::Pending) => no_answer(format!("⏳ {target} has not answered yet")),
            Err(NoAnswerReason::Failed(error)) => {
                let error = sanitize::line(error, ERROR_LENGTH);
                no_answer(format!("⚠️ {target} shows no sessions: {error}"))
            }
        }
    }

    fn from_snapshot(answer: &'a TargetAnswer, snapshot: &'a Snapshot, query: &SessionQuery) -> Self {
        let list = list_sessions(snapshot, query.view, &query.filter);
        let warnings = summary::warnings(snapshot, query.view);
        let is_warned = !warnings.is_empty();
        let summary = summary::summary_line(&list, snapshot, query.view, warnings);
        let hidden = list.hidden;
        let entries = list_entries(list);
        let severity = if snapshot.sessions.iter().any(Session::is_blocked) {
            ReportSeverity::Blocking
        } else if is_warned {
            ReportSeverity::Warned
        } else if entries.is_empty() && hidden.filtered == 0 {
            ReportSeverity::Calm
        } else {
            ReportSeverity::Ordinary
        };
        Self { answer, severity, summary, entries, hidden }
    }

    /// Whether the filter hides sessions that the view would show.
    fn has_filtered_sessions(&self) -> bool {
        self.hidden.filtered > 0
    }

    /// `None` for a target that did not answer.
    fn into_section(self, is_only_target: bool) -> Option<ListSection<'a>> {
        let snapshot = self.answer.snapshot.as_ref().ok()?;
        Some(ListSection {
            target: &self.answer.target,
            rules: &self.answer.rules,
            heading: if is_only_target { String::new() } else { format!("▸ {}", bold_name(self.answer)) },
            snapshot,
            entries: self.entries,
        })
    }
}

fn bold_name(answer: &TargetAnswer) -> String {
    format!("**{}**", name(&answer.target))
}

fn list_entries(list: SessionList<'_>) -> Vec<ListEntry<'_>> {
    match list.shown {
        ListedSessions::Sessions(rows) => rows.into_iter().map(ListEntry::Session).collect(),
        ListedSessions::Trees(trees) => trees.into_iter().map(ListEntry::Tree).collect(),
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
        [only] => format!("{what} on {}", name(&only.target)),
        several => format!("{what} on {} targets", several.len()),
    }
}

fn footer(
    query: &SessionQuery,
    hidden: HiddenCounts,
    (number, page_count): (usize, usize),
    has_navigation: bool,
) -> String {
    let page = (page_count > 1).then(|| format!("Page {} of {page_count}", number + 1));
    let filter = (!query.filter.is_empty())
        .then(|| summary::filter_text(&query.filter, |text, limit| sanitize::plain(text, limit).into()));
    let no_buttons = (!has_navigation)
        .then(|| "This filter is too long for buttons. Repeat the command to refresh".to_owned());
    let hidden = summary::hidden_text(hidden);
    let parts: Vec<_> = [page, hidden, filter, no_buttons].into_iter().flatten().collect();
    parts.join(" · ")
}

fn oldest_snapshot_time(answers: &[TargetAnswer]) -> Option<Timestamp> {
    let taken_at = answers
        .iter()
        .filter_map(|answer| answer.snapshot.as_ref().ok())
        .map(|snapshot| snapshot.taken_at)
        .min()?;
    Timestamp::from_unix_timestamp(taken_at.as_seconds()).ok()
}
