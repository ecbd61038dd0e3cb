//! Through the process that runs a goal: what it is asked, how it looks, and what is done when it does not answer.
//!
//! Invariant: a process is ended only where it is stopped, gave no answer in time, or did not come to rest in time after
//! a `cancel`, and only by the operator's `pause` or `cancel`; from then on the goal is one at rest.

use std::time::{Duration, Instant};

use crate::app::Omk;
use crate::app::create::usage;
use crate::app::error::AppError;
use crate::domain::control::{ControlReply, ControlRequest, Holder, Stop};
use crate::domain::goal::Settings;
use crate::domain::ids::GoalId;
use crate::domain::view::{Health, Liveness};
use crate::domain::vitals::Sighting;
use crate::process::detached::breathe;
use crate::process::holder::{self, Condition};
use crate::process::sweep::seen_running;
use crate::store::control::ask;
use crate::store::error::StoreError;
use crate::store::lock::{Occupation, occupation, this_process};

/// How long a run may take to make an answer, a retry or more budget durable.
const DURABLE_WITHIN: Duration = Duration::from_secs(10);
/// How long the steps of a run's own may take to end after a cancel, beyond the grace of its agents and gates. A quarter of
/// a second of the two that a cancel may take is left to end the process and to write that down.
const OWN_STEPS_END: Duration = Duration::from_millis(1_750);
/// How long a command that only looks waits for an answer.
const GLANCE: Duration = Duration::from_millis(500);

/// What came of asking a run to stop.
pub(super) enum Asked {
    /// It did.
    Obeyed,
    /// There is no process any more.
    Gone,
    /// It is stopped, does not answer, or does not come to rest; one phrase.
    Deaf(&'static str),
}

impl Omk {
    /// What is seen of the process that runs a goal, without asking it.
    pub fn liveness(&self, id: &GoalId) -> Result<Liveness, AppError> {
        Ok(match occupation(&self.state.goal(id))? {
            Occupation::Free => Liveness::NoProcess,
            Occupation::Held(holder) => {
                // Its lock file may be gone; the journal says who runs it.
                let last = || self.state_of(id, None).ok().and_then(|state| state.goal.holder);
                let holder = holder.or_else(last).unwrap_or_else(unknown_holder);
                let stopped = holder::condition(&holder, &this_process()) == Condition::Stopped;
                Liveness::Held { holder, health: if stopped { Health::Stopped } else { Health::Well } }
            }
        })
    }

    /// The same; a process that seems well is asked for a sign.
    pub fn liveness_asked(&self, id: &GoalId) -> Result<Liveness, AppError> {
        let seen = self.liveness(id)?;
        let Liveness::Held { holder, health: Health::Well } = seen else { return Ok(seen) };
        let silent = matches!(self.ping(id, GLANCE), Err(StoreError::NoAnswer { .. }));
        Ok(Liveness::Held { holder, health: if silent { Health::Silent } else { Health::Well } })
    }

    /// What the agents of a goal do just now, where a process runs it and answers at once.
    pub(super) fn sightings(&self, id: &GoalId) -> Vec<Sighting> {
        match ask(&self.state.goal(id), &ControlRequest::Look, GLANCE) {
            Ok(ControlReply::Seen { sightings }) => sightings,
            Ok(_) | Err(_) => Vec::new(),
        }
    }

