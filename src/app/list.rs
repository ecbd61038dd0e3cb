//! The list of goals: from `goal.json` where that is as new as the journal, else from the journal.
//!
//! Reads a journal only where it changed since `goal.json` was written: a thousand goals take some milliseconds. A goal
//! that cannot be read is left out with what is wrong and what helps.

use crate::app::Omk;
use crate::app::create::infra;
use crate::app::error::AppError;
use crate::app::projection::{GoalFile, goal_file};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::GoalId;
use crate::domain::listing::{LeftOut, Listing};
use crate::domain::view::GoalSummary;
use crate::process::holder::{Condition, condition};
use crate::store::atomic::read_confined;
use crate::store::error::StoreError;
use crate::store::layout::GoalDir;
use crate::store::lock::{Occupation, occupation, this_process};
use crate::store::reader::read_events;
use crate::workflow::advice::taken_up_by;
use crate::workflow::state::GoalState;
use crate::workflow::view::goal_view;

/// Below this many goals a second thread costs more than it brings.
const WORTH_A_THREAD: usize = 64;
/// A `goal.json` beyond this is none, in bytes.
const LARGEST_FILE: u64 = 64 << 20;

impl Omk {
    /// All goals, newest first, and those that cannot be read.
    pub(super) fn list_all(&self) -> Result<Listing, AppError> {
        let ids = self.state.goal_ids()?;
        if ids.len() < WORTH_A_THREAD {
            return Ok(self.listing(&ids));
        }
        let (newer, older) = ids.split_at(ids.len() / 2);
        std::thread::scope(|scope| {
            let rest = scope.spawn(|| self.listing(older));
            let mut all = self.listing(newer);
            let rest = rest.join().map_err(|_| infra("a reader of goals panicked"))?;
            all.goals.extend(rest.goals);
            all.left_out.extend(rest.left_out);
            Ok(all)
        })
    }

    fn listing(&self, ids: &[GoalId]) -> Listing {
        let mut listing = Listing::default();
        for id in ids {
            match summary(&self.state.goal(id)) {
                Ok(summary) => listing.goals.extend(summary),
                Err(left_out) => listing.left_out.push(left_out),
            }
        }
        listing
    }
}

/// A line of the list; none of a goal whose creation was cut short.
fn summary(dir: &GoalDir) -> Result<Option<GoalSummary>, LeftOut> {
    let summary = match current_file(dir) {
        Some(file) => Some(file.summary),
        None => folded(dir)?,
    };
    Ok(summary.map(|summary| {
        if summary.status != GoalStatus::Running {
            return summary;
        }
        match occupation(dir) {
            Ok(Occupation::Free) => {
                let needs = if summary.needs.is_empty() { taken_up_by(&summary.id) } else { summary.needs };
                GoalSummary { orphaned: true, needs, ..summary }
            }
            Ok(Occupation::Held(Some(holder))) if condition(&holder, &this_process()) == Condition::Stopped => {
                GoalSummary { needs: format!("kill -CONT {}", holder.pid), ..summary }
            }
            Ok(Occupation::Held(_)) | Err(_) => summary,
        }
    }))
}

fn folded(dir: &GoalDir) -> Result<Option<GoalSummary>, LeftOut> {
    let view = match read_events(&dir.events()) {
        Ok(contents) => goal_view(&GoalState::replay(&contents.events)),
        Err(StoreError::NoJournal { .. }) => None,
        Err(error) => return Err(left_out(dir, error.into())),
    };
    match view {
        Some(view) => Ok(Some(goal_file(&view, 0).summary)),
        // It was recorded once, or nobody could have derived anything from it.
        None if dir.goal_json().exists() => {
            let message = format!("{} is gone or empty", dir.events().display());
            let help = vec!["put back a copy of the file, if there is one".to_owned()];
            Err(left_out(dir, AppError::Infra { message, help }))
        }
        None => Ok(None),
    }
}

fn left_out(dir: &GoalDir, error: AppError) -> LeftOut {
    let problem = error.to_string();
    let help = match error {
        AppError::Usage { help, .. } | AppError::Blocked { help, .. } | AppError::Infra { help, .. } => help,
        AppError::Internal(_) => Vec::new(),
    };
    LeftOut { id: dir.id().clone(), problem, help }
}

/// `goal.json`, where the journal has the size that it was folded from and was not touched since.
fn current_file(dir: &GoalDir) -> Option<GoalFile> {
    let bytes = read_confined(dir.path(), "goal.json", LARGEST_FILE).ok()?;
    let file: GoalFile = serde_json::from_slice(&bytes).ok()?;
    let (journal, derived) = (std::fs::metadata(dir.events()).ok()?, std::fs::metadata(dir.goal_json()).ok()?);
    let untouched = journal.modified().ok()? <= derived.modified().ok()?;
    (untouched && journal.len() == file.journal_bytes).then_some(file)
}

/// Whether no process holds the goal.
pub(super) fn is_free(dir: &GoalDir) -> bool {
    occupation(dir).is_ok_and(|occupation| occupation == Occupation::Free)
}
