//! Steering a goal from outside: while its process runs, hangs, is stopped or is dead.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use omk::domain::ids::GoalId;
use omk::store::layout::StateDir;
use omk::store::lock::{GoalLock, this_process};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::omk::Ran;
use crate::support::scene::{GATE, Killed, Scene, Session, processes_at, slice, until};

/// A goal whose slice `slow` waits for the mark `go`, and the process that runs it.
fn running(more: &str) -> (Scene, Session) {
    let scene = Scene::new();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let plan = slice("slow", "writes = [\"slow.txt\"]", &slow) + more + GATE;
    let session = scene.start_plan(&plan, &[]);
    scene.see("on");
    (scene, session)
}

/// Such a goal whose process was stopped.
fn stopped() -> (Scene, Session) {
    let (scene, session) = running("");
    session.signal(Signal::STOP);
    until("it is stopped", || scene.json("status")["process"]["health"] == "stopped");
    (scene, session)
}

fn settled(ran: &Ran, status: &str) -> Value {
    let document = ran.json();
    assert_eq!((ran.code(), &document["status"]), (Some(0), &json!(status)), "{document}{}", ran.stderr());
    document
}

fn assert_nobody_left(scene: &Scene) {
    let goal = scene.goal();
    until("no process of the goal is left", || processes_at(&goal).is_empty());
}

fn assert_resumes(scene: &Scene) {
    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(scene.integrated("slow.txt"), "slow");
}

fn failure(scene: &Scene) -> Value {
    serde_json::from_str(&std::fs::read_to_string(scene.goal().join("failure.json")).unwrap()).unwrap()
}

#[test]
fn a_stopped_run_is_ended_by_pause_and_goes_on_later() {
    let (scene, mut session) = stopped();
    let document = settled(&scene.omk(&["goal", "pause", "--json"]), "paused");
    let said = format!("paused by the operator; process {} was stopped and was ended", session.pid());
    assert_eq!(document["reason"], json!(said));
    assert_eq!(session.code(), None);
    assert_nobody_left(&scene);
    assert_resumes(&scene);
}

#[test]
fn a_stopped_run_is_ended_by_cancel() {
    let (scene, mut session) = stopped();
    let document = settled(&scene.omk(&["goal", "cancel", "--json"]), "cancelled");
    assert!(document["reason"].as_str().unwrap().contains("was stopped and was ended"), "{document}");
    assert_eq!(session.code(), None);
    assert_nobody_left(&scene);
    assert_eq!((&failure(&scene)["status"], &failure(&scene)["reason"]), (&json!("cancelled"), &document["reason"]));
}

#[test]
fn what_needs_a_stopped_run_is_refused_with_what_helps() {
    let (scene, session) = stopped();
    for words in [&["resume"][..], &["answer", "latest.a1", "--yes"], &["budget-add", "--time", "1m"]] {
        let ran = scene.omk(&[&["goal"][..], words].concat());
        assert_eq!(ran.code(), Some(2), "{words:?}: {}", ran.stderr());
        let help = [format!("kill -CONT {}", session.pid()), format!("omk goal pause {}", scene.id())];
        assert!(help.iter().all(|help| ran.stderr().contains(help)), "{words:?}: {}", ran.stderr());
    }
    let status = scene.omk(&["goal", "status"]).stdout();
    assert!(status.contains(", stopped)") && status.contains("kill -CONT"), "{status}");
    session.signal(Signal::CONT);
    until("it answers again", || scene.json("status")["process"]["health"] == "well");
}

#[test]
fn an_orphan_is_cancelled_or_paused_without_a_process() {
    for (verb, status) in [("cancel", "cancelled"), ("pause", "paused")] {
        let (scene, mut session) = running("");
        session.signal(Signal::KILL);
        session.end();
        settled(&scene.omk(&["goal", verb, "--json"]), status);
        assert_nobody_left(&scene);
        if verb == "cancel" {
            assert_eq!(failure(&scene)["status"], "cancelled");
        } else {
            assert_resumes(&scene);
        }
    }
}

#[test]
fn cancel_ends_an_agent_that_ignores_it_and_what_it_set_free() {
    let scene = Scene::new();
    let deaf = |name: &str| {
        format!("trap '' TERM INT HUP; touch {}; while :; do sleep 0.05; done", scene.mark(name).display())
    };
    let free = format!("setsid sh -c \"{}\" & ", deaf("free"));
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &(free + &deaf("on"))) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    command.env("OMK_GRACE", "200ms");
    let mut session = Session::start(command, scene.place.path("session"));
    scene.see("on");
    scene.see("free");
    settled(&scene.omk(&["goal", "cancel", "--json"]), "cancelled");
    assert_eq!(processes_at(&scene.goal()), Vec::<u32>::new());
    assert_eq!(session.code(), Some(9), "{}", session.stderr());
    assert_eq!(failure(&scene)["status"], "cancelled");
    let records = scene.records().len();
    settled(&scene.omk(&["goal", "cancel", "--json"]), "cancelled");
    assert_eq!(scene.records().len(), records, "it stands as it was asked for");
}

