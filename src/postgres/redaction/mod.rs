//! Query text fit to show: every literal and comment of a statement taken out, its shape kept.
//!
//! What `pg_stat_activity.query` holds is whatever a client sent: with passwords and personal data in its literals,
//! cut at `track_activity_query_size` bytes, not necessarily valid, and written under either setting of
//! `standard_conforming_strings`. The lexer here follows the rules of PostgreSQL's documentation, chapter 4.1
//! "Lexical Structure". It is no parser, and where a text is not plainly one thing it **fails closed**: from the
//! first place that it does not understand, nothing more is shown but `…`.
//!
//! What is shown can still hold control, formatting and markup characters within quoted identifiers: every text
//! that goes to people passes through [`inert`](crate::discord::sanitize) as well.

mod hazard;
mod lexer;
mod literal;

use std::fmt;

use hazard::Hazards;
use lexer::{SqlLexer, SqlToken};

/// Stands for one literal.
const LITERAL: &str = "?";
/// Stands for all the rest of a query.
const REST: &str = "…";

/// How much of a query's text people get to see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueryVisibility {
    /// Its shape alone: literals become `?`, comments go.
    #[default]
    Redacted,
    /// Nothing of it.
    Hidden,
    /// All of it, as PostgreSQL reports it.
    Full,
}

impl QueryVisibility {
    /// What may be shown of `query`; `None` when query text is hidden.
    pub fn show(self, query: &str) -> Option<VisibleQuery> {
        match self {
            Self::Redacted => Some(redact(query)),
            Self::Hidden => None,
            Self::Full => Some(VisibleQuery(query.to_owned())),
        }
    }
}

/// Query text that [`QueryVisibility`] allows to be shown. Only this module makes it, so that a signature which asks for it
/// cannot be handed the text of a query by mistake.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VisibleQuery(String);

impl VisibleQuery {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VisibleQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Takes every literal and comment out of `query`, and makes each run of white space one blank.
///
/// Identifiers, keywords, operators and parameters (`$1`) stay. A text that is not understood, or that was cut
/// within a literal, ends in `…`. Takes time linear in the length of the query.
pub fn redact(query: &str) -> VisibleQuery {
    let mut shown = String::with_capacity(query.len().min(1024));
    let mut hazards = Hazards::default();
    let mut blank = false;
    for token in SqlLexer::new(query) {
        let text = match token {
            SqlToken::Blank => {
                blank = true;
                continue;
            }
            _ if !hazards.admit(&token) => REST,
            SqlToken::String | SqlToken::Number => LITERAL,
            SqlToken::Word(text)
            | SqlToken::Quoted(text)
            | SqlToken::Parameter(text)
            | SqlToken::Symbol(text) => text,
            SqlToken::Rest => REST,
        };
        if blank && !shown.is_empty() {
            shown.push(' ');
        }
        blank = false;
        shown.push_str(text);
        if text == REST {
            break;
        }
    }
    VisibleQuery(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(query: &str, shown: &str) {
        assert_eq!(redact(query).as_str(), shown, "of {query:?}");
    }

    #[test]
    fn an_identifier_is_shown_up_to_the_length_that_postgresql_keeps() {
        let kept = "a".repeat(63);
        shows(&format!("TABLE {kept}"), &format!("TABLE {kept}"));
        shows(&format!("TABLE {kept}a"), "TABLE …");
        shows(&format!("TABLE \"{kept}\""), &format!("TABLE \"{kept}\""));
        shows(&format!("TABLE \"{kept}a\""), "TABLE …");
    }

    #[test]
    fn quotes_within_quotes_are_part_of_what_is_quoted() {
        shows(r#"TABLE """odd""""#, r#"TABLE """odd""""#);
        shows("SELECT '''hunter2''' FROM t", "SELECT ? FROM t");
    }

    #[test]
    fn a_dollar_before_what_is_no_tag_quotes_nothing() {
        shows("SELECT $a b$ hunter2 $a b$", "SELECT …");
    }

    #[test]
    fn a_sign_belongs_to_a_number_only_in_its_exponent() {
        shows("SELECT 1-2, 1e-2, 1e-x", "SELECT ?-?, ?, ?-x");
    }

    #[test]
    fn a_minus_behind_a_string_begins_no_comment() {
        shows("SELECT 'a' - x\n'b'", "SELECT ? - x ?");
    }
}
