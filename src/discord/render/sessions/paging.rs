//! What fits on a page.

use crate::domain::view::Row;

use crate::discord::render::words::units;

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
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// May be empty.
    pub(super) head: String,
    pub(super) entries: Vec<Entry<'a>>,
}

/// What is never torn apart.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) text: String,
    /// How much of a page it takes, in sessions.
    pub(super) weight: usize,
    /// The sessions it is about.
    pub(super) rows: Vec<Row<'a>>,
}

/// What is on one page.
#[derive(Debug, Default)]
pub(super) struct Sheet<'a> {
    pub(super) text: String,
    /// The sessions it shows, each with the place of its section.
    pub(super) rows: Vec<(usize, Row<'a>)>,
    weight: usize,
}

/// Fills page after page; at least one. The lines of the preface come first, and a heading is repeated where its
/// section goes on; one without entries is left out.
pub(super) fn pages<'a>(preface: &[String], sections: &[Section<'a>]) -> Vec<Sheet<'a>> {
    let mut pages = Pages::default();
    for line in preface {
        pages.make_room(units(line) + LINE.len(), 0);
        pages.add(LINE, line, 0);
    }
    for (place, section) in sections.iter().enumerate() {
        let mut is_headed = section.head.is_empty();
        for entry in &section.entries {
            let room = units(&section.head) + units(&entry.text) + 2 * GAP.len();
            let is_turned = pages.make_room(room, entry.weight);
            if !section.head.is_empty() && (is_turned || !is_headed) {
                pages.add(GAP, &section.head, 0);
            }
            is_headed = true;
            pages.add(GAP, &entry.text, entry.weight);
            pages.open.rows.extend(entry.rows.iter().map(|row| (place, *row)));
        }
    }
    pages.full.push(pages.open);
    pages.full
}

#[derive(Default)]
struct Pages<'a> {
    full: Vec<Sheet<'a>>,
    open: Sheet<'a>,
}

impl Pages<'_> {
    /// Turns the page if what comes next does not fit on it; whether it did.
    fn make_room(&mut self, more: usize, weight: usize) -> bool {
        let fits = units(&self.open.text) + more <= ROOM && self.open.weight + weight <= WEIGHT;
        if fits || self.open.text.is_empty() {
            return false;
        }
        self.full.push(std::mem::take(&mut self.open));
        true
    }

    fn add(&mut self, gap: &str, text: &str, weight: usize) {
        let sheet = &mut self.open;
        if !sheet.text.is_empty() {
            sheet.text.push_str(gap);
        }
        sheet.text.push_str(text);
        sheet.weight += weight;
    }
}
