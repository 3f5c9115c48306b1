//! Removes every literal and comment from query text, and keeps its structure.
//!
//! `pg_stat_activity.query` contains whatever a client sent: passwords and personal data in literals, text cut at
//! `track_activity_query_size` bytes, invalid SQL, and either setting of `standard_conforming_strings`. The lexer follows
//! PostgreSQL's documentation, chapter 4.1 "Lexical Structure". It is not a parser, and it **fails closed**: everything
//! from the first ambiguous place on is shown as `…`.
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | writes the text without its literals |
//! | `lexer` | splits the text into tokens |
//! | `literal` | finds the ends of literals and comments |
//! | `hazard` | finds places where a secret may be outside any literal |
//!
//! Quoted identifiers in the result can still contain control, formatting and markup characters. Every text shown to
//! people also passes through [`sanitize`](crate::discord::sanitize).

mod hazard;
mod lexer;
mod literal;

use std::fmt;

use hazard::{Hazards, ValuePlaces};
use lexer::{SqlLexer, SqlToken};

use crate::domain::named_enum::named_enum;

/// Replaces a literal.
const LITERAL: &str = "?";
/// Replaces the rest of a query.
const REST: &str = "…";

named_enum! {
    /// How much of a query's text is shown.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum QueryVisibility {
        /// Literals are replaced by `?`, comments are removed.
        #[default]
        Redacted = "redacted",
        /// No query text.
        Hidden = "hidden",
        /// The text as PostgreSQL reports it.
        Full = "full",
    }
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

/// Query text that [`QueryVisibility`] allows to be shown. Only this module constructs it, so a function that takes one
/// cannot be given raw query text by mistake.
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

/// Removes every literal and comment from `query`, and replaces each run of white space by one space.
///
/// Identifiers, keywords, operators and parameters (`$1`) stay. Text that is ambiguous, or was cut within a literal, ends
/// in `…`. The run time is linear in the length of the query.
pub fn redact(query: &str) -> VisibleQuery {
    let mut shown = String::with_capacity(query.len().min(1024));
    let mut hazards = Hazards::default();
    let mut value_places = ValuePlaces::default();
    let mut blank = false;
    let mut tokens = SqlLexer::new(query).peekable();
    while let Some(token) = tokens.next() {
        let text = match token {
            SqlToken::Blank => {
                blank = true;
                continue;
            }
            _ if !hazards.may_show(&token) => REST,
            _ if value_places.is_value(&token, tokens.peek()) => LITERAL,
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
