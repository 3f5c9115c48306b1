//! Every dependency is documented and used.

use std::collections::BTreeSet;
use std::fs;

use crate::{collect, read, root};

/// The packages of the workspace, by the folder of their manifest.
const PACKAGES: [&str; 3] = ["", "crates/discord-sim/", "crates/throwaway-postgres/"];

/// A dependency only for one of its features, which changes other crates.
const UNUSED_IN_CODE: &str = "log";

#[test]
fn every_dependency_is_documented() {
    let documented = documented();
    let linked = names("", &["dependencies"]);
    let all: BTreeSet<String> =
        PACKAGES.iter().flat_map(|package| names(package, &["dependencies", "dev-dependencies"])).collect();
    let elsewhere: BTreeSet<String> = all.difference(&linked).cloned().collect();
    assert_eq!(documented[0], linked, "docs/dependencies.md: linked into killgate");
    assert_eq!(documented[1], elsewhere, "docs/dependencies.md: only in tests and tools");
}

#[test]
fn killgate_uses_every_dependency_it_declares() {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    let sources: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let unused: Vec<String> = names("", &["dependencies"])
        .into_iter()
        .filter(|name| name != UNUSED_IN_CODE)
        .filter(|name| !sources.contains(&format!("{}::", name.replace('-', "_"))))
        .collect();
    assert!(unused.is_empty(), "not used in src: {}", unused.join(", "));
}

/// The crates in each of the two tables.
fn documented() -> [BTreeSet<String>; 2] {
    let text = read("docs/dependencies.md");
    let (linked, elsewhere) = text.split_once("## Only in tests and tools").expect("two tables");
    [linked, elsewhere].map(|table| {
        let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
        rows.filter_map(|row| Some(row.split_once('`')?.0.to_owned())).collect()
    })
}

/// A package's dependencies, without the workspace's own crates.
fn names(package: &str, tables: &[&str]) -> BTreeSet<String> {
    let manifest = read(&format!("{package}Cargo.toml"));
    let manifest: toml::Table = manifest.parse().expect("a manifest");
    tables
        .iter()
        .filter_map(|table| manifest.get(*table)?.as_table())
        .flatten()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.clone())
        .collect()
}
