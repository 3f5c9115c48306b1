//! The example and the documentation describe every key correctly.

use std::fmt::Write as _;

use killgate::config::reference::{ConfigKey, ConfigTable, TABLES};

use crate::example::ConfigFolder;

const EXAMPLE: &str = include_str!("../../config/killgate.toml");
const DOCUMENTATION: &str = include_str!("../../docs/configuration.md");

#[test]
fn the_example_is_valid_when_its_secrets_exist() {
    let folder = ConfigFolder::new();
    for secret in ["discord_token", "orders_password"] {
        folder.write(secret, "secret");
    }
    let here = EXAMPLE.replace("/run/secrets/", "./");
    let settings = folder.load(&here).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(settings.targets[0].name, "orders");
    let faults = folder.load(&EXAMPLE.replace("/run/secrets/", "./none/")).expect_err("no secrets");
    assert!(faults.ends_with("2 faults in killgate.toml"), "each missing secret file is told: {faults}");
}

#[test]
fn the_example_has_every_key_in_its_section() {
    for table in TABLES.iter().filter(|table| table.name.starts_with('[')) {
        let section = EXAMPLE.split_once(&format!("\n{}\n", table.name)).expect(table.name).1;
        let section = section.split("\n[").next().unwrap_or_default();
        for ConfigKey { name, default, .. } in table.keys {
            let line =
                section.lines().find(|line| line.trim_start_matches("# ").starts_with(&format!("{name} = ")));
            let line = line.unwrap_or_else(|| panic!("{} {name}", table.name));
            if let (Some(written), Some(default)) = (line.strip_prefix("# "), default)
                && *default != "{}"
            {
                assert_eq!(written, format!("{name} = {default}"), "the default of {}", table.name);
            }
        }
    }
}

#[test]
fn the_example_with_all_defaults_written_out_is_equivalent() {
    let folder = ConfigFolder::new();
    let spelled = |toml: &str| -> String {
        let mut spelled = String::new();
        for line in toml.lines() {
            writeln!(spelled, "{line}").expect("a String takes all");
            let Some(table) = TABLES.iter().find(|table| table.name == line) else {
                continue;
            };
            for ConfigKey { name, default, .. } in table.keys {
                let given = toml.lines().any(|line| line.starts_with(&format!("{name} = ")));
                if let (Some(default), false) = (default, given) {
                    writeln!(spelled, "{name} = {default}").expect("a String takes all");
                }
            }
        }
        spelled
    };
    let toml = EXAMPLE
        .replace("/run/secrets/discord_token", "token")
        .replace("/run/secrets/orders_password", "token");
    let [left_out, spelled_out] = [toml.clone(), spelled(&toml)]
        .map(|toml| folder.load(&toml).unwrap_or_else(|faults| panic!("{faults}\n{toml}")));
    assert_eq!(format!("{left_out:#?}"), format!("{spelled_out:#?}"));
}

#[test]
fn the_documented_reference_is_up_to_date() {
    for table in TABLES {
        let expected = rows(table);
        assert!(DOCUMENTATION.contains(&expected), "docs/configuration.md lacks this table:\n\n{expected}");
    }
}

fn rows(table: &ConfigTable) -> String {
    let mut rows = format!("### `{}`\n\n| key | default | allowed | |\n|---|---|---|---|\n", table.name);
    for ConfigKey { name, allowed, default, meaning } in table.keys {
        let default = default.map_or_else(|| "–".to_owned(), |default| format!("`{default}`"));
        writeln!(rows, "| `{name}` | {default} | {allowed} | {meaning} |").expect("a String takes all");
    }
    rows
}
