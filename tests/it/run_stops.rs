//! What stops a run from outside: a reader or a terminal that goes away, hang-ups, a full disk.

use std::fs::File;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::ptr::{null, null_mut};

use rustix::process::Signal;
use serde_json::json;

use crate::support::git_repo::write_executable;
use crate::support::scene::{GATE, Killed, Scene, Session, heeding_signals, processes_at, slice, until};

/// What is said where the reader of a run went away.
const PIPE: &str = "a closed pipe: nobody reads its output any more";

/// A scene with a plan whose slice waits for the mark `go`; the command that runs it.
fn waiting() -> (Scene, Vec<String>) {
    let scene = Scene::new();
    let wait = scene.wait_for("on", "go");
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &format!("{wait}; echo 1 > one.txt")) + GATE));
    (scene, ["goal", "run", "Do it", "--until-ready", "--plan", &plan].map(str::to_owned).to_vec())
}

fn command(scene: &Scene, words: &[String], more: &[&str]) -> Command {
    let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    scene.command(&words)
}

/// The same command, begun by another program.
fn through(command: &Command, program: &str, words: &[&str]) -> Command {
    let mut other = Command::new(program);
    other.args(words).arg(command.get_program()).args(command.get_args()).env_clear().stdin(Stdio::null());
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.current_dir(command.get_current_dir().unwrap());
    other
}

