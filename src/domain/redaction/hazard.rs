//! Places where a secret may stand outside of any literal, because somebody or some tool got the SQL wrong. The
//! server refuses such a statement, but reports its text all the same.

use super::lexer::Token;

/// Follows the words of a statement and says from where on nothing may be shown.
#[derive(Default)]
pub(super) struct Hazards {
    /// How many words of this statement were seen, as far as it matters.
    words: usize,
    /// Every word so far fits `CREATE` or `ALTER`, then `ROLE`, `USER` or `GROUP`.
    about_role: bool,
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
}

impl Hazards {
    /// Whether `token`, which is no blank, may be shown. Once it may not, nothing that follows may be either.
    pub(super) fn admit(&mut self, token: &Token<'_>) -> bool {
        let admitted = match self.last {
            // A script for psql that went to the server as it is: the rows to copy follow the statement.
            Last::FromStdin => false,
            // `PASSWORD hunter2` and `PASSWORD "hunter2"`: somebody forgot the quotes, or took the wrong ones.
            Last::Password => match token {
                Token::String | Token::Parameter(_) => true,
                Token::Word(word) => word.eq_ignore_ascii_case("null"),
                _ => false,
            },
            Last::Harmless | Last::From => true,
        };
        self.last = match token {
            Token::Word(word) => self.after_word(word),
            Token::Symbol(";") => {
                self.words = 0;
                Last::Harmless
            }
            _ => Last::Harmless,
        };
        admitted
    }

    fn after_word(&mut self, word: &str) -> Last {
        let is_any = |candidates: &[&str]| candidates.iter().any(|known| word.eq_ignore_ascii_case(known));
        match self.words {
            0 => self.about_role = is_any(&["create", "alter"]),
            1 => self.about_role &= is_any(&["role", "user", "group"]),
            _ => {}
        }
        self.words += 1;
        if self.about_role && self.words > 2 && is_any(&["password"]) {
            Last::Password
        } else if is_any(&["from"]) {
            Last::From
        } else if self.last == Last::From && is_any(&["stdin"]) {
            Last::FromStdin
        } else {
            Last::Harmless
        }
    }
}
