//! A goal in the middle of its work, and what has to hold once it has gone on to its end.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, Session, processes_at, slice, until};

/// A goal whose slice `done` is integrated and whose slice `slow` waits for the mark `go`.
pub(crate) fn running() -> (Scene, Session) {
    let scene = Scene::new();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let session = scene.start_plan(&plan_with(&slow), &[]);
    scene.see("on");
    (scene, session)
}

/// The slice `done`, and after it the slice `slow` that does `work`.
pub(crate) fn plan_with(work: &str) -> String {
    let slow = slice("slow", "after = [\"done\"]\nwrites = [\"slow.txt\"]", work);
    slice("done", "writes = [\"done.txt\"]", "echo done > done.txt") + &slow + GATE
}

/// The same, with `omk` killed in the middle of the agent's work.
pub(crate) fn orphaned() -> Scene {
    let (scene, session) = running();
    kill(session);
    assert_nobody_left(&scene);
    scene
}

/// The same, paused.
pub(crate) fn paused() -> Scene {
    let (scene, mut session) = running();
    let paused = scene.omk(&["goal", "pause"]);
    assert_eq!((paused.code(), session.code()), (Some(0), Some(6)), "{}", paused.stderr());
    assert_nobody_left(&scene);
    scene
}

/// Kills `omk` at once.
pub(crate) fn kill(mut session: Session) {
    session.signal(Signal::KILL);
    session.end();
}

/// Waits until no process has to do with the goal any more.
pub(crate) fn assert_nobody_left(scene: &Scene) {
    let goal = scene.goal();
    until("no process of the goal is left", || processes_at(&goal).is_empty());
}

/// Lets the agent go on and resumes.
pub(crate) fn resume(scene: &Scene) -> Ran {
    scene.make("go");
    scene.omk(&["goal", "resume"])
}

/// The goal is resumed, ends `ready` with both slices in it once, and leaves nothing behind.
pub(crate) fn assert_resumes(scene: &Scene) -> Ran {
    let resumed = resume(scene);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_whole(scene);
    resumed
}

/// The goal is `ready`, with both slices in it once, and left nothing behind.
pub(crate) fn assert_whole(scene: &Scene) {
    assert_eq!((scene.integrated("done.txt"), scene.integrated("slow.txt")), ("done".into(), "slow".into()));
    let integrated: Vec<_> = scene.records_of("slice_integrated").iter().map(|it| it["slice"].clone()).collect();
    assert_eq!(integrated, [json!("done"), json!("slow")]);
    assert_eq!(scene.json("status")["status"], "ready");
    assert_nobody_left(scene);
    assert_eq!(names(&scene.goal().join("worktrees")), [""; 0]);
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(0));
}

/// The goal stops as `failed_infra`; what is said of it.
pub(crate) fn assert_stops(scene: &Scene) -> String {
    let resumed = resume(scene);
    assert_eq!(resumed.code(), Some(70), "{}{}", resumed.stdout(), resumed.stderr());
    assert_nobody_left(scene);
    let status = scene.json("status");
    assert_eq!(status["status"], "failed_infra", "{status}");
    status["reason"].as_str().unwrap().to_owned()
}

/// What the newest taking-up found, all of it but what is said wherever no control group can be made.
pub(crate) fn leftovers(scene: &Scene) -> Value {
    let mut found = scene.records_of("leftovers_cleared").pop().unwrap_or(Value::Null);
    let Value::Object(fields) = &mut found else { return found };
    if let Some(Value::Array(left_alone)) = fields.get_mut("left_alone") {
        left_alone.retain(|one| !one.to_string().contains("no control group can be made here"));
    }
    fields.retain(|_, found| *found != json!([]));
    if fields.is_empty() { Value::Null } else { found }
}

/// The names in a directory, sorted; none where it is not there.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
