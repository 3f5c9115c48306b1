//! The table at the top of a folder's `mod.rs` or `lib.rs` names every file of the folder, and nothing else.

use std::collections::BTreeSet;

use crate::{assert_none, sources};

/// These contain the table, or start the program.
const ROOTS: [&str; 3] = ["mod", "lib", "main"];

#[test]
fn each_folder_has_a_table_that_names_its_files() {
    assert_none(&wrong_tables(&sources()));
}

/// One line for each file that its folder's table does not name, and for each name that has no file.
fn wrong_tables(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("src/")) {
        let Some((folder, "mod.rs" | "lib.rs")) = path.rsplit_once('/') else { continue };
        let (named, present) = (named_modules(text), present_modules(folder, files));
        found.extend(present.difference(&named).map(|module| format!("{path}: no row for {module}")));
        found.extend(named.difference(&present).map(|module| format!("{path}: {module} does not exist")));
    }
    found
}

/// The modules that the first column of the table names. A name with a dot is no Rust file: `schema.sql`.
fn named_modules(text: &str) -> BTreeSet<&str> {
    let is_heading = |line: &str| line.starts_with("//! | file |") || line.starts_with("//! | module |");
    let rows = text.lines().skip_while(|line| !is_heading(line)).take_while(|line| line.starts_with("//! |"));
    rows.filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|name| name.trim_start_matches("mod@"))
        .filter(|name| !ROOTS.contains(name) && !name.contains('.'))
        .collect()
}

/// The files and folders that are directly in `folder`. A file and the folder of its submodules are one module.
fn present_modules<'f>(folder: &str, files: &'f [(String, String)]) -> BTreeSet<&'f str> {
    files
        .iter()
        .filter_map(|(path, _)| path.strip_prefix(folder)?.strip_prefix('/')?.split(['/', '.']).next())
        .filter(|module| !ROOTS.contains(module))
        .collect()
}

const TABLE: &str = "//! What it is.\n//!\n//! | file | what is in it |\n//! |---|---|\n";

#[test]
fn a_file_without_a_row_is_found() {
    let one_row = format!("{TABLE}//! | [`card`] | not `mark` |\n");
    assert_eq!(found("discord/mod.rs", &one_row), ["src/discord/mod.rs: no row for mark"]);
    let table_of_functions = one_row.replace("| file |", "| function |");
    assert_eq!(found("discord/mod.rs", &table_of_functions).len(), 2);
    assert_eq!(found("discord/mod.rs", "//! What it is.").len(), 2);
    let folders = "//! | module | may import |\n//! |---|---|\n";
    assert_eq!(found("lib.rs", folders), ["src/lib.rs: no row for discord"]);
}

#[test]
fn a_row_without_a_file_is_found() {
    let rows = format!("{TABLE}//! | [`card`], `mark` | two |\n//! | `gone` | nothing |\n");
    assert_eq!(found("discord/mod.rs", &rows), ["src/discord/mod.rs: gone does not exist"]);
}

#[test]
fn each_way_to_name_a_file_is_understood() {
    let rows =
        format!("{TABLE}//! | `mod`, [`card`](mod@card) | two |\n//! | [`mod@mark`], `schema.sql` | two |\n");
    assert_eq!(found("discord/mod.rs", &rows), Vec::<String>::new());
    assert_eq!(
        found("discord/card.rs", "//! No table: a file has no files of its own."),
        Vec::<String>::new()
    );
}

/// What is wrong when the file `path` has this text, beside two files of `discord`, one of which has a folder.
fn found(path: &str, text: &str) -> Vec<String> {
    let others = [
        "src/main.rs",
        "src/discord/card.rs",
        "src/discord/card/facts.rs",
        "src/discord/mark.rs",
        "tests/mod.rs",
    ];
    let mut files: Vec<_> = others.map(|path| (path.to_owned(), String::new())).into();
    files.push((format!("src/{path}"), text.to_owned()));
    wrong_tables(&files)
}
