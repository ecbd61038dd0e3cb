//! The dialect of the Agent Client Protocol, version 1.
//!
//! `opening`, `mode`, `model`, `session` and `steering` are what we say, `requests` and `updates` what we hear, `files` and `terminals`
//! what agents do through us, commands at a `site`. They meet in the scene. What differs between agents is in their
//! profiles' quirks.

mod files;
mod first_start;
mod ledger;
mod mode;
mod model;
mod opening;
mod options;
mod outcome;
#[cfg(test)]
mod rehearsal;
mod requests;
mod session;
mod session_file;
mod site;
mod steering;
mod terminals;
mod updates;
mod usage;
mod ways_in;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::files::Files;
use self::first_start::Start;
use self::requests::AcpDialect;
use self::session::Session;
use self::session_file::{Past, Records, SessionFiles, catch_up, follow};
use self::site::Site;
use self::terminals::Terminals;
use super::course::patience;
use super::ending::{Ending, may_pass};
use super::errand::{Done, Ears, Errand};
use super::hints::Hints;
use super::host::end_of;
use super::jsonrpc::peer::{Manner, connect_kept};
use super::keeping::Evidence;
use super::scene::Scene;
use super::silence::listen;
use super::talk::{Aside, Line, Partner, talk};
use crate::ports::AgentSigns;
use crate::process::error::ProcessError;
use crate::process::spawn::Launcher;

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
    let past = match (&mut records, earlier) {
        (Some(records), Some(earlier)) => records.pass_over(earlier).await,
        (None, _) | (_, None) => Past::default(),
    };
    let Ears { events, hints, evidence } = ears;
    let (hints, records) = (Hints::new(hints), Records::new(records));
    let mut play = Play { launcher, events, evidence, hints, records, past, deadline };
    let mut done = play.all(&mut errand, stop).await?;
    done.evidence.log.push(&play.hints.finish());
    Ok(done)
}

/// What the runs of one errand share.
struct Play<'a> {
    launcher: &'a Launcher,
    events: AgentSigns,
    /// Where it is kept what is heard of them, one behind the other.
    evidence: Evidence,
    hints: Hints,
    /// The agent's own records of what it uses.
    records: Records,
    /// What earlier processes of the session noted.
    past: Past,
    deadline: Instant,
}

/// What came of one run of the program.
struct Once {
    done: Done,
    /// Whether another one may come further.
    again: bool,
    /// Whether it ended while a session was taken up.
    resuming: bool,
}

impl Play<'_> {
    async fn all(&mut self, errand: &mut Errand, stop: &CancellationToken) -> Result<Done, ProcessError> {
        let first = self.once(errand, stop).await?;
        if !first.again || stop.run_until_cancelled(tokio::time::sleep(BREATH)).await.is_none() {
            return Ok(first.done);
        }
        if let Some(opening) = errand.opening.as_mut().filter(|_| first.resuming) {
            opening.resumption = None;
        }
        // Two runs as one.
        let Done { usage, evidence, survivors, refused, .. } = first.done;
        self.evidence = evidence;
        let second = match self.once(errand, stop).await {
            Ok(second) => second.done,
            Err(error) => Done::unspoken(end_of(error), std::mem::take(&mut self.evidence)),
        };
        Ok(Done {
            end: second.end,
            unless_changed: second.unless_changed,
            usage: usage.plus(&second.usage),
            evidence: second.evidence,
            survivors: [survivors, second.survivors].concat(),
            refused: refused.and(second.refused),
        })
    }

    async fn once(&mut self, errand: &Errand, stop: &CancellationToken) -> Result<Once, ProcessError> {
        let start = Start::of(errand, stop).await;
        // Before the evidence goes to a scene, which would end with a start that fails.
        let partner = Partner::start(errand, Vec::new(), self.launcher).await?;
        let scene = Arc::new(Scene::new(errand, self.events.clone(), self.evidence.log.take()));
        scene.account(std::mem::take(&mut self.past.uncounted));
        if let Some(cost) = self.past.cost.take() {
            scene.goes_on_at(cost);
        }
        let (peer, inbox, outgoing) = connect_kept(Manner::default(), self.evidence.frames.take());
        let site = Site::of(errand);
        let terminals = Arc::new(Terminals::new(self.launcher.clone(), site, Arc::clone(&scene)));
        let files = Arc::new(Files::new(Arc::clone(&scene), errand.worktree.clone()));
        let mut dialect = AcpDialect::new(Arc::clone(&scene), Arc::clone(&terminals), Arc::clone(&files));
        let (hints, records) = (&mut self.hints, &self.records);
        let session = Session {
            peer: peer.clone(),
            scene: &scene,
            terminals: &terminals,
            errand,
            hints,
            start,
            records,
            done: false,
        };
        let line = Line { peer: peer.clone(), inbox, outgoing };
        let mut aside = |aside: Aside<'_>| scene.aside(aside);
        let script = script(session, stop, self.deadline);
        let talked = talk(partner, line, &mut dialect, &mut aside, script).await;
        terminals.close().await;
        files.close().await;
        let (driven, ending) = talked?;
        catch_up(records, &scene).await;
        ledger::settle(errand, &scene, self.launcher, stop).await;
        let (again, resuming) = (may_pass(&ending, &driven), scene.lock().replaying);
        Ok(Once { done: scene.done(ending, driven, peer.take_record()), again, resuming })
    }
}

/// What we say, from hello to the end, while the agent's own records of what it uses are followed.
async fn script(mut session: Session<'_>, stop: &CancellationToken, deadline: Instant) -> (Ending, Duration) {
    let (errand, scene, peer, records) = (session.errand, session.scene, session.peer.clone(), session.records);
    let ending = tokio::select! {
        ending = session.converse(stop, deadline) => ending,
        never = follow(records, scene) => match never {},
        never = listen(&peer, scene) => match never {},
    };
    let patience = patience(&errand.profile.quirks, &ending);
    (ending, patience)
}
