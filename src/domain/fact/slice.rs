//! Facts about what becomes of a slice.
//!
//! Decided by: scheduler. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::ids::{Attempt, SliceId};
use crate::domain::question::QuestionTopic;
use crate::domain::task::{Feedback, UnchangedReason};

/// Facts about what becomes of a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SliceFact {
    /// Every reviewer let the attempt pass: it goes to the merge queue.
    SliceAccepted {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
    },
    /// A reviewer sent the attempt back.
    SliceReturned {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// What the next attempt is told.
        feedback: Feedback,
    },
    /// The slice gets no further attempt.
    SliceGivenUp {
        /// The slice.
        slice: SliceId,
        /// Why, one sentence.
        reason: String,
    },
    /// The slice is done: an attempt changed nothing, and there was nothing to change.
    SliceUnchanged {
        /// The slice.
        slice: SliceId,
        /// Which try.
        attempt: Attempt,
        /// What shows that.
        why: UnchangedReason,
    },
    /// A slice that was given up gets attempts again.
    SliceReopened {
        /// The slice.
        slice: SliceId,
        /// Whether earlier work is left aside.
        fresh: bool,
        /// What the operator tells the next attempt.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// A slice waits for an answer.
    QuestionAsked {
        /// `a1`, `a2`, …
        id: String,
        /// Who asks.
        slice: SliceId,
        /// The question.
        text: String,
        /// What it is about.
        #[serde(default, skip_serializing_if = "QuestionTopic::is_agents")]
        about: QuestionTopic,
    },
    /// The operator answered.
    QuestionAnswered {
        /// Which question.
        id: String,
        /// The answer.
        answer: String,
    },
    /// The operator said something to the agent at work; a later attempt is told as well.
    SliceSteered {
        /// The slice.
        slice: SliceId,
        /// The operator's words.
        text: String,
    },
}
