//! Splits a list into pages that fit into one Discord message.

use super::SessionRow;
use super::page::RequestRules;
use super::tree::BlockingTree;
use super::{row_text, tree_text};
use crate::discord::messages::format::utf16_len;
use crate::domain::session::{Session, Snapshot};

/// Discord allows 4,096 characters for an embed's description and 6,000 for all embeds of a message. The rest is for
/// title and footer.
const MAX_LENGTH: usize = 3_900;
/// What a phone of 360 by 800 pixels shows at once, together with title and buttons. Discord scrolls to the end of a
/// message, and the worst session is at its beginning. The weight does not depend on the length of the texts: these
/// change every second, and somebody who turns pages would miss a session.
const MAX_WEIGHT: usize = 3;

/// An empty line separates sessions, so that each is seen at a glance.
const GAP: &str = "\n\n";

/// The entries of one target.
pub(super) struct ListSection<'a> {
    pub(super) target: &'a str,
    pub(super) rules: &'a RequestRules,
    /// May be empty.
    pub(super) heading: String,
    pub(super) snapshot: &'a Snapshot,
    pub(super) entries: Vec<ListEntry<'a>>,
}

/// A part of the list that is never split across pages.
pub(super) enum ListEntry<'a> {
    Session(SessionRow<'a>),
    Tree(BlockingTree<'a>),
}

/// One page. Only the page that is shown is rendered: a list may have hundreds of entries.
#[derive(Default)]
pub(super) struct PageContent<'a> {
    preface: Vec<&'a str>,
    entries: Vec<(&'a ListSection<'a>, &'a ListEntry<'a>)>,
    /// An upper bound of the length of its text, in UTF-16 units.
    max_length: usize,
    weight: usize,
}

/// Fills page after page; at least one. The lines of the preface come first.
pub(super) fn pages<'a>(preface: &'a [String], sections: &'a [ListSection<'a>]) -> Vec<PageContent<'a>> {
    let mut full_pages = Vec::new();
    let mut page = PageContent::default();
    for line in preface {
        let length = utf16_len(line) + GAP.len();
        page.break_unless_fits(length, 0, &mut full_pages);
        page.preface.push(line);
    }
    for section in sections {
        // The heading is repeated on each page that the section continues on.
        let heading_length = utf16_len(&section.heading) + GAP.len();
        for entry in &section.entries {
            let length = heading_length + entry.max_length() + GAP.len();
            page.break_unless_fits(length, entry.weight(), &mut full_pages);
            page.entries.push((section, entry));
        }
    }
    full_pages.push(page);
    full_pages
}

impl ListSection<'_> {
    /// Whether the session cannot be signalled.
    pub(super) fn is_locked(&self, session: &Session) -> bool {
        self.rules.protection.rule_against_request(session, self.snapshot).is_some()
    }
}

impl<'a> PageContent<'a> {
    pub(super) fn text(&self) -> String {
        let mut blocks = vec![self.preface.join("\n")];
        let mut current_section = None;
        for (section, entry) in &self.entries {
            if !current_section.is_some_and(|current| std::ptr::eq(current, *section)) {
                current_section = Some(*section);
                blocks.push(section.heading.clone());
            }
            blocks.push(entry.text(section));
        }
        blocks.retain(|block| !block.is_empty());
        let text = blocks.join(GAP);
        debug_assert!(utf16_len(&text) <= self.max_length, "{text}");
        text
    }

    /// The sessions on this page, each with its section.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&'a ListSection<'a>, SessionRow<'a>)> {
        self.entries.iter().flat_map(|(section, entry)| entry.rows().into_iter().map(|row| (*section, row)))
    }

    /// Reserves room for the next part, on a new page if it does not fit on this one.
    fn break_unless_fits(&mut self, length: usize, weight: usize, full_pages: &mut Vec<Self>) {
        let fits = self.max_length + length <= MAX_LENGTH && self.weight + weight <= MAX_WEIGHT;
        let is_empty = self.preface.is_empty() && self.entries.is_empty();
        if !fits && !is_empty {
            full_pages.push(std::mem::take(self));
        }
        self.max_length += length;
        self.weight += weight;
    }
}

impl<'a> ListEntry<'a> {
    fn text(&self, section: &ListSection<'_>) -> String {
        let now = section.snapshot.taken_at;
        match self {
            Self::Session(row) => row_text::row_text(row, now, section.is_locked(row.session)),
            Self::Tree(tree) => {
                let is_locked = |session: &Session| section.is_locked(session);
                tree_text::tree_text(tree, now, is_locked)
            }
        }
    }

    fn max_length(&self) -> usize {
        match self {
            Self::Session(row) => row_text::max_length(row.session),
            Self::Tree(tree) => tree_text::max_length(tree),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Tree(tree) if tree_text::is_tall(tree) => 2,
            Self::Session(_) | Self::Tree(_) => 1,
        }
    }

    /// The sessions that its text shows.
    pub(super) fn rows(&self) -> Vec<SessionRow<'a>> {
        match self {
            Self::Session(row) => vec![*row],
            Self::Tree(tree) => tree.rows(),
        }
    }

    /// Its sessions, also those that its text only counts.
    pub(super) fn all_rows(&self) -> Vec<SessionRow<'a>> {
        match self {
            Self::Session(row) => vec![*row],
            Self::Tree(tree) => tree.all_rows(),
        }
    }
}
