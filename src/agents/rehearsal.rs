//! A conversation for tests within the crate: an agent that is only its lines, on a clock that may be paused.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;

use super::errand::Errand;
use super::jsonrpc::peer::{Inbox, Manner, Outgoing, Peer, connect};
use super::keeping::Keeping;
use super::policy::CommandRules;
use super::profile::quirks::Quirks;
use super::profile::{AgentProfile, Profiles};
use super::scene::Scene;
use super::silence::{Voice, listen};
use super::wait::zones::Zones;
use crate::domain::access::AccessSet;
use crate::domain::ids::Timestamp;
use crate::process::drive::Limits;

/// Both ends of a conversation.
pub(super) struct Rehearsal {
    pub(super) errand: Errand,
    pub(super) scene: Arc<Scene>,
    pub(super) peer: Peer,
    pub(super) inbox: Option<Inbox>,
    outgoing: Outgoing,
}

impl Rehearsal {
    /// With an agent of these quirks.
    pub(super) fn of(quirks: Quirks) -> Self {
        let errand = errand(quirks, PathBuf::from("/nowhere"));
        let scene = Arc::new(Scene::new(&errand, unbounded_channel().0, Keeping::default()));
        let (peer, inbox, outgoing) = connect(Manner::default());
        Self { errand, scene, peer, inbox: Some(inbox), outgoing }
    }

    /// The agent says a line.
    pub(super) fn says(&self, line: &Value) {
        self.peer.feed(format!("{line}\n").as_bytes());
    }

    /// The next line that the agent hears.
    pub(super) async fn hears(&mut self) -> Value {
        let line = self.outgoing.recv().await.expect("a line");
        serde_json::from_slice(&line).expect("JSON")
    }
}

/// An errand for an agent of these quirks. Its wall clock goes as tokio's does.
pub(super) fn errand(quirks: Quirks, worktree: PathBuf) -> Errand {
    let begun = Instant::now();
    let since = move || u64::try_from(begun.elapsed().as_millis()).expect("a short test");
    let second = Duration::from_secs(1);
    let profile = Profiles::default().find("gemini").expect("a profile").clone();
    Errand {
        profile: AgentProfile { quirks, ..profile },
        name: "it".to_owned(),
        opening: None,
        worktree,
        access: AccessSet::default(),
        rules: CommandRules::default(),
        feedback: Vec::new(),
        env: Vec::new(),
        home: None,
        limits: Limits { timeout: 3600 * second, grace: second, pulse: second },
        lease: 60 * second,
        now: Arc::new(move || Timestamp(1_700_000_000_000 + since())),
        zones: Zones::at("EST5", |_| None),
    }
}

/// After how many seconds its silence cuts an agent off, while `meanwhile` goes on.
pub(super) async fn cut_off(voice: &impl Voice, scene: &Scene, meanwhile: impl Future<Output = ()>) -> u64 {
    let begun = Instant::now();
    let cut = async {
        tokio::select! {
            never = listen(voice, scene) => match never {},
            () = scene.interrupted.cancelled() => begun.elapsed().as_secs(),
        }
    };
    tokio::join!(cut, meanwhile).0
}

/// So many seconds.
pub(super) async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
