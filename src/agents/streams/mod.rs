//! Agents that speak in lines of their own: Claude Code's two-way `stream-json`, and Codex's `exec --json`.
//!
//! Their readers are pure (`claude`, `codex`); this runs them. `stream` hears and answers, `script` says what comes
//! next, `tongue` is where the two dialects differ. A session that is not there any more costs a second process, and
//! no attempt.

mod greeting;
mod script;
mod stream;
mod tongue;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::script::Script;
use self::stream::Stream;
use self::tongue::{Begin, Tongue};
use super::ending::Ending;
use super::errand::{Done, Ears, Errand};
use super::jsonrpc::record::Record;
use super::keeping::Evidence;
use super::profile::Protocol;
use super::scene::Scene;
use super::talk::{Aside, Partner, hold};
use crate::domain::agent::AgentEnd;
use crate::ports::AgentHints;
use crate::process::drive::{Driven, Limits};
use crate::process::error::ProcessError;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How long a program may live beyond its deadline, should the conversation not end it.
const BEYOND: Duration = Duration::from_secs(15);

/// Runs an errand to its end; no process of it is left then.
pub(super) async fn run(
    errand: Errand,
    launcher: &Launcher,
    ears: Ears,
    stop: &CancellationToken,
) -> Result<Done, ProcessError> {
    if errand.profile.protocol == Protocol::CodexExec && errand.opening.is_none() {
        return greeting::greet(&errand, launcher, ears.evidence).await;
    }
    let Ears { events, hints, evidence: Evidence { log, frames } } = ears;
    let scene = Arc::new(Scene::new(&errand, events, log));
    let deadline = Instant::now() + errand.limits.timeout;
    let mut visit = Visit { errand: &errand, launcher, scene: &scene, hints, stop, deadline };
    let mut record = Record::begin(Instant::now(), frames);
    let mut begin = Begin::of(&errand);
    let (driven, ending) = loop {
        let (left, kept) = visit.talk(&begin, record).await?;
        record = kept;
        match visit.lost(&begin, &left) {
            true => begin = Begin::New,
            false => break left,
        }
    };
    Ok(scene.done(ending, driven, record.finish()))
}

/// What all processes of one errand share.
struct Visit<'a> {
    errand: &'a Errand,
    launcher: &'a Launcher,
    scene: &'a Arc<Scene>,
    hints: AgentHints,
    stop: &'a CancellationToken,
    deadline: Instant,
}

impl Visit<'_> {
    /// One process, from its start to its end.
    async fn talk(&mut self, begin: &Begin, record: Record) -> Result<((Driven, Ending), Record), ProcessError> {
        let errand = self.errand;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limits = Limits { timeout: left.saturating_add(BEYOND), ..errand.limits };
        let program = tongue::program(errand, begin);
        let spec = Spec { program, input: Input::Pipe, output: OutputPlan::Split, lease: errand.lease };
        let partner = Partner { running: self.launcher.launch(spec).await?, limits };
        let (stream, outgoing) = Stream::open(Tongue::of(errand, begin), Arc::clone(self.scene), record);
        let scene = self.scene;
        let mut aside = |aside: Aside<'_>| scene.aside(aside);
        let script = Script { stream: &stream, scene, errand, prompt: begin.prompt(errand) };
        let script = script.play(&mut self.hints, self.stop, self.deadline);
        let left = hold(partner, &stream, outgoing, &mut aside, script).await;
        Ok((left, stream.into_record()))
    }

    /// Whether the session to go on with was not there: it ended before it told of one.
    fn lost(&self, begin: &Begin, (_, ending): &(Driven, Ending)) -> bool {
        let Begin::Resumed(session) = begin else { return false };
        let ended = matches!(ending, Ending::Over(AgentEnd::Failed { .. }) | Ending::Gone { .. });
        let mut state = self.scene.lock();
        let lost = ended && state.session.is_none() && !self.stop.is_cancelled();
        if lost {
            state.narrative.note(&format!("[session {session} is not there any more: a new one is begun]"));
        }
        lost
    }
}
