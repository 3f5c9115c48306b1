//! The files that deploy killgate are consistent. Tests cannot build an image, so they read the Dockerfile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use regex::Regex;

use crate::{collect, read, root};

#[test]
fn images_are_built_from_the_lock_file_and_run_unprivileged_without_a_shell() {
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
        let number: u32 = user.parse().expect("a number, which an orchestrator can compare with 0");
        assert_ne!(number, 0, "{dockerfile}: root");
        // A command without brackets needs a shell, which the image does not have.
        for instruction in ["ENTRYPOINT ", "CMD "] {
            let commands = arguments(instruction);
            assert!(!commands.is_empty(), "{dockerfile}: no {instruction}");
            assert!(commands.iter().all(|command| command.starts_with('[')), "{dockerfile}: {commands:?}");
        }
        for check in arguments("HEALTHCHECK ") {
            assert!(check.contains("CMD ["), "{dockerfile}: {check}");
        }
    }
}

/// What `.dockerignore` includes in the build context.
fn build_context() -> Vec<String> {
    let ignored = read(".dockerignore");
    let named = ignored.lines().filter_map(|line| line.strip_prefix('!'));
    named.map(str::to_owned).collect()
}

#[test]
fn the_build_context_contains_every_file_that_the_sources_include() {
    let build_context = build_context();
    let is_in_context = |file: &str| build_context.iter().any(|entry| Path::new(file).starts_with(entry));
    let included = Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let mut seen = 0;
    for folder in ["src", "crates/discord-sim/src"] {
        let mut sources = Vec::new();
        collect(&root().join(folder), &mut sources);
        for source in sources {
            let text = fs::read_to_string(&source).unwrap();
            for found in included.captures_iter(&text) {
                let file = source.parent().unwrap().join(&found[1]).canonicalize().unwrap();
                let file =
                    file.strip_prefix(root().canonicalize().unwrap()).unwrap().to_str().unwrap().to_owned();
                assert!(
                    is_in_context(&file),
                    ".dockerignore excludes {file}, which {} includes",
                    source.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 3, "found too few includes");
}

#[test]
fn the_build_context_contains_every_file_that_is_copied() {
    let build_context = build_context();
    let mut seen = 0;
    for dockerfile in ["Dockerfile", "crates/discord-sim/Dockerfile"] {
        let text = read(dockerfile);
        let copied = text.lines().filter_map(|line| line.strip_prefix("COPY "));
        for line in copied.filter(|line| !line.starts_with("--from")) {
            let (sources, _into) = line.rsplit_once(' ').expect("a source and a destination");
            for source in sources.split(' ') {
                let is_in_context = build_context.iter().any(|entry| {
                    Path::new(entry).starts_with(source) || Path::new(source).starts_with(entry)
                });
                assert!(is_in_context, ".dockerignore excludes {source}, which {dockerfile} copies");
                seen += 1;
            }
        }
    }
    assert!(seen > 8, "found too few COPY lines");
}

#[test]
fn the_dockerfile_copies_every_member_of_the_workspace() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members.iter().filter_map(toml::Value::as_str).filter(|member| *member != ".") {
        assert!(read("Dockerfile").contains(&format!("COPY {member}/Cargo.toml {member}/")), "{member}");
        assert!(read(".dockerignore").contains(&format!("!{member}/Cargo.toml")), "{member}");
    }
    // Cargo needs every file that the manifest names, even of targets that it does not build.
    for (kind, folder) in [("bench", "benches"), ("example", "examples"), ("test", "tests")] {
        if manifest.contains_key(kind) {
            assert!(read("Dockerfile").contains(&format!("COPY {folder} {folder}")), "[[{kind}]]");
        }
    }
}

#[test]
fn the_systemd_unit_allows_setpriority_although_it_forbids_its_group() {
    let unit = read("config/killgate.service");
    let filters: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")).collect();
    // The call and its group (`systemd-analyze syscall-filter`). Raising the limit of descriptors needs nothing here: rustix calls
    // `prlimit64`, which is in no group that the unit forbids.
    assert!(read("src/operations/http.rs").contains("rustix::process::nice"));
    let (call, group) = ("setpriority", "@resources");
    // The last line that names a call or its group applies (systemd.exec(5), `SystemCallFilter=`).
    let names =
        |line: &str| line.trim_start_matches('~').split(' ').any(|name| [call, group].contains(&name));
    let last = filters.iter().rfind(|line| names(line)).expect("a filter");
    assert!(
        !last.starts_with('~'),
        "SystemCallFilter={last} forbids {call}, which the thread of [http] needs"
    );
}

#[test]
fn compose_runs_an_init_process_in_each_container_of_killgate() {
    let compose = read("compose.yaml");
    let services = ["  killgate:\n", "  killgate-demo:\n"];
    for service in services {
        let (_, after) = compose.split_once(service).expect("a service");
        let keys: Vec<_> =
            after.lines().take_while(|line| line.is_empty() || line.starts_with("    ")).collect();
        assert!(
            keys.contains(&"    init: true"),
            "{service}: processes that a password_command leaves behind stay zombies"
        );
    }
}

#[test]
fn every_alert_has_a_runbook() {
    let runbooks = read("docs/runbooks.md");
    let anchors: Vec<String> = runbooks
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|heading| heading.to_lowercase().replace(' ', "-").replace(',', ""))
        .collect();
    let alerts = read("config/prometheus-alerts.yml");
    let named: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("runbook: docs/runbooks.md#")).collect();
    let rules: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(named.len(), rules.len(), "one runbook for each alert");
    for anchor in named {
        assert!(anchors.iter().any(|known| known == anchor), "docs/runbooks.md has no #{anchor}");
    }
    for rule in rules {
        assert!(runbooks.contains(rule), "docs/runbooks.md does not name {rule}");
    }
}

#[test]
fn what_could_not_be_checked_is_listed_at_the_end() {
    let checkers = ["shellcheck", "cargo-deny", "zizmor", "check-jsonschema", "promtool"];
    let listed = unchecked("lint");
    for checker in checkers {
        assert!(listed.contains(checker), "{checker} in {listed}");
    }
    let listed = unchecked("test");
    for missing in checkers.into_iter().chain(["Chromium", "sqlite3", "mounting", "Python"]) {
        assert!(listed.contains(missing), "{missing} in {listed}");
    }
}

/// The end of the output of `./dev COMMAND` where few programs are on the PATH, compilers do nothing, and nothing was fetched before.
fn unchecked(command: &str) -> String {
    let programs = tempfile::tempdir().expect("a folder");
    for program in ["bash", "dirname", "mkdir", "rm", "stat"] {
        symlink(format!("/usr/bin/{program}"), programs.path().join(program)).expect("a link");
    }
    for compiler in ["cargo", "cc", "make"] {
        symlink("/usr/bin/true", programs.path().join(compiler)).expect("a link");
    }
    let clone = tempfile::tempdir().expect("a folder");
    fs::create_dir(clone.path().join(".ci")).expect("a folder");
    for script in ["dev", ".ci/tools.sh"] {
        fs::copy(root().join(script), clone.path().join(script)).expect("a copy");
    }
    let mut dev = Command::new("/bin/bash");
    let output = dev
        .args(["dev", command])
        .env("PATH", programs.path())
        .env("KILLGATE_POSTGRES_BIN", "/nowhere")
        .env("TMPDIR", clone.path())
        .current_dir(clone.path())
        .output()
        .expect("bash runs");
    let output = String::from_utf8(output.stdout).expect("text");
    let (_, listed) = output.split_once("NOT CHECKED").unwrap_or_else(|| panic!("{output}"));
    listed.to_owned()
}
