//! The content of a message, independent of the call that sends it.

use serenity::all::{
    CreateActionRow, CreateAllowedMentions, CreateEmbed, CreateInteractionResponseFollowup,
    CreateInteractionResponseMessage, CreateMessage, EditInteractionResponse, EditMessage, MessageFlags,
    RoleId as Role, UserId as User,
};

use crate::domain::ids::{RoleId, UserId};

/// The content of a message. Discord notifies everybody whom a text mentions unless `allowed_mentions` says otherwise
/// (Discord documentation, "Allowed Mentions Object"), so every form sets it.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MessageBody {
    content: String,
    embeds: Vec<CreateEmbed>,
    components: Vec<CreateActionRow>,
    mentioned_roles: Vec<RoleId>,
    mentioned_users: Vec<UserId>,
    ephemeral: bool,
}

/// Puts the content into one of serenity's builders, which have no trait in common.
macro_rules! filled {
    ($builder:expr, $body:expr) => {
        $builder
            .allowed_mentions($body.allowed_mentions())
            .content($body.content)
            .embeds($body.embeds)
            .components($body.components)
    };
}

impl MessageBody {
    /// A message that consists of text only.
    pub fn text(content: impl Into<String>) -> Self {
        Self { content: content.into(), ..Self::default() }
    }

    /// A message that consists of one embed.
    pub fn embed(embed: CreateEmbed) -> Self {
        Self { embeds: vec![embed], ..Self::default() }
    }

    /// Adds text above the embed.
    pub fn with_content(self, content: impl Into<String>) -> Self {
        Self { content: content.into(), ..self }
    }

    /// Notifies the members of these roles, and these users. The text must mention them.
    pub fn notifying(self, roles: Vec<RoleId>, users: Vec<UserId>) -> Self {
        Self { mentioned_roles: roles, mentioned_users: users, ..self }
    }

    /// Adds buttons and menus.
    pub fn with_components(self, components: Vec<CreateActionRow>) -> Self {
        Self { components, ..self }
    }

    /// Makes it visible only to the person it answers.
    pub fn ephemeral(self) -> Self {
        Self { ephemeral: true, ..self }
    }

    /// Whether only the person it answers sees it.
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// A new message in a channel.
    pub fn into_message(self) -> CreateMessage {
        filled!(CreateMessage::new(), self)
    }

    /// The new content of a message. Embeds that a moderator suppressed are shown again.
    pub fn into_edit(self) -> EditMessage {
        filled!(EditMessage::new().flags(MessageFlags::empty()), self)
    }

    /// The first answer to an interaction, or the new content of the message that a component belongs to.
    pub fn into_response(self) -> CreateInteractionResponseMessage {
        filled!(CreateInteractionResponseMessage::new().ephemeral(self.ephemeral), self)
    }

    /// The answer to a deferred interaction. The deferral has already decided who sees it.
    pub fn into_response_edit(self) -> EditInteractionResponse {
        filled!(EditInteractionResponse::new().flags(MessageFlags::empty()), self)
    }

    /// A further answer to an interaction.
    pub fn into_followup(self) -> CreateInteractionResponseFollowup {
        filled!(CreateInteractionResponseFollowup::new().ephemeral(self.ephemeral), self)
    }

    fn allowed_mentions(&self) -> CreateAllowedMentions {
        CreateAllowedMentions::new()
            .roles(self.mentioned_roles.iter().map(|role| Role::new(role.0)))
            .users(self.mentioned_users.iter().map(|user| User::new(user.0)))
            .replied_user(false)
    }
}
