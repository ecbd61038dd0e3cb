//! Turns facts into sentences: what happened, and why.
//!
//! Pure: one record in, one line out, the same on every call. Every text that we did not write is made harmless here.

mod goal;
mod merge;
mod slice;

use crate::cli::context::Typist;
use crate::cli::event::slices;
use crate::cli::output::{safe, style};
use crate::domain::event::Event;
use crate::domain::fact::{
    AttemptFact, BudgetFact, Fact, GateFact, GoalFact, MergeFact, PlanFact, ReviewFact, SliceFact, SupervisionFact,
};
use crate::domain::ids::SliceId;

/// What a line says happened, in the two ways in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// As a terminal shows it, in the past tense.
    pub shown: &'static str,
    /// As a line of a log names it.
    pub plain: &'static str,
    /// How it is coloured.
    pub style: anstyle::Style,
}

const fn act(shown: &'static str, plain: &'static str, style: anstyle::Style) -> Act {
    Act { shown, plain, style }
}

/// Something began.
const STARTED: Act = act("Started", "start", style::LIVE);
/// Something was noted.
const NOTED: Act = act("Noted", "note", style::DIM);
/// A check failed.
const FAILED: Act = act("Failed", "fail", style::BAD);
/// A person should look.
const WARNED: Act = act("Warned", "warn", style::WARN);

/// How many lines of an output are quoted from its beginning, and from its end.
const FIRST: usize = 4;
const LAST: usize = 8;
/// How much of a quoted line is shown, in characters.
const LONGEST: usize = 160;

/// Whether a line is shown while a goal runs, or only where somebody asks for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A transition.
    Main,
    /// A step on the way to one.
    Detail,
}

/// A sentence of the narrative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What happened.
    pub act: Act,
    /// The slice that it happened to.
    pub slice: Option<SliceId>,
    /// What and why.
    pub text: String,
    /// What a check printed or an agent was refused, where that is worth reading: for logs, not for the progress of a
    /// run.
    pub output: Vec<String>,
    /// Further lines: where to look.
    pub more: Vec<String>,
    /// What to type.
    pub hint: Option<Hint>,
    /// When it is shown.
    pub weight: Weight,
}

/// A command that helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What it is for.
    pub purpose: &'static str,
    /// The command; `{id}` stands for the goal.
    pub command: String,
}

impl Line {
    fn main(act: Act, text: impl AsRef<str>) -> Self {
        let text = safe::line(text.as_ref());
        Self { act, slice: None, text, output: Vec::new(), more: Vec::new(), hint: None, weight: Weight::Main }
    }

    fn detail(act: Act, text: impl AsRef<str>) -> Self {
        Self { weight: Weight::Detail, ..Self::main(act, text) }
    }

    fn of(mut self, slice: &SliceId) -> Self {
        self.slice = Some(slice.clone());
        self
    }

    /// The first and last lines of an output, each marked as one and bounded.
    fn quoting(self, output: &str) -> Self {
        let lines: Vec<_> = output.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let quoted = |lines: &[&str]| lines.iter().map(|line| format!("| {}", safe::cut(line, LONGEST))).collect();
        let left_out = lines.len().saturating_sub(FIRST + LAST);
        let output: Vec<String> = match left_out {
            0 | 1 => quoted(&lines),
            _ => {
                let (first, last): (Vec<_>, Vec<_>) = (quoted(&lines[..FIRST]), quoted(&lines[lines.len() - LAST..]));
                first.into_iter().chain([format!("| … {left_out} lines")]).chain(last).collect()
            }
        };
        Self { output, ..self }
    }

    /// Each line bounded and marked as a part of a list.
    fn listing(self, lines: &[String]) -> Self {
        Self { output: lines.iter().map(|line| format!("| {}", safe::cut(line, LONGEST))).collect(), ..self }
    }

    fn see(mut self, more: impl AsRef<str>) -> Self {
        self.more.push(safe::line(more.as_ref()));
        self
    }

    fn hint(self, purpose: &'static str, command: String) -> Self {
        Self { hint: Some(Hint { purpose, command: safe::line(&command) }), ..self }
    }

    /// What stands below the line: where to look, and the command that helps as this user types it.
    pub fn below(&self, typist: &Typist) -> Vec<String> {
        let hint = self.hint.iter().map(|hint| format!("{}: {}", hint.purpose, typist.command(&hint.command)));
        self.more.iter().cloned().chain(hint).collect()
    }
}

/// The sentence of a record; `None` where there is nothing to say.
pub fn narrate(event: &Event) -> Option<Line> {
    let owner = match slices(event).as_slice() {
        [slice] => Some((*slice).clone()),
        _ => None,
    };
    sentence(&event.fact).map(|line| Line { slice: line.slice.clone().or(owner), ..line })
}

fn sentence(fact: &Fact) -> Option<Line> {
    match fact {
        Fact::Goal(fact) => Some(of_goal(fact)),
        Fact::Plan(PlanFact::PlanAccepted(plan)) => Some(goal::planned(plan)),
        Fact::Slice(fact) => Some(of_slice(fact)),
        Fact::Attempt(fact) => of_attempt(fact),
        Fact::Gate(fact) => Some(of_gate(fact)),
        Fact::Merge(fact) => Some(of_merge(fact)),
        Fact::Review(ReviewFact::ReviewFinished { subject, review }) => Some(merge::review(subject, review)),
        Fact::Budget(fact) => of_budget(fact),
        Fact::Supervision(fact) => Some(of_supervision(fact)),
    }
}

