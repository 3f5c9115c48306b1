//! No two types in `src` share a name, so that a name means one thing wherever it is read.

use std::collections::BTreeMap;

use crate::source::code_only;

/// A module's own, always written with the module: `ledger::Error`.
const SHARED: [&str; 2] = ["Error", "Options"];

const KEYWORDS: [&str; 4] = ["struct ", "enum ", "trait ", "type "];

/// One line for each name that several types have.
pub(crate) fn shared_names(files: &[(String, String)]) -> Vec<String> {
    let mut declared: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/")) {
        for name in declared_types(&code_only(text)) {
            declared.entry(name).or_default().push(path);
        }
    }
    declared
        .into_iter()
        .filter(|(name, paths)| paths.len() > 1 && !SHARED.contains(&name.as_str()))
        .map(|(name, paths)| format!("{name} is declared in {}", paths.join(" and in ")))
        .collect()
}

/// The types that the code declares. An associated type is indented, because it is part of a trait or an
/// implementation, and no type of its own.
fn declared_types(code: &str) -> impl Iterator<Item = String> {
    code.lines().filter_map(|line| {
        let is_nested = line.starts_with(' ');
        let line = line.trim_start();
        let line = match line.strip_prefix("pub") {
            None => line,
            Some(rest) => rest
                .strip_prefix('(')
                .map_or(rest, |rest| rest.split_once(')').map_or(rest, |(_, rest)| rest)),
        };
        let line = line.trim_start();
        let line = line.strip_prefix("unsafe ").unwrap_or(line);
        let (keyword, rest) =
            KEYWORDS.into_iter().find_map(|keyword| Some((keyword, line.strip_prefix(keyword)?)))?;
        let name = rest.split(|c: char| c != '_' && !c.is_alphanumeric()).next()?;
        let is_associated = is_nested && keyword == "type ";
        (!name.is_empty() && !is_associated).then(|| name.to_owned())
    })
}

#[test]
fn a_name_that_two_types_have_is_found_however_they_are_declared() {
    let declarations = [
        "struct Lease;",
        "pub struct Lease<T> {",
        "pub(super) enum Lease {",
        "pub(crate) trait Lease: Send {",
        "type Lease = u64;",
        "mod inner {\n    struct Lease(u8);\n}",
    ];
    for declaration in declarations {
        assert_eq!(
            shared_names(&[file("a", "enum Lease {}"), file("b", declaration)]),
            ["Lease is declared in src/a.rs and in src/b.rs"],
            "{declaration}"
        );
    }
    let twice_in_a_file = "mod one {\n    struct Lease;\n}\nstruct Lease;";
    assert_eq!(shared_names(&[file("a", twice_in_a_file)]).len(), 1);
}

#[test]
fn what_only_looks_like_a_shared_name_is_left_alone() {
    let associated = "impl Iterator for A {\n    type Item = u8;\n}";
    let mut files = vec![
        file("a", "struct Lease; pub struct Error; struct Options;"),
        file("b", "// struct Lease;\nconst SQL: &str = \"\nenum Lease\";"),
        file("c", "struct LeaseTimings;\npub enum Error {}\nstruct Options {}"),
        file("d", &format!("struct A;\n{associated}\n")),
        file("e", &format!("struct B;\n{associated}\n")),
    ];
    files.push(("tests/lease.rs".to_owned(), "struct Lease;".to_owned()));
    assert_eq!(shared_names(&files), Vec::<String>::new());
}

fn file(name: &str, text: &str) -> (String, String) {
    (format!("src/{name}.rs"), text.to_owned())
}
