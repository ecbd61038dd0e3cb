//! What commands show of goals, without taking them up.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::adapters::git::leftovers::branch_now;
use crate::adapters::git::look::Look;
use crate::app::Omk;
use crate::app::clock;
use crate::app::create::{infra, usage};
use crate::app::error::AppError;
use crate::app::list::is_free;
use crate::app::projection::Projector;
use crate::app::request::DiffRequest;
use crate::domain::change::Change;
use crate::domain::event::Event;
use crate::domain::evidence::ProofStatement;
use crate::domain::goal::GoalStatus;
use crate::domain::ids::{CommitId, GoalId, Seq, SliceId};
use crate::domain::view::{GoalView, Health, Liveness};
use crate::store::error::StoreError;
use crate::store::opening::read_regular;
use crate::store::reader::read_events;
use crate::workflow::plan_file::render;
use crate::workflow::proof::prove;
use crate::workflow::state::GoalState;
use crate::workflow::view::{goal_view, orphaned};

impl Omk {
    /// The state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.state.path().to_owned()
    }

    /// The directory of a goal.
    pub fn goal_dir(&self, id: &GoalId) -> PathBuf {
        self.state.goal(id).path().to_owned()
    }

    /// The folded state, up to record `at` where given.
    pub(super) fn state_of(&self, id: &GoalId, at: Option<Seq>) -> Result<GoalState, AppError> {
        let events = self.events(id)?;
        let shown = events.iter().take_while(|event| at.is_none_or(|last| event.seq <= last));
        Ok(GoalState::replay(shown))
    }

    /// The folded state as it is now, and what is seen of the process that runs the goal. The time of a run that is well
    /// goes on after its last record.
    pub(super) fn state_now(&self, id: &GoalId) -> Result<(GoalState, Liveness), AppError> {
        let mut state = self.state_of(id, None)?;
        let process = self.liveness_asked(id)?;
        if let Liveness::Held { holder, health: Health::Well } = &process
            && state.goal.holder.as_ref() == Some(holder)
        {
            state.budget.goes_on(clock::now());
        }
        Ok((state, process))
    }

    /// The full state as it is now, and what is seen of the process that runs the goal; what the journal cannot know of
    /// one that died is said.
    pub fn view_now(&self, id: &GoalId) -> Result<(GoalView, Liveness), AppError> {
        let (state, process) = self.state_now(id)?;
        let view = goal_view(&state).ok_or_else(|| usage(format!("goal {id} has no record"), &[]))?;
        let died = view.status == GoalStatus::Running && process == Liveness::NoProcess;
        Ok((if died { orphaned(view) } else { view }, process))
    }

    /// The full state, folded from the journal, for people: of a goal whose process died, what was seen of that is said,
    /// and `true` comes with it.
    pub fn view_of_people(&self, id: &GoalId) -> Result<(GoalView, bool), AppError> {
        let view = self.view(id, None)?;
        let died = self.is_orphan(id, view.status)?;
        Ok((if died { orphaned(view) } else { view }, died))
    }

    /// Whether a goal of this status has lost its process.
    pub fn is_orphan(&self, id: &GoalId, status: GoalStatus) -> Result<bool, AppError> {
        Ok(status == GoalStatus::Running && self.liveness(id)? == Liveness::NoProcess)
    }

    /// The full state, folded from the journal, up to record `at` where given.
    pub fn view(&self, id: &GoalId, at: Option<Seq>) -> Result<GoalView, AppError> {
        let state = self.state_of(id, at)?;
        goal_view(&state).ok_or_else(|| usage(format!("goal {id} has no record up to there"), &[]))
    }

    /// The records of a goal, from the first.
    pub fn events(&self, id: &GoalId) -> Result<Vec<Event>, AppError> {
        Ok(read_events(&self.state.goal(id).events())?.events)
    }

    /// Refuses a slice that the goal does not have. Before there is a plan, one that is proposed will do.
    pub fn refuse_unknown(&self, id: &GoalId, slice: &SliceId) -> Result<(), AppError> {
        let state = self.state_of(id, None)?;
        let proposed = state.goal.charter.iter().flat_map(|charter| &charter.proposal.slices);
        let known = state.slices.slice(slice).is_some() || proposed.into_iter().any(|spec| spec.id == *slice);
        if known { Ok(()) } else { Err(unknown_slice(id, slice)) }
    }

    /// The records that follow those already seen; `None` once the goal has settled and no process runs it.
    pub fn follow(&self, id: &GoalId, after: Seq) -> Result<Option<Vec<Event>>, AppError> {
        let free = is_free(&self.state.goal(id));
        let new: Vec<_> = self.events(id)?.into_iter().filter(|event| event.seq > after).collect();
        Ok(if free && new.is_empty() { None } else { Some(new) })
    }

    /// The exact lines of the journal, as they are on disk.
    pub fn raw_journal(&self, id: &GoalId) -> Result<String, AppError> {
        let path = self.state.goal(id).events();
        raw(&path).map_err(|error| infra(format!("{} cannot be read: {error}", path.display())))
    }

    /// The plan in the format that `--plan` reads.
    pub fn plan_text(&self, id: &GoalId) -> Result<String, AppError> {
        let state = self.state_of(id, None)?;
        let plan = state.goal.plan.as_deref();
        plan.map(render).ok_or_else(|| usage(format!("goal {id} has no plan yet"), &[&format!("omk goal resume {id}")]))
    }

    /// The proof, folded from the journal.
    pub fn proof(&self, id: &GoalId) -> Result<ProofStatement, AppError> {
        let state = self.state_of(id, None)?;
        prove(&state).ok_or_else(|| usage(format!("goal {id} has nothing to prove yet"), &[]))
    }

    /// The path of a goal's private repository, which holds its commits until they are delivered.
    pub fn private_repository(&self, id: &GoalId) -> String {
        self.state.goal(id).repository().display().to_string()
    }

    /// What the goal or one slice changed against its base.
    pub fn diff(&self, request: DiffRequest) -> Result<Change, AppError> {
        let (look, from, to) = self.sides(&request)?;
        look.change(&from, &to).map_err(|fault| infra(fault.to_string()))
    }

    /// The same as a unified patch.
    pub fn patch(&self, request: DiffRequest) -> Result<String, AppError> {
        let (look, from, to) = self.sides(&request)?;
        look.patch(&from, &to).map_err(|fault| infra(fault.to_string()))
    }

    fn sides(&self, request: &DiffRequest) -> Result<(Look, CommitId, CommitId), AppError> {
        let state = self.state_of(&request.id, None)?;
        let (Some(charter), Some(queue)) = (&state.goal.charter, &state.queue) else {
            return Err(usage(format!("goal {} has no record", request.id), &[]));
        };
        let (from, to) = match &request.slice {
            None => (charter.repository.base.clone(), queue.tip.clone()),
            Some(slice) => {
                let record = state.slices.slice(slice);
                let record = record.ok_or_else(|| unknown_slice(&request.id, slice))?;
                let capture = record.capture.as_ref().map(|(_, capture)| capture);
                let help = format!("see what it does: omk goal logs {} --slice {slice}", request.id);
                let capture =
                    capture.ok_or_else(|| usage(format!("slice `{slice}` has captured nothing yet"), &[&help]))?;
                (capture.start.clone(), capture.commit.clone())
            }
        };
        Ok((self.look(&request.id, &state, &to)?, from, to))
    }

    /// The repository that has a commit of a goal: the private one, or the user's after delivery.
    pub(super) fn look(&self, id: &GoalId, state: &GoalState, commit: &CommitId) -> Result<Look, AppError> {
        let private = self.state.goal(id).repository();
        let user = state.goal.charter.as_ref().map(|charter| charter.repository.git_dir.clone());
        let places = [Some(private), user];
        let has = |look: &Look| look.has(commit);
        let found = places.into_iter().flatten().filter_map(|place| Look::at(&place).ok()).find(has);
        found.ok_or_else(|| infra(format!("commit {commit} is in neither the private nor the user's repository")))
    }

    /// Writes the derived files of a goal at rest anew; of one that a process runs, that process does.
    pub fn rebuild(&self, id: &GoalId) {
        if is_free(&self.state.goal(id)) {
            self.refresh(id);
        }
    }

    /// What has become of the branch that the goal began on, where it moved since; for the note at delivery.
    pub fn base_moved(&self, id: &GoalId) -> Option<String> {
        let state = self.state_of(id, None).ok()?;
        let facts = &state.goal.charter.as_ref()?.repository;
        let branch = facts.branch.as_deref()?;
        let base = facts.base.short();
        match branch_now(facts, branch) {
            Some(now) if now == facts.base => None,
            Some(now) => {
                Some(format!("{branch} has moved on to {} meanwhile; the result begins at {base}", now.short()))
            }
            None => Some(format!("{branch} is gone meanwhile; the result begins at {base}")),
        }
    }

    /// Writes the derived files of a goal that nobody else writes.
    pub(super) fn refresh(&self, id: &GoalId) {
        let written = self.state_of(id, None).map(|state| Projector::new(self.state.goal(id), state).rebuild());
        if let Ok(Err(error)) = written {
            tracing::warn!(goal = %id, %error, "the derived files were not written; the journal has everything");
        }
    }
}

