//! A goal that runs, looked at and steered from a second terminal.

use serde_json::{Value, json};

use crate::support::scene::{GATE, Scene, Session, processes_at, slice, until};

/// A goal whose slice `done` is integrated and whose slice `slow` waits for the mark `go`.
fn running(more: &[&str]) -> (Scene, Session) {
    let scene = Scene::new();
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let slow = slice("slow", "after = [\"done\"]\nwrites = [\"slow.txt\"]", &slow);
    let plan = slice("done", "writes = [\"done.txt\"]", "echo done > done.txt") + &slow + GATE;
    let session = scene.start_plan(&plan, more);
    scene.see("on");
    (scene, session)
}

fn assert_nobody_left(scene: &Scene) {
    let goal = scene.goal();
    until("no process of the goal is left", || processes_at(&goal).is_empty());
}

fn assert_integrated_once(scene: &Scene) {
    let integrated: Vec<_> = scene.records_of("slice_integrated").iter().map(|it| it["slice"].clone()).collect();
    assert_eq!(integrated, [json!("done"), json!("slow")]);
}

fn assert_resumes(scene: &Scene) {
    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!((scene.integrated("done.txt"), scene.integrated("slow.txt")), ("done".into(), "slow".into()));
    assert_integrated_once(scene);
}

#[test]
fn status_shows_the_run_and_its_process() {
    let (scene, session) = running(&[]);
    let ran = scene.omk(&["goal", "status", "--exit-status", "--json"]);
    let status = ran.json();
    assert_eq!((ran.code(), &status["status"], &status["orphaned"]), (Some(8), &json!("running"), &json!(false)));
    assert_eq!(status["process"]["holder"]["pid"], session.pid(), "{status}");
    let states: Vec<_> = status["slices"].as_array().unwrap().iter().map(|it| it["state"].clone()).collect();
    assert_eq!(states, [json!("integrated"), json!("running")]);
}

#[test]
fn list_show_replay_and_proof_read_a_goal_that_runs() {
    let (scene, mut session) = running(&[]);
    assert_eq!(scene.json("list")["goals"][0]["status"], "running");
    assert_eq!(scene.json("show")["slices"][0]["state"], "integrated");
    let replay = scene.json("replay");
    assert_eq!(replay["state"]["status"], "running");
    assert_eq!(scene.json("replay"), replay);
    let proof = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(proof.code(), Some(5), "{}{}", proof.stdout(), proof.stderr());
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
}

#[test]
fn diff_shows_what_a_slice_changed_while_others_work() {
    let (scene, _session) = running(&[]);
    let ran = scene.omk(&["goal", "diff", "--slice", "done"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stdout().contains("+++ b/done.txt\n") && ran.stdout().contains("+done\n"), "{}", ran.stdout());
    let stat = scene.omk(&["goal", "diff", "--stat", "--json"]).json();
    assert_eq!((&stat["files"][0]["path"], &stat["added"]), (&json!("done.txt"), &json!(1)), "{stat}");
}

#[test]
fn logs_follow_a_run_to_its_end() {
    let (scene, mut session) = running(&[]);
    let mut follower = Session::start(scene.command(&["goal", "logs", "--follow"]), scene.place.path("follower"));
    until("the log begins", || !follower.stdout().is_empty());
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!(follower.code(), Some(0), "{}", follower.stderr());
    assert!(follower.stdout().lines().last().unwrap().contains("ready"), "{}", follower.stdout());
    let only = scene.omk(&["goal", "logs", "--actor", "integrator", "--json"]).stdout();
    let records: Vec<Value> = only.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!records.is_empty() && records.iter().all(|record| record["actor"] == "integrator"), "{only}");
}

#[test]
fn a_pause_from_elsewhere_ends_the_run_with_6_and_resume_goes_on() {
    let (scene, mut session) = running(&[]);
    let paused = scene.omk(&["goal", "pause", "--json"]);
    assert_eq!((paused.code(), &paused.json()["status"]), (Some(0), &json!("paused")), "{}", paused.stderr());
    assert_eq!(session.code(), Some(6), "{}", session.stderr());
    assert!(session.stdout().contains(&format!("omk goal resume {}", scene.id())), "{}", session.stdout());
    assert_nobody_left(&scene);
    assert_resumes(&scene);
}

