//! The committed man pages and completions match the command line. `./dev docs` writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use killgate::operations::arguments::Arguments;
use tempfile::TempDir;

/// When this variable is set, the files are written instead of compared.
const WRITE: &str = "KILLGATE_WRITE_DOCS";

#[test]
fn the_man_pages_are_up_to_date() {
    is_committed("docs/man", |folder| {
        clap_mangen::generate_to(Arguments::command(), folder).expect("man pages");
    });
}

#[test]
fn the_completions_are_up_to_date() {
    is_committed("docs/completions", |folder| {
        for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
            clap_complete::generate_to(shell, &mut Arguments::command(), "killgate", folder)
                .expect("completions");
        }
    });
}

fn is_committed(folder: &str, generate: impl FnOnce(&Path)) {
    let made = TempDir::new().expect("a temporary folder");
    generate(made.path());
    let (made, committed) = (files(made.path()), Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    if std::env::var_os(WRITE).is_some() {
        fs::create_dir_all(&committed).expect("the folder");
        for (name, content) in &made {
            fs::write(committed.join(name), content).expect("written");
        }
    }
    let committed = files(&committed);
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&committed), names(&made), "{folder}");
    for (name, content) in &made {
        let is_up_to_date = committed[name] == *content;
        assert!(is_up_to_date, "{folder}/{name} is not up to date: ./dev docs");
    }
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("a plain name");
            (name, fs::read_to_string(entry.path()).expect("text"))
        })
        .collect()
}
