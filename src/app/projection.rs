//! The derived files of a goal: written from the folded state while it runs, and rebuilt from the journal when they
//! are lost or stale.
//!
//! Never read as truth. `goal.json` bears the journal's size, by which a reader sees whether it is current.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::domain::event::Event;
use crate::domain::fact::{Fact, GoalFact, PlanFact};
use crate::domain::goal::GoalStatus;
use crate::domain::task::AcceptedPlan;
use crate::domain::view::{GoalSummary, GoalView, SliceView};
use crate::store::atomic::{Durability, write_derived};
use crate::store::error::StoreError;
use crate::store::layout::GoalDir;
use crate::workflow::plan_documents;
use crate::workflow::proof::{prove, render};
use crate::workflow::state::GoalState;
use crate::workflow::view::{goal_view, summary};

/// `goal.json`: what `goal list` needs, and the size of the journal that it was folded from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GoalFile {
    /// `omk.goal-summary/v1`.
    pub(super) schema: String,
    /// The bytes of the journal's complete records.
    pub(super) journal_bytes: u64,
    /// The line of `goal list`.
    pub(super) summary: GoalSummary,
}

/// `task-graph.json`.
#[derive(Serialize)]
struct GraphFile<'a> {
    schema: &'static str,
    tasks: &'a [SliceView],
}

/// `failure.json`.
#[derive(Serialize)]
struct FailureFile<'a> {
    schema: &'static str,
    id: &'a str,
    status: GoalStatus,
    reason: &'a str,
    next: &'a [String],
}

/// Follows a run and keeps the derived files of its goal current.
pub(super) struct Projector {
    dir: GoalDir,
    state: GoalState,
    written: Option<Instant>,
    /// Whether something came since the files were written.
    behind: bool,
}

/// How seldom the files are written while much happens.
const PERIOD: Duration = Duration::from_secs(1);

impl Projector {
    /// A projector over the state so far.
    pub(super) fn new(dir: GoalDir, state: GoalState) -> Self {
        Self { dir, state, written: None, behind: false }
    }

    /// Takes in the next record. The files are written now and then, and whenever the goal comes to rest.
    pub(super) fn follow(&mut self, event: &Event) {
        self.state.apply(event);
        self.behind = true;
        let planned = matches!(event.fact, Fact::Plan(PlanFact::PlanAccepted(_)));
        let settled = matches!(event.fact, Fact::Goal(GoalFact::GoalSettled { .. }));
        let due = self.written.is_none_or(|at| at.elapsed() >= PERIOD);
        if planned && let Err(error) = self.write_documents() {
            tracing::warn!(%error, "the planning artifacts were not written");
        }
        if (due || settled)
            && let Err(error) = self.write()
        {
            tracing::warn!(%error, "the derived files were not written; the journal has everything");
        }
    }

    /// Writes the files if something came since they were written: at the end of a run.
    pub(super) fn catch_up(&mut self) {
        if self.behind
            && let Err(error) = self.write()
        {
            tracing::warn!(%error, "the derived files were not written; the journal has everything");
        }
    }

    /// Writes the planning artifacts, where there is a plan.
    pub(super) fn write_documents(&self) -> Result<(), StoreError> {
        let (Some(charter), Some(plan)) = (&self.state.goal.charter, &self.state.goal.plan) else { return Ok(()) };
        let documents = [
            ("prd.md", plan_documents::prd(charter, plan)),
            ("technical-plan.md", plan_documents::technical_plan(charter, plan)),
            ("test-spec.md", plan_documents::test_spec(charter, plan)),
            ("decisions.jsonl", decisions(plan)),
        ];
        documents.iter().try_for_each(|(name, text)| self.put(name, text.as_bytes()))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        write_derived(self.dir.path(), name, bytes, Durability::Cached)
    }

    /// Writes every derived file and planning artifact from the state.
    pub(super) fn rebuild(&mut self) -> Result<(), StoreError> {
        self.write_documents()?;
        self.write()
    }

    /// Writes every derived file from the state.
    pub(super) fn write(&mut self) -> Result<(), StoreError> {
        self.written = Some(Instant::now());
        self.behind = false;
        let Some(view) = goal_view(&self.state) else { return Ok(()) };
        let journal_bytes = std::fs::metadata(self.dir.events()).map_or(0, |file| file.len());
        let file = goal_file(&view, journal_bytes);
        self.put("goal.json", &json(&file))?;
        let graph = GraphFile { schema: "omk.task-graph/v1", tasks: &view.slices };
        self.put("task-graph.json", &json(&graph))?;
        self.put("cost.jsonl", &lines(self.state.spending.costs()))?;
        self.put("budget-checkpoints.jsonl", &lines(&self.state.spending.checkpoints))?;
        if let Some(proof) = prove(&self.state) {
            self.put("proof.json", &render(&proof))?;
        }
        self.write_failure(&view)
    }

    fn write_failure(&self, view: &GoalView) -> Result<(), StoreError> {
        let failed = view.status.is_terminal() && view.status != GoalStatus::Ready;
        if !failed {
            // A goal that goes on has no failure; a file that is not there is fine.
            drop(std::fs::remove_file(self.dir.failure()));
            return Ok(());
        }
        let (reason, next) = (&view.reason, &view.next);
        let file = FailureFile { schema: "omk.failure/v1", id: view.id.as_str(), status: view.status, reason, next };
        self.put("failure.json", &json(&file))
    }
}

/// What the planner decided, a JSON object a line: the plan's source, and each order that it added.
fn decisions(plan: &AcceptedPlan) -> String {
    let accepted = serde_json::json!({
        "decision": "plan_accepted", "source": plan.source, "slices": plan.slices.len(), "gates": plan.gates.len(),
    });
    let orders = plan.serialised.iter().map(|order| {
        serde_json::json!({
            "decision": "serialised", "first": order.first, "then": order.then, "path": order.path,
            "reason": "one reads what the other writes, and the plan has no order between them",
        })
    });
    std::iter::once(accepted).chain(orders).map(|decision| format!("{decision}\n")).collect()
}

/// A JSON object a line.
#[expect(clippy::expect_used, reason = "these types hold nothing that JSON cannot")]
fn lines<'a, T: Serialize + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<u8> {
    let line = |value: &T| serde_json::to_string(value).expect("a view is JSON") + "\n";
    values.into_iter().map(line).collect::<String>().into_bytes()
}

/// The content of `goal.json`.
pub(super) fn goal_file(view: &GoalView, journal_bytes: u64) -> GoalFile {
    GoalFile { schema: "omk.goal-summary/v1".to_owned(), journal_bytes, summary: summary(view, false) }
}

/// Pretty JSON with a final newline.
#[expect(clippy::expect_used, reason = "these types hold nothing that JSON cannot")]
fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("a view is JSON");
    bytes.push(b'\n');
    bytes
}
