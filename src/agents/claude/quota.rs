//! What Claude Code tells of its account's quota.

use serde_json::Value;

use crate::domain::ids::Timestamp;

/// Whether the account's requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agents) enum Quota {
    /// They are, or at the user's cost.
    Granted,
    /// They are not.
    Refused {
        /// Before that moment.
        until: Option<Timestamp>,
    },
}

impl Quota {
    /// Reads it, as `rate_limit_event` has it.
    pub(in crate::agents) fn read(info: &Value) -> Self {
        let paid = info["isUsingOverage"] == true || info["overageInUse"] == true;
        if info["status"] != "rejected" || paid {
            return Self::Granted;
        }
        Self::Refused { until: info["resetsAt"].as_u64().map(|seconds| Timestamp(seconds.saturating_mul(1000))) }
    }

    /// Until when they are refused, where that is told.
    pub(in crate::agents) fn refused_until(self) -> Option<Timestamp> {
        match self {
            Self::Granted => None,
            Self::Refused { until } => until,
        }
    }
}
