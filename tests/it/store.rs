//! Where things are kept, which goal is meant, what evidence is, how a running goal is reached.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use omk::domain::control::{ControlReply, ControlRequest};
use omk::domain::evidence::ArtifactRef;
use omk::domain::ids::GoalId;
use omk::ports::Artifacts;
use omk::store::artifacts::{GoalArtifacts, hash_of};
use omk::store::atomic::{Durability, read_confined, write_derived};
use omk::store::control::ask;
use omk::store::error::StoreError;
use omk::store::layout::{Environment, GoalDir, StateDir};
use omk::store::resolve::{Wanted, candidates, wanted};
use omk::store::server::{Ask, ControlServer};
use tokio::sync::mpsc;

use crate::support::places::{Place, goal_id, lock};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn the_state_directory_is_the_first_that_is_named() {
    let set = |text: &str| Some(OsString::from(text));
    let all = Environment { omk_state_dir: set("/omk"), xdg_state_home: set("/xdg"), home: set("/home/u") };
    let located = |flag: Option<&str>, environment: &Environment| {
        StateDir::locate(flag.map(Path::new), environment).map(|state| state.path().to_owned()).ok()
    };
    let no_omk = Environment { omk_state_dir: set(""), ..all.clone() };
    let relative_xdg = Environment { xdg_state_home: set("xdg"), ..no_omk.clone() };
    let found = [
        located(Some("/flag"), &all),
        located(None, &all),
        located(None, &no_omk),
        located(None, &relative_xdg),
        located(None, &Environment::default()),
    ];
    let expected = ["/flag", "/omk", "/xdg/omk", "/home/u/.local/state/omk"].map(|path| Some(PathBuf::from(path)));
    assert_eq!(found, [&expected[..], &[None]].concat()[..]);
}

#[test]
fn a_goal_directory_is_private_and_made_once() {
    let place = Place::new();
    let goal = place.recorded_goal(1);
    assert_eq!([place.state.path(), &place.state.goals(), goal.path()].map(mode), [0o700; 3]);
    assert_eq!([goal.events(), goal.lock()].map(|path| mode(&path)), [0o600; 2]);
    assert!(matches!(place.state.create_goal(&goal_id(1)), Err(StoreError::Taken { id }) if id == goal_id(1)));
}

#[test]
fn a_state_directory_that_takes_no_files_is_named() {
    let place = Place::new();
    fs::write(place.state.path(), "a file in its place").expect("a file");
    let error = place.state.create_goal(&goal_id(1)).expect_err("no directory");
    assert!(matches!(&error, StoreError::NotWritable { state, .. } if state == place.state.path()), "{error}");
    assert!(error.to_string().contains("--state-dir"), "{error}");
}

#[test]
fn goals_are_listed_newest_first_without_what_is_none() {
    let place = Place::new();
    assert_eq!(place.state.goal_ids().expect("no goals"), []);
    for n in [2, 9, 5] {
        place.goal(n);
    }
    fs::create_dir(place.state.goals().join("Not A Goal")).expect("a directory");
    fs::write(place.state.goals().join("file-00000000"), "").expect("a file");
    assert_eq!(place.state.goal_ids().expect("goals"), [9, 5, 2].map(goal_id));
}

fn id(text: &str) -> GoalId {
    GoalId::parse(text).expect("a goal id")
}

#[test]
fn an_id_is_found_by_what_only_it_begins_with() {
    let ids = [id("fix-tests-0b7c0002"), id("add-cli-0b7a0001"), id("fix-docs-0a7c0000"), id("fix-docs-0a7c0000-x")];
    let chosen = |text: &str| candidates(&ids, text).unwrap_or_default();
    assert_eq!(chosen("add"), ids[1..2]);
    assert_eq!(chosen("0b7a"), ids[1..2]);
    assert_eq!(chosen("0b7c0002"), ids[..1]);
    assert_eq!(chosen("fix-docs-0a7c0000"), ids[2..3], "whole, though another goes on");
    assert_eq!(chosen("fix"), [ids[0].clone(), ids[2].clone(), ids[3].clone()]);
}

#[test]
fn an_id_that_names_none_says_which_there_are() {
    let ids = [id("fix-tests-0b7c0002"), id("add-cli-0b7a0001"), id("fix-docs-0a7c0000")];
    let error = candidates(&ids, "add-cil-0b7a").expect_err("unknown");
    assert!(matches!(&error, StoreError::UnknownGoal { nearest, .. } if nearest[0] == ids[1]), "{error:?}");
    for text in ["", "\u{1b}[31m"] {
        assert!(matches!(candidates(&ids, text), Err(StoreError::UnknownGoal { nearest, .. }) if nearest.is_empty()));
    }
    assert!(candidates(&ids, "\u{1b}").expect_err("unknown").to_string().contains(r"`\u{1b}`"));
}

