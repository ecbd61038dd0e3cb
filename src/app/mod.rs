//! The façade that the command line calls: start, control, view.
//!
//! Owns the composition of the program. The only room that knows every other one.

pub mod clock;
pub mod demo;
pub mod error;
pub mod hidden;
pub mod request;

use std::path::PathBuf;

use crate::app::error::AppError;
use crate::app::request::{DiffRequest, GoalRequest, NewGoal, Place, RetryRequest};
use crate::domain::change::Change;
use crate::domain::control::Stop;
use crate::domain::event::Event;
use crate::domain::evidence::ProofStatement;
use crate::domain::goal::Drive;
use crate::domain::ids::{GoalId, Seq};
use crate::domain::view::{GarbageReport, GoalSummary, GoalView, Liveness, ProofCheck, Settled};

/// Gets every durable record of a run, in order, as it becomes durable.
pub type EventSink = Box<dyn FnMut(&Event) + Send>;

/// The program, opened on one state directory.
pub struct Omk {
    place: Place,
}

impl Omk {
    /// Opens the program. Reads the user's configuration; writes nothing.
    pub fn open(place: Place) -> Result<Self, AppError> {
        Ok(Self { place })
    }

    /// The state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.place.cwd.clone()
    }

    /// The directory of a goal.
    pub fn goal_dir(&self, _id: &GoalId) -> PathBuf {
        unimplemented!()
    }

    /// Checks the request whole and creates the goal with its plan; on any error nothing was written.
    pub fn create(&self, _request: GoalRequest) -> Result<NewGoal, AppError> {
        unimplemented!()
    }

    /// Drives a goal in this process, blocking, until it settles. SIGINT, SIGTERM and SIGHUP pause it.
    pub fn drive(&self, _id: &GoalId, _drive: Drive, _sink: EventSink) -> Result<Settled, AppError> {
        unimplemented!()
    }

    /// Starts `omk goal resume ID` in the background, detached from the terminal, and returns its process id once it
    /// holds the goal.
    pub fn detach(&self, _id: &GoalId, _drive: Drive) -> Result<u32, AppError> {
        unimplemented!()
    }

    /// Pauses or cancels a goal: through the process that runs it, or on its journal where none does.
    pub fn stop(&self, _id: &GoalId, _stop: Stop) -> Result<Settled, AppError> {
        unimplemented!()
    }

    /// Gives a slice attempts again (then `drive` goes on).
    pub fn retry(&self, _id: &GoalId, _request: RetryRequest) -> Result<(), AppError> {
        unimplemented!()
    }

    /// Answers a question; `id` is the goal of the question.
    pub fn answer(&self, _id: &GoalId, _question: &str, _answer: &str) -> Result<(), AppError> {
        unimplemented!()
    }

    /// The goal that a text names: an id, a unique prefix of one, its code, or `latest`.
    pub fn find(&self, _text: &str) -> Result<GoalId, AppError> {
        unimplemented!()
    }

    /// Every goal of the state directory that says `running` and has no process, oldest first.
    pub fn orphans(&self) -> Result<Vec<GoalId>, AppError> {
        unimplemented!()
    }

    /// The full state, folded from the journal, up to record `at` where given.
    pub fn view(&self, _id: &GoalId, _at: Option<Seq>) -> Result<GoalView, AppError> {
        unimplemented!()
    }

    /// What is seen of the process that runs a goal.
    pub fn liveness(&self, _id: &GoalId) -> Result<Liveness, AppError> {
        unimplemented!()
    }

    /// All goals, newest first.
    pub fn list(&self) -> Result<Vec<GoalSummary>, AppError> {
        unimplemented!()
    }

    /// The records of a goal, from the first.
    pub fn events(&self, _id: &GoalId) -> Result<Vec<Event>, AppError> {
        unimplemented!()
    }

    /// The records that follow those already seen; `None` once the goal has settled and no process runs it.
    pub fn follow(&self, _id: &GoalId, _after: Seq) -> Result<Option<Vec<Event>>, AppError> {
        unimplemented!()
    }

    /// The exact lines of the journal, as they are on disk.
    pub fn raw_journal(&self, _id: &GoalId) -> Result<String, AppError> {
        unimplemented!()
    }

    /// The plan in the format that `--plan` reads.
    pub fn plan_text(&self, _id: &GoalId) -> Result<String, AppError> {
        unimplemented!()
    }

    /// The proof, folded from the journal.
    pub fn proof(&self, _id: &GoalId) -> Result<ProofStatement, AppError> {
        unimplemented!()
    }

    /// Re-checks a proof offline: journal chain, trees, gate rows, reachability; with `rerun` the gates once more.
    pub fn check_proof(&self, _id: &GoalId, _rerun: bool) -> Result<ProofCheck, AppError> {
        unimplemented!()
    }

    /// What the goal or one slice changed against its base.
    pub fn diff(&self, _request: DiffRequest) -> Result<Change, AppError> {
        unimplemented!()
    }

    /// The same as a unified patch.
    pub fn patch(&self, _request: DiffRequest) -> Result<String, AppError> {
        unimplemented!()
    }

    /// Removes what no goal needs: of goals at rest for at least `older_than_ms`.
    pub fn collect_garbage(&self, _older_than_ms: u64, _dry_run: bool) -> Result<GarbageReport, AppError> {
        unimplemented!()
    }
}
