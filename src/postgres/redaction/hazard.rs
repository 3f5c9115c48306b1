//! Finds places where a secret may be outside any literal: where the grammar accepts words as values, or where the SQL
//! is wrong. The server rejects a wrong statement, but reports its text.

use super::lexer::SqlToken;

/// Follows the words of a statement and decides from where on nothing may be shown.
#[derive(Default)]
pub(super) struct Hazards {
    /// The number of words of this statement so far.
    words: usize,
    subject: StatementSubject,
    /// It begins with `SET` or `ALTER`, or defines a function, which can include settings.
    may_set: bool,
    /// It contains `SET`.
    sets: bool,
    last: PreviousToken,
}

/// The kind of a statement, by its first two words.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum StatementSubject {
    #[default]
    Anything,
    /// It begins with `CREATE` or `ALTER`.
    Definition,
    /// It defines an object with a password: a role, a user mapping, a foreign server or a subscription.
    PasswordHolder,
}

/// The previous token, as far as it affects the next one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum PreviousToken {
    #[default]
    Harmless,
    From,
    FromStdin,
    /// A string must follow, or a password is in its place: after `PASSWORD`, after the `IDENTIFIED` of other databases,
    /// and after a subscription's `CONNECTION`.
    Password,
    /// A value of a setting, or the `=` or `TO` before it.
    Value,
}

impl Hazards {
    /// Whether `token`, which is not blank, may be shown. After the first that may not, none may.
    pub(super) fn may_show(&mut self, token: &SqlToken<'_>) -> bool {
        let may_show = match self.last {
            PreviousToken::Harmless | PreviousToken::From => true,
            // A psql script that was sent to the server unchanged: the rows to copy follow the statement.
            PreviousToken::FromStdin => false,
            // `PASSWORD hunter2` and `PASSWORD "hunter2"`: the quotes are missing, or are the wrong ones.
            PreviousToken::Password => match token {
                SqlToken::String | SqlToken::Parameter(_) => true,
                SqlToken::Word(word) => is_any(word, &["null"]),
                _ => false,
            },
            // `SET app.token = hunter2` is valid: the value of a setting needs no quotes.
            PreviousToken::Value => match token {
                SqlToken::Word(word) => is_any(word, &["default", "on", "off", "true", "false"]),
                SqlToken::Quoted(_) => false,
                _ => true,
            },
        };
        self.follow(token);
        may_show
    }

    fn follow(&mut self, token: &SqlToken<'_>) {
        self.last = match token {
            SqlToken::Symbol(";") => {
                *self = Self::default();
                PreviousToken::Harmless
            }
            SqlToken::Symbol("=") if self.sets => PreviousToken::Value,
            _ if self.last == PreviousToken::Value => PreviousToken::Value,
            SqlToken::Word(word) => self.follow_word(word),
            _ => PreviousToken::Harmless,
        };
    }

    fn follow_word(&mut self, word: &str) -> PreviousToken {
        match self.words {
            0 => {
                if is_any(word, &["create", "alter"]) {
                    self.subject = StatementSubject::Definition;
                }
                self.may_set = is_any(word, &["set", "alter"]);
            }
            1 if self.subject == StatementSubject::Definition
                && is_any(word, &["role", "user", "group", "server", "subscription"]) =>
            {
                self.subject = StatementSubject::PasswordHolder;
            }
            // `CREATE FUNCTION`, and `CREATE OR REPLACE FUNCTION`.
            1..=3 => {
                self.may_set |=
                    self.subject == StatementSubject::Definition && is_any(word, &["function", "procedure"]);
            }
            _ => {}
        }
        self.words += 1;
        self.sets |= self.may_set && is_any(word, &["set"]);
        if self.subject == StatementSubject::PasswordHolder
            && is_any(word, &["password", "identified", "connection"])
        {
            PreviousToken::Password
        } else if self.sets && is_any(word, &["to"]) {
            PreviousToken::Value
        } else if is_any(word, &["from"]) {
            PreviousToken::From
        } else if self.last == PreviousToken::From && is_any(word, &["stdin"]) {
            PreviousToken::FromStdin
        } else {
            PreviousToken::Harmless
        }
    }
}

/// Finds quoted identifiers in the place of a value. To PostgreSQL `password = "hunter2"` names a column; its author
/// meant a string.
#[derive(Default)]
pub(super) struct ValuePlaces {
    list: ValueList,
    follows_operator: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ValueList {
    #[default]
    None,
    /// `IN`, up to the closing parenthesis.
    In,
    /// `VALUES`, up to the next clause.
    Values,
}

impl ValuePlaces {
    /// Whether `token`, which is not blank, is a quoted identifier in the place of a value. `next` is the token after it:
    /// `"users"."id"` names a column wherever it is.
    pub(super) fn is_value(&mut self, token: &SqlToken<'_>, next: Option<&SqlToken<'_>>) -> bool {
        let is_value = matches!(token, SqlToken::Quoted(_))
            && (self.follows_operator || self.list != ValueList::None)
            && next != Some(&SqlToken::Symbol("."));
        self.follows_operator = match token {
            SqlToken::Symbol(symbol) => "=<>~!|+-/%^".contains(symbol),
            SqlToken::Word(word) => is_any(word, &["like", "ilike", "between"]),
            _ => false,
        };
        self.list = match token {
            SqlToken::Word(word) if is_any(word, &["in"]) => ValueList::In,
            SqlToken::Word(word) if is_any(word, &["values"]) => ValueList::Values,
            SqlToken::Word(_) | SqlToken::Symbol(";") => ValueList::None,
            SqlToken::Symbol(")") if self.list == ValueList::In => ValueList::None,
            _ => self.list,
        };
        is_value
    }
}

fn is_any(word: &str, candidates: &[&str]) -> bool {
    candidates.iter().any(|known| word.eq_ignore_ascii_case(known))
}