fn raw(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    read_regular(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// The goal has no slice of that name.
pub(super) fn unknown_slice(id: &GoalId, slice: &SliceId) -> AppError {
    usage(format!("goal {id} has no slice `{slice}`"), &[&format!("its slices are in: omk goal status {id}")])
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        let message = error.chain();
        match error {
            StoreError::Corrupt { path, line, .. } => damaged(message, &path, line),
            StoreError::Unwritable { .. } => AppError::Infra { message, help: vec![UNWRITABLE.to_owned()] },
            StoreError::UnknownGoal { .. } | StoreError::AmbiguousGoal { .. } => {
                usage(message, &["omk goal list --all"])
            }
            StoreError::NoGoals { .. } => usage(message, &["begin one: omk goal run \"...\" --until-ready"]),
            StoreError::NoHome | StoreError::NotWritable { .. } | StoreError::Locked { .. } => usage(message, &[]),
            StoreError::NotRunning { .. } | StoreError::NoJournal { .. } => usage(message, &["omk goal list"]),
            StoreError::NoAnswer { .. }
            | StoreError::Protocol { .. }
            | StoreError::Io { .. }
            | StoreError::Taken { .. }
            | StoreError::Newer { .. }
            | StoreError::UnsafePath { .. }
            | StoreError::Forged { .. } => infra(message),
        }
    }
}

const UNWRITABLE: &str = "make it writable (space, mount, owner), then the same command again; status, show, logs, proof and \
                          replay work as it is";

/// A damaged journal, with the commands that keep its whole lines.
fn damaged(message: String, path: &Path, line: u64) -> AppError {
    let id = path.parent().and_then(Path::file_name).unwrap_or_default().display();
    let path = path.display();
    let keep = format!("cp {path} {path}.bad && head -n {} {path}.bad > {path}", line - 1);
    AppError::Infra {
        message,
        help: vec![
            "put back a copy of the file, if there is one".to_owned(),
            format!(
                "else keep the lines before the damage, and do again what follows them: {keep} && omk goal resume {id}"
            ),
        ],
    }
}

impl From<anyhow::Error> for AppError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => error.into(),
            Err(error) => infra(format!("{error:#}")),
        }
    }
}
