//! Why a goal and its slices do not move, what happens next, and which command helps.
//!
//! Pure: the folded state, the journal's records, and what was seen of the run go in. Invents no reason: whatever it
//! says follows from a fact or a sighting.

use crate::domain::budget::SLICE_USED_UP;
use crate::domain::control::Holder;
use crate::domain::event::Event;
use crate::domain::fact::{AttemptFact, Fact, SupervisionFact};
use crate::domain::goal::{GoalStatus, Settings};
use crate::domain::ids::{AttemptRef, GoalId, SliceId};
use crate::domain::question::answer_command;
use crate::domain::supervision::{Breaker, ProfileQuarantine, Quarantine};
use crate::domain::view::{GoalView, Health, Liveness, QuestionView, SliceState, SliceView};
use crate::domain::vitals::Sighting;
use crate::domain::why::{WhySlice, WhyView};
use crate::workflow::advice::is_raised;
use crate::workflow::advice::taken_up_by;
use crate::workflow::slices::SliceRecord;
use crate::workflow::state::GoalState;
use crate::workflow::view::{ORPHANED, goal_view, orphaned};

/// The schema of [`WhyView`].
const SCHEMA: &str = "omk.why/v1";

/// What was seen of the process that runs a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The process.
    pub process: Liveness,
    /// What its agents do.
    pub sightings: Vec<Sighting>,
}

/// Why a goal, or one slice of it, does not move; `None` before the first record.
pub fn why(state: &GoalState, events: &[Event], seen: &Seen, slice: Option<&SliceId>) -> Option<WhyView> {
    let view = goal_view(state)?;
    let died = view.status == GoalStatus::Running && seen.process == Liveness::NoProcess;
    let view = if died { orphaned(view) } else { view };
    let told = Told::of(events);
    let wanted = |of: &SliceView| match slice {
        Some(wanted) => of.spec.id == *wanted,
        None => !matches!(of.state, SliceState::Integrated | SliceState::Unchanged),
    };
    let asker = Asker { goal: &view, state, seen, told: &told };
    let slices = view.slices.iter().zip(state.slices.iter()).filter(|(of, _)| wanted(of));
    let slices = slices.map(|(of, record)| asker.slice(of, record)).collect();
    let (next, commands) = asker.goal_next();
    let settings = &view.charter.settings;
    Some(WhyView {
        schema: SCHEMA.to_owned(),
        id: view.id.clone(),
        status: view.status,
        orphaned: died,
        process: seen.process.clone(),
        phase: view.phase,
        reason: view.reason.clone(),
        next,
        commands,
        breakers: told.breakers.clone(),
        quarantined: told.profiles.clone(),
        warning_ms: warning_ms(settings),
        stall_ms: settings.stall_ms,
        attempt_timeout_ms: settings.attempt_timeout_ms,
        slices,
    })
}

/// After how long of quiet an attempt may have stalled.
fn warning_ms(settings: &Settings) -> u64 {
    settings.stall_ms / 2
}

/// What the journal tells beside the folded state.
#[derive(Default)]
struct Told {
    breakers: Vec<Breaker>,
    profiles: Vec<ProfileQuarantine>,
    workers: Vec<Quarantine>,
    quiet: Vec<Sighting>,
}

impl Told {
    fn of(events: &[Event]) -> Self {
        let mut told = Self::default();
        for event in events {
            told.take(&event.fact);
        }
        told
    }

    fn take(&mut self, fact: &Fact) {
        if let Fact::Supervision(SupervisionFact::BreakerOpened(breaker)) = fact {
            self.breakers.retain(|open| open.provider != breaker.provider);
            self.breakers.push(breaker.clone());
        } else if let Fact::Supervision(SupervisionFact::BreakerClosed { provider }) = fact {
            self.breakers.retain(|open| open.provider != *provider);
        } else if let Fact::Supervision(SupervisionFact::ProfileQuarantined(quarantine)) = fact {
            self.profiles.push(quarantine.clone());
        } else if let Fact::Supervision(SupervisionFact::WorkerQuarantined(quarantine)) = fact {
            self.workers.push(quarantine.clone());
        } else if let Fact::Attempt(AttemptFact::AttemptQuiet(sighting)) = fact {
            self.quiet.retain(|seen| seen.attempt.slice != sighting.attempt.slice);
            self.quiet.push((**sighting).clone());
        }
    }
}

