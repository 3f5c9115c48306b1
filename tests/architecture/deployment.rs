//! What is shipped to run killgate with holds together. No image can be built where the tests run, so its recipe is read.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::{collect, read, root};

#[test]
fn the_images_are_built_from_the_lock_file_and_run_as_nobody_without_a_shell() {
    for dockerfile in ["Dockerfile", "crates/discord-sim/Dockerfile"] {
        let text = read(dockerfile).replace("\\\n", " ");
        let arguments = |instruction: &str| -> Vec<&str> {
            let named = text.lines().filter_map(|line| line.strip_prefix(instruction));
            named.map(str::trim).collect()
        };
        for build in text.split("cargo build").skip(1) {
            let flags = build.split("&&").next().unwrap();
            assert!(flags.contains("--locked"), "{dockerfile}: cargo build{flags}");
        }
        let users = arguments("USER ");
        let user = users.last().expect("a USER").split(':').next().unwrap();
        let number: u32 = user.parse().expect("a number, which an orchestrator can read");
        assert_ne!(number, 0, "{dockerfile}: root");
        // A command without brackets is run by a shell, which the image does not have.
        for instruction in ["ENTRYPOINT ", "CMD "] {
            let commands = arguments(instruction);
            assert!(!commands.is_empty(), "{dockerfile}: no {instruction}");
            assert!(
                commands.iter().all(|command| command.starts_with('[')),
                "{dockerfile}: {commands:?}"
            );
        }
        for check in arguments("HEALTHCHECK ") {
            assert!(check.contains("CMD ["), "{dockerfile}: {check}");
        }
    }
}

/// What the image's recipe is shown of the sources.
fn let_in() -> Vec<String> {
    let ignored = read(".dockerignore");
    let named = ignored.lines().filter_map(|line| line.strip_prefix('!'));
    named.map(str::to_owned).collect()
}

#[test]
fn the_images_recipe_lets_in_what_the_sources_include() {
    let let_in = let_in();
    let is_let_in = |file: &str| let_in.iter().any(|entry| Path::new(file).starts_with(entry));
    let included = Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let mut seen = 0;
    for folder in ["src", "crates/discord-sim/src"] {
        let mut sources = Vec::new();
        collect(&root().join(folder), &mut sources);
        for source in sources {
            let text = fs::read_to_string(&source).unwrap();
            for found in included.captures_iter(&text) {
                let file = source.parent().unwrap().join(&found[1]).canonicalize().unwrap();
                let file = file
                    .strip_prefix(root().canonicalize().unwrap())
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                assert!(
                    is_let_in(&file),
                    ".dockerignore keeps {file} out, which {} includes",
                    source.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 3, "the includes were not found");
}

#[test]
fn the_images_recipe_lets_in_what_is_copied() {
    let let_in = let_in();
    let mut seen = 0;
    for dockerfile in ["Dockerfile", "crates/discord-sim/Dockerfile"] {
        let text = read(dockerfile);
        let copied = text.lines().filter_map(|line| line.strip_prefix("COPY "));
        for line in copied.filter(|line| !line.starts_with("--from")) {
            let (sources, _into) = line.rsplit_once(' ').expect("a source and a place");
            for source in sources.split(' ') {
                let is_let_in = let_in.iter().any(|entry| {
                    Path::new(entry).starts_with(source) || Path::new(source).starts_with(entry)
                });
                assert!(
                    is_let_in,
                    ".dockerignore keeps {source} out, which {dockerfile} copies"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 8, "what is copied was not found");
}

#[test]
fn every_member_of_the_workspace_is_in_the_images_recipe() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members
        .iter()
        .filter_map(toml::Value::as_str)
        .filter(|member| *member != ".")
    {
        assert!(
            read("Dockerfile").contains(&format!("COPY {member}/Cargo.toml {member}/")),
            "{member}"
        );
        assert!(
            read(".dockerignore").contains(&format!("!{member}/Cargo.toml")),
            "{member}"
        );
    }
    // Files that the manifest names have to be there for cargo, also for what is not built.
    for (kind, folder) in [("bench", "benches"), ("example", "examples"), ("test", "tests")] {
        if manifest.contains_key(kind) {
            assert!(
                read("Dockerfile").contains(&format!("COPY {folder} {folder}")),
                "[[{kind}]]"
            );
        }
    }
}

#[test]
fn every_alert_has_its_runbook() {
    let runbooks = read("docs/runbooks.md");
    let anchors: Vec<String> = runbooks
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-").replace(',', ""))
        .collect();
    let alerts = read("config/prometheus-alerts.yml");
    let named: Vec<&str> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: docs/runbooks.md#"))
        .collect();
    let rules: Vec<&str> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert_eq!(named.len(), rules.len(), "one for each alert");
    for anchor in named {
        assert!(
            anchors.iter().any(|known| known == anchor),
            "docs/runbooks.md has no #{anchor}"
        );
    }
    for rule in rules {
        assert!(runbooks.contains(rule), "docs/runbooks.md does not name {rule}");
    }
}
