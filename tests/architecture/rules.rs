use std::path::Path;

use crate::source::{code_only, paths_after, uses_library};

/// The longest file that is still read in one go.
const MOST_LINES: usize = 400;

/// Which paths under `crate::` a room may mention besides its own. A room that is not listed has no place.
const ARROWS: [(&str, Allowed); 10] = [
    ("domain", Only(&[])),
    ("common", Only(&[])),
    ("workflow", Only(&["domain", "common"])),
    // The ledger that lives in PostgreSQL opens its connections, and words its errors, as targets do.
    (
        "ledger",
        Only(&[
            "domain",
            "common",
            "workflow::ports",
            "postgres::connection",
            "postgres::connection_manager",
            "postgres::error",
        ]),
    ),
    ("postgres", Only(&["domain", "common", "workflow::ports"])),
    // Commands and reactions come in here, so it knows the way into the workflow, and none of what is behind it.
    (
        "discord",
        Only(&[
            "domain",
            "common",
            "workflow::ports",
            "workflow::refusal",
            "workflow::input",
            "workflow::handle",
            "workflow::EngineHandle",
        ]),
    ),
    (
        "config",
        Only(&["domain", "common", "discord", "postgres", "ledger"]),
    ),
    ("operations", Everything),
    ("lib", Everything),
    ("main", Everything),
];

/// The files in which a library may be used, by how their paths start.
const LIBRARIES: [(&str, &[&str]); 5] = [
    ("serenity", &["src/discord"]),
    ("tokio_tungstenite", &["src/discord"]),
    ("rusqlite", &["src/ledger"]),
    (
        "tokio_postgres",
        &["src/postgres", "src/ledger/postgres", URLS[0], URLS[1]],
    ),
    ("tokio_postgres_rustls", &["src/postgres"]),
];

/// A connection's URL is read by tokio-postgres' own parser when the config is; nothing is opened there.
const URLS: [&str; 2] = ["src/config/connection.rs", "src/config/postgres_url.rs"];

/// All that the domain may use besides the standard library.
const DOMAIN_LIBRARIES: [&str; 1] = ["regex"];

/// Written in two halves, so that this file passes its own check.
const MARKERS: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("HA", "CK"),
];

pub(crate) struct Sources {
    /// Paths from the repository's root, and their texts.
    pub(crate) files: Vec<(String, String)>,
    /// What the package depends on, as it is named in code.
    pub(crate) libraries: Vec<String>,
}

enum Allowed {
    Only(&'static [&'static str]),
    Everything,
}
use Allowed::{Everything, Only};

/// One line for each broken rule, starting with the file.
pub(crate) fn violations(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in &sources.files {
        let code = code_only(text);
        let mut broken = Vec::new();
        broken.extend(too_long(text));
        broken.extend(markers(text));
        if path.starts_with("src/") {
            broken.extend(wrong_arrows(path, &code));
            broken.extend(wrong_libraries(path, &code, &sources.libraries));
            broken.extend(test_code_outside_of_its_module(&code));
        }
        found.extend(broken.into_iter().map(|what| format!("{path}: {what}")));
    }
    found
}

fn too_long(text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MOST_LINES).then(|| format!("{lines} lines; split it, {MOST_LINES} are the most"))
}

fn markers(text: &str) -> Vec<String> {
    let words = |line: &str, marker: &str| {
        line.split(|c: char| !c.is_alphanumeric())
            .any(|word| word == marker)
    };
    let numbered = text.lines().zip(1..);
    numbered
        .flat_map(|(line, number)| MARKERS.map(|marker| (line, number, marker)))
        .filter(|(line, _, marker)| words(line, marker))
        .map(|(_, number, marker)| format!("line {number}: {marker} was left behind"))
        .collect()
}

fn wrong_arrows(path: &str, code: &str) -> Vec<String> {
    let room = room_of(path);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        return vec![format!(
            "no rule says what `{room}` may import; add it to the architecture's rules"
        )];
    };
    let Only(allowed) = allowed else { return Vec::new() };
    let mut mentioned = paths_after(code, "crate::");
    mentioned.extend(
        paths_after(code, "super::")
            .into_iter()
            .filter_map(|up| reached_by_super(path, &up)),
    );
    mentioned
        .into_iter()
        .filter(|mentioned| {
            !within(mentioned, room) && !allowed.iter().any(|allowed| within(mentioned, allowed))
        })
        .map(|mentioned| format!("`{room}` must not import `{mentioned}`"))
        .collect()
}

/// What follows `super::` in the file, seen from the crate's root, if it climbs that far: from
/// `src/domain/mod.rs`, `super::workflow` is `crate::workflow`. Modules written inside of a file are not counted.
fn reached_by_super(file: &str, path: &str) -> Option<String> {
    let above = Path::new(file).strip_prefix("src").ok()?.iter().count();
    let depth = if file.ends_with("/mod.rs") {
        above - 1
    } else {
        above
    };
    let supers = 1 + path.split("::").take_while(|name| *name == "super").count();
    let named: Vec<_> = path.split("::").skip(supers - 1).collect();
    let room = ARROWS.iter().any(|(room, _)| named.first() == Some(room));
    (supers >= depth && room).then(|| named.join("::"))
}

fn wrong_libraries(path: &str, code: &str, libraries: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for library in libraries.iter().filter(|library| uses_library(code, library)) {
        if room_of(path) == "domain" && !DOMAIN_LIBRARIES.contains(&library.as_str()) {
            found.push(format!("`domain` must not use `{library}`"));
        }
        if let Some((_, places)) = LIBRARIES.iter().find(|(name, _)| name == library)
            && !places.iter().any(|place| path.starts_with(place))
        {
            found.push(format!("`{library}` may be used in {} only", places.join(", ")));
        }
    }
    found
}

fn test_code_outside_of_its_module(code: &str) -> Vec<String> {
    let compact: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let allowed = compact.replace("#[cfg(test)] mod tests", "");
    let forms = [
        "cfg(test",
        "cfg_attr(test",
        "cfg!(test",
        "cfg(not(test",
        "cfg(any(test",
        "cfg(all(test",
    ];
    forms
        .into_iter()
        .filter(|form| allowed.contains(form))
        .map(|form| format!("`{form}…` elsewhere than on `mod tests`"))
        .collect()
}

/// `src/domain/session.rs` and `src/domain.rs` belong to `domain`.
fn room_of(path: &str) -> &str {
    let inside = Path::new(path).strip_prefix("src").ok();
    let first = inside
        .and_then(|inside| inside.iter().next())
        .and_then(|name| name.to_str());
    first.map_or("", |name| name.trim_end_matches(".rs"))
}

fn within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
