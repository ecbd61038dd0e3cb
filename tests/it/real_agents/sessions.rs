//! What goes on in the middle of an agent's session: a kill, after which the next attempt goes on in the same one and
//! in the same worktree, and the operator's words into a running turn.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::bench::{Bench, end_of, slice};
use super::catalogue::{Resumes, Steers};
use super::scenarios::{assert_ready, endless, endless_unless, finish, kill};
use crate::support::scene::Session;

/// What the first prompt says, and what a prompt in a session that goes on says.
const FIRST: &str = "Do what the script says";
const GOES_ON: &str = "You were cut off in the middle of your work";
/// Until sessions of an agent that names them by the minute are found.
const A_MINUTE: Duration = Duration::from_secs(70);

pub(super) fn agent_killed(bench: &Bench<'_>) -> String {
    let start = Instant::now();
    let mut session = interrupted(bench);
    bench.scene.make("go-on");
    kill(bench.agent_process());
    assert_ready(&end_of(&mut session, start));
    assert_eq!(bench.scene.integrated("one.txt"), "one");
    taken_up(bench, bench.agent.resumes == Resumes::AtOnce)
}

pub(super) fn omk_killed(bench: &Bench<'_>) -> String {
    let mut session = interrupted(bench);
    if bench.agent.resumes == Resumes::AfterAMinute {
        std::thread::sleep(A_MINUTE);
    }
    session.signal(Signal::KILL);
    session.end();
    let start = Instant::now();
    while !bench.started().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(15), "still there: {:?}", bench.leftovers());
        std::thread::sleep(Duration::from_millis(10));
    }
    let gone = start.elapsed();
    bench.scene.make("go-on");
    assert_ready(&bench.resume());
    assert_eq!(bench.scene.integrated("one.txt"), "one");
    format!("gone in {:.1} s, {}", gone.as_secs_f32(), taken_up(bench, true))
}

/// An agent whose first command runs.
fn interrupted(bench: &Bench<'_>) -> Session {
    // Some note in the conversation that they were cut off, as a message of the model's: that skips a step.
    let script = json!([endless(bench), finish("one"), finish("one"), {"text": "All done"}]);
    let mut session = bench.start(&slice("one", &["one.txt", "running"], &script));
    bench.see_in_worktree(&mut session, "running");
    session
}

/// Whether the second attempt went on in the session and the worktree of the first; fails where it `must` and did not.
fn taken_up(bench: &Bench<'_>, must: bool) -> String {
    let all = |kind: &str, field: &str| -> Vec<_> {
        bench.scene.records_of(kind).iter().map(|data| data[field].clone()).collect()
    };
    let (sessions, worktrees) = (all("session_opened", "id"), all("worktree_prepared", "path"));
    let same = |values: &[serde_json::Value]| values.len() == 2 && values[0] == values[1];
    let told = bench.server.requests().iter().any(|request| request.holds(FIRST) && request.holds(GOES_ON));
    let counted = match bench.comparison().tokens().as_str() {
        "all" => String::new(),
        some => format!(", {some} tokens"),
    };
    if !must && !told {
        return format!("new session{counted}");
    }
    assert!(same(&sessions), "the sessions of two attempts: {sessions:?}");
    assert!(same(&worktrees), "the worktrees of two attempts: {worktrees:?}");
    assert!(told, "nobody asked the model with what was said before and what goes on");
    bench.scene.integrated("running");
    format!("same session{counted}")
}

/// Stopped in the middle of a turn and resumed, twice: each process of a session says anew what the session used.
pub(super) fn resumed_twice(bench: &Bench<'_>) -> String {
    let (first, second) = (endless_unless(bench, "first", "first"), endless_unless(bench, "second", "second"));
    let script = json!([first, second.clone(), second, finish("one"), finish("one"), {"text": "All done"}]);
    let mut session = bench.start(&slice("one", &["one.txt", "first", "second"], &script));
    for file in ["first", "second"] {
        bench.see_in_worktree(&mut session, file);
        session.signal(Signal::INT);
        end_of(&mut session, Instant::now());
        bench.scene.make(file);
        session = bench.take_up();
    }
    assert_ready(&end_of(&mut session, Instant::now()));
    assert_eq!(bench.scene.integrated("one.txt"), "one");
    let opened = bench.scene.records_of("session_opened");
    let mut sessions: Vec<_> = opened.iter().map(|data| data["id"].to_string()).collect();
    sessions.dedup();
    match sessions.len() {
        1 => "same session".to_owned(),
        count => format!("{count} sessions"),
    }
}

/// The operator's words hold the whole of the work: only who hears them does it. Codex drops the answer that it waits for.
pub(super) fn steered(bench: &Bench<'_>) -> String {
    let first = json!([{"hold": bench.scene.mark("go-on"), "shell": "echo one > one.txt"}, {"text": "All done"}]);
    let second = json!([{"shell": "echo one > one.txt; echo two > two.txt"}, {"text": "That as well"}]);
    let start = Instant::now();
    let mut session = bench.start(&slice("one", &["one.txt", "two.txt"], &first));
    bench.see_asked(&mut session);
    let steered = bench.words(&[
        "goal",
        "steer",
        "--slice",
        "one",
        "--text",
        &format!("And also: <<script {second}>>"),
        "--json",
    ]);
    bench.scene.make("go-on");
    if bench.agent.steers == Steers::No {
        assert!(steered.code != Some(0) && steered.errors.contains("--hint"), "{}", steered.why());
        assert_ready(&end_of(&mut session, start));
        return "told that it cannot be".to_owned();
    }
    assert_eq!(steered.code, Some(0), "{}", steered.why());
    assert_ready(&end_of(&mut session, start));
    assert_eq!(["one.txt", "two.txt"].map(|file| bench.scene.integrated(file)), ["one", "two"]);
    assert_eq!(bench.scene.records_of("attempt_offered").len(), 1, "it was not another attempt that heard it");
    "heard within the turn".to_owned()
}
