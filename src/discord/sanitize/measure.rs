//! Cuts text to a length without separating a backslash from its character.

/// A character, with or without a backslash before it.
#[derive(Clone, Copy)]
pub(super) struct EscapedChar {
    pub(super) character: char,
    pub(super) escaped: bool,
}

impl EscapedChar {
    pub(super) fn unescaped(character: char) -> Self {
        Self { character, escaped: false }
    }

    fn utf16_len(self) -> usize {
        self.character.len_utf16() + usize::from(self.escaped)
    }
}

/// The text, or as much of it as fits into `limit` UTF-16 units with `…` at the end.
pub(super) fn truncate(characters: impl IntoIterator<Item = EscapedChar>, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut text = String::new();
    let mut length = 0;
    // How many bytes of the text fit together with the ellipsis.
    let mut bytes_before_ellipsis = 0;
    for character in characters {
        length += character.utf16_len();
        if length > limit {
            text.truncate(bytes_before_ellipsis);
            text.truncate(text.trim_end().len());
            if limit > 0 {
                text.push(ELLIPSIS);
            }
            break;
        }
        if character.escaped {
            text.push('\\');
        }
        text.push(character.character);
        if length + ELLIPSIS.len_utf16() <= limit {
            bytes_before_ellipsis = text.len();
        }
    }
    text
}
