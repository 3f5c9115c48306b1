//! Text of a server as bytes, because it can be invalid in every encoding.
//!
//! Queries and names in `pg_stat_activity` and the shared catalogs are bytes of the database that wrote them. As `text`
//! they would be converted from the encoding of killgate's database, and one invalid byte would make the statement fail
//! with SQLSTATE 22021, for all rows. So the statements return `quote_literal(text)::bytea`: both functions work on
//! single bytes in every server encoding and raise no error. `convert_to` verifies the bytes, and `text::bytea` alone
//! interprets backslashes.

use std::borrow::Cow;

use encoding_rs::Encoding;
use tokio_postgres::types::{FromSql, Type};

/// Bytes as the server quoted them, without their first backslash escapes: `'it''s'`, or `E'a\b'` with a backslash.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawText<'a>(pub(super) &'a [u8]);

impl<'a> FromSql<'a> for RawText<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(kind: &Type) -> bool {
        *kind == Type::BYTEA
    }
}

/// The bytes that the server returns for `text`, where that is UTF-8.
pub(super) fn quote(text: &str) -> Vec<u8> {
    let prefix = if text.contains('\\') { "E" } else { "" };
    [prefix.as_bytes(), b"'", &quote_inner(text), b"'"].concat()
}

/// The same for a part of a text, without the quotes around it.
pub(super) fn quote_inner(text: &str) -> Vec<u8> {
    text.replace('\'', "''").into_bytes()
}

impl RawText<'_> {
    /// The text, as far as it can be read: as UTF-8, else in the encoding that PostgreSQL calls `encoding`. What is
    /// invalid in that too becomes U+FFFD.
    pub(super) fn decode(self, encoding: Option<&str>) -> String {
        let bytes = self.unquote();
        let text = match std::str::from_utf8(&bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => match encoding.and_then(find_encoding) {
                Some(encoding) => encoding.decode_without_bom_handling(&bytes).0,
                None => String::from_utf8_lossy(&bytes),
            },
        };
        text.into_owned()
    }

    /// The bytes without the quotes. The closing one is missing if the text was cut.
    fn unquote(self) -> Vec<u8> {
        let quoted = self.0.strip_prefix(b"E").unwrap_or(self.0);
        let mut bytes = quoted.strip_prefix(b"'").unwrap_or(quoted).iter().copied();
        let mut text = Vec::with_capacity(quoted.len());
        while let Some(byte) = bytes.next() {
            // A quote is the first of two, or the closing one.
            if byte == b'\'' && bytes.next().is_none() {
                break;
            }
            text.push(byte);
        }
        text
    }
}

/// The encoding with PostgreSQL's name (PostgreSQL documentation, "Character Set Support"). `None` for `SQL_ASCII`, which
/// says nothing, and for the few that `encoding_rs` lacks.
fn find_encoding(name: &str) -> Option<&'static Encoding> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let label = match name.as_str() {
        "euc-cn" => "gb2312".to_owned(),
        "euc-jis-2004" => "euc-jp".to_owned(),
        "koi8r" | "koi8u" => name.replace("koi8", "koi8-"),
        "latin7" => "iso-8859-13".to_owned(),
        "latin8" => "iso-8859-14".to_owned(),
        "latin9" => "iso-8859-15".to_owned(),
        "latin10" => "iso-8859-16".to_owned(),
        "win866" => "ibm866".to_owned(),
        _ => name.replace("win", "windows-"),
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_read_as_it_was() {
        for text in ["", "'", "''", "it's", r"a\b", r"\'", "E'x'", "café", "\u{1}\n"] {
            assert_eq!(RawText(&quote(text)).decode(None), text, "{text:?}");
        }
    }

    #[test]
    fn text_that_was_cut_is_read_up_to_the_cut() {
        let quoted = quote("ab'cd");
        let read: Vec<_> = (0..=quoted.len()).map(|length| RawText(&quoted[..length]).decode(None)).collect();
        assert_eq!(read, ["", "", "a", "ab", "ab", "ab'", "ab'c", "ab'cd", "ab'cd"]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_read_in_the_encoding_of_their_database() {
        let decode = |bytes: &[u8], encoding| RawText(bytes).decode(Some(encoding));
        assert_eq!(decode(b"'caf\xe9'", "LATIN1"), "café");
        assert_eq!(decode(b"'caf\xe9'", "WIN1252"), "café");
        assert_eq!(decode(b"'\xc6\xfc\xcb\xdc'", "EUC_JP"), "日本");
        assert_eq!(decode(b"'\xd0\xd2'", "KOI8R"), "пр");
        assert_eq!(decode(b"'caf\xe9'", "SQL_ASCII"), "caf\u{fffd}");
        assert_eq!(decode(b"'caf\xe9'", "UTF8"), "caf\u{fffd}");
        assert_eq!(decode(b"'\xc3\xa9'", "LATIN1"), "é", "UTF-8 first");
    }
}
