//! Events about channels and threads. Only the few fields that are used are decoded.

use serde::Deserialize;
use serde_json::Error;
use serenity::model::id::ChannelId;

use crate::discord::api::WithId;
use crate::domain::ids;

/// A channel or a thread was created, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelEvent {
    /// These are the active threads of channels that the bot has just become able to see.
    Listed { channels: Vec<ChannelInfo> },
    /// It was created, or changed.
    Changed { channel: ChannelInfo },
    /// It was deleted.
    Deleted { channel: ChannelId },
}

/// A channel or a thread.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChannelInfo {
    id: ChannelId,
    #[serde(rename = "type")]
    pub kind: u8,
    #[serde(default)]
    pub parent_id: Option<ChannelId>,
}

#[derive(Deserialize)]
struct ThreadList {
    #[serde(default)]
    threads: Vec<ChannelInfo>,
}

impl ChannelInfo {
    pub fn new(id: ChannelId, kind: u8, parent_id: Option<ChannelId>) -> Self {
        Self { id, kind, parent_id }
    }

    pub fn id(&self) -> ids::ChannelId {
        ids::ChannelId(self.id.get())
    }
}

/// Decodes an event about a channel; `None` if events of this kind are about something else.
pub(super) fn decode_channel_event(kind: &str, data: &str) -> Option<Result<ChannelEvent, Error>> {
    let event = match kind {
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
            serde_json::from_str(data).map(|channel| ChannelEvent::Changed { channel })
        }
        "THREAD_LIST_SYNC" => {
            serde_json::from_str(data).map(|list: ThreadList| ChannelEvent::Listed { channels: list.threads })
        }
        "CHANNEL_DELETE" | "THREAD_DELETE" => serde_json::from_str(data)
            .map(|deleted: WithId<ChannelId>| ChannelEvent::Deleted { channel: deleted.id }),
        _ => return None,
    };
    Some(event)
}
