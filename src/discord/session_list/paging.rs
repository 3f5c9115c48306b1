//! What fits on a page.

use crate::discord::messages::format::utf16_len;
use crate::discord::session_list::SessionRow;

/// Discord's limit for an embed's description is 4,096 and for all of a message's embeds 6,000; what is over
/// is for the title and the footer.
const ROOM: usize = 3_900;
/// As much as a phone of 360 by 800 pixels shows at once, together with the title and the buttons: it shows the end of
/// a message first, and the worst trouble is at its beginning. It is not told by the length of the texts, for these
/// change with every second, and whoever turns pages would miss a session.
const WEIGHT: usize = 3;

/// An empty line: where one session ends and the next begins is seen at a glance.
const GAP: &str = "\n\n";
const LINE: &str = "\n";

/// The entries that stand under one heading.
pub(super) struct ListSection<'a> {
    /// May be empty.
    pub(super) heading: String,
    pub(super) entries: Vec<ListEntry<'a>>,
}

/// What is never torn apart.
pub(super) struct ListEntry<'a> {
    /// Draws it. Of hundreds of entries those of one page are looked at, and only those are drawn.
    pub(super) text: Box<dyn Fn() -> String + 'a>,
    /// The most that its text takes, in UTF-16 units.
    pub(super) max_length: usize,
    /// How much of a page it takes, in sessions.
    pub(super) weight: usize,
    /// The sessions it is about.
    pub(super) rows: Vec<SessionRow<'a>>,
}

/// What is on one page.
#[derive(Default)]
pub(super) struct PageContent<'a> {
    /// Each with what stands between it and the one before.
    parts: Vec<(&'static str, PagePart<'a>)>,
    /// The sessions it shows, each with the place of its section.
    pub(super) rows: Vec<(usize, SessionRow<'a>)>,
    /// The most that its text takes, in UTF-16 units.
    max_length: usize,
    weight: usize,
}

#[derive(Clone, Copy)]
enum PagePart<'a> {
    Line(&'a str),
    Entry(&'a ListEntry<'a>),
}

impl PageContent<'_> {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (gap, part) in &self.parts {
            if !text.is_empty() {
                text.push_str(gap);
            }
            match part {
                PagePart::Line(line) => text.push_str(line),
                PagePart::Entry(entry) => text.push_str(&(entry.text)()),
            }
        }
        text
    }
}

/// Fills page after page; at least one. The lines of the preface come first, and a heading is repeated where its
/// section goes on; one without entries is left out.
pub(super) fn pages<'a>(preface: &'a [String], sections: &'a [ListSection<'a>]) -> Vec<PageContent<'a>> {
    let mut pages = PageBuilder::default();
    for line in preface {
        let line = PagePart::Line(line);
        pages.make_room(line.max_length() + LINE.len(), 0);
        pages.add(LINE, line);
    }
    for (place, section) in sections.iter().enumerate() {
        let head = PagePart::Line(&section.heading);
        let mut is_headed = section.heading.is_empty();
        for entry in &section.entries {
            let room = head.max_length() + entry.max_length + 2 * GAP.len();
            let is_turned = pages.make_room(room, entry.weight);
            if !section.heading.is_empty() && (is_turned || !is_headed) {
                pages.add(GAP, head);
            }
            is_headed = true;
            pages.add(GAP, PagePart::Entry(entry));
            pages.open.rows.extend(entry.rows.iter().map(|row| (place, *row)));
        }
    }
    pages.full.push(pages.open);
    pages.full
}

#[derive(Default)]
struct PageBuilder<'a> {
    full: Vec<PageContent<'a>>,
    open: PageContent<'a>,
}

impl<'a> PageBuilder<'a> {
    /// Turns the page if what comes next does not fit on it; whether it did.
    fn make_room(&mut self, more: usize, weight: usize) -> bool {
        let fits = self.open.max_length + more <= ROOM && self.open.weight + weight <= WEIGHT;
        if fits || self.open.parts.is_empty() {
            return false;
        }
        self.full.push(std::mem::take(&mut self.open));
        true
    }

    fn add(&mut self, gap: &'static str, part: PagePart<'a>) {
        let sheet = &mut self.open;
        sheet.max_length += gap.len() + part.max_length();
        sheet.weight += part.weight();
        sheet.parts.push((gap, part));
    }
}

impl PagePart<'_> {
    fn max_length(self) -> usize {
        match self {
            Self::Line(line) => utf16_len(line),
            Self::Entry(entry) => entry.max_length,
        }
    }

    fn weight(self) -> usize {
        match self {
            Self::Line(_) => 0,
            Self::Entry(entry) => entry.weight,
        }
    }
}