fn wait(child: &mut Killed) -> Option<i32> {
    let mut status = None;
    until("omk ends", || {
        status = child.0.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}

/// The goal is paused, `by` one of these.
fn assert_paused(scene: &Scene, by: &[&str]) {
    let status = scene.json("status");
    let reasons: Vec<_> = by.iter().map(|by| json!(format!("paused by {by}"))).collect();
    assert_eq!((&status["status"], reasons.contains(&status["reason"])), (&json!("paused"), true), "{status}");
    let goal = scene.goal();
    until("no process of the goal is left", || processes_at(&goal).is_empty());
}

fn text(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_reader_that_closes_stdout_pauses_the_run_which_says_on_stderr_how_it_goes_on() {
    for more in [&[][..], &["--json"]] {
        let (scene, words) = waiting();
        let errors = scene.place.path("errors");
        let mut command = command(&scene, &words, more);
        let mut child = Killed(command.stdout(Stdio::piped()).stderr(File::create(&errors).unwrap()).spawn().unwrap());
        scene.see("on");
        drop(child.0.stdout.take());
        assert_eq!(wait(&mut child), Some(141), "{}", text(&errors));
        assert_paused(&scene, &[PIPE]);
        assert!(text(&errors).contains(&format!("omk goal resume {}", scene.id())), "{}", text(&errors));
    }
}

#[test]
fn a_reader_that_closes_stderr_pauses_the_run_which_says_on_stdout_how_it_goes_on() {
    let (scene, words) = waiting();
    let out = scene.place.path("out");
    let mut command = command(&scene, &words, &[]);
    let mut child = Killed(command.stderr(Stdio::piped()).stdout(File::create(&out).unwrap()).spawn().unwrap());
    scene.see("on");
    drop(child.0.stderr.take());
    assert_eq!(wait(&mut child), Some(141), "{}", text(&out));
    assert_paused(&scene, &[PIPE]);
    assert!(text(&out).contains(&format!("omk goal resume {}", scene.id())), "{}", text(&out));
    scene.make("go");
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(0));
}

#[test]
fn an_interrupt_that_takes_the_reader_with_it_is_one_stop() {
    let (scene, words) = waiting();
    let mut command = command(&scene, &words, &[]);
    let mut child =
        Killed(heeding_signals(&mut command).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    scene.see("on");
    drop((child.0.stdout.take(), child.0.stderr.take()));
    rustix::process::kill_process(rustix::process::Pid::from_child(&child.0), Signal::INT).unwrap();
    assert!(matches!(wait(&mut child), Some(130 | 141)));
    assert_paused(&scene, &["SIGINT", PIPE]);
}

#[test]
fn hangups_that_follow_each_other_are_one_stop() {
    let (scene, words) = waiting();
    let mut session = Session::start(command(&scene, &words, &[]), scene.place.path("session"));
    scene.see("on");
    for _ in 0..3 {
        session.signal(Signal::HUP);
        until("it is told", || !scene.records_of("stop_requested").is_empty());
    }
    assert_eq!(session.code(), Some(129), "{}", session.stderr());
    assert_paused(&scene, &["SIGHUP"]);
}

#[test]
fn a_run_that_was_started_with_hangups_ignored_goes_on() {
    let (scene, words) = waiting();
    let shielded = through(&command(&scene, &words, &[]), "sh", &["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    let mut session = Session::start(shielded, scene.place.path("session"));
    scene.see("on");
    session.signal(Signal::HUP);
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
}

/// A new terminal: the side that shows it, and the side that programs use.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut shown, mut used) = (-1, -1);
    #[expect(unsafe_code, reason = "neither std nor rustix as it is built here opens a terminal")]
    // SAFETY: the call fills the two numbers or fails; where it succeeds both are open and nobody else's.
    unsafe {
        assert_eq!(libc::openpty(&mut shown, &mut used, null_mut(), null(), null()), 0);
        libc::fcntl(shown, libc::F_SETFD, libc::FD_CLOEXEC);
        (OwnedFd::from_raw_fd(shown), OwnedFd::from_raw_fd(used))
    }
}

#[test]
fn a_terminal_that_closes_pauses_the_run() {
    let (scene, words) = waiting();
    let (shown, used) = terminal();
    let mut inside = through(&command(&scene, &words, &[]), "setsid", &["--ctty", "--wait"]);
    inside.env("TERM", "xterm").stdin(used.try_clone().unwrap()).stdout(used.try_clone().unwrap());
    let mut child = Killed(heeding_signals(&mut inside).stderr(used).spawn().unwrap());
    drop(inside);
    scene.see("on");
    drop(shown);
    assert_eq!(wait(&mut child), Some(129));
    assert_paused(&scene, &["SIGHUP"]);
    scene.make("go");
    assert_eq!(scene.omk(&["goal", "resume"]).code(), Some(0));
}

/// A shell script for a file system of its own: `$1` is where it is mounted, `$2` its size, the rest is run there.
const ON_SMALL_DISK: &str = "mount -t tmpfs -o size=$2 none \"$1\" && shift 2 && exec \"$@\"";

#[test]
fn a_full_disk_ends_the_run_while_its_end_can_still_be_written() {
    let probe = ["-Urm", "sh", "-c", ON_SMALL_DISK, "sh", "/mnt", "1m", "true"];
    if !Command::new("unshare").args(probe).stderr(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return eprintln!(
            "SKIPPED: no file system of its own can be mounted here (unshare, tmpfs): a full disk is not tried"
        );
    }
    let scene = Scene::new();
    let state = scene.place.state();
    std::fs::create_dir_all(&state).unwrap();
    // The first attempt fills the disk but for the ballast, then has the journal written until that is felt.
    let room = scene.mark("room");
    let fill = format!("cat /dev/zero > {}/filler 2> /dev/null; {}", state.display(), TALK);
    let run = format!("[ -e {} ] || {{ {fill}; }}; echo 1 > one.txt", room.display());
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE));
    let (here, state) = (scene.place.path("."), state.to_str().unwrap());
    let script = format!(
        "cd {}; \"$@\"; echo $? > {here}/exit; \"$1\" goal status --json > {here}/status; rm -f {state}/filler; \
         touch {}; \"$1\" goal resume; echo $? > {here}/resumed",
        scene.repo.root.display(),
        room.display(),
        here = here.display(),
    );
    let words: Vec<_> = ["goal", "run", "Do it", "--until-ready", "--plan", &plan].map(str::to_owned).to_vec();
    let lead = ["-Urm", "sh", "-c", ON_SMALL_DISK, "sh", state, "8m", "sh", "-c", &script, "sh"];
    let session = Session::start(through(&command(&scene, &words, &[]), "unshare", &lead), scene.place.path("session"));
    ended(session);
    let read = |name: &str| text(&scene.place.path(name));
    let status: serde_json::Value = serde_json::from_str(&read("status")).unwrap();
    assert_eq!((read("exit").as_str(), &status["status"]), ("70\n", &json!("failed_infra")), "{status}");
    assert!(status["reason"].as_str().unwrap().contains("is full"), "{status}");
    assert_eq!(status["next"][0], json!(format!("omk goal resume {}", status["id"].as_str().unwrap())));
    assert_eq!(read("resumed"), "0\n");
}

fn ended(mut session: Session) {
    let code = session.code();
    assert_eq!(code, Some(0), "{}{}", session.stdout(), session.stderr());
}

/// A shell loop that reports use, a record of the journal each time, until nobody listens.
const TALK: &str = "while echo '{\"type\":\"usage\",\"output_tokens\":1}'; do sleep 0.002; done";

/// Two slices that change one file, and a git that hangs when it is to merge them; whether it was reached is a mark.
fn merging_for_ever() -> (Scene, Session) {
    let scene = Scene::new();
    let tools = scene.place.path("tools");
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap()).find(|dir| dir.join("git").exists()).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *merge-tree*) : > {}; exec sleep 1000;; esac\nexec {}/git \"$@\"\n",
        scene.mark("merging").display(),
        real.display()
    );
    write_executable(&tools, "git", &script);
    let run = |me: &str, other: &str, line: &str| {
        let work = format!("{}; sed -i '{line}' a.txt", scene.wait_for(&format!("{me}-on"), &format!("{other}-on")));
        slice(me, "merges = [\"a.txt\"]", &work)
    };
    let plan = scene.plan(&(run("one", "two", "1i one") + &run("two", "one", "$a two") + GATE));
    let mut command = scene.command(&["goal", "run", "x", "--until-ready", "--plan", &plan, "--max-agents", "2"]);
    let path =
        std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    command.env("PATH", path.unwrap());
    let session = Session::start(command, scene.place.path("session"));
    scene.see("merging");
    (scene, session)
}

#[test]
fn a_git_that_hangs_ends_with_the_run_however_that_ends() {
    let (scene, mut session) = merging_for_ever();
    session.signal(Signal::INT);
    assert_eq!(session.code(), Some(130), "{}", session.stderr());
    until("git is gone", || processes_at(&scene.goal()).is_empty());
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());

    let (scene, mut session) = merging_for_ever();
    session.signal(Signal::KILL);
    session.end();
    until("git is gone", || processes_at(&scene.goal()).is_empty());
}
