//! Ids of people, roles, channels, messages and requests. Names are never used: somebody else can take a name over.

use std::fmt;

use super::timestamp::Timestamp;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A person on Discord (a snowflake).
    UserId
);
id!(
    /// A role of the guild (a snowflake).
    RoleId
);
id!(
    /// A channel of the guild (a snowflake).
    ChannelId
);
id!(
    /// A message, such as the card of a request (a snowflake).
    MessageId
);
id!(
    /// The number of a request: 1, 2, 3 … in the order in which they were made.
    RequestId
);

/// A person as Discord describes them at one moment. Never kept, because roles change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub id: UserId,
    pub roles: Vec<RoleId>,
    /// Whether Discord marks the account as a bot's (webhooks included).
    pub bot: bool,
    /// Until when a moderator keeps them from acting in the guild. May be in the past.
    pub timed_out_until: Option<Timestamp>,
}
