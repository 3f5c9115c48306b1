//! The last line of a message's plain text, by which killgate recognizes its own messages.
//!
//! It consists of the request's number and the first digits of the hash of its first record. The number alone is no
//! identity: another ledger, or the same one after it was set back, uses it again.

use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use crate::workflow::ports::CardMark;

/// How every mark begins.
pub const MARK_START: &str = "Request #";

/// What a message is to its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkedMessage {
    OpenCard,
    ClosedCard,
    Result,
    /// Mentions the approvers of a card that could not.
    Mention,
    Reminder,
    /// Says that a person's reaction does not count.
    Note,
}

impl MarkedMessage {
    const ALL: [Self; 6] =
        [Self::OpenCard, Self::ClosedCard, Self::Result, Self::Mention, Self::Reminder, Self::Note];

    fn suffix(self) -> &'static str {
        match self {
            Self::OpenCard => "",
            Self::ClosedCard => " · closed",
            Self::Result => " · result",
            Self::Mention => " · mention",
            Self::Reminder => " · reminder",
            Self::Note => " · note",
        }
    }
}

pub fn mark_line(request: &Request, message: MarkedMessage) -> String {
    format!("{MARK_START}{} · {}{}", request.id, request.mark, message.suffix())
}

/// The mark of a message with this text, whatever request it is of; `None` if it bears none.
pub fn any_mark(text: &str) -> Option<(CardMark, MarkedMessage)> {
    let (number, rest) = text.lines().last()?.strip_prefix(MARK_START)?.split_once(" · ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    let message = MarkedMessage::ALL.into_iter().find(|message| rest[digits.len()..] == *message.suffix())?;
    let request = RequestId(number.parse().ok()?);
    (!digits.is_empty()).then_some((CardMark { request, digits }, message))
}

/// Which of the request's messages has this text; `None` if it belongs to another request or to none.
pub fn read_mark(text: &str, request: &Request) -> Option<MarkedMessage> {
    let last = text.lines().last()?;
    MarkedMessage::ALL.into_iter().find(|message| last == mark_line(request, *message))
}
