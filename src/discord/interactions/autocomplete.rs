//! Autocomplete for the options `pid` and `target`, with the current sessions and targets.

use std::time::Duration;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::CommandInteraction;
use tracing::debug;

use super::InteractionHandler;
use super::snapshot_fanout::SnapshotFanout;
use crate::discord::messages::choices;
use crate::discord::session_list::page::TargetAnswer;
use crate::domain::ids::Person;
use crate::workflow::ports::Freshness;

/// Each typed letter asks again, so a recent snapshot is good enough.
const MAX_SNAPSHOT_AGE: Duration = Duration::from_secs(1);
/// Discord waits 3 s for choices, and somebody who types waits for them at each letter. Targets that have not answered by then
/// are omitted.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_millis(800);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);

impl InteractionHandler {
    pub(super) async fn answer_autocomplete(&self, command: CommandInteraction) {
        let Some(focused) = command.data.autocomplete() else { return };
        let person = self.person_in_channel(
            command.guild_id,
            command.channel_id,
            command.channel.as_ref(),
            command.member.as_deref(),
        );
        let target = command.data.options.iter().find(|option| option.name == "target");
        let target = target.and_then(|option| option.value.as_str()).filter(|name| !name.is_empty());
        let choices = match (&person, focused.name) {
            (Ok(person), "pid") => choices::pids(&self.fetch_answers(person, target).await, focused.value),
            (Ok(person), "target") => {
                choices::targets(self.engine.targets().visible_names(person), focused.value)
            }
            // A person who may not view anything gets no choices.
            _ => choices::targets([], ""),
        };
        let response = CreateInteractionResponse::Autocomplete(choices);
        let api = self.api.with_timeout(RESPONSE_TIMEOUT);
        if let Err(error) = api.respond(command.id, &command.token, &response).await {
            // The next letter asks again.
            debug!(%error, "could not send autocomplete choices");
        }
    }

    async fn fetch_answers(&self, person: &Person, target: Option<&str>) -> Vec<TargetAnswer> {
        let freshness = Freshness::Within(MAX_SNAPSHOT_AGE);
        // An unknown target is one that is still being typed.
        let snapshots = self.engine.snapshots(person, target, freshness);
        let mut fanout = SnapshotFanout::start(snapshots.unwrap_or_default());
        fanout.wait_for_all_within(SNAPSHOT_TIMEOUT).await;
        fanout.answers(&self.engine)
    }
}
