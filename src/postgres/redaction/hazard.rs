//! Places where a secret may stand outside of any literal: because the grammar takes words for values there, or
//! because somebody or some tool got the SQL wrong. The server refuses such a statement, but reports its text.

use super::lexer::Token;

/// Follows the words of a statement and says from where on nothing may be shown.
#[derive(Default)]
pub(super) struct Hazards {
    /// How many words of this statement were seen.
    words: usize,
    about: About,
    /// It begins with `SET` or `ALTER`, or it defines a function, which can bring settings along.
    may_set: bool,
    /// It does set something.
    sets: bool,
    last: Last,
}

/// What a statement is about, as far as its first two words tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum About {
    #[default]
    Anything,
    /// It begins with `CREATE` or `ALTER`.
    Definition,
    /// What it defines has a password: a role, a user mapping, a foreign server or a subscription.
    PasswordHolder,
}

/// What the token before was, as far as it bears on the next one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
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
    pub(super) fn admit(&mut self, token: &Token<'_>) -> bool {
        let admitted = match self.last {
            Last::Harmless | Last::From => true,
            // A script for psql that went to the server as it is: the rows to copy follow the statement.
            Last::FromStdin => false,
            // `PASSWORD hunter2` and `PASSWORD "hunter2"`: somebody forgot the quotes, or took the wrong ones.
            Last::Password => match token {
                Token::String | Token::Parameter(_) => true,
                Token::Word(word) => is_any(word, &["null"]),
                _ => false,
            },
            // `SET app.token = hunter2` is valid: a setting's value needs no quotes.
            Last::Value => match token {
                Token::Word(word) => is_any(word, &["default", "on", "off", "true", "false"]),
                Token::Quoted(_) => false,
                _ => true,
            },
        };
        self.follow(token);
        admitted
    }

    fn follow(&mut self, token: &Token<'_>) {
        self.last = match token {
            Token::Symbol(";") => {
                *self = Self::default();
                Last::Harmless
            }
            Token::Symbol("=") if self.sets => Last::Value,
            _ if self.last == Last::Value => Last::Value,
            Token::Word(word) => self.follow_word(word),
            _ => Last::Harmless,
        };
    }

    fn follow_word(&mut self, word: &str) -> Last {
        match self.words {
            0 => {
                if is_any(word, &["create", "alter"]) {
                    self.about = About::Definition;
                }
                self.may_set = is_any(word, &["set", "alter"]);
            }
            1 if self.about == About::Definition
                && is_any(word, &["role", "user", "group", "server", "subscription"]) =>
            {
                self.about = About::PasswordHolder;
            }
            // `CREATE FUNCTION`, and `CREATE OR REPLACE FUNCTION`.
            1..=3 => {
                self.may_set |= self.about == About::Definition && is_any(word, &["function", "procedure"]);
            }
            _ => {}
        }
        self.words += 1;
        self.sets |= self.may_set && is_any(word, &["set"]);
        if self.about == About::PasswordHolder && is_any(word, &["password", "identified", "connection"]) {
            Last::Password
        } else if self.sets && is_any(word, &["to"]) {
            Last::Value
        } else if is_any(word, &["from"]) {
            Last::From
        } else if self.last == Last::From && is_any(word, &["stdin"]) {
            Last::FromStdin
        } else {
            Last::Harmless
        }
    }
}

fn is_any(word: &str, candidates: &[&str]) -> bool {
    candidates.iter().any(|known| word.eq_ignore_ascii_case(known))
}
