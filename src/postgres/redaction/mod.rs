//! Removes every literal and comment from query text, and keeps its structure.
//!
//! `pg_stat_activity.query` contains whatever a client sent: passwords and personal data in literals, text cut at
//! `track_activity_query_size` bytes, invalid SQL, and either setting of `standard_conforming_strings`. The lexer follows
//! PostgreSQL's documentation, chapter 4.1 "Lexical Structure". It is not a parser, and it **fails closed**: everything
//! from the first ambiguous place on is shown as `…`.
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
    fn doubled_quotes_are_part_of_the_quoted_text() {
        shows(r#"TABLE """odd""""#, r#"TABLE """odd""""#);
        shows("SELECT '''hunter2''' FROM t", "SELECT ? FROM t");
    }

    #[test]
    fn a_dollar_sign_without_a_valid_tag_quotes_nothing() {
        shows("SELECT $a b$ hunter2 $a b$", "SELECT …");
    }

    #[test]
    fn a_sign_belongs_to_a_number_only_in_its_exponent() {
        shows("SELECT 1-2, 1e-2, 1e-x", "SELECT ?-?, ?, ?-x");
    }

    #[test]
    fn a_quoted_identifier_in_the_place_of_a_value_is_hidden() {
        shows(r#"SELECT * FROM u WHERE password = "hunter2""#, "SELECT * FROM u WHERE password = ?");
        shows(r#"UPDATE u SET token="hunter2" WHERE "id" = 7"#, r#"UPDATE u SET token=? WHERE "id" = ?"#);
        shows(
            r#"INSERT INTO "u" ("name") VALUES ("hunter2", "x"), ("y")"#,
            r#"INSERT INTO "u" ("name") VALUES (?, ?), (?)"#,
        );
        shows(
            r#"SELECT "a" FROM t WHERE b IN ("hunter2", "x") ORDER BY "c""#,
            r#"SELECT "a" FROM t WHERE b IN (?, ?) ORDER BY "c""#,
        );
        shows(r#"SELECT 1 FROM t WHERE b LIKE "%hunter2""#, "SELECT ? FROM t WHERE b LIKE ?");
    }

    #[test]
    fn a_qualified_column_is_shown_wherever_it_is() {
        let join = r#"SELECT "a"."id" FROM "a" JOIN "b" ON "a"."id" = "b"."id""#;
        shows(join, join);
    }

    #[test]
    fn a_minus_after_a_string_does_not_begin_a_comment() {
        shows("SELECT 'a' - x\n'b'", "SELECT ? - x ?");
    }
}
