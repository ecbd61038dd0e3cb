//! The dialect of Kimi Wire, version 1.10.
//!
//! `session` is what we say, `requests` and `events` what we hear; `tools` knows the agent's tools, `calls` what is
//! known of those under way, `thread` which session is gone on with. They meet in the scene.

mod calls;
mod events;
mod requests;
mod session;
mod thread;
mod tools;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::requests::WireDialect;
use self::session::Session;
use self::thread::Thread;
use super::course::patience;
use super::errand::{Done, Ears, Errand};
use super::hints::Hints;
use super::jsonrpc::peer::{IdStyle, Manner, connect_kept};
use super::keeping::Evidence;
use super::scene::Scene;
use super::silence::listen;
use super::talk::{Aside, Line, Partner, talk};
use crate::process::error::ProcessError;
use crate::process::spawn::Launcher;

/// Runs an errand to its end; no process of it is left then.
pub(super) async fn run(
    errand: Errand,
    launcher: &Launcher,
    ears: Ears,
    stop: &CancellationToken,
) -> Result<Done, ProcessError> {
    let deadline = Instant::now() + errand.limits.timeout;
    let Ears { events, hints, evidence: Evidence { log, frames } } = ears;
    let thread = Thread::of(&errand);
    let partner = Partner::start(&errand, thread.arguments(&errand), launcher).await?;
    let (peer, inbox, outgoing) = connect_kept(Manner { ids: IdStyle::Text, ..Manner::default() }, frames);
    let scene = Scene::new(&errand, events, log);
    let mut dialect = WireDialect::new(&scene);
    let mut hints = Hints::new(hints);
    let mut session = Session { peer: peer.clone(), scene: &scene, thread: &thread, hints: &mut hints };
    let line = Line { peer: peer.clone(), inbox, outgoing };
    let mut aside = |aside: Aside<'_>| scene.aside(aside);
    let script = async {
        let ending = tokio::select! {
            ending = session.converse(stop, deadline) => ending,
            never = listen(&peer, &scene) => match never {},
        };
        let patience = patience(&errand.profile.quirks, &ending);
        (ending, patience)
    };
    let (driven, ending) = talk(partner, line, &mut dialect, &mut aside, script).await?;
    let mut done = scene.done(ending, driven, peer.take_record());
    done.evidence.log.push(&hints.finish());
    Ok(done)
}
