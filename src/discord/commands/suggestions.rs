//! Choices for options that are completed while somebody types: live sessions and targets.

use std::time::Duration;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::CommandInteraction;
use tokio::time::timeout;
use tracing::debug;

use super::Commands;
use crate::desk::ports::Freshness;
use crate::discord::people;
use crate::discord::render::choices;
use crate::discord::render::sessions::Answer;
use crate::domain::ids::{ChannelId, Person};

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
        let here = command.guild_id == Some(self.guild)
            && self.channels.contains(&ChannelId(command.channel_id.get()));
        let by = command.member.as_deref().filter(|_| here).map(people::person);
        let target = command.data.options.iter().find(|option| option.name == "target");
        let target = target
            .and_then(|option| option.value.as_str())
            .filter(|name| !name.is_empty());
        let found = match (&by, focused.name) {
            (Some(by), "pid") => choices::pids(&self.looks(by, target).await, focused.value),
            (Some(by), "target") => choices::targets(self.visible_targets(by), focused.value),
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
        let names = self
            .visible_targets(by)
            .filter(|name| target.is_none_or(|target| target == *name));
        let looks = names.map(async |name| {
            let look = self
                .desk
                .sessions(by, Some(name), Freshness::Within(FRESH_ENOUGH));
            let (_, seen) = timeout(LOOK_WITHIN, look).await.ok()?.ok()?.pop()?;
            Some(Answer {
                target: name.to_owned(),
                seen: seen.map_err(|problem| problem.to_string()),
            })
        });
        futures_util::future::join_all(looks)
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    fn visible_targets(&self, by: &Person) -> impl Iterator<Item = &str> {
        let targets = self.desk.rules().targets.iter();
        targets
            .filter(|(_, governed)| governed.policy.access.may_view(by))
            .map(|(name, _)| name.as_str())
    }
}
