//! What a run looks like at this moment, as far as a screen needs it.
//!
//! Ephemeral: begun from the goal's view, carried on by its records, never written down.

use std::collections::BTreeMap;

use crate::domain::agent::AgentReport;
use crate::domain::budget::{Account, ClockMove};
use crate::domain::event::Event;
use crate::domain::evidence::GateScope;
use crate::domain::fact::{
    AttemptFact, BudgetFact, Fact, GateFact, GoalFact, MergeFact, PlanFact, ReviewFact, SliceFact,
};
use crate::domain::goal::Phase;
use crate::domain::ids::{Attempt, AttemptRef, SliceId, Timestamp};
use crate::domain::review::Subject;
use crate::domain::task::{AttemptOutcome, SliceSpec};
use crate::domain::view::{BudgetView, GoalView, QuestionView, SliceState, SliceView};

/// What a slice is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Nothing yet: behind other slices, or for a free agent.
    Waits,
    /// An attempt is in this step.
    Works(String),
    /// The last attempt went back, for this reason.
    Returned(String),
    /// Reviewers look at it.
    InReview,
    /// It is in the merge queue.
    Queued,
    /// It asks this.
    Asks(String),
    /// It is merged.
    Merged,
    /// It is done without a change.
    Unchanged,
    /// It gets no further attempt.
    GivenUp(String),
}

impl Activity {
    /// Whether what waits for the slice can begin.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Merged | Self::Unchanged)
    }
}

/// A slice on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The slice.
    pub id: SliceId,
    /// The slices that it waits for by plan.
    pub after: Vec<SliceId>,
    /// The newest attempt, 0 before the first.
    pub attempt: Attempt,
    /// What it does.
    pub activity: Activity,
    /// Since when.
    pub since: Timestamp,
    /// When its first attempt began.
    pub started: Option<Timestamp>,
    /// Lines added and removed by its newest capture.
    pub lines: Option<(u64, u64)>,
}

/// A run at this moment.
#[derive(Clone, Debug)]
pub struct Board {
    /// The slices, in plan order.
    pub rows: Vec<Row>,
    /// What the run is doing.
    pub phase: Phase,
    /// When the run began.
    pub since: Timestamp,
    /// The last record's time.
    pub updated: Timestamp,
    /// Slices that may be worked on at once.
    pub max_agents: u32,
    /// What may be spent and was.
    pub budget: BudgetView,
    /// Questions that wait for an answer.
    pub questions: Vec<QuestionView>,
    /// Who works on each slice.
    agents: BTreeMap<SliceId, String>,
}

impl Board {
    /// The board of a goal that stands as `view` says.
    pub fn of(view: &GoalView) -> Self {
        Self {
            rows: view.slices.iter().map(|slice| Row::of(slice, view.updated)).collect(),
            phase: view.phase,
            since: view.updated,
            updated: view.updated,
            max_agents: view.charter.max_agents,
            budget: view.budget.clone(),
            agents: BTreeMap::new(),
            questions: view.questions.clone(),
        }
    }

    /// Slices that are merged.
    pub fn merged(&self) -> usize {
        self.rows.iter().filter(|row| row.activity.is_done()).count()
    }

    /// Slices that an agent works on.
    pub fn working(&self) -> usize {
        self.rows.iter().filter(|row| matches!(row.activity, Activity::Works(_))).count()
    }

    /// A slice's row.
    pub fn row(&self, id: &SliceId) -> Option<&Row> {
        self.rows.iter().find(|row| row.id == *id)
    }

