//! A message form, checked against Discord's limits but not posted yet.

use serde_json::Value;

use super::form_part::FormPart;
use super::{components, embeds, mentions};
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;

const MAX_CHARACTERS: usize = 2000;
pub(crate) const SUPPRESS_EMBEDS: u64 = 1 << 2;
pub(crate) const EPHEMERAL: u64 = 1 << 6;
pub(crate) const LOADING: u64 = 1 << 7;
pub(crate) const SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;

/// The fields of a message form. `None` means missing, which in an edit keeps the field.
#[derive(Debug, Default)]
pub(crate) struct MessageDraft {
    pub(crate) content: Option<String>,
    pub(crate) embeds: Option<Vec<Value>>,
    pub(crate) components: Option<Vec<Value>>,
    pub(crate) allowed: mentions::AllowedMentions,
    pub(crate) flags: u64,
    /// Whether the form has flags. An edit without them leaves them unchanged.
    pub(crate) sets_flags: bool,
    pub(crate) reply: Option<ReplyReference>,
    pub(crate) nonce: Option<MessageNonce>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyReference {
    pub(crate) to: Id,
    pub(crate) must_exist: bool,
}

/// The bot's own identifier of a message. If enforced, it prevents a duplicate.
#[derive(Clone, Debug)]
pub(crate) struct MessageNonce {
    pub(crate) value: Value,
    pub(crate) enforced: bool,
}

impl MessageDraft {
    /// Reads and checks a form. The error contains everything wrong with it.
    pub(crate) fn read(body: &Value) -> Result<Self, ApiError> {
        let mut form = FormErrors::default();
        let mut draft = Self::default();
        if let Some(part) = FormPart::of(body, "", &mut form) {
            draft.fill(&part, &mut form);
        }
        form.finish()?;
        Ok(draft)
    }

    /// Whether a new message would show nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.content.as_deref().is_none_or(str::is_empty)
            && self.embeds.as_ref().is_none_or(Vec::is_empty)
            && self.components.as_ref().is_none_or(Vec::is_empty)
    }

    fn fill(&mut self, part: &FormPart<'_>, form: &mut FormErrors) {
        if let Some(text) = part.sized("content", 0, MAX_CHARACTERS, form) {
            self.content = Some(text.trim().into());
        } else if part.has("content") {
            self.content = Some(String::new());
        }
        if let Some(list) = part.list("embeds", form) {
            self.embeds = Some(embeds::read(list, form));
        } else if part.has("embeds") {
            self.embeds = Some(Vec::new());
        }
        if let Some(list) = part.list("components", form) {
            components::check(list, form);
            self.components = Some(list.to_vec());
        } else if part.has("components") {
            self.components = Some(Vec::new());
        }
        if let Some(value) = part.value("allowed_mentions") {
            self.allowed = mentions::read(value, form);
        }
        let flags = part.int("flags", form);
        self.sets_flags = flags.is_some();
        let flags = flags.unwrap_or(0);
        self.flags =
            u64::try_from(flags).unwrap_or(0) & (SUPPRESS_EMBEDS | EPHEMERAL | SUPPRESS_NOTIFICATIONS);
        part.flag("tts", form);
        if let Some(value) = part.value("nonce") {
            let length = value.as_str().map_or(0, |text| text.chars().count());
            form.length("nonce", length, 0, 25);
            if !(value.is_string() || value.is_i64() || value.is_u64()) {
                form.fault(
                    "nonce",
                    "UNION_TYPE_CHOICES",
                    "Value of field \"nonce\" must be a string or an integer.",
                );
            }
            let enforced = part.flag("enforce_nonce", form).unwrap_or(false);
            self.nonce = Some(MessageNonce { value: value.clone(), enforced });
        }
        if let Some(value) = part.value("message_reference")
            && let Some(part) = FormPart::of(value, "message_reference", form)
        {
            let must_exist = part.flag("fail_if_not_exists", form).unwrap_or(true);
            match part.id("message_id", form) {
                Some(to) => self.reply = Some(ReplyReference { to, must_exist }),
                None => form.required("message_reference.message_id"),
            }
        }
    }
}
