//! `docs/benchmarks.md`.

use std::fmt;

use anyhow::Result;

use crate::bots::peers::Peer;
use crate::machine;
use crate::report::{Chapter, Table, comparisons, goals};

const INTRODUCTION: &str = "# Benchmarks

killgate beside what people would use instead: `psql`, and simple bots that record nothing and ask nobody. Less is better. The chapters below
say how each was measured.";

const METHOD: &str = "## How it was measured

`./dev bench` writes this page; a run replaces it. killgate is measured as it is released, as a process of its own, between a real
PostgreSQL server and a simulated Discord on loopback. Contenders take turns within each round, so that what slows the machine slows
them all: the ratios hold elsewhere, the times do not.

Times are in milliseconds where nothing else is said. Each is a median, with the 5th and the 95th percentile as its spread. The simulated
Discord, the victims and the people who ask are one process, which shares the processor with the bots.";

/// Everything that was found.
pub struct Document {
    machine: Table,
    chapters: Vec<Chapter>,
}

impl Document {
    pub fn begin(peers: &[Peer]) -> Result<Self> {
        let mut machine = Table::new(["machine", ""]);
        for (what, value) in machine::describe()? {
            machine.row([what.to_owned(), value]);
        }
        for peer in peers {
            machine.row(["beside it".to_owned(), peer.versions()?]);
        }
        Ok(Self { machine, chapters: Vec::new() })
    }

    pub fn add(&mut self, chapter: Chapter) {
        self.chapters.push(chapter);
    }

    /// The medians of all contenders.
    fn comparison(&self) -> Table {
        comparisons(self.chapters.iter().flat_map(|chapter| &chapter.comparisons))
    }

    /// Every goal, and whether it is met.
    pub fn summary(&self) -> Table {
        goals(self.chapters.iter().flat_map(|chapter| &chapter.goals))
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{INTRODUCTION}\n\n{}\n## Goals\n\n{}", self.comparison(), self.summary())?;
        writeln!(f, "{METHOD}\n\n{}", self.machine)?;
        for (place, chapter) in self.chapters.iter().enumerate() {
            let gap = if place == 0 { "" } else { "\n" };
            write!(f, "{gap}{chapter}")?;
        }
        Ok(())
    }
}
