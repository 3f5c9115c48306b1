use std::path::Path;

use crate::source::{code_only, paths_after, uses_library};

/// The most lines that a file may have.
const MAX_LINES: usize = 400;

/// Which paths under `crate::` a folder may import besides its own. A folder that is not listed is an error.
pub(crate) const ARROWS: [(&str, Allowed); 10] = [
    ("domain", Only(&[])),
    ("common", Only(&[])),
    ("workflow", Only(&["domain", "common"])),
    // The ledger in PostgreSQL opens connections and words errors as targets do.
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
    // Passes commands and reactions to the workflow, so it knows the workflow's inputs but not its internals.
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
    ("config", Only(&["domain", "common", "discord", "postgres", "ledger"])),
    ("operations", Everything),
    ("lib", Everything),
    ("main", Everything),
];

/// The files in which a library may be used, by the start of their paths.
const LIBRARIES: [(&str, &[&str]); 5] = [
    ("serenity", &["src/discord"]),
    ("tokio_tungstenite", &["src/discord"]),
    ("rusqlite", &["src/ledger"]),
    ("tokio_postgres", &["src/postgres", "src/ledger/postgres", URLS[0], URLS[1]]),
    ("tokio_postgres_rustls", &["src/postgres"]),
];

/// The configuration parses connection URLs with tokio-postgres; it opens no connection.
const URLS: [&str; 2] = ["src/config/connection.rs", "src/config/postgres_url.rs"];

/// The only libraries that the domain may use besides the standard library.
const DOMAIN_LIBRARIES: [&str; 1] = ["regex"];

/// Split in two, so that this file passes its own check.
const MARKERS: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

pub(crate) struct Sources {
    /// Paths relative to the repository's root, and the files' texts.
    pub(crate) files: Vec<(String, String)>,
    /// The package's dependencies, as named in code.
    pub(crate) libraries: Vec<String>,
}

pub(crate) enum Allowed {
    Only(&'static [&'static str]),
    Everything,
}
use Allowed::{Everything, Only};

/// One line for each violation, starting with the file.
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
            broken.extend(acknowledgement_outside_ledger(path, &code));
            broken.extend(test_code_outside_mod_tests(&code));
        }
        found.extend(broken.into_iter().map(|what| format!("{path}: {what}")));
    }
    found
}

fn too_long(text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| format!("{lines} lines, but at most {MAX_LINES} are allowed; split it"))
}

fn markers(text: &str) -> Vec<String> {
    let contains_word =
        |line: &str, marker: &str| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == marker);
    let numbered = text.lines().zip(1..);
    numbered
        .flat_map(|(line, number)| MARKERS.map(|marker| (line, number, marker)))
        .filter(|(line, _, marker)| contains_word(line, marker))
        .map(|(_, number, marker)| format!("line {number}: {marker} must not be committed"))
        .collect()
}

fn wrong_arrows(path: &str, code: &str) -> Vec<String> {
    let folder = folder_of(path);
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == folder) else {
        return vec![format!("no rule says what `{folder}` may import; add it to ARROWS")];
    };
    let Only(allowed) = allowed else { return Vec::new() };
    let mut mentioned = paths_after(code, "crate::");
    mentioned.extend(paths_after(code, "super::").into_iter().filter_map(|up| reached_by_super(path, &up)));
    mentioned
        .into_iter()
        .filter(|mentioned| {
            !within(mentioned, folder) && !allowed.iter().any(|allowed| within(mentioned, allowed))
        })
        .map(|mentioned| format!("`{folder}` must not import `{mentioned}`"))
        .collect()
}

/// The path from the crate's root that `super::` and `path` mean in `file`, if they leave the folder: in
/// `src/domain/mod.rs`, `super::workflow` is `crate::workflow`. Inline modules are not considered.
fn reached_by_super(file: &str, path: &str) -> Option<String> {
    let above = Path::new(file).strip_prefix("src").ok()?.iter().count();
    let depth = if file.ends_with("/mod.rs") { above - 1 } else { above };
    let supers = 1 + path.split("::").take_while(|name| *name == "super").count();
    let named: Vec<_> = path.split("::").skip(supers - 1).collect();
    let folder = ARROWS.iter().any(|(folder, _)| named.first() == Some(folder));
    (supers >= depth && folder).then(|| named.join("::"))
}

fn wrong_libraries(path: &str, code: &str, libraries: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for library in libraries.iter().filter(|library| uses_library(code, library)) {
        if folder_of(path) == "domain" && !DOMAIN_LIBRARIES.contains(&library.as_str()) {
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

/// Whoever can make a `Recorded` can make an `Approved`, so only a ledger may.
fn acknowledgement_outside_ledger(path: &str, code: &str) -> Option<String> {
    let calls = code.contains("::acknowledge") && !path.starts_with("src/ledger/");
    calls.then(|| "only `ledger` may call `Recorded::acknowledge`".to_owned())
}

fn test_code_outside_mod_tests(code: &str) -> Vec<String> {
    let compact: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let allowed = compact.replace("#[cfg(test)] mod tests", "");
    let forms = ["cfg(test", "cfg_attr(test", "cfg!(test", "cfg(not(test", "cfg(any(test", "cfg(all(test"];
    forms
        .into_iter()
        .filter(|form| allowed.contains(form))
        .map(|form| format!("`{form}…` is allowed on `mod tests` only"))
        .collect()
}

/// `src/domain/session.rs` and `src/domain.rs` belong to `domain`.
fn folder_of(path: &str) -> &str {
    let inside = Path::new(path).strip_prefix("src").ok();
    let first = inside.and_then(|inside| inside.iter().next()).and_then(|name| name.to_str());
    first.map_or("", |name| name.trim_end_matches(".rs"))
}

fn within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}
