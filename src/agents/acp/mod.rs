//! The dialect of the Agent Client Protocol, version 1.
//!
//! `session` is what we say, `requests` and `updates` what we hear, `files` and `terminals` what agents do through
//! us. They meet in the scene. What differs between agents is in their profiles' quirks.

mod files;
mod outcome;
mod requests;
mod session;
mod session_file;
mod terminals;
mod updates;
mod usage;

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::requests::AcpDialect;
use self::session::Session;
use self::session_file::{SessionFiles, follow};
use self::terminals::{Site, Terminals};
use super::course::patience;
use super::ending::Ending;
use super::errand::{Done, Ears, Errand};
use super::jsonrpc::peer::{Manner, Peer, connect};
use super::scene::{Interruption, Scene};
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
    let partner = Partner::start(&errand, Vec::new(), launcher).await?;
    let (peer, inbox, outgoing) = connect(Manner::default());
    let scene = Arc::new(Scene::new(&errand, ears.events));
    let site = Site::of(&errand);
    let terminals = Arc::new(Terminals::new(launcher.clone(), site, Arc::clone(&scene)));
    let mut dialect = AcpDialect::new(Arc::clone(&scene), Arc::clone(&terminals), &errand.worktree);
    let hints = ears.hints;
    let mut session = Session { peer: peer.clone(), scene: &scene, terminals: &terminals, errand: &errand, hints };
    let line = Line { peer: peer.clone(), inbox, outgoing };
    let mut aside = |aside: Aside<'_>| scene.aside(aside);
    let script = script(&mut session, stop, deadline);
    let talked = talk(partner, line, &mut dialect, &mut aside, script).await;
    terminals.close().await;
    let (driven, (ending, records)) = talked?;
    if let Some(mut records) = records {
        scene.account(records.read(scene.session()).await);
    }
    Ok(scene.done(ending, driven, peer.take_record()))
}

/// Breaks the conversation off when an agent says nothing any more: some try again for ever when their model does not
/// answer, and say nothing of it. A tool of its own may take as long as the attempt's other clocks allow.
async fn listen(peer: &Peer, scene: &Scene) -> Infallible {
    let longest = Duration::from_millis(scene.profile.quirks.idle_ms);
    loop {
        let silent = match scene.lock().calls.is_empty() {
            true => peer.life().silent_for(Instant::now()).unwrap_or_default(),
            false => Duration::ZERO,
        };
        if silent >= longest {
            let silence = humantime::format_duration(longest);
            scene.interrupt(Interruption::Broken(format!(
                "the agent said nothing for {silence}; its model may not answer"
            )));
            return pending().await;
        }
        tokio::time::sleep(longest - silent).await;
    }
}

/// What we say, from hello to the end, while the agent's own records of what it uses are followed.
async fn script(
    session: &mut Session<'_>,
    stop: &CancellationToken,
    deadline: Instant,
) -> ((Ending, Option<SessionFiles>), Duration) {
    let (errand, scene, peer) = (session.errand, session.scene, session.peer.clone());
    let mut records = SessionFiles::of(errand).await;
    let ending = tokio::select! {
        ending = session.converse(stop, deadline) => ending,
        never = follow(records.as_mut(), scene) => match never {},
        never = listen(&peer, scene) => match never {},
    };
    let patience = patience(&errand.profile.quirks, &ending);
    ((ending, records), patience)
}