    /// The slices that one waits for and that are not merged yet.
    pub fn open_dependencies<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = &'a SliceId> {
        row.after.iter().filter(|id| self.row(id).is_some_and(|row| !row.activity.is_done()))
    }

    /// Carries the board on by one record.
    pub fn apply(&mut self, event: &Event) {
        self.updated = event.ts;
        self.apply_to_goal(event);
        let Some((slice, activity)) = turn(event) else { return };
        if let Some(row) = self.rows.iter_mut().find(|row| row.id == *slice) {
            row.apply(event, activity);
        }
    }

    fn apply_to_goal(&mut self, event: &Event) {
        if let Fact::Goal(GoalFact::RunStarted { .. }) = &event.fact {
            self.since = event.ts;
        } else if let Fact::Goal(GoalFact::PhaseEntered { phase }) = &event.fact {
            self.phase = *phase;
        } else if let Fact::Plan(PlanFact::PlanAccepted(plan)) = &event.fact {
            self.rows = plan.slices.iter().map(|spec| Row::planned(spec, event.ts)).collect();
        } else if let Fact::Budget(BudgetFact::LimitsSet { limits, account: Account::Goal }) = &event.fact {
            self.budget.limits = *limits;
        } else if let Fact::Attempt(AttemptFact::AttemptOffered { attempt, agent, .. }) = &event.fact {
            self.agents.insert(attempt.slice.clone(), agent.clone());
        } else if let Fact::Budget(BudgetFact::UsageRecorded { usage, .. }) = &event.fact {
            self.budget.usage = self.budget.usage.plus(usage);
            self.budget.usd_complete &= !usage.is_unpriced();
        } else if let Fact::Attempt(AttemptFact::AgentReported { report }) = &event.fact {
            self.hear_of_use(event.attempt.as_ref(), report);
        } else if let Fact::Slice(SliceFact::QuestionAsked { id, slice, text, .. }) = &event.fact {
            let (id, slice, text) = (id.clone(), slice.clone(), text.clone());
            self.questions.push(QuestionView { id, slice, text, since: event.ts });
        } else if let Fact::Slice(SliceFact::QuestionAnswered { id, .. }) = &event.fact {
            self.questions.retain(|question| question.id != *id);
        } else if let Fact::Budget(BudgetFact::ClockMoved(moved)) = &event.fact {
            self.clock_moved(moved, event.ts);
        }
    }
}

impl Board {
    /// Counts what began by the old clock as begun by the new one.
    fn clock_moved(&mut self, moved: &ClockMove, now: Timestamp) {
        self.since = moved.restated(self.since, now);
        for row in &mut self.rows {
            row.since = moved.restated(row.since, now);
            row.started = row.started.map(|started| moved.restated(started, now));
        }
        for question in &mut self.questions {
            question.since = moved.restated(question.since, now);
        }
    }

    fn hear_of_use(&mut self, attempt: Option<&AttemptRef>, report: &AgentReport) {
        let agent = attempt.and_then(|attempt| self.agents.get(&attempt.slice));
        if agent.is_some_and(|agent| report.withholds_use(agent)) {
            self.budget.unreported += 1;
            self.budget.usd_complete = false;
        }
    }
}

impl Row {
    fn planned(spec: &SliceSpec, ts: Timestamp) -> Self {
        Self {
            id: spec.id.clone(),
            after: spec.after.clone(),
            attempt: Attempt(0),
            activity: Activity::Waits,
            since: ts,
            started: None,
            lines: None,
        }
    }

    fn of(slice: &SliceView, now: Timestamp) -> Self {
        let reason = || slice.reason.clone().unwrap_or_default();
        let activity = match slice.state {
            SliceState::Waiting => Activity::Waits,
            SliceState::Running => Activity::Works(slice.step.clone().unwrap_or_default()),
            SliceState::Reviewing => Activity::InReview,
            SliceState::Accepted => Activity::Queued,
            SliceState::Integrated => Activity::Merged,
            SliceState::Unchanged => Activity::Unchanged,
            SliceState::Asking => Activity::Asks(reason()),
            SliceState::GivenUp => Activity::GivenUp(reason()),
            // Nothing takes a cancelled goal up.
            SliceState::Cancelled => Activity::Waits,
        };
        Self {
            attempt: slice.attempt,
            activity,
            started: slice.started,
            lines: slice.captured.as_ref().map(|capture| (capture.added, capture.removed)),
            ..Self::planned(&slice.spec, slice.ended.unwrap_or(now))
        }
    }

    fn apply(&mut self, event: &Event, activity: Activity) {
        if let Fact::Attempt(AttemptFact::AttemptClaimed { attempt, .. }) = &event.fact {
            self.attempt = attempt.attempt;
            self.started.get_or_insert(event.ts);
        }
        if let Fact::Attempt(AttemptFact::SliceCaptured { capture }) = &event.fact {
            self.lines = Some((capture.added, capture.removed));
        }
        let goes_on = matches!((&self.activity, &activity), (Activity::Works(_), Activity::Works(_)));
        if !goes_on {
            self.since = event.ts;
        }
        self.activity = activity;
    }
}

