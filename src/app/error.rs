//! The kinds of error that the command line tells apart. Outcomes of goals are no errors.

use thiserror::Error;

use crate::domain::goal::GoalStatus;

/// Why a command did nothing.
#[derive(Debug, Error)]
pub enum AppError {
    /// The user's input cannot be used. Exit code 2.
    #[error("{message}")]
    Usage {
        /// What and where, one sentence without a full stop.
        message: String,
        /// What helps: a sentence or a command each.
        help: Vec<String>,
    },
    /// The goal cannot even begin. Exit code of the status (3 or 4).
    #[error("{message}")]
    Blocked {
        /// `blocked_on_human` or `blocked_on_external`.
        status: GoalStatus,
        /// What is missing, one sentence without a full stop.
        message: String,
        /// What helps: a sentence or a command each.
        help: Vec<String>,
    },
    /// Our own machinery failed: disk, store, supervisor. Exit code 70.
    #[error("{message}")]
    Infra {
        /// What failed, one sentence without a full stop.
        message: String,
        /// What is safe, and what helps.
        help: Vec<String>,
    },
    /// A defect. Exit code 1.
    #[error("internal error: {0:#}")]
    Internal(anyhow::Error),
}
