//! Interactions and reactions as other servers send them, and as Discord may one day: without rarely needed fields, and with
//! values that typed libraries refuse (seen: `public_flags` as a string, an `interaction` without its name, decorations of a
//! new format).

use serde_json::{Value, json};

const INTERACTION: [&str; 10] = [
    "id",
    "application_id",
    "type",
    "data",
    "guild_id",
    "channel",
    "channel_id",
    "member",
    "token",
    "message",
];
const REACTION: [&str; 6] = ["user_id", "channel_id", "message_id", "guild_id", "emoji", "member"];

/// Reduces the data of an event to the minimum.
pub(crate) fn make_minimal(name: &str, data: &mut Value) {
    match name {
        "INTERACTION_CREATE" => keep(data, &INTERACTION),
        // Only that field tells a super reaction apart.
        "MESSAGE_REACTION_ADD" | "MESSAGE_REACTION_REMOVE" if data["burst"] == false => keep(data, &REACTION),
        _ => return,
    }
    if let Some(member) = data.get_mut("member") {
        make_person_minimal(member);
    }
    for people in ["/data/resolved/users", "/data/resolved/members"] {
        let people = data.pointer_mut(people).and_then(Value::as_object_mut);
        people.into_iter().flat_map(serde_json::Map::values_mut).for_each(make_person_minimal);
    }
    if let Some(message) = data.get_mut("message") {
        *message = json!({
            "id": message["id"], "components": message["components"], "interaction": { "id": "1" },
            "author": { "id": message["author"]["id"], "public_flags": "0" },
        });
    }
}

/// `person` is a member or a user.
fn make_person_minimal(person: &mut Value) {
    keep(person, &["id", "username", "bot", "user", "roles", "communication_disabled_until"]);
    let user = if person["user"].is_object() { &mut person["user"] } else { person };
    keep(user, &["id", "username", "bot", "roles", "communication_disabled_until"]);
    user["public_flags"] = "64".into();
    user["avatar_decoration_data"] = json!({ "asset": "v3_not_a_hash", "sku_id": null });
}

fn keep(data: &mut Value, fields: &[&str]) {
    if let Some(object) = data.as_object_mut() {
        object.retain(|name, _| fields.contains(&name.as_str()));
    }
}
