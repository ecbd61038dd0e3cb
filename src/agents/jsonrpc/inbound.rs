//! What is heard of the other side, one line each, and what it weighs while it waits.

use serde_json::Value;

use super::message::{Answer, Id, Message};

/// The most that is passed on of a line that is no message, in bytes.
const NARRATIVE: usize = 4096;

/// Something that was heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Inbound {
    /// A request; it waits for its answer.
    Request {
        /// What our answer has to carry.
        id: Id,
        /// The method.
        method: String,
        /// Its parameters; `null` where there are none.
        params: Value,
    },
    /// A request with an id that no answer can carry.
    Unanswerable,
    /// A notification.
    Notification {
        /// The method.
        method: String,
        /// Its parameters; `null` where there are none.
        params: Value,
    },
    /// The answer to a request of ours.
    Answer {
        /// Which one.
        id: Id,
        /// What it says.
        answer: Answer,
    },
    /// A line that is no message.
    Narrative {
        /// Its beginning.
        text: String,
    },
    /// A line that was longer than there may be, and is lost: whatever it was, the conversation has a hole.
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
}

impl Inbound {
    /// What a line is, which says `message`; `None` where nobody has to know.
    pub(super) fn of(message: Option<Message>, line: &[u8]) -> Option<Self> {
        match message {
            Some(Message::Request { id, method, params }) => Some(Self::Request { id, method, params }),
            Some(Message::Unanswerable) => Some(Self::Unanswerable),
            Some(Message::Notification { method, params }) => Some(Self::Notification { method, params }),
            Some(Message::Response { id: Some(id), answer }) => Some(Self::Answer { id, answer }),
            // That one of our lines was unreadable; which one nobody knows, and it is in the record.
            Some(Message::Response { id: None, .. }) => None,
            None => {
                let text = String::from_utf8_lossy(&line[..line.len().min(NARRATIVE)]).into_owned();
                Some(Self::Narrative { text })
            }
        }
    }

    /// What it counts while it waits, in bytes: that of a line of `length`. Even an empty one takes a place.
    pub(super) fn weight(length: usize) -> usize {
        length + size_of::<Self>()
    }
}