    /// Puts a request to the process that runs a goal; `None` where none does.
    pub(super) fn ask_run(&self, id: &GoalId, request: &ControlRequest) -> Result<Option<ControlReply>, AppError> {
        match self.liveness(id)? {
            Liveness::NoProcess => Ok(None),
            Liveness::Held { holder, health: Health::Stopped } => Err(deaf(id, &holder, "is stopped")),
            Liveness::Held { holder, health: Health::Well | Health::Silent } => {
                match ask(&self.state.goal(id), request, DURABLE_WITHIN) {
                    Ok(ControlReply::Refused { reason, help }) => Err(refused(&reason, help)),
                    Ok(reply) => Ok(Some(reply)),
                    // It ended between our look and our question, or holds the goal for an instant only.
                    Err(StoreError::NotRunning { .. }) => Ok(None),
                    Err(StoreError::NoAnswer { .. }) => Err(deaf(id, &holder, "gives no answer")),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    fn ping(&self, id: &GoalId, patience: Duration) -> Result<ControlReply, StoreError> {
        ask(&self.state.goal(id), &ControlRequest::Ping, patience)
    }

    /// Asks the process that runs a goal to stop, until it has, is gone, or shows that it cannot hear.
    pub(super) fn ask_to_stop(&self, id: &GoalId, stop: Stop) -> Result<Asked, AppError> {
        let by = format!("omk goal, pid {}", std::process::id());
        let request = match stop {
            Stop::Pause => ControlRequest::Pause { by },
            Stop::Cancel => ControlRequest::Cancel { by },
        };
        let settings = self.settings_of(id);
        let mut wait = Wait::begin(stop, &settings);
        loop {
            match self.hears(id, wait.hearing())? {
                Asked::Obeyed => {}
                other => return Ok(other),
            }
            match ask(&self.state.goal(id), &request, wait.patience()) {
                Ok(ControlReply::Refused { reason, help }) => return Err(refused(&reason, help)),
                Ok(_) => return Ok(Asked::Obeyed),
                // It ended meanwhile: what that came to is seen in the next round.
                Err(StoreError::NotRunning { .. } | StoreError::Protocol { .. }) => breathe(),
                Err(StoreError::NoAnswer { .. }) if wait.goes_on() => {}
                // What it has to kill resists: it names that when it has given it up.
                Err(StoreError::NoAnswer { .. }) if wait.may_be_longer() && !self.runs_nothing(id) => wait.extend(),
                Err(StoreError::NoAnswer { .. }) if stop == Stop::Cancel => {
                    return Ok(Asked::Deaf("did not come to rest in time"));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether nothing is left of the agents and gates of a goal.
    fn runs_nothing(&self, id: &GoalId) -> bool {
        seen_running(&self.state.goal(id).owner()).is_empty()
    }

    /// Whether the process that runs a goal can be reached: `Obeyed` where it answers.
    fn hears(&self, id: &GoalId, patience: Duration) -> Result<Asked, AppError> {
        let deadline = Instant::now() + patience;
        loop {
            match self.liveness(id)? {
                Liveness::NoProcess => return Ok(Asked::Gone),
                Liveness::Held { health: Health::Stopped, .. } => return Ok(Asked::Deaf("was stopped")),
                Liveness::Held { health: Health::Well | Health::Silent, .. } => {}
            }
            match self.ping(id, deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))) {
                Ok(_) => return Ok(Asked::Obeyed),
                Err(StoreError::NoAnswer { .. }) => return Ok(Asked::Deaf("did not answer")),
                Err(_) if Instant::now() >= deadline => return Ok(Asked::Deaf("could not be reached")),
                // It begins, or ends.
                Err(StoreError::NotRunning { .. } | StoreError::Protocol { .. }) => breathe(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends the process that holds a goal and cannot hear, with all that it runs; says so in a phrase.
    pub(super) fn end_holder(&self, id: &GoalId, why: &str) -> Result<String, AppError> {
        let Liveness::Held { holder, .. } = self.liveness(id)? else { return Ok(String::new()) };
        if holder::condition(&holder, &this_process()) == Condition::Elsewhere {
            return Err(deaf(id, &holder, "runs on another host and cannot be ended from here"));
        }
        let dir = self.state.goal(id);
        holder::end(&holder, &[dir.lock(), dir.events()]).map_err(|error| AppError::Infra {
            message: format!("process {} {why}; failed to {error}", holder.pid),
            help: vec![format!("end it yourself: kill -KILL {}; then try again", holder.pid)],
        })?;
        Ok(format!("process {} {why} and was ended", holder.pid))
    }

    /// The numbers that supervise a goal; the configuration's where its journal cannot be read.
    fn settings_of(&self, id: &GoalId) -> Settings {
        let charter = self.state_of(id, None).ok().and_then(|state| state.goal.charter);
        charter.map_or_else(|| self.config.settings.clone(), |charter| charter.settings.clone())
    }

    /// Says of a goal that another process has what helps, where that process cannot hear.
    pub(super) fn locked(&self, id: &GoalId, error: StoreError) -> AppError {
        match (&error, self.liveness(id)) {
            (StoreError::Locked { .. }, Ok(Liveness::Held { holder, health: Health::Stopped })) => {
                deaf(id, &holder, "is stopped")
            }
            (StoreError::Locked { .. }, Ok(Liveness::Held { .. })) => {
                usage(error.to_string(), &[&format!("stop that run first: omk goal pause {id}")])
            }
            _ => error.into(),
        }
    }
}

/// How long a run is waited for that was asked to stop.
struct Wait {
    hearing: Duration,
    /// How long the next answer is waited for, where that is not the deadline's to say.
    patience: Duration,
    deadline: Instant,
    /// How long it is waited for where it has to kill what resists; `None` once that was granted.
    longer: Option<Duration>,
}

impl Wait {
    fn begin(stop: Stop, settings: &Settings) -> Self {
        let (hearing, now) = (hearing(settings), Instant::now());
        match stop {
            // It may take as long as its agents and its own steps may; whoever answers a ping meanwhile is left the time.
            Stop::Pause => Self { hearing, patience: hearing, deadline: now + coming_to_rest(settings), longer: None },
            Stop::Cancel => {
                let deadline = now + Duration::from_millis(settings.grace_ms) + OWN_STEPS_END;
                let hearing = hearing.min(deadline - now);
                Self { hearing, patience: deadline - now, deadline, longer: Some(coming_to_rest(settings)) }
            }
        }
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1))
    }

    fn hearing(&self) -> Duration {
        if self.longer.is_some() { self.hearing.min(self.left()) } else { self.hearing }
    }

    fn patience(&self) -> Duration {
        if self.longer.is_some() { self.left() } else { self.patience }
    }

    /// Whether there is time for another round; that one may take longer.
    fn goes_on(&mut self) -> bool {
        self.patience *= 2;
        Instant::now() < self.deadline
    }

    fn may_be_longer(&self) -> bool {
        self.longer.is_some()
    }

    fn extend(&mut self) {
        if let Some(longer) = self.longer.take() {
            (self.patience, self.deadline) = (longer, Instant::now() + longer);
        }
    }
}

/// How long a process may take to answer a ping before it counts as hung.
fn hearing(settings: &Settings) -> Duration {
    Duration::from_millis(settings.grace_ms.saturating_add(2_000).min(10_000))
}

/// How long a run may take to come to rest.
fn coming_to_rest(settings: &Settings) -> Duration {
    Duration::from_millis(settings.grace_ms) + Duration::from_secs(20)
}

/// Nothing was changed, because the process that runs the goal cannot hear.
fn deaf(id: &GoalId, holder: &Holder, how: &str) -> AppError {
    let pid = holder.pid;
    usage(
        format!("goal {id} is held by process {pid} on {}, which {how}", holder.host),
        &[
            &format!("let it go on: kill -CONT {pid}"),
            &format!("or end it, losing nothing that was journalled: omk goal pause {id}"),
        ],
    )
}

/// The process that runs the goal does not do it.
fn refused(reason: &str, help: Vec<String>) -> AppError {
    AppError::Usage { message: format!("refused: {reason}"), help }
}

fn unknown_holder() -> Holder {
    Holder { pid: 0, host: String::new(), boot_id: String::new(), version: String::new() }
}