/// What every sentence follows from.
struct Asker<'a> {
    goal: &'a GoalView,
    state: &'a GoalState,
    seen: &'a Seen,
    told: &'a Told,
}

/// How things can go on at all.
enum Course<'a> {
    /// A process runs the goal.
    Runs,
    /// One has it and cannot hear.
    Deaf(&'a Holder, Health),
    /// None runs it.
    Rests,
}

impl Asker<'_> {
    fn id(&self) -> &GoalId {
        &self.goal.id
    }

    fn course(&self) -> Course<'_> {
        match &self.seen.process {
            Liveness::NoProcess => Course::Rests,
            Liveness::Held { health: Health::Well, .. } => Course::Runs,
            Liveness::Held { holder, health: health @ (Health::Stopped | Health::Silent) } => {
                Course::Deaf(holder, *health)
            }
        }
    }

    /// What happens next to the goal, and what helps.
    fn goal_next(&self) -> (String, Vec<String>) {
        let (id, goal) = (self.id(), self.goal);
        match self.course() {
            Course::Deaf(holder, health) => deaf(id, holder, health),
            Course::Runs if goal.questions.is_empty() => {
                ("the run goes on by itself".to_owned(), vec![format!("omk goal logs {id} --follow")])
            }
            Course::Runs => ("the run goes on with what needs no answer".to_owned(), self.answers()),
            Course::Rests if goal.status == GoalStatus::Running => (format!("nothing: {ORPHANED}"), goal.next.clone()),
            Course::Rests if goal.status.is_final() => (format!("nothing: {} is final", goal.status), Vec::new()),
            Course::Rests => {
                let answers = self.answers().into_iter();
                let next = goal.next.iter().filter(|command| !command.starts_with("omk goal answer")).cloned();
                ("nothing until it is taken up".to_owned(), answers.chain(next).collect())
            }
        }
    }

    fn answers(&self) -> Vec<String> {
        self.goal.questions.iter().map(|question| self.answer(question)).collect()
    }

    fn answer(&self, question: &QuestionView) -> String {
        answer_command(self.id().as_str(), &question.id, &question.text)
    }

    fn slice(&self, of: &SliceView, record: &SliceRecord) -> WhySlice {
        let runs = matches!(of.state, SliceState::Running);
        let (seen, live) = self.sighting(&record.attempt_ref());
        let seen = seen.filter(|_| runs);
        let suspicious = seen.is_some_and(|seen| seen.quiet_ms >= warning_ms(&self.goal.charter.settings));
        let kept = self.told.workers.iter().filter(|quarantine| quarantine.slice == of.spec.id);
        WhySlice {
            id: of.spec.id.clone(),
            title: of.spec.title.clone(),
            state: of.state,
            since: record.since,
            step: of.step.clone(),
            attempt: of.attempt,
            max_attempts: of.spec.max_attempts(),
            failures: of.failures,
            agent: record.agent.clone(),
            waiting_for: of.waiting_for.clone(),
            live: live && seen.is_some(),
            seen: seen.cloned(),
            suspicious,
            quarantined: kept.cloned().collect(),
            feedback: of.feedback.last().cloned(),
            refused: of.refused.last().cloned(),
            next: self.next(of),
            commands: self.commands(of, suspicious),
        }
    }

    /// What was last seen of an attempt, and whether by the run just now.
    fn sighting(&self, attempt: &AttemptRef) -> (Option<&Sighting>, bool) {
        let of = |sightings: &'_ [Sighting]| sightings.iter().position(|sighting| sighting.attempt == *attempt);
        match of(&self.seen.sightings) {
            Some(at) => (self.seen.sightings.get(at), true),
            None => (of(&self.told.quiet).and_then(|at| self.told.quiet.get(at)), false),
        }
    }

    fn next(&self, of: &SliceView) -> String {
        match (of.state, self.course()) {
            (SliceState::Integrated | SliceState::Unchanged, _) => "nothing: it is done".to_owned(),
            (SliceState::GivenUp, _) => "nothing until it is retried".to_owned(),
            (SliceState::Cancelled, _) => "nothing: the goal was cancelled".to_owned(),
            (SliceState::Asking, Course::Runs) => "goes on with the answer".to_owned(),
            (SliceState::Asking, Course::Deaf(..) | Course::Rests) => {
                "goes on with the answer, once resumed".to_owned()
            }
            (_, Course::Deaf(..)) => "nothing while the process that runs the goal does nothing".to_owned(),
            (_, Course::Rests) if self.goal.status.is_final() => format!("nothing: the goal is {}", self.goal.status),
            (_, Course::Rests) => "nothing until the goal is taken up".to_owned(),
            (SliceState::Waiting | SliceState::Accepted, Course::Runs) => {
                of.waiting_for.iter().map(|what| what.next.as_str()).collect::<Vec<_>>().join("; ")
            }
            (SliceState::Reviewing, Course::Runs) => "is merged or sent back when its reviewers have looked".to_owned(),
            (SliceState::Running, Course::Runs) => running(of),
        }
    }

    /// What begins a slice again that was given up; another attempt is of no use where it may spend no more, and needs
    /// no command of its own where `resume` takes up what may spend again.
    fn again(&self, of: &SliceView, hint: &str) -> String {
        let (id, slice) = (self.id(), &of.spec.id);
        let over_budget = of.reason.as_deref().filter(|reason| reason.starts_with(SLICE_USED_UP));
        match over_budget.map(|reason| is_raised(self.state, slice, reason)) {
            Some(false) => format!("omk goal budget-add {id} --slice {slice} …"),
            Some(true) if self.goal.status == GoalStatus::NeedsMoreBudget => taken_up_by(id),
            Some(true) | None => format!("omk goal retry {id} --slice {slice}{hint}"),
        }
    }

    fn commands(&self, of: &SliceView, suspicious: bool) -> Vec<String> {
        let (id, slice) = (self.id(), &of.spec.id);
        let logs = format!("omk goal logs {id} --slice {slice}");
        let asked = self.goal.questions.iter().find(|question| question.slice == *slice);
        let mut commands = match of.state {
            SliceState::Asking => asked.map(|question| self.answer(question)).into_iter().collect(),
            SliceState::GivenUp => vec![self.again(of, " --hint \"…\""), logs],
            SliceState::Waiting => {
                let blocked = of.waiting_for.iter().filter(|what| what.kind == "given_up");
                let named = |name: &str| self.goal.slices.iter().find(|other| other.spec.id.as_str() == name);
                let again = blocked.filter_map(|what| Some(self.again(named(&what.reference)?, "")));
                again.chain([logs]).collect()
            }
            SliceState::Running if suspicious => vec![logs, format!("omk goal pause {id}")],
            SliceState::Running
            | SliceState::Reviewing
            | SliceState::Accepted
            | SliceState::Integrated
            | SliceState::Unchanged
            | SliceState::Cancelled => vec![logs],
        };
        if matches!(self.course(), Course::Rests) && !self.goal.status.is_final() && of.state != SliceState::GivenUp {
            commands.push(taken_up_by(id));
        }
        commands
    }
}

/// What follows an attempt that is under way.
fn running(of: &SliceView) -> String {
    let step = match of.step.as_deref() {
        Some("agent") => "its work is captured when its agent ends; where that goes quiet for too long, it is ended",
        Some("capturing") => "its gates run on what was captured",
        Some("gates") => "goes to its reviewers where its gates are green",
        Some(_) | None => "its agent starts in a fresh worktree",
    };
    let last = of.failures.saturating_add(1) >= of.spec.max_attempts();
    let after = if last { "after a failure it is given up" } else { "after a failure another attempt follows" };
    format!("{step}; {after}")
}

fn deaf(id: &GoalId, holder: &Holder, health: Health) -> (String, Vec<String>) {
    let (pid, pause) = (holder.pid, format!("omk goal pause {id}"));
    match health {
        Health::Stopped => (format!("nothing: process {pid} is stopped"), vec![format!("kill -CONT {pid}"), pause]),
        Health::Silent | Health::Well => (format!("nothing is known: process {pid} gives no answer"), vec![pause]),
    }
}
