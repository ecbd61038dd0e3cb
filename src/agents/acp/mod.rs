//! The dialect of the Agent Client Protocol, version 1.
//!
//! `opening`, `session` and `steering` are what we say, `requests` and `updates` what we hear, `files` and `terminals`
//! what agents do through us. They meet in the `scene`. What differs between agents is in their profiles' quirks.

mod files;
mod first_start;
mod opening;
mod outcome;
mod requests;
mod scene;
mod session;
mod session_file;
mod silence;
mod steering;
mod terminals;
mod updates;
mod usage;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::first_start::Start;
use self::outcome::{Ending, conclude, may_pass};
use self::requests::AcpDialect;
use self::scene::Scene;
use self::session::Session;
use self::session_file::{SessionFiles, follow};
use self::steering::Hints;
use self::terminals::{Site, Terminals};
use self::usage::Spent;
use super::errand::{Done, Ears, Errand};
use super::jsonrpc::peer::{Manner, connect};
use super::talk::{Aside, Line, Partner, talk};
use crate::ports::AgentSigns;
use crate::process::drive::Limits;
use crate::process::error::ProcessError;
use crate::process::program::Program;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How long a program may live beyond its deadline, should the conversation not end it.
const BEYOND: Duration = Duration::from_secs(15);
/// Between a start that failed for no reason that stays and the second one.
const BREATH: Duration = Duration::from_millis(200);

/// Runs an errand to its end; no process of it is left then.
pub(super) async fn run(
    mut errand: Errand,
    launcher: &Launcher,
    ears: Ears,
    stop: &CancellationToken,
) -> Result<Done, ProcessError> {
    let deadline = Instant::now() + errand.limits.timeout;
    let mut records = SessionFiles::of(&errand);
    let earlier = errand.opening.as_ref().and_then(|opening| opening.resumption.as_ref());
    let uncounted = match (&mut records, earlier) {
        (Some(records), Some(earlier)) => records.pass_over(earlier).await,
        (None, _) | (_, None) => Vec::new(),
    };
    let mut play = Play { launcher, events: ears.events, hints: Hints::new(ears.hints), records, uncounted, deadline };
    let first = play.once(&errand, stop).await?;
    if !first.again || stop.is_cancelled() {
        return Ok(first.done);
    }
    if let Some(opening) = errand.opening.as_mut().filter(|_| first.resuming) {
        opening.resumption = None;
    }
    tokio::select! {
        () = tokio::time::sleep(BREATH) => {}
        () = stop.cancelled() => return Ok(first.done),
    }
    let second = play.once(&errand, stop).await?;
    Ok(after(first.done, second.done))
}

/// What the runs of one errand share.
struct Play<'a> {
    launcher: &'a Launcher,
    events: AgentSigns,
    hints: Hints,
    /// The agent's own records of what it uses.
    records: Option<SessionFiles>,
    /// What earlier processes used and nobody counted.
    uncounted: Vec<Spent>,
    deadline: Instant,
}

/// One run of the program.
struct Once {
    done: Done,
    /// Whether another one may come further.
    again: bool,
    /// Whether it ended while a session was taken up.
    resuming: bool,
}

impl Play<'_> {
    async fn once(&mut self, errand: &Errand, stop: &CancellationToken) -> Result<Once, ProcessError> {
        let scene = Arc::new(Scene::new(errand, self.events.clone()));
        scene.account(std::mem::take(&mut self.uncounted));
        let start = Start::of(errand, stop).await;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limits = Limits { timeout: left.saturating_add(BEYOND), ..errand.limits };
        let lease = errand.lease;
        let spec = Spec { program: program(errand), input: Input::Pipe, output: OutputPlan::Split, lease };
        let partner = Partner { running: self.launcher.launch(spec).await?, limits };
        let (peer, inbox, outgoing) = connect(Manner::default());
        let site = Site::of(errand);
        let terminals = Arc::new(Terminals::new(self.launcher.clone(), site, Arc::clone(&scene)));
        let mut dialect = AcpDialect::new(Arc::clone(&scene), Arc::clone(&terminals), &errand.worktree);
        let session = Session { peer: peer.clone(), scene: &scene, terminals: &terminals, errand, start };
        let line = Line { peer: peer.clone(), inbox, outgoing };
        let mut aside = |aside: Aside<'_>| match aside {
            Aside::Errors(bytes) => scene.lock().narrative.printed(bytes),
            Aside::Vitals(vitals) => scene.lock().narrative.vitals(vitals),
        };
        let script = self.script(&session, stop);
        let talked = talk(partner, line, &mut dialect, &mut aside, script).await;
        terminals.close().await;
        let (driven, ending) = talked?;
        if let Some(records) = &mut self.records {
            scene.account(records.read(scene.session()).await);
        }
        let mut state = scene.lock();
        let (again, resuming) = (may_pass(&ending, &driven), state.replays);
        let words = state.narrative.last_words();
        let end = conclude(ending, &driven, &errand.profile, &words);
        let (usage, log) = (state.narrative.usage(), state.narrative.finish());
        let done = Done { end, usage, log, frames: peer.take_record(), survivors: driven.ended.survivors };
        Ok(Once { done, again, resuming })
    }

    /// What we say, from hello to the end, while the agent's own records of what it uses are followed.
    async fn script(&mut self, session: &Session<'_>, stop: &CancellationToken) -> (Ending, Duration) {
        let ending = tokio::select! {
            ending = session.converse(&mut self.hints, stop, self.deadline) => ending,
            () = follow(self.records.as_mut(), session.scene) => Ending::Gone { greeted: true },
        };
        let patience = session.patience(&ending);
        (ending, patience)
    }
}

/// Two runs as one.
fn after(first: Done, second: Done) -> Done {
    Done {
        end: second.end,
        usage: first.usage.plus(&second.usage),
        log: [first.log, second.log].concat(),
        frames: [first.frames, second.frames].concat(),
        survivors: [first.survivors, second.survivors].concat(),
    }
}

fn program(errand: &Errand) -> Program {
    let mut argv = errand.profile.command.iter().map(OsString::from);
    let program = argv.next().unwrap_or_default();
    Program { program, args: argv.collect(), env: errand.env.clone(), cwd: errand.worktree.clone() }
}
