//! Reads the sources and fails on a violation of the architecture: a forbidden import, a library in the wrong folder,
//! a file that is too long, test code outside of `mod tests`, a name that two types share,
//! a file that its folder's table does not name.

mod dependencies;
mod deployment;
mod documents;
mod map;
mod names;
mod planted;
mod rules;
mod source;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use names::shared_names;
use rules::{Sources, violations};

#[test]
fn the_sources_follow_the_architecture() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let libraries = dependencies.keys().map(|name| name.replace('-', "_")).collect();
    assert_none(&violations(&Sources { files: sources(), libraries }));
}

#[test]
fn no_two_types_share_a_name() {
    assert_none(&shared_names(&sources()));
}

#[track_caller]
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
}

/// Every source file: its path from the repository's root, and its text.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["src", "tests", "examples", "benches", "crates"] {
        collect(&root().join(folder), &mut files);
    }
    files
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).expect("it is below the root");
            let text = fs::read_to_string(&path).expect("the sources are readable");
            (name.to_str().expect("a plain name").to_owned(), text)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("the sources are readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