/// A goal whose cancel is durable and whose agent does not end before the mark `go`; nobody waits for the cancel.
fn being_cancelled() -> (Scene, Session) {
    let scene = Scene::new();
    let deaf = format!("trap '' TERM INT HUP; {}", scene.wait_for("on", "go"));
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &deaf) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    command.env("OMK_GRACE", "60s");
    let session = Session::start(command, scene.place.path("session"));
    scene.see("on");
    let mut asks = Session::start(scene.command(&["goal", "cancel"]), scene.place.path("cancel"));
    scene.see_record("stop_requested");
    asks.signal(Signal::KILL);
    asks.end();
    (scene, session)
}

#[test]
fn a_cancel_stands_whatever_signal_comes_behind_it() {
    let (scene, mut session) = being_cancelled();
    session.signal(Signal::INT);
    let paused = Session::start(scene.command(&["goal", "pause"]), scene.place.path("pause"));
    scene.make("go");
    assert_eq!(session.code(), Some(130), "{}", session.stderr());
    drop(paused);
    assert_eq!(scene.json("status")["status"], "cancelled");
}

#[test]
fn a_cancel_stands_when_the_run_dies_of_it() {
    let (scene, mut session) = being_cancelled();
    session.signal(Signal::KILL);
    session.end();
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(9), "{}{}", resumed.stdout(), resumed.stderr());
    assert_nobody_left(&scene);
    assert_eq!(
        (scene.json("status")["status"].clone(), scene.records_of("run_started").len()),
        (json!("cancelled"), 1)
    );
}

/// Where the process that hangs finds its goal.
const HANGS_ON: &str = "OMK_TEST_HANGS_ON";

/// Not a test: what the process does that hangs. It holds the goal and takes connections, and answers nobody.
#[test]
fn the_process_that_hangs() {
    let Some(path) = std::env::var_os(HANGS_ON).map(PathBuf::from) else { return };
    let state = StateDir::at(path.ancestors().nth(2).unwrap());
    let goal = state.goal(&GoalId::parse(path.file_name().unwrap().to_str().unwrap()).unwrap());
    let _listener = UnixListener::bind(goal.control_socket()).unwrap();
    let _lock = GoalLock::acquire(goal, &this_process()).unwrap();
    writeln!(std::io::stderr(), "hangs").unwrap();
    loop {
        std::thread::park();
    }
}

fn hang_on(scene: &Scene) -> Killed {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "run_control::the_process_that_hangs", "--nocapture"])
        .env(HANGS_ON, scene.goal())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut said = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.0.stderr.take().unwrap()), &mut said).unwrap();
    assert_eq!(said, "hangs\n");
    child
}

#[test]
fn a_process_that_answers_nobody_is_ended_and_the_goal_is_paused() {
    let scene = Scene::new();
    let path = scene.plan(&(slice("slow", "writes = [\"slow.txt\"]", "echo slow > slow.txt") + GATE));
    let mut planned = scene.command(&["goal", "plan", "Do it", "--plan", &path]);
    assert_eq!(planned.env("OMK_GRACE", "1ms").output().unwrap().status.code(), Some(0));
    let mut hung = hang_on(&scene);
    assert_eq!(scene.json("status")["process"]["health"], "silent");
    let document = settled(&scene.omk(&["goal", "pause", "--json"]), "paused");
    let said = format!("paused by the operator; process {} did not answer and was ended", hung.0.id());
    assert_eq!(document["reason"], json!(said));
    assert_eq!(hung.0.wait().unwrap().code(), None);
    assert_resumes(&scene);
}

/// A slice that asks once and then does what it was told.
fn asking(scene: &Scene) -> String {
    // Its own text is in the file, too: the pattern must not find itself.
    let told = "if grep -q 'yes[:] blue' $OMK_TASK_FILE; then echo blue > asks.txt; exit 0; fi\n";
    let ask = "echo '{\"type\":\"ask\",\"text\":\"Which colour?\"}'; touch ".to_owned();
    slice("asks", "writes = [\"asks.txt\"]", &format!("{told}{ask}{}", scene.mark("asked").display()))
}

