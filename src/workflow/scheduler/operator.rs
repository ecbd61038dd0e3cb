//! What the operator says while the run is under way.
//!
//! Each returns the operator's own fact, or the refusal with what helps; what the scheduler makes of it follows with
//! `go_on`. Invariant: words are told to an attempt once, by its task or while it works.

use super::{Intent, Scheduler};
use crate::domain::control::Refusal;
use crate::domain::decided::Decided;
use crate::domain::fact::{Fact, SliceFact};
use crate::domain::ids::{AttemptRef, GoalId, Now, SliceId};
use crate::domain::question::answer_command;
use crate::graph::error::nearest;
use crate::workflow::settling::cut_off_by_the_end;
use crate::workflow::slices::{SliceRecord, SliceTable, Stage};

/// The refusal of a run that has told its end already.
const ENDING: &str = "the run is coming to its end; say it again when it has ended";

/// How a slice gets attempts again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// Whether earlier work is left aside.
    pub fresh: bool,
    /// What the next attempt is told.
    pub hint: Option<String>,
}

/// Words for the agent at work on a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The operator's fact.
    pub fact: Fact,
    /// The attempt whose agent is told while it works; `None` where they come with the task of one that is offered.
    pub at_work: Option<AttemptRef>,
}

impl Scheduler {
    /// A question is answered.
    pub fn answer(&mut self, question: &str, answer: &str, now: Now) -> Result<Fact, Refusal> {
        let asks = |stage: &Stage| matches!(stage, Stage::Asking { question: asked, .. } if asked == question);
        if !self.table.iter().any(|record| asks(&record.stage)) {
            return Err(format!("there is no open question `{question}`").into());
        }
        self.say(Fact::Slice(SliceFact::QuestionAnswered { id: question.to_owned(), answer: answer.to_owned() }), now)
    }

    /// A slice gets attempts again. `hears` is whether the agent of its newest attempt can be told while it works.
    pub fn retry(&mut self, slice: &SliceId, again: Again, hears: bool, now: Now) -> Result<Fact, Refusal> {
        let Some(record) = self.table.slice(slice) else { return Err(no_such_slice(&self.table, slice)) };
        match &record.stage {
            Stage::Integrated { .. } => return Err(integrated(slice)),
            Stage::Unchanged { .. } => return Err(unchanged(&self.charter.id, slice)),
            Stage::Offered | Stage::Running { .. } => return Err(at_work(&self.charter.id, slice, hears)),
            Stage::Reviewing { .. } | Stage::Accepted => {
                return Err(format!("slice `{slice}` is being worked on").into());
            }
            Stage::Waiting | Stage::Asking { .. } | Stage::GivenUp { .. } => {}
        }
        let Again { fresh, hint } = again;
        self.say(Fact::Slice(SliceFact::SliceReopened { slice: slice.clone(), fresh, hint }), now)
    }

    /// The agent at work on a slice is told something. `hears` as above.
    pub fn steer(&mut self, slice: &SliceId, text: &str, hears: bool, now: Now) -> Result<Steering, Refusal> {
        let Some(record) = self.table.slice(slice) else { return Err(no_such_slice(&self.table, slice)) };
        let at_work = match &record.stage {
            Stage::Running { .. } if hears => Some(record.attempt_ref()),
            Stage::Offered if hears => None,
            Stage::Running { .. } | Stage::Offered => return Err(deaf(&self.charter.id, record)),
            Stage::Waiting
            | Stage::Reviewing { .. }
            | Stage::Accepted
            | Stage::Integrated { .. }
            | Stage::Unchanged { .. }
            | Stage::Asking { .. }
            | Stage::GivenUp { .. } => return Err(nobody_at_work(&self.charter.id, record)),
        };
        let fact =
            self.say(Fact::Slice(SliceFact::SliceSteered { slice: slice.clone(), text: text.to_owned() }), now)?;
        Ok(Steering { fact, at_work })
    }

    fn say(&mut self, fact: Fact, now: Now) -> Result<Fact, Refusal> {
        if self.reported || !self.begun {
            return Err(ENDING.to_owned().into());
        }
        self.table.apply(&fact, None, now.wall);
        Ok(fact)
    }

