//! Generates valid statements with secrets in each kind of literal and comment, at the most difficult places.

use crate::random::Random;

/// Secrets consist of at least four of these characters, and nothing else in a query has four of them in a row. Four in
/// a row in the shown text are a leak of some secret.
pub(crate) const LETTERS: &str = "JKQWVZ";
pub(crate) const DIGITS: &str = "789";

pub(crate) struct Query {
    pub(crate) text: String,
    random: Random,
    /// The value of `standard_conforming_strings` that the query is written for.
    conforming: bool,
}

impl Query {
    pub(crate) fn generate(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let conforming = random.chance(60);
        let mut query = Self { text: String::new(), random, conforming };
        for statement in 0..=query.random.below(2) {
            if statement > 0 {
                query.put(";");
                query.gap();
            }
            query.statement();
        }
        query
    }

    /// The same query, cut as a server with a smaller `track_activity_query_size` reports it.
    pub(crate) fn cut(&mut self) -> String {
        let kept = self.random.below(self.text.len() + 1);
        String::from_utf8_lossy(&self.text.as_bytes()[..kept]).into_owned()
    }

    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn put_one_of(&mut self, choices: &[&str]) {
        let choice = self.random.pick(choices);
        self.put(choice);
    }

    fn statement(&mut self) {
        match self.random.below(8) {
            0 => self.list("SELECT", " FROM \"Order Lines\" AS o"),
            1 => self.list("INSERT INTO public.orders (id, größe) VALUES (", ")"),
            2 => self.list("SELECT * FROM orders_2024 WHERE id IN (", ") AND b @> $1"),
            3 => self.list("UPDATE t$1 SET a = ", " WHERE \"it's\"=$2::int[]"),
            4 => self.list("CALL \"My\"\"Schema\".do_it(", ")"),
            5 => self.in_wrong_quotes("SELECT * FROM people WHERE \"password\" =", ""),
            6 => self.in_wrong_quotes("INSERT INTO people (\"password\") VALUES (", ")"),
            _ => {
                self.put("ALTER ROLE app PASSWORD");
                self.gap();
                self.quoted("'");
            }
        }
    }

    /// A secret in double quotes, which its author took for a string.
    fn in_wrong_quotes(&mut self, before: &str, after: &str) {
        self.put(before);
        self.gap();
        self.put("\"");
        self.secret();
        self.put("\"");
        self.gap();
        self.put(after);
    }

    fn list(&mut self, before: &str, after: &str) {
        self.put(before);
        self.gap();
        for item in 0..=self.random.below(3) {
            if item > 0 {
                self.put_one_of(&[",", "||", "+", "-", "->>", "=", " AS x,", "/", "*"]);
                self.gap();
            }
            self.literal();
            if self.random.chance(20) {
                self.put_one_of(&["::text", "::varchar", " AT TIME ZONE zone"]);
            }
            if self.random.chance(50) {
                self.gap();
            }
        }
        self.gap();
        self.put(after.trim_start());
    }

    /// White space or a comment between two tokens.
    fn gap(&mut self) {
        match self.random.below(12) {
            0 => {
                self.put("/*");
                self.comment_text();
                if self.random.chance(30) {
                    self.put(" /* ");
                    self.comment_text();
                    self.put(" */");
                    self.comment_text();
                }
                self.put("*/ ");
            }
            1 => {
                self.put(" --");
                self.comment_text();
                self.put_one_of(&["\n", "\r", "\r\n"]);
            }
            2 => self.put_one_of(&["\n", "\t", "\r\n", "  ", "\x0c"]),
            _ => self.put(" "),
        }
    }

    fn comment_text(&mut self) {
        self.put_one_of(&["", " ", "'", "\"", "$$", "\\", "E'", "/", "* ", "it's "]);
        self.secret();
        self.put_one_of(&["", "'", "\"", " $a$", "\\", " -", " *"]);
    }

    fn literal(&mut self) {
        match self.random.below(12) {
            0..=3 => self.quoted("'"),
            4 => self.quoted("E'"),
            5 => self.quoted("e'"),
            6 => self.quoted("N'"),
            7 if self.conforming => self.quoted("U&'"),
            8 => self.dollar_quoted(),
            9 => {
                self.put_one_of(&["X'", "B'", "x'", "b'"]);
                self.digits();
                self.put("'");
            }
            _ => self.number(),
        }
    }

    fn quoted(&mut self, opening: &str) {
        self.put(opening);
        let escapes = opening.starts_with(['E', 'e']) || (!self.conforming && !opening.starts_with('U'));
        self.string_text(escapes);
        while self.random.chance(10) {
            self.put_one_of(&["'\n'", "' \r\n\t'", "' -- it's\n '", "'--\n--\"\n'"]);
            self.string_text(escapes);
        }
        self.put("'");
    }

    fn string_text(&mut self, escapes: bool) {
        for _ in 0..=self.random.below(2) {
            self.secret();
            if self.random.chance(60) {
                self.put_one_of(&[
                    "''", "\"", "--", "/*", "*/", "$$", "$a$", ";", "\n", "é", "🔑", ", ", " || ", "?",
                ]);
            }
            if self.random.chance(30) {
                let backslash: &[&str] = if escapes {
                    &["\\'", "\\\\", "\\n", "\\x41", "\\''', "]
                } else {
                    &["\\", "\\\\", "\\''", "\\d"]
                };
                self.put_one_of(backslash);
            }
        }
        if self.random.chance(50) {
            self.secret();
        }
    }

    fn dollar_quoted(&mut self) {
        let tag = self.random.pick(&["$$", "$a$", "$_é1$", "$body$"]);
        self.put(tag);
        self.secret();
        self.put_one_of(&["", "'", "\"", "$", " $b$ ", " $1 ", "\\", "--", "/*", "\n"]);
        self.secret();
        self.put(tag);
    }

    fn number(&mut self) {
        self.put_one_of(&["", "", "-", "."]);
        self.digits();
        match self.random.below(6) {
            0 => {
                self.put(".");
                self.digits();
            }
            1 => {
                self.put_one_of(&["e", "E", "e+", "e-", "_", ".", ".e"]);
                self.digits();
            }
            2 => self.put("."),
            _ => {}
        }
    }

    fn secret(&mut self) {
        self.run(LETTERS);
    }

    fn digits(&mut self) {
        self.put_one_of(&["", "0x", "0b", "0o"]);
        self.run(DIGITS);
    }

    fn run(&mut self, alphabet: &str) {
        for _ in 0..4 + self.random.below(5) {
            let at = self.random.below(alphabet.len());
            self.put(&alphabet[at..=at]);
        }
    }
}
