//! Choices for options that are completed while somebody types: live sessions and targets.

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

/// Who types fast asks often: a look this recent will do.
const FRESH_ENOUGH: Duration = Duration::from_secs(1);
/// Discord waits 3 s for choices; whoever has not answered by then has none.
const LOOK_WITHIN: Duration = Duration::from_millis(1_500);
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

impl InteractionHandler {
    pub(super) async fn autocomplete(&self, command: CommandInteraction) {
        let Some(focused) = command.data.autocomplete() else {
            return;
        };
        let by = self.requester(command.guild_id, command.channel_id, command.member.as_deref());
        let target = command.data.options.iter().find(|option| option.name == "target");
        let target = target
            .and_then(|option| option.value.as_str())
            .filter(|name| !name.is_empty());
        let found = match (&by, focused.name) {
            (Ok(by), "pid") => choices::pids(&self.looks(by, target).await, focused.value),
            (Ok(by), "target") => choices::targets(self.visible_targets(by), focused.value),
            // Those who may see nothing are offered nothing.
            _ => choices::targets([], ""),
        };
        let response = CreateInteractionResponse::Autocomplete(found);
        let answer = self.api.within(ANSWER_WITHIN);
        if let Err(problem) = answer.respond(command.id, &command.token, &response).await {
            // The next letter asks again.
            debug!(error = %problem, "choices came too late");
        }
    }

    async fn looks(&self, by: &Person, target: Option<&str>) -> Vec<TargetAnswer> {
        let looks = self.engine.snapshots(by, target, Freshness::Within(FRESH_ENOUGH));
        // A target that is not known yet is one that is still being typed.
        let mut looking = SnapshotFanout::begin(looks.unwrap_or_default());
        looking.wait(LOOK_WITHIN).await;
        looking.answers()
    }

    fn visible_targets(&self, by: &Person) -> impl Iterator<Item = &str> {
        let targets = self.engine.targets().targets.iter();
        targets
            .filter(|(_, governed)| governed.policy.access.may_view(by))
            .map(|(name, _)| name.as_str())
    }
}
