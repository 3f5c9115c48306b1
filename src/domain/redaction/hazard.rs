//! Places where a secret may stand outside of any literal: because the grammar takes words for values there, or
//! because somebody or some tool got the SQL wrong. The server refuses such a statement, but reports its text.

use super::lexer::Token;

/// Follows the words of a statement and says from where on nothing may be shown.
#[derive(Default)]
pub(super) struct Hazards {
    /// How many words of this statement were seen.
    words: usize,
    /// It begins with `CREATE` or `ALTER`, then `ROLE`, `USER` or `GROUP`.
    about_role: bool,
    /// It begins with `SET` or `ALTER`.
    may_set: bool,
    /// It does set something.
    sets: bool,
    last: Last,
}

/// What the token before was, as far as it bears on the next one.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Harmless,
    From,
    FromStdin,
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
                self.about_role = is_any(word, &["create", "alter"]);
                self.may_set = is_any(word, &["set", "alter"]);
            }
            1 => self.about_role &= is_any(word, &["role", "user", "group"]),
            _ => {}
        }
        self.words += 1;
        self.sets |= self.may_set && is_any(word, &["set"]);
        if self.about_role && is_any(word, &["password"]) {
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
