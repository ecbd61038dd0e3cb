//! The dialect of the Agent Client Protocol, version 1.
//!
//! `session` is what we say, `requests` and `updates` what we hear, `files` and `terminals` what agents do through
//! us. They meet in the `scene`. What differs between agents is in their profiles' quirks.

mod files;
mod outcome;
mod requests;
mod scene;
mod session;
mod session_file;
mod terminals;
mod updates;
mod usage;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::outcome::{Ending, conclude};
use self::requests::AcpDialect;
use self::scene::Scene;
use self::session::Session;
use self::session_file::{SessionFiles, follow};
use self::terminals::{Site, Terminals};
use super::errand::{Done, Ears, Errand};
use super::jsonrpc::peer::{Manner, connect};
use super::talk::{Aside, Line, Partner, talk};
use crate::process::drive::Limits;
use crate::process::error::ProcessError;
use crate::process::program::Program;
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
    let deadline = Instant::now() + errand.limits.timeout;
    let limits = Limits { timeout: errand.limits.timeout.saturating_add(BEYOND), ..errand.limits };
    let lease = errand.lease;
    let spec = Spec { program: program(&errand), input: Input::Pipe, output: OutputPlan::Split, lease };
    let partner = Partner { running: launcher.launch(spec).await?, limits };
    let (peer, inbox, outgoing) = connect(Manner::default());
    let scene = Arc::new(Scene::new(&errand, ears.events));
    let site = Site::of(&errand);
    let terminals = Arc::new(Terminals::new(launcher.clone(), site, Arc::clone(&scene)));
    let mut dialect = AcpDialect::new(Arc::clone(&scene), Arc::clone(&terminals), &errand.worktree);
    let session = Session { peer: peer.clone(), scene: &scene, terminals: &terminals, errand: &errand };
    let line = Line { peer: peer.clone(), inbox, outgoing };
    let mut aside = |aside: Aside<'_>| match aside {
        Aside::Errors(bytes) => scene.lock().narrative.printed(bytes),
        Aside::Vitals(vitals) => scene.lock().narrative.vitals(vitals),
    };
    let script = script(&session, stop, deadline);
    let talked = talk(partner, line, &mut dialect, &mut aside, script).await;
    terminals.close().await;
    let (driven, (ending, records)) = talked?;
    if let Some(mut records) = records {
        scene.account(records.read(scene.session()).await);
    }
    let mut state = scene.lock();
    let words = state.narrative.last_words();
    let end = conclude(ending, &driven, &errand.profile, &words);
    let (usage, log) = (state.narrative.usage(), state.narrative.finish());
    Ok(Done { end, usage, log, frames: peer.take_record(), survivors: driven.ended.survivors })
}

/// What we say, from hello to the end, while the agent's own records of what it uses are followed.
async fn script(
    session: &Session<'_>,
    stop: &CancellationToken,
    deadline: Instant,
) -> ((Ending, Option<SessionFiles>), Duration) {
    let mut records = SessionFiles::of(session.errand);
    let ending = tokio::select! {
        ending = session.converse(stop, deadline) => ending,
        () = follow(records.as_mut(), session.scene) => Ending::Gone { greeted: true },
    };
    let patience = session.patience(&ending);
    ((ending, records), patience)
}

fn program(errand: &Errand) -> Program {
    let mut argv = errand.profile.command.iter().map(OsString::from);
    let program = argv.next().unwrap_or_default();
    Program { program, args: argv.collect(), env: errand.env.clone(), cwd: errand.worktree.clone() }
}
