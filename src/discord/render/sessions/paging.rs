//! What fits on a page.

use crate::domain::view::Row;

use crate::discord::render::words::units;

/// Discord's limit for an embed's description is 4,096 and for all of a message's embeds 6,000; what is over
/// is for the title and the footer.
const ROOM: usize = 3_900;
/// As many lines as a phone of 360 by 800 pixels has between the title and the buttons: a phone shows the end of a
/// message first, and the worst trouble is at its beginning.
const LINES: usize = 19;
/// So many characters are in a line there.
const WIDTH: usize = 38;

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
    /// The sessions it is about.
    pub(super) rows: Vec<Row<'a>>,
}

/// What is on one page.
#[derive(Debug, Default)]
pub(super) struct Sheet<'a> {
    pub(super) text: String,
    /// The sessions it shows, each with the place of its section.
    pub(super) rows: Vec<(usize, Row<'a>)>,
    /// How many lines it takes on a phone.
    height: usize,
    has_entries: bool,
}

/// Fills page after page; at least one. The lines of the preface come first, and a heading is repeated where its
/// section goes on; one without entries is left out.
pub(super) fn pages<'a>(preface: &[String], sections: &[Section<'a>]) -> Vec<Sheet<'a>> {
    let mut pages = Pages::default();
    for line in preface {
        pages.make_room(line, false);
        pages.add(LINE, line);
    }
    for (place, section) in sections.iter().enumerate() {
        let mut is_headed = section.head.is_empty();
        for entry in &section.entries {
            let headed = match section.head.as_str() {
                "" => entry.text.clone(),
                head => format!("{head}{GAP}{}", entry.text),
            };
            let is_turned = pages.make_room(&headed, true);
            if !section.head.is_empty() && (is_turned || !is_headed) {
                pages.add(GAP, &section.head);
            }
            is_headed = true;
            pages.add(GAP, &entry.text);
            pages.open.has_entries = true;
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
    /// Turns the page if `text`, which comes next, does not fit on it; whether it did. However high it is, a page
    /// has at least one entry.
    fn make_room(&mut self, text: &str, is_entry: bool) -> bool {
        let is_too_long = units(&self.open.text) + GAP.len() + units(text) > ROOM;
        let with_text = self.open.height + empty_lines(GAP) + height(text);
        let is_too_high = is_entry && self.open.has_entries && with_text > LINES;
        if self.open.text.is_empty() || !(is_too_long || is_too_high) {
            return false;
        }
        self.full.push(std::mem::take(&mut self.open));
        true
    }

    fn add(&mut self, gap: &str, text: &str) {
        let sheet = &mut self.open;
        if !sheet.text.is_empty() {
            sheet.text.push_str(gap);
            sheet.height += empty_lines(gap);
        }
        sheet.text.push_str(text);
        sheet.height += height(text);
    }
}

/// How many lines `text` takes on a phone, as near as can be told without its font.
fn height(text: &str) -> usize {
    text.lines().map(|line| units(line).div_ceil(WIDTH).max(1)).sum()
}

/// How many lines a gap leaves empty.
fn empty_lines(gap: &str) -> usize {
    gap.len() - LINE.len()
}