    /// Offers what the operator's word has made possible.
    pub fn go_on(&mut self, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.dispatch(&mut decided, now);
        decided
    }
}

/// What the operator says of a slice that is to get attempts again while no process runs the goal. There an attempt
/// that a dead run left open is closed first; work that was checked, or waits to be merged, is done again.
pub fn retry_at_rest(table: &SliceTable, slice: &SliceId, again: Again) -> Result<Vec<Fact>, Refusal> {
    let Some(record) = table.slice(slice) else { return Err(no_such_slice(table, slice)) };
    match &record.stage {
        Stage::Integrated { .. } => Err(integrated(slice)),
        Stage::Waiting
        | Stage::Unchanged { .. }
        | Stage::Offered
        | Stage::Running { .. }
        | Stage::Reviewing { .. }
        | Stage::Accepted
        | Stage::Asking { .. }
        | Stage::GivenUp { .. } => {
            let Again { fresh, hint } = again;
            let reopened = Fact::Slice(SliceFact::SliceReopened { slice: slice.clone(), fresh, hint });
            Ok(cut_off_by_the_end(record).into_iter().chain([reopened]).collect())
        }
    }
}

/// There is no slice of that name; perhaps one that is like it was meant.
pub fn no_such_slice(table: &SliceTable, slice: &SliceId) -> Refusal {
    let names = || table.iter().map(|record| &record.spec.id);
    let meant = nearest(slice.as_str(), names(), SliceId::as_str);
    let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let known: Vec<_> = names().map(ToString::to_string).collect();
    Refusal::new(format!("there is no slice `{slice}`{meant}"), [format!("its slices: {}", known.join(", "))])
}

/// No agent works on the slice: what reaches the next one instead.
pub fn nobody_at_work(goal: &GoalId, record: &SliceRecord) -> Refusal {
    let slice = &record.spec.id;
    match &record.stage {
        Stage::Integrated { .. } => integrated(slice),
        Stage::Unchanged { .. } => unchanged(goal, slice),
        Stage::Asking { question, text, about: _ } => Refusal::new(
            format!("no agent works on slice `{slice}` now: it asks {question}, \"{text}\""),
            [format!("answer it: {}", answer_command(goal.as_str(), question, text))],
        ),
        Stage::Reviewing { .. } | Stage::Accepted => Refusal::new(
            format!("no agent works on slice `{slice}` now: its work is done and is being checked"),
            [format!("where it is sent back or given up: {}", retry(goal, slice))],
        ),
        Stage::Waiting | Stage::Offered | Stage::Running { .. } | Stage::GivenUp { .. } => Refusal::new(
            format!("no agent works on slice `{slice}` now"),
            [format!("tell its next attempt, which works now: {}", retry(goal, slice))],
        ),
    }
}

/// An agent is at work that cannot be told anything.
fn deaf(goal: &GoalId, record: &SliceRecord) -> Refusal {
    let (slice, agent) = (&record.spec.id, &record.agent);
    Refusal::new(
        format!("the agent of slice `{slice}` (`{agent}`) cannot be told anything while it works"),
        [format!("stop it and tell its next attempt: omk goal pause {goal}, then {}", retry(goal, slice))],
    )
}

fn at_work(goal: &GoalId, slice: &SliceId, hears: bool) -> Refusal {
    let steer = format!("tell its agent while it works: omk goal steer {goal} --slice {slice} --text \"…\"");
    Refusal::new(format!("slice `{slice}` is being worked on"), hears.then_some(steer))
}

fn integrated(slice: &SliceId) -> Refusal {
    format!("slice `{slice}` is integrated already").into()
}

/// What comes after it may be at work already, so it is tried again only when the run is over.
fn unchanged(goal: &GoalId, slice: &SliceId) -> Refusal {
    Refusal::new(
        format!("slice `{slice}` is done without a change"),
        [format!("try it again when the run has ended: {}", retry(goal, slice))],
    )
}

fn retry(goal: &GoalId, slice: &SliceId) -> String {
    format!("omk goal retry {goal} --slice {slice} --hint \"…\"")
}
