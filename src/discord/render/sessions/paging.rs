//! What fits on a page.

use crate::discord::render::words::units;

/// Discord's limit for an embed's description is 4,096 and for all of a message's embeds 6,000; what is over
/// is for the title and the footer.
const ROOM: usize = 3_900;
/// More than this is a long way to scroll on a phone.
const WEIGHT: usize = 8;

/// What stands under one heading.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) head: String,
    pub(super) entries: Vec<Entry>,
}

/// What is never torn apart.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) text: String,
    /// How much of a page it takes, in sessions.
    pub(super) weight: usize,
}

impl Section {
    pub(super) fn bare(head: String) -> Self {
        Self {
            head,
            entries: Vec::new(),
        }
    }
}

/// Fills page after page; at least one. A heading is repeated where its section goes on.
pub(super) fn pages(sections: &[Section]) -> Vec<String> {
    let mut pages = Pages::default();
    for section in sections {
        let mut is_headed = false;
        let first = section.entries.first().map_or(0, |entry| units(&entry.text) + 1);
        pages.make_room(units(&section.head) + 1 + first, 0);
        for entry in &section.entries {
            if pages.make_room(units(&entry.text) + 1, entry.weight) || !is_headed {
                pages.add(&section.head, 0);
                is_headed = true;
            }
            pages.add(&entry.text, entry.weight);
        }
        if !is_headed {
            pages.add(&section.head, 0);
        }
    }
    pages.full.push(pages.open);
    pages.full
}

#[derive(Default)]
struct Pages {
    full: Vec<String>,
    open: String,
    weight: usize,
}

impl Pages {
    /// Turns the page if what comes next does not fit on it; whether it did.
    fn make_room(&mut self, more: usize, weight: usize) -> bool {
        let fits = units(&self.open) + more <= ROOM && self.weight + weight <= WEIGHT;
        if fits || self.open.is_empty() {
            return false;
        }
        self.full.push(std::mem::take(&mut self.open));
        self.weight = 0;
        true
    }

    fn add(&mut self, text: &str, weight: usize) {
        if !self.open.is_empty() {
            self.open.push('\n');
        }
        self.open.push_str(text);
        self.weight += weight;
    }
}