#[test]
fn the_latest_of_no_goals_is_said_to_be_none() {
    let place = Place::new();
    let newest = || place.state.newest(|_| true).expect("goals");
    assert_eq!(newest(), None);
    place.goal(2);
    assert_eq!(newest(), None, "one that was never recorded is nobody's");
    let goal = place.goal(1);
    fs::write(goal.events(), "{}\n").expect("a record");
    assert_eq!(newest(), Some(goal.clone()));
    assert_eq!(place.state.newest(|_| false).expect("goals"), None);
    let meant = |text: &str| wanted(&place.state, text);
    assert_eq!(meant("latest").ok(), Some(Wanted::Latest));
    assert_eq!(meant(goal.id().as_str()).ok(), Some(Wanted::Exactly(goal.clone())));
    assert_eq!(meant(goal.id().code()).ok(), Some(Wanted::Exactly(goal.clone())));
    assert_eq!(
        meant(&goal.id().as_str()[..3]).ok().map(|it| matches!(it, Wanted::Among(all) if all.contains(&goal))),
        Some(true)
    );
    assert!(matches!(meant("../goals"), Err(StoreError::UnknownGoal { .. })));
}

#[tokio::test]
async fn evidence_is_named_by_its_content_and_fetched_by_it() {
    let place = Place::new();
    let goal = place.goal(1);
    let store = GoalArtifacts::new(&goal);
    let first = store.put("gates/1.log", b"red".to_vec()).await.expect("kept");
    let path = "artifacts/gates/1.log".to_owned();
    assert_eq!(first, ArtifactRef { path, sha256: hash_of(b"red"), bytes: 3 });
    assert_eq!(store.fetch(&first).await.expect("fetched"), b"red");
    assert_eq!(mode(&goal.path().join(&first.path)), 0o600);
    assert_eq!(mode(&goal.artifacts()), 0o700);

    let second = store.put("gates/1.log", b"green".to_vec()).await.expect("replaced");
    assert_eq!(store.fetch(&second).await.expect("fetched"), b"green");
    let error = store.fetch(&first).await.expect_err("another content");
    assert_eq!(error.what, "fetch the evidence artifacts/gates/1.log");
    let names: Vec<_> = fs::read_dir(goal.artifacts().join("gates")).expect("a directory").collect();
    assert_eq!(names.len(), 1, "nothing temporary is left: {names:?}");
}

#[test]
fn paths_that_leave_the_directory_are_refused() {
    let place = Place::new();
    let goal = place.goal(1);
    for path in ["", "/etc/x", "../x", "a/../x", "./x", "a//x", "a/", "x\n"] {
        let error = write_derived(goal.path(), path, b"", Durability::Cached).expect_err(path);
        assert!(matches!(error, StoreError::UnsafePath { .. }), "{path:?}: {error}");
        assert!(matches!(read_confined(goal.path(), path, 9), Err(StoreError::UnsafePath { .. })), "{path:?}");
    }
    assert_eq!(fs::read_dir(goal.path()).expect("a directory").count(), 0);
}

#[test]
fn a_planted_symlink_is_never_followed() {
    let place = Place::new();
    let goal = place.goal(1);
    let outside = place.state.path().join("outside");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("file"), "theirs").expect("a file");
    symlink(&outside, goal.artifacts()).expect("a symlink");
    symlink(outside.join("file"), goal.goal_json()).expect("a symlink");

    assert!(GoalArtifacts::new(&goal).put_now("file", b"ours").is_err());
    assert!(read_confined(goal.path(), "artifacts/file", 9).is_err());
    assert!(read_confined(goal.path(), "goal.json", 9).is_err());
    write_derived(goal.path(), "goal.json", b"ours", Durability::Synced).expect("the link itself is replaced");
    assert_eq!(fs::read_to_string(outside.join("file")).expect("a file"), "theirs");
    assert_eq!(read_confined(goal.path(), "goal.json", 9).expect("a file"), b"ours");
}

const PATIENCE: Duration = Duration::from_secs(30);

async fn asked(goal: &GoalDir, request: ControlRequest, patience: Duration) -> Result<ControlReply, StoreError> {
    let goal = goal.clone();
    tokio::task::spawn_blocking(move || ask(&goal, &request, patience)).await.expect("no panic")
}

