//! The results as Markdown, also readable in a terminal.

use std::fmt::{self, Write as _};

use crate::numbers::{Sample, figure};

/// One subject: what was done, what was measured, and how that stands to what it is to be.
#[derive(Debug)]
pub struct Chapter {
    pub title: &'static str,
    /// Paragraphs on how it was measured.
    pub text: String,
    pub tables: Vec<Table>,
    pub comparisons: Vec<Comparison>,
    pub goals: Vec<Goal>,
}

/// A row of the comparison that opens the document.
#[derive(Debug)]
pub struct Comparison {
    what: String,
    /// By contender.
    medians: Vec<(String, f64)>,
}

/// What a measurement is to be at most.
#[derive(Debug)]
pub struct Goal {
    pub what: String,
    pub measured: f64,
    pub limit: f64,
    pub unit: &'static str,
}

/// Rows of cells under a head.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Chapter {
    pub fn new(title: &'static str, text: &str) -> Self {
        Self { title, text: text.to_owned(), tables: Vec::new(), comparisons: Vec::new(), goals: Vec::new() }
    }

    /// Adds a row to the comparison that opens the document.
    pub fn compare<'a>(
        &mut self,
        what: impl Into<String>,
        medians: impl IntoIterator<Item = (&'a str, f64)>,
    ) {
        let medians = medians.into_iter().map(|(name, median)| (name.to_owned(), median)).collect();
        self.comparisons.push(Comparison { what: what.into(), medians });
    }

    /// Holds a measurement against its goal; where what it is held against was not there, nothing is said.
    pub fn goal(&mut self, what: impl Into<String>, unit: &'static str, measured: f64, limit: f64) {
        if measured.is_nan() || limit.is_nan() {
            return;
        }
        self.goals.push(Goal { what: what.into(), measured, limit, unit });
    }
}

impl fmt::Display for Chapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n\n{}", self.title, self.text)?;
        for table in &self.tables {
            write!(f, "\n{table}")?;
        }
        if !self.goals.is_empty() {
            write!(f, "\n{}", goals(&self.goals))?;
        }
        Ok(())
    }
}

impl Table {
    pub fn new<const COLUMNS: usize>(head: [&str; COLUMNS]) -> Self {
        Self { rows: vec![head.map(ToOwned::to_owned).to_vec()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let wide = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(wide).collect();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::from("|");
            for (column, width) in widths.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                // Numbers are compared digit by digit, so all but the first column end at the same place.
                if column == 0 {
                    write!(line, " {cell:<width$} |")?;
                } else {
                    write!(line, " {cell:>width$} |")?;
                }
            }
            writeln!(f, "{line}")?;
            if number == 0 {
                let rules = widths.iter().enumerate().map(|(column, width)| match column {
                    0 => "-".repeat(width + 2),
                    _ => format!("{}:", "-".repeat(width + 1)),
                });
                writeln!(f, "|{}|", rules.collect::<Vec<_>>().join("|"))?;
            }
        }
        Ok(())
    }
}

/// The median of a sample and its spread, as two cells.
pub fn cells(sample: &Sample) -> [String; 2] {
    [figure(sample.median()), sample.spread()]
}

/// How often the second goes into the first.
pub fn times(one: f64, other: f64) -> String {
    format!("{} ×", figure(one / other))
}

/// A row for each comparison, and a column for each contender.
pub fn comparisons<'a>(comparisons: impl IntoIterator<Item = &'a Comparison>) -> Table {
    let comparisons: Vec<&Comparison> = comparisons.into_iter().collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in comparisons.iter().flat_map(|comparison| &comparison.medians) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let head = ["median"].into_iter().chain(names.iter().copied()).map(ToOwned::to_owned).collect();
    let mut table = Table { rows: vec![head] };
    for comparison in &comparisons {
        let cells = names.iter().map(|name| {
            let found = comparison.medians.iter().find(|(contender, _)| contender == name);
            found.map_or(String::new(), |(_, median)| figure(*median))
        });
        table.row([comparison.what.clone()].into_iter().chain(cells));
    }
    table
}

/// Goals beside what was measured.
pub fn goals<'a>(goals: impl IntoIterator<Item = &'a Goal>) -> Table {
    let mut table = Table::new(["it is to show", "measured", "at most", ""]);
    for goal in goals {
        let with_unit = |value| format!("{} {}", figure(value), goal.unit).trim_end().to_owned();
        let met = if goal.measured <= goal.limit { "met" } else { "missed" };
        table.row([goal.what.clone(), with_unit(goal.measured), with_unit(goal.limit), met.to_owned()]);
    }
    table
}
