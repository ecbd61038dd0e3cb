//! Facts about reviews.
//!
//! Decided by: reviewers. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::review::{Review, Subject};

/// Facts about reviews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReviewFact {
    /// A reviewer reported.
    ReviewFinished {
        /// On what.
        subject: Subject,
        /// The report.
        review: Review,
    },
}