/// Answers pings, and lets everything else fall.
fn answering() -> mpsc::Sender<Ask> {
    let (asks, mut requests) = mpsc::channel::<Ask>(1);
    tokio::spawn(async move {
        while let Some((request, reply)) = requests.recv().await {
            match request {
                ControlRequest::Ping => drop(reply.send(ControlReply::Pong { pid: 7 })),
                ControlRequest::Pause { .. }
                | ControlRequest::Cancel { .. }
                | ControlRequest::Answer { .. }
                | ControlRequest::Retry { .. }
                | ControlRequest::Steer { .. }
                | ControlRequest::AddBudget { .. }
                | ControlRequest::Look => drop(reply),
            }
        }
    });
    asks
}

/// A goal whose directory's path has more bytes than a socket address holds.
fn deep_goal(place: &Place) -> GoalDir {
    let state = StateDir::at(place.state.path().join("d".repeat(150)));
    state.create_goal(&goal_id(1)).expect("a new goal")
}

#[tokio::test]
async fn a_running_goal_answers_however_long_its_path_is() {
    let place = Place::new();
    for goal in [place.goal(1), deep_goal(&place)] {
        let lock = lock(&goal);
        let server = ControlServer::bind(&lock).expect("a socket");
        assert_eq!(mode(&goal.control_socket()), 0o600);
        let serving = tokio::spawn(server.serve(answering()));
        let pong = asked(&goal, ControlRequest::Ping, PATIENCE).await;
        assert_eq!(pong.expect("an answer"), ControlReply::Pong { pid: 7 });
        let pause = asked(&goal, ControlRequest::Pause { by: "me".to_owned() }, PATIENCE).await;
        let reason = "the run ended before it could answer".to_owned();
        assert_eq!(pause.expect("an answer"), ControlReply::Refused { reason, help: Vec::new() });
        serving.abort();
        assert!(serving.await.is_err_and(|error| error.is_cancelled()));
        assert!(!goal.control_socket().exists());
    }
}

#[tokio::test]
async fn a_goal_that_nobody_runs_says_so_and_a_dead_socket_is_replaced() {
    let place = Place::new();
    let goal = place.goal(1);
    assert!(matches!(asked(&goal, ControlRequest::Ping, PATIENCE).await, Err(StoreError::NotRunning { .. })));
    drop(UnixListener::bind(goal.control_socket()).expect("a socket of a dead process"));
    assert!(matches!(asked(&goal, ControlRequest::Ping, PATIENCE).await, Err(StoreError::NotRunning { .. })));
    let lock = lock(&goal);
    tokio::spawn(ControlServer::bind(&lock).expect("a socket").serve(answering()));
    assert!(asked(&goal, ControlRequest::Ping, PATIENCE).await.is_ok());
}

#[tokio::test]
async fn a_goal_that_does_not_answer_is_not_waited_for() {
    let place = Place::new();
    let goal = place.goal(1);
    let lock = lock(&goal);
    let (asks, _unanswered) = mpsc::channel(1);
    tokio::spawn(ControlServer::bind(&lock).expect("a socket").serve(asks));
    let silence = asked(&goal, ControlRequest::Ping, Duration::from_millis(20)).await;
    assert!(matches!(silence, Err(StoreError::NoAnswer { .. })));
}

#[tokio::test]
async fn requests_that_cannot_be_read_are_refused_and_the_next_is_served() {
    let place = Place::new();
    let goal = place.goal(1);
    let lock = lock(&goal);
    tokio::spawn(ControlServer::bind(&lock).expect("a socket").serve(answering()));
    let socket = goal.control_socket();
    let said = tokio::task::spawn_blocking(move || {
        let mut talk = UnixStream::connect(socket).expect("a connection");
        talk.write_all(b"what?\n{\"ask\":\"ping\"}\n").expect("written");
        talk.write_all(&[b'x'; 64 * 1024]).expect("written");
        let mut said = String::new();
        talk.read_to_string(&mut said).expect("hung up after the long line");
        said
    });
    let said = said.await.expect("no panic");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with(r#"{"answer":"refused","reason":"the request cannot be read"#), "{said}");
    assert_eq!(lines[1], r#"{"answer":"pong","pid":7}"#);
    assert_eq!(lines[2], r#"{"answer":"refused","reason":"the request is cut short or too long"}"#);
    assert_eq!(lines.len(), 3);
}
