//! A small part of Rust's grammar: enough to find the paths that a file mentions.

/// The code without comments and without the contents of string and character literals. Line breaks stay.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match skipped_length(rest, &code) {
            0 => {
                code.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
            length => &rest[..length],
        };
        code.extend(skipped.chars().filter(|&c| c == '\n'));
        rest = &rest[skipped.len()..];
    }
    code
}

/// The length in bytes of the comment or literal at the start of `rest`, or 0. `before` distinguishes a raw string's `r`
/// from an identifier's last letter.
fn skipped_length(rest: &str, before: &str) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if let Some(text) = rest.strip_prefix('"') {
        return 1 + closing_quote(text, '"');
    }
    if rest.starts_with('r') && !before.ends_with(is_identifier) {
        let hashes = rest[1..].chars().take_while(|&c| c == '#').count();
        let opened = 1 + hashes;
        if rest[opened..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            return rest[opened + 1..].find(&end).map_or(rest.len(), |at| opened + 1 + at + end.len());
        }
    }
    // Unlike a character literal, a lifetime has no closing quote after its first character.
    let mut chars = rest.chars();
    if chars.next() == Some('\'')
        && let (Some(first), Some(second)) = (chars.next(), chars.next())
        && (first == '\\' || second == '\'')
    {
        return 1 + closing_quote(&rest[1..], '\'');
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn closing_quote(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Every path that follows `start` (such as `crate::`). Groups in braces are expanded.
pub(crate) fn paths_after(code: &str, start: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        if !code[..at].ends_with(is_identifier) {
            use_tree(&code[at + start.len()..], "", &mut found);
        }
    }
    found
}

fn use_tree<'a>(text: &'a str, path: &str, found: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = use_tree(rest, path, found);
            let Some(end) = rest.find([',', '}']) else {
                return "";
            };
            let last = rest[end..].starts_with('}');
            rest = rest[end + 1..].trim_start();
            if last {
                return rest;
            }
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
        }
    }
    let length = text.find(|c| !is_identifier(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    let path = match (path, name) {
        (path, "" | "self") => path.to_owned(),
        ("", name) => name.to_owned(),
        (path, name) => format!("{path}::{name}"),
    };
    if let Some(rest) = rest.trim_start().strip_prefix("::")
        && !name.is_empty()
    {
        return use_tree(rest, &path, found);
    }
    found.push(path);
    rest
}

/// Whether `library` is the first name of a path in the code.
pub(crate) fn uses_library(code: &str, library: &str) -> bool {
    code.match_indices(library).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + library.len()..]);
        let whole_name = !before.ends_with(is_identifier) && !after.starts_with(is_identifier);
        let before = without_global_colons(before.trim_end());
        let starts_a_path = after.trim_start().starts_with("::")
            || before.ends_with("use")
            || before.ends_with("extern crate");
        whole_name && starts_a_path && !before.ends_with("::")
    })
}

/// Removes the colons of `use ::serenity`, which names the library; those of `x::serenity` follow a name and stay.
fn without_global_colons(before: &str) -> &str {
    match before.strip_suffix("::") {
        Some(rest) if !rest.ends_with(|c| is_identifier(c) || c == '>') => rest.trim_end(),
        _ => before,
    }
}

fn is_identifier(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}