#[test]
fn an_answer_reaches_a_run_which_goes_on_with_it() {
    let scene = Scene::new();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let plan = slice("slow", "writes = [\"slow.txt\"]", &slow) + &asking(&scene) + GATE;
    let mut session = scene.start_plan(&plan, &[]);
    scene.see("on");
    until("it is asked", || !scene.records_of("question_asked").is_empty());
    let unknown = scene.omk(&["goal", "answer", "latest.a7", "--yes"]);
    assert_eq!(unknown.code(), Some(2), "{}", unknown.stderr());
    let answered = scene.omk(&["goal", "approve", "a1", "--text", "blue", "--json"]);
    assert_eq!((answered.code(), &answered.json()["next"]), (Some(0), &Value::Null), "{}", answered.stderr());
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!((scene.integrated("asks.txt"), scene.records_of("run_started").len()), ("blue".into(), 1));
}

#[test]
fn a_retry_reaches_a_run_which_goes_on_with_it() {
    let scene = Scene::new();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let bad = format!("test -e {} && echo bad > bad.txt", scene.mark("mended").display());
    let bad = slice("bad", "writes = [\"bad.txt\"]\nretries = 0", &bad);
    let mut session = scene.start_plan(&(slice("slow", "writes = [\"slow.txt\"]", &slow) + &bad + GATE), &[]);
    scene.see("on");
    until("it is given up", || !scene.records_of("slice_given_up").is_empty());
    scene.make("mended");
    let retried = scene.omk(&["goal", "retry", "--slice", "bad", "--json"]);
    assert_eq!((retried.code(), &retried.json()["schema"]), (Some(0), &json!("omk.retry/v1")), "{}", retried.stderr());
    assert_eq!(scene.omk(&["goal", "retry", "--slice", "nobody"]).code(), Some(2));
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!((scene.integrated("bad.txt"), scene.records_of("run_started").len()), ("bad".into(), 1));
}

#[test]
fn more_budget_reaches_a_run() {
    let scene = Scene::new();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let plan = slice("slow", "writes = [\"slow.txt\"]", &slow) + GATE;
    let mut session = scene.start_plan(&plan, &["--budget-tokens", "500"]);
    scene.see("on");
    let refused = scene.omk(&["goal", "budget-add", "--usd", "5"]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stdout());
    let refusal = "refused: the goal has no limit of usd, so there is nothing to add to";
    assert!(refused.stderr().contains(refusal), "{}", refused.stderr());
    let added = scene.omk(&["goal", "budget-add", "--tokens", "500", "--json"]);
    assert_eq!((added.code(), &added.json()["limits"]["tokens"]), (Some(0), &json!(1000)), "{}", added.stderr());
    assert_eq!(scene.json("status")["status"], "running");
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!(scene.json("show")["budget"]["limits"]["tokens"], 1000);
}

#[test]
fn a_stopped_run_whose_lock_file_is_deleted_is_named_and_paused_all_the_same() {
    let (scene, mut session) = running("");
    std::fs::remove_file(scene.goal().join("lock")).unwrap();
    session.signal(Signal::STOP);
    until("it is seen to be stopped", || scene.json("status")["process"]["health"] == "stopped");
    assert_eq!(scene.json("status")["process"]["holder"]["pid"], session.pid());
    let refused = scene.omk(&["goal", "resume"]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
    assert!(refused.stderr().contains(&format!("process {}", session.pid())), "{}", refused.stderr());
    settled(&scene.omk(&["goal", "pause", "--json"]), "paused");
    session.end();
    assert_resumes(&scene);
}

/// A run whose limits let an agent leave a file that takes hours to read.
fn capturing_for_ever() -> (Scene, Session) {
    let scene = Scene::new();
    let work = "truncate -s 4T one.txt";
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", work) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    command.env("OMK_MAX_FILE_SIZE", "8T").env("OMK_MAX_ATTEMPT_SIZE", "8T").env("OMK_GRACE", "10s");
    let session = Session::start(command, scene.place.path("session"));
    scene.see_record("agent_reported");
    (scene, session)
}

#[test]
fn a_cancel_ends_a_capture_that_is_under_way() {
    let (scene, mut session) = capturing_for_ever();
    settled(&scene.omk(&["goal", "cancel", "--json"]), "cancelled");
    assert_eq!(session.code(), Some(9), "{}", session.stderr());
    let ends: Vec<_> = scene.records_of("attempt_finished").iter().map(|end| end["outcome"]["kind"].clone()).collect();
    assert_eq!(ends, ["interrupted"]);
    let unfinished = |entry: &std::path::Path| entry.to_string_lossy().contains("tmp_obj");
    let left = crate::support::git_repo::contents(&scene.goal().join("repo.git/objects"));
    assert_eq!(left.keys().filter(|entry| unfinished(entry)).count(), 0, "{:?}", left.keys());
}
