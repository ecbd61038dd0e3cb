//! `goal why`: the journal's account, and what the run shows of its attempts just now.

use crate::app::Omk;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::app::read::unknown_slice;
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::view::{Health, Liveness};
use crate::domain::why::WhyView;
use crate::workflow::state::GoalState;
use crate::workflow::why::{Seen, why};

impl Omk {
    /// Why a goal, or one slice of it, does not move. Takes a second at most, whatever the run does.
    pub fn why(&self, id: &GoalId, slice: Option<&SliceId>) -> Result<WhyView, AppError> {
        let process = self.liveness_asked(id)?;
        let sightings = match &process {
            Liveness::Held { health: Health::Well, .. } => self.sightings(id),
            Liveness::Held { health: Health::Stopped | Health::Silent, .. } | Liveness::NoProcess => Vec::new(),
        };
        let events = self.events(id)?;
        let state = GoalState::replay(&events);
        if let Some(slice) = slice
            && state.slices.slice(slice).is_none()
        {
            return Err(unknown_slice(id, slice));
        }
        why(&state, &events, &Seen { process, sightings }, slice)
            .ok_or_else(|| usage(format!("goal {id} has no record"), &[]))
    }
}
