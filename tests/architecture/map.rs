//! The documented map of the folders is the one that the rules check.

use std::collections::BTreeSet;

use crate::read;
use crate::rules::{ARROWS, Allowed};

#[test]
fn the_documented_map_says_what_each_folder_may_import() {
    let tables = [
        ("CONTRIBUTING.md", "| `src/", "` |"),
        ("docs/architecture.md", "| `", "` |"),
        ("src/lib.rs", "//! | [`", "`] |"),
    ];
    for (document, before, after) in tables {
        let text = read(document);
        for (folder, allowed) in &ARROWS {
            // These two are files, which the text above the table mentions.
            if ["lib", "main"].contains(folder) {
                continue;
            }
            let start = format!("{before}{folder}{after}");
            let row = text
                .lines()
                .find(|line| line.starts_with(&start))
                .unwrap_or_else(|| panic!("{document} has no row for {folder}"));
            let imports = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
            match allowed {
                Allowed::Everything => assert_eq!(imports, "everything", "{document}: {folder}"),
                Allowed::Only([]) => assert!(imports.starts_with("nothing"), "{document}: {folder}"),
                Allowed::Only(paths) => {
                    let documented: BTreeSet<&str> = imports.split('`').skip(1).step_by(2).collect();
                    let expected: BTreeSet<&str> = paths.iter().copied().collect();
                    assert_eq!(documented, expected, "{document}: {folder}");
                }
            }
        }
    }
}
