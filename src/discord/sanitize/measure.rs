//! Cutting text to a length without cutting anything in two.

/// A character as it is written, with or without a backslash before it.
#[derive(Clone, Copy)]
pub(super) struct EscapedChar {
    pub(super) character: char,
    pub(super) escaped: bool,
}

impl EscapedChar {
    pub(super) fn bare(character: char) -> Self {
        Self {
            character,
            escaped: false,
        }
    }

    fn units(self) -> usize {
        self.character.len_utf16() + usize::from(self.escaped)
    }
}

/// What of `glyphs` fits into `limit` UTF-16 units, with `…` at its end where some did not.
pub(super) fn fit(glyphs: impl IntoIterator<Item = EscapedChar>, limit: usize) -> String {
    const ELLIPSIS: char = '…';
    let mut fitted = String::new();
    let mut units = 0;
    let mut with_ellipsis = 0;
    for glyph in glyphs {
        units += glyph.units();
        if units > limit {
            fitted.truncate(with_ellipsis);
            fitted.truncate(fitted.trim_end().len());
            if limit > 0 {
                fitted.push(ELLIPSIS);
            }
            break;
        }
        if glyph.escaped {
            fitted.push('\\');
        }
        fitted.push(glyph.character);
        if units + ELLIPSIS.len_utf16() <= limit {
            with_ellipsis = fitted.len();
        }
    }
    fitted
}
