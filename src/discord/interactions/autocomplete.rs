//! Choices for options that are completed while somebody types: live sessions and targets.

use std::time::Duration;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::CommandInteraction;
use tracing::debug;

use super::Commands;
use super::snapshot_fanout::Looking;
use crate::discord::messages::choices;
use crate::discord::session_list::page::Answer;
use crate::domain::ids::Person;
use crate::workflow::ports::Freshness;

/// Who types fast asks often: a look this recent will do.
const FRESH_ENOUGH: Duration = Duration::from_secs(1);
/// Discord waits 3 s for choices; whoever has not answered by then has none.
const LOOK_WITHIN: Duration = Duration::from_millis(1_500);
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

impl Commands {
    pub(super) async fn suggest(&self, command: CommandInteraction) {
        let Some(focused) = command.data.autocomplete() else {
            return;
        };
        let by = self.asker(command.guild_id, command.channel_id, command.member.as_deref());
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
        let answer = self.rest.within(ANSWER_WITHIN);
        if let Err(problem) = answer.respond(command.id, &command.token, &response).await {
            // The next letter asks again.
            debug!(error = %problem, "choices came too late");
        }
    }

    async fn looks(&self, by: &Person, target: Option<&str>) -> Vec<Answer> {
        let looks = self.desk.looks(by, target, Freshness::Within(FRESH_ENOUGH));
        // A target that is not known yet is one that is still being typed.
        let mut looking = Looking::begin(looks.unwrap_or_default());
        looking.wait(LOOK_WITHIN).await;
        looking.answers()
    }

    fn visible_targets(&self, by: &Person) -> impl Iterator<Item = &str> {
        let targets = self.desk.rules().targets.iter();
        targets
            .filter(|(_, governed)| governed.policy.access.may_view(by))
            .map(|(name, _)| name.as_str())
    }
}