fn of_goal(fact: &GoalFact) -> Line {
    match fact {
        GoalFact::GoalCreated(charter) => goal::created(charter),
        GoalFact::RunStarted { holder, drive } => goal::run_started(holder, *drive),
        GoalFact::PhaseEntered { phase } => goal::phase(*phase),
        GoalFact::StopRequested { stop, by } => goal::stopping(*stop, by),
        GoalFact::Delivered { branches } => goal::delivered(branches),
        GoalFact::GoalSettled { status, reason, .. } => goal::settled(*status, reason),
    }
}

fn of_slice(fact: &SliceFact) -> Line {
    match fact {
        SliceFact::SliceSteered { slice, text } => slice::steered(slice, text),
        SliceFact::SliceAccepted { slice, attempt } => slice::accepted(slice, *attempt),
        SliceFact::SliceReturned { slice, attempt, feedback } => slice::returned(slice, *attempt, feedback),
        SliceFact::SliceGivenUp { slice, reason } => slice::given_up(slice, reason),
        SliceFact::SliceUnchanged { slice, why, .. } => slice::unchanged(slice, why),
        SliceFact::SliceReopened { slice, fresh, hint } => slice::reopened(slice, *fresh, hint.as_deref()),
        SliceFact::QuestionAsked { id, slice, text, .. } => slice::asked(id, slice, text),
        SliceFact::QuestionAnswered { id, answer } => slice::answered(id, answer),
    }
}

fn of_attempt(fact: &AttemptFact) -> Option<Line> {
    let line = match fact {
        AttemptFact::AttemptQuiet(sighting) => slice::quiet(sighting),
        AttemptFact::AttemptOffered { attempt, start, agent, .. } => slice::offered(attempt, start, agent),
        AttemptFact::AttemptClaimed { attempt, .. } => slice::claimed(attempt),
        AttemptFact::AttemptFinished { attempt, outcome } => slice::finished(attempt, outcome),
        AttemptFact::LateResultDropped { attempt, detail } => slice::dropped(attempt, detail),
        AttemptFact::WorktreePrepared { path } => slice::worktree(path),
        AttemptFact::SessionOpened { .. } => return None,
        AttemptFact::AgentReported { report } => slice::reported(report),
        AttemptFact::SliceCaptured { capture } => slice::captured(capture),
        AttemptFact::CheckoutChanged { paths } => slice::checkout_changed(paths),
    };
    Some(line)
}

fn of_gate(fact: &GateFact) -> Line {
    match fact {
        GateFact::GateFinished { scope, result } => merge::gate(scope, result),
        GateFact::FlakeSeen { scope, gate, .. } => merge::flake(scope, gate),
        GateFact::RedBefore { batch, gate, onto } => merge::red_before(*batch, gate, onto),
    }
}

fn of_merge(fact: &MergeFact) -> Line {
    match fact {
        MergeFact::BatchFormed { batch, onto, slices } => merge::batched(*batch, onto, slices),
        MergeFact::MergeConflicted { slice, with, paths, .. } => merge::conflict(slice, with, paths),
        MergeFact::IntegrationLost { slices, begin_again, tip, .. } => merge::lost(slices, begin_again, tip),
        MergeFact::SliceBlamed { slice, batch, gate, .. } => merge::blamed(slice, *batch, gate),
        MergeFact::SliceIntegrated { slice, attempt, merge, .. } => merge::integrated(slice, *attempt, merge),
    }
}

fn of_budget(fact: &BudgetFact) -> Option<Line> {
    let line = match fact {
        BudgetFact::LimitsSet { limits, account } => goal::limits(limits, account),
        BudgetFact::UsageRecorded { .. } => return None,
        BudgetFact::BudgetNoticed { budget, spent, limit, account } => {
            goal::budget_noticed(*budget, (*spent, *limit), account)
        }
        BudgetFact::BudgetExhausted { budget, spent, limit, account } => {
            goal::budget_exhausted(*budget, (*spent, *limit), account)
        }
        BudgetFact::BudgetReserved(_) | BudgetFact::BudgetSettled { .. } | BudgetFact::BudgetCheckpointed(_) => {
            return None;
        }
        BudgetFact::ClockMoved(moved) => goal::clock_moved(moved),
    };
    Some(line)
}

fn of_supervision(fact: &SupervisionFact) -> Line {
    match fact {
        SupervisionFact::ActorRestarted { child, cause } => goal::restarted(*child, cause),
        SupervisionFact::RestartsExceeded { child, cause } => goal::gave_up_on(*child, cause),
        SupervisionFact::LeftoversCleared(leftovers) => goal::leftovers(leftovers),
        SupervisionFact::BreakerOpened(breaker) => goal::breaker_opened(breaker),
        SupervisionFact::BreakerClosed { provider } => goal::breaker_closed(provider),
        SupervisionFact::ProfileQuarantined(quarantine) => goal::profile_quarantined(quarantine),
        SupervisionFact::WorkerQuarantined(quarantine) => slice::quarantined(quarantine),
        SupervisionFact::TailCut { bytes } => goal::tail_cut(*bytes),
    }
}
