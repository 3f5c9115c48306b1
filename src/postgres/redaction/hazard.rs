//! Places where a secret may stand outside of any literal: because the grammar takes words for values there, or
//! because somebody or some tool got the SQL wrong. The server refuses such a statement, but reports its text.

use super::lexer::SqlToken;

/// Follows the words of a statement and says from where on nothing may be shown.
#[derive(Default)]
pub(super) struct Hazards {
    /// How many words of this statement were seen.
    words: usize,
    about: StatementSubject,
    /// It begins with `SET` or `ALTER`, or it defines a function, which can bring settings along.
    may_set: bool,
    /// It does set something.
    sets: bool,
    last: PreviousToken,
}

/// What a statement is about, as far as its first two words tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum StatementSubject {
    #[default]
    Anything,
    /// It begins with `CREATE` or `ALTER`.
    Definition,
    /// What it defines has a password: a role, a user mapping, a foreign server or a subscription.
    PasswordHolder,
}

/// What the token before was, as far as it bears on the next one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum PreviousToken {
    #[default]
    Harmless,
    From,
    FromStdin,
    /// A string comes next, or a password stands where it should be: after `PASSWORD`, after the `IDENTIFIED` of
    /// other databases, and after a subscription's `CONNECTION`.
    Password,
    /// One of the values to set, or the `=` or `TO` before them.
    Value,
}

impl Hazards {
    /// Whether `token`, which is no blank, may be shown. Once it may not, nothing that follows may be either.
    pub(super) fn admit(&mut self, token: &SqlToken<'_>) -> bool {
        let admitted = match self.last {
            PreviousToken::Harmless | PreviousToken::From => true,
            // A script for psql that went to the server as it is: the rows to copy follow the statement.
            PreviousToken::FromStdin => false,
            // `PASSWORD hunter2` and `PASSWORD "hunter2"`: somebody forgot the quotes, or took the wrong ones.
            PreviousToken::Password => match token {
                SqlToken::String | SqlToken::Parameter(_) => true,
                SqlToken::Word(word) => is_any(word, &["null"]),
                _ => false,
            },
            // `SET app.token = hunter2` is valid: a setting's value needs no quotes.
            PreviousToken::Value => match token {
                SqlToken::Word(word) => is_any(word, &["default", "on", "off", "true", "false"]),
                SqlToken::Quoted(_) => false,
                _ => true,
            },
        };
        self.follow(token);
        admitted
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
                    self.about = StatementSubject::Definition;
                }
                self.may_set = is_any(word, &["set", "alter"]);
            }
            1 if self.about == StatementSubject::Definition
                && is_any(word, &["role", "user", "group", "server", "subscription"]) =>
            {
                self.about = StatementSubject::PasswordHolder;
            }
            // `CREATE FUNCTION`, and `CREATE OR REPLACE FUNCTION`.
            1..=3 => {
                self.may_set |=
                    self.about == StatementSubject::Definition && is_any(word, &["function", "procedure"]);
            }
            _ => {}
        }
        self.words += 1;
        self.sets |= self.may_set && is_any(word, &["set"]);
        if self.about == StatementSubject::PasswordHolder
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

fn is_any(word: &str, candidates: &[&str]) -> bool {
    candidates.iter().any(|known| word.eq_ignore_ascii_case(known))
}