#[test]
fn a_cancel_from_elsewhere_is_final_and_leaves_no_process() {
    let (scene, mut session) = running(&[]);
    let cancelled = scene.omk(&["goal", "cancel", "--json"]);
    assert_eq!((cancelled.code(), &cancelled.json()["status"]), (Some(0), &json!("cancelled")));
    assert_eq!(session.code(), Some(9), "{}", session.stderr());
    let failure = std::fs::read_to_string(scene.goal().join("failure.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&failure).unwrap()["status"], "cancelled");
    assert_nobody_left(&scene);
    assert_eq!(scene.branches(), ["main"]);
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(2));
}

#[test]
fn a_second_run_of_the_goal_is_refused_with_the_process_that_has_it() {
    let (scene, session) = running(&[]);
    let second = scene.omk(&["goal", "resume"]);
    assert_eq!(second.code(), Some(2), "{}", second.stderr());
    let said = format!("is held by process {}", session.pid());
    assert!(second.stderr().contains(&said), "{}", second.stderr());
}

#[test]
fn a_goal_whose_omk_was_killed_is_orphaned_and_leaves_no_process() {
    let (scene, mut session) = running(&[]);
    session.signal(rustix::process::Signal::KILL);
    session.end();
    assert_nobody_left(&scene);
    let status = scene.omk(&["goal", "status"]);
    assert!(status.stdout().contains("running (orphaned)"), "{}", status.stdout());
    assert_eq!(scene.json("status")["orphaned"], true);
    assert_resumes(&scene);
}

#[test]
fn every_orphan_is_taken_up_on_demand() {
    let (scene, mut session) = running(&[]);
    session.signal(rustix::process::Signal::KILL);
    session.end();
    scene.make("go");
    let adopted = scene.omk(&["goal", "resume", "--auto"]);
    assert_eq!(adopted.code(), Some(0), "{}{}", adopted.stdout(), adopted.stderr());
    assert_integrated_once(&scene);
    let nothing = scene.omk(&["goal", "resume", "--auto"]);
    assert_eq!((nothing.code(), nothing.stderr()), (Some(0), "no goal has lost its process\n".to_owned()));
}

#[test]
fn a_gate_dies_with_the_omk_that_was_killed() {
    let scene = Scene::new();
    let wait = scene.wait_for("gate-on", "never");
    scene.repo.write("gate.sh", &format!("if [ -e one.txt ]; then {wait}; fi\n"));
    scene.repo.commit_all("a gate that hangs");
    let mut session = scene.start_plan(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    scene.see("gate-on");
    session.signal(rustix::process::Signal::KILL);
    session.end();
    assert_nobody_left(&scene);
}

#[test]
fn signals_pause_a_run_and_say_how_it_goes_on() {
    use rustix::process::Signal;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (scene, mut session) = running(&[]);
        session.signal(signal);
        assert_eq!(session.code(), Some(code), "{}", session.stderr());
        assert_eq!(scene.json("status")["status"], "paused");
        let command = format!("omk goal resume {}", scene.id());
        assert!(session.stdout().contains(&command), "{}", session.stdout());
        assert_nobody_left(&scene);
        if code == 130 {
            assert_resumes(&scene);
        }
    }
}

#[test]
fn a_second_signal_kills_at_once_and_the_goal_can_be_resumed() {
    use rustix::process::Signal;
    let scene = Scene::new();
    let stubborn = format!("trap '' TERM INT; {}; echo 1 > one.txt", scene.wait_for("on", "go"));
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &stubborn) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    command.env("OMK_GRACE", "10m");
    let mut session = Session::start(command, scene.place.path("session"));
    scene.see("on");
    session.signal(Signal::INT);
    until("the first signal is taken", || !scene.records_of("stop_requested").is_empty());
    session.signal(Signal::INT);
    assert_eq!(session.code(), Some(130), "{}", session.stderr());
    assert!(session.stdout().contains(&format!("omk goal resume {}", scene.id())), "{}", session.stdout());
    assert_nobody_left(&scene);
    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
}

#[test]
fn a_detached_run_goes_on_by_itself() {
    let scene = Scene::new();
    let wait = scene.wait_for("on", "go");
    let ran = scene.run(
        &(slice("one", "writes = [\"one.txt\"]", &format!("{wait}; echo 1 > one.txt")) + GATE),
        &["--detach", "--json"],
    );
    let document = ran.json();
    assert_eq!((ran.code(), &document["schema"]), (Some(0), &json!("omk.detached/v1")), "{}", ran.stderr());
    scene.see("on");
    let status = scene.json("status");
    // Nobody would end it where this fails below.
    scene.make("go");
    let pid = &document["pid"];
    assert_eq!(&status["process"]["holder"]["pid"], pid);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let session = stat.rsplit(')').next().unwrap().split_whitespace().nth(3).map(str::to_owned);
    assert_eq!(session, Some(pid.to_string()), "it has a session of its own");
    until("the goal is ready", || scene.json("status")["status"] == "ready");
    assert_nobody_left(&scene);
}
