//! The body of a message, whichever way it is sent.

use serenity::all::{
    CreateActionRow, CreateAllowedMentions, CreateEmbed, CreateInteractionResponseFollowup,
    CreateInteractionResponseMessage, CreateMessage, EditInteractionResponse, EditMessage, RoleId as Role,
};

use crate::domain::ids::RoleId;

/// A message's content. Discord notifies everybody whom a text names unless `allowed_mentions` says otherwise
/// (Discord documentation, "Allowed Mentions Object"), so each form it can be sent in says so.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MessageBody {
    content: String,
    embeds: Vec<CreateEmbed>,
    components: Vec<CreateActionRow>,
    mentioned_roles: Vec<RoleId>,
    ephemeral: bool,
}

impl MessageBody {
    /// A message of text alone.
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..Self::default()
        }
    }

    /// A message of one embed.
    pub fn embed(embed: CreateEmbed) -> Self {
        Self {
            embeds: vec![embed],
            ..Self::default()
        }
    }

    /// The same with this text above.
    pub fn with_content(self, content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            ..self
        }
    }

    /// The same, notifying the members of these roles, which its text must name.
    pub fn mentioning_roles(self, roles: Vec<RoleId>) -> Self {
        Self {
            mentioned_roles: roles,
            ..self
        }
    }

    /// The same with these buttons and menus.
    pub fn with_components(self, components: Vec<CreateActionRow>) -> Self {
        Self { components, ..self }
    }

    /// The same, seen by nobody but the person it answers.
    pub fn ephemeral(self) -> Self {
        Self {
            ephemeral: true,
            ..self
        }
    }

    /// Whether nobody but the person it answers is to see it.
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// As a new message in a channel.
    pub fn message(self) -> CreateMessage {
        CreateMessage::new()
            .allowed_mentions(self.mentions())
            .content(self.content)
            .embeds(self.embeds)
            .components(self.components)
    }

    /// In place of what a message says now.
    pub fn edit(self) -> EditMessage {
        EditMessage::new()
            .allowed_mentions(self.mentions())
            .content(self.content)
            .embeds(self.embeds)
            .components(self.components)
    }

    /// As the first answer to an interaction, or in place of the message that its component is on.
    pub fn answer(self) -> CreateInteractionResponseMessage {
        CreateInteractionResponseMessage::new()
            .allowed_mentions(self.mentions())
            .ephemeral(self.ephemeral)
            .content(self.content)
            .embeds(self.embeds)
            .components(self.components)
    }

    /// As the answer to an interaction that was deferred. Whether only one person sees it was settled then.
    pub fn late_answer(self) -> EditInteractionResponse {
        EditInteractionResponse::new()
            .allowed_mentions(self.mentions())
            .content(self.content)
            .embeds(self.embeds)
            .components(self.components)
    }

    /// As a further answer to an interaction.
    pub fn followup(self) -> CreateInteractionResponseFollowup {
        CreateInteractionResponseFollowup::new()
            .allowed_mentions(self.mentions())
            .ephemeral(self.ephemeral)
            .content(self.content)
            .embeds(self.embeds)
            .components(self.components)
    }

    fn mentions(&self) -> CreateAllowedMentions {
        CreateAllowedMentions::new()
            .roles(self.mentioned_roles.iter().map(|role| Role::new(role.0)))
            .replied_user(false)
    }
}