/// What a record turns a slice to.
fn turn(event: &Event) -> Option<(&SliceId, Activity)> {
    match &event.fact {
        Fact::Slice(fact) => turn_of_slice(fact),
        Fact::Attempt(fact) => turn_of_attempt(fact, event.attempt.as_ref()),
        Fact::Gate(GateFact::GateFinished { scope: GateScope::Attempt { slice, .. }, result }) => {
            Some((slice, Activity::Works(format!("gate {} {}", result.gate, result.outcome.as_str()))))
        }
        Fact::Merge(MergeFact::SliceIntegrated { slice, .. }) => Some((slice, Activity::Merged)),
        Fact::Review(ReviewFact::ReviewFinished { subject: Subject::Slice { slice, .. }, .. }) => {
            Some((slice, Activity::InReview))
        }
        Fact::Goal(_)
        | Fact::Plan(_)
        | Fact::Gate(GateFact::GateFinished { .. } | GateFact::FlakeSeen { .. } | GateFact::RedBefore { .. })
        | Fact::Merge(
            MergeFact::BatchFormed { .. }
            | MergeFact::MergeConflicted { .. }
            | MergeFact::IntegrationLost { .. }
            | MergeFact::SliceBlamed { .. },
        )
        | Fact::Review(ReviewFact::ReviewFinished { subject: Subject::Goal { .. }, .. })
        | Fact::Budget(_)
        | Fact::Supervision(_) => None,
    }
}

fn turn_of_slice(fact: &SliceFact) -> Option<(&SliceId, Activity)> {
    match fact {
        SliceFact::SliceAccepted { slice, .. } => Some((slice, Activity::Queued)),
        SliceFact::SliceReturned { slice, feedback, .. } => Some((slice, Activity::Returned(feedback.summary.clone()))),
        SliceFact::SliceGivenUp { slice, reason } => Some((slice, Activity::GivenUp(reason.clone()))),
        SliceFact::SliceUnchanged { slice, .. } => Some((slice, Activity::Unchanged)),
        SliceFact::SliceReopened { slice, .. } => Some((slice, Activity::Waits)),
        SliceFact::QuestionAsked { slice, text, .. } => Some((slice, Activity::Asks(text.clone()))),
        SliceFact::QuestionAnswered { .. } | SliceFact::SliceSteered { .. } => None,
    }
}

fn turn_of_attempt<'a>(fact: &'a AttemptFact, of: Option<&'a AttemptRef>) -> Option<(&'a SliceId, Activity)> {
    let step = |step: &str| of.map(|attempt| (&attempt.slice, Activity::Works(step.to_owned())));
    match fact {
        AttemptFact::AttemptClaimed { attempt, .. } => Some((&attempt.slice, Activity::Works("starting".to_owned()))),
        AttemptFact::AttemptFinished { attempt, outcome } => ended(outcome).map(|activity| (&attempt.slice, activity)),
        AttemptFact::WorktreePrepared { .. } => step("agent"),
        AttemptFact::AgentReported { .. } => step("capturing"),
        AttemptFact::SliceCaptured { .. } => step("gates"),
        AttemptFact::AttemptOffered { .. }
        | AttemptFact::LateResultDropped { .. }
        | AttemptFact::AttemptQuiet(_)
        | AttemptFact::CheckoutChanged { .. }
        | AttemptFact::SessionOpened { .. } => None,
    }
}

fn ended(outcome: &AttemptOutcome) -> Option<Activity> {
    match outcome {
        AttemptOutcome::Passed => Some(Activity::InReview),
        AttemptOutcome::Rejected { feedback } => Some(Activity::Returned(feedback.summary.clone())),
        AttemptOutcome::Unchanged | AttemptOutcome::Asked { .. } => None,
        AttemptOutcome::Unavailable { detail }
        | AttemptOutcome::Limited { detail, .. }
        | AttemptOutcome::Expired { detail }
        | AttemptOutcome::Errored { detail } => Some(Activity::Returned(detail.clone())),
        AttemptOutcome::Interrupted { by } => Some(Activity::Returned(format!("stopped by {by}"))),
    }
}
