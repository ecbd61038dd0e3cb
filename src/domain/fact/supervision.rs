//! Facts about faults, and what was done about them.
//!
//! Decided by: scheduler, supervisor and journal. Released names and fields keep their meaning; a new field is optional.

use serde::{Deserialize, Serialize};
use strum::VariantNames;

use crate::domain::actor::ActorName;
use crate::domain::supervision::{Breaker, Leftovers, ProfileQuarantine, Quarantine};

/// Facts about faults, and what was done about them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SupervisionFact {
    /// An agent's attempts at a slice went stale too often: it is not offered to that agent again.
    WorkerQuarantined(Quarantine),
    /// An agent failed on several slices in a row: the goal does not use it again.
    ProfileQuarantined(ProfileQuarantine),
    /// A provider takes no requests for now: nothing that needs it is started.
    BreakerOpened(Breaker),
    /// The provider takes requests again.
    BreakerClosed {
        /// The provider.
        provider: String,
    },
    /// What an earlier run had left behind was cleared away.
    LeftoversCleared(Leftovers),
    /// An actor ended where it should not have and was built anew.
    ActorRestarted {
        /// Which.
        child: ActorName,
        /// How it ended.
        cause: String,
    },
    /// An actor ended too often within the period.
    RestartsExceeded {
        /// Which.
        child: ActorName,
        /// How it ended last.
        cause: String,
    },
    /// An incomplete last line was cut when the journal was opened.
    TailCut {
        /// How many bytes.
        bytes: u64,
    },
}
