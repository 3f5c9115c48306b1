//! The slash commands, and whether the registered ones differ from them.

use insta::assert_snapshot;
use killgate::discord::interactions::definitions::{commands, differ};
use serde_json::{Value, json};

fn commands_as_json() -> Vec<Value> {
    commands().iter().map(|command| serde_json::to_value(command).expect("JSON")).collect()
}

/// The commands as Discord returns them: with ids, versions and nulls, and without defaults.
fn as_returned_by_discord() -> Vec<Value> {
    let mut commands = commands_as_json();
    for command in &mut commands {
        command["id"] = json!("1");
        command["application_id"] = json!("2");
        command["guild_id"] = json!("3");
        command["version"] = json!("4");
        command["name_localizations"] = json!(null);
        command["description_localizations"] = json!(null);
        command["default_member_permissions"] = json!(null);
        command["integration_types"] = json!([0]);
        command["contexts"] = json!(null);
        command["dm_permission"] = json!(true);
        for option in command["options"].as_array_mut().expect("options") {
            let option = option.as_object_mut().expect("an option");
            option.retain(|_, value| *value != json!(false) && *value != json!([]) && *value != json!(null));
        }
    }
    commands
}

#[test]
fn the_commands_and_their_options() {
    let mut lines = Vec::new();
    for command in commands_as_json() {
        lines.push(format!("/{}: {}", command["name"].as_str().unwrap_or_default(), command["description"]));
        for option in command["options"].as_array().expect("options") {
            let choices: Vec<_> = option["choices"]
                .as_array()
                .expect("choices")
                .iter()
                .inspect(|choice| assert_eq!(choice["name"], choice["value"]))
                .map(|choice| choice["name"].as_str().unwrap_or_default())
                .collect();
            lines.push(format!(
                "  {} (type {}{}{}) {}",
                option["name"].as_str().unwrap_or_default(),
                option["type"],
                if option["required"] == json!(true) { ", required" } else { "" },
                if option["autocomplete"] == json!(true) { ", autocompleted" } else { "" },
                choices.join(" "),
            ));
        }
    }
    assert_snapshot!(lines.join("\n"), @r#"
    /sessions: "Show PostgreSQL sessions, the worst first"
      target (type 3) 
      view (type 3) busy blocking idle-in-transaction all
      user (type 3) 
      database (type 3) 
      application (type 3) 
      min_age (type 3) 
    /cancel: "Ask to cancel the running query of a session; needs approval"
      pid (type 4, required, autocompleted) 
      target (type 3, autocompleted) 
      reason (type 3) 
      also (type 3) 
    /terminate: "Ask to terminate a session; needs approval"
      pid (type 4, required, autocompleted) 
      target (type 3, autocompleted) 
      reason (type 3) 
      also (type 3) 
      bound_to (type 3) transaction session
    /requests: "Show open and closed requests, and how they ended"
      status (type 3) open closed all
      pid (type 4) 
      user (type 6)
    "#);
}

#[test]
fn discord_accepts_the_length_of_every_description() {
    for command in commands_as_json() {
        let options = command["options"].as_array().expect("options");
        for described in std::iter::once(&command).chain(options) {
            let length = described["description"].as_str().expect("text").chars().count();
            assert!((1..=100).contains(&length), "{described}");
        }
    }
}

#[test]
fn fields_that_discord_adds_or_omits_do_not_differ() {
    let mut registered = as_returned_by_discord();
    assert!(!differ(&registered, &commands()));
    registered.reverse();
    assert!(!differ(&registered, &commands()));
    // As a compatible server was seen to send them, and with a field that is not known yet.
    for command in &mut registered {
        command["integration_types"] = json!(null);
        for option in command["options"].as_array_mut().expect("options") {
            option["added_later"] = json!(1);
        }
    }
    assert!(!differ(&registered, &commands()));
}

#[test]
fn every_visible_change_differs() {
    type Change = fn(&mut Vec<Value>);
    let changes: [(&str, Change); 8] = [
        ("a command is missing", |commands| drop(commands.pop())),
        ("there is one more", |commands| {
            let mut more = commands[0].clone();
            more["name"] = json!("kill");
            commands.push(more);
        }),
        ("another description", |commands| {
            commands[0]["description"] = json!("x");
        }),
        ("an option is missing", |commands| {
            commands[1]["options"].as_array_mut().expect("options").pop();
        }),
        ("no autocompletion", |commands| {
            commands[1]["options"][0]["autocomplete"] = json!(false);
        }),
        ("another choice", |commands| {
            commands[0]["options"][1]["choices"][0]["value"] = json!("x");
        }),
        ("a name in another language", |commands| {
            commands[0]["options"][0]["name_localizations"] = json!({ "de": "ziel" });
        }),
        ("a bound that is not ours", |commands| {
            commands[1]["options"][0]["min_value"] = json!(1);
        }),
    ];
    for (what, change) in changes {
        let mut registered = as_returned_by_discord();
        change(&mut registered);
        assert!(differ(&registered, &commands()), "{what}");
    }
}
