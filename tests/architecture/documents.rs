//! The documents refer only to what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;

use crate::{assert_none, read, root, sources};

#[test]
fn the_documents_link_only_to_what_exists() {
    let link = Regex::new(r"\]\(([^) ]+)\)").unwrap();
    let mut broken = Vec::new();
    for document in documents() {
        let text = read(&document);
        let folder = root().join(&document).parent().expect("it is in a folder").to_owned();
        for found in prose(&text).flat_map(|prose| link.captures_iter(prose)) {
            let target = &found[1];
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { root().join(&document) } else { folder.join(file) };
            let is_there = heading.is_empty() && path.exists() || headings(&path).contains(heading);
            if !target.contains("://") && !is_there {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn the_index_names_every_page() {
    let index = read("docs/README.md");
    let pages =
        documents().into_iter().filter_map(|document| Some(document.strip_prefix("docs/")?.to_owned()));
    let missing: Vec<String> =
        pages.filter(|page| page != "README.md" && !index.contains(&format!("]({page})"))).collect();
    assert_none(&missing);
}

#[test]
fn the_threat_model_names_only_tests_that_exist() {
    let tests: String =
        sources().into_iter().filter(|(file, _)| file.starts_with("tests/")).map(|(_, text)| text).collect();
    let is_there = |reference: &str| {
        let path = reference.replace("stories::", "tests/stories/");
        match path.rsplit_once("::") {
            Some((_, function)) => tests.contains(&format!("fn {function}(")),
            None => root().join(&path).exists() || root().join(format!("{path}.rs")).exists(),
        }
    };
    let text = read("docs/threat-model.md");
    let references =
        text.split('`').skip(1).step_by(2).filter(|code| {
            ["tests/", "stories::", "…::"].iter().any(|beginning| code.starts_with(beginning))
        });
    let missing: Vec<String> =
        references.filter(|reference| !is_there(reference)).map(ToOwned::to_owned).collect();
    assert_none(&missing);
}

fn documents() -> Vec<String> {
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let mut documents = Vec::from(others.map(str::to_owned));
    for entry in fs::read_dir(root().join("docs")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let path = path.strip_prefix(root()).expect("it is below the root");
            documents.push(path.to_str().expect("a plain name").to_owned());
        }
    }
    documents
}

/// The text of a page without its code blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    page.split("```").step_by(2)
}

/// The anchors of a page, as GitHub makes them.
fn headings(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap_or_default();
    let headings = prose(&text).flat_map(str::lines).filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            heading
                .chars()
                .filter(|character| character.is_alphanumeric() || "-_".contains(*character))
                .collect()
        })
        .collect()
}
