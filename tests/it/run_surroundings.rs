//! Where the system around `omk` is not as it mostly is: signals that its caller ignores or blocks, the `/proc` of
//! others, its own binary replaced, an old kernel.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use omk::process::containment::group_directory;
use rustix::process::Signal;
use serde_json::json;

use crate::support::omk::Ran;
use crate::support::orphan::{assert_whole, orphaned, resume};
use crate::support::scene::{GATE, Scene, Session, processes_at, slice, until};

/// A command as another program starts it, in the same place with the same environment.
fn through(starter: &[&str], command: &Command) -> Command {
    let mut through = Command::new(starter[0]);
    through.args(&starter[1..]).arg(command.get_program()).args(command.get_args()).env_clear();
    through.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    through.current_dir(command.get_current_dir().expect("a place"));
    through
}

/// The first of these ways that works here, as what a command is started by.
fn way<'a>(ways: &[&[&'a str]], needs: &str) -> Option<Vec<&'a str>> {
    let works = |way: &&&[&str]| {
        Command::new(way[0]).args(&way[1..]).arg("true").output().is_ok_and(|output| output.status.success())
    };
    let found = ways.iter().find(works).map(|way| way.to_vec());
    if found.is_none() {
        eprintln!("SKIPPED: {needs}: the program is missing, or this user may not");
    }
    found
}

/// A caller that ignores some signals, the ends of its children among them, and blocks others.
fn careless(command: &mut Command) -> &mut Command {
    #[expect(unsafe_code, reason = "what is ignored or blocked is inherited, and only the child may change that")]
    // SAFETY: the closure makes system calls that are safe behind a fork, without allocation or locks.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGCHLD, libc::SIGALRM, libc::SIGXFSZ, libc::SIGTTOU] {
                libc::signal(signal, libc::SIG_IGN);
            }
            let mut blocked: libc::sigset_t = std::mem::zeroed();
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGCHLD, libc::SIGUSR1] {
                libc::sigaddset(&mut blocked, signal);
            }
            libc::sigprocmask(libc::SIG_BLOCK, &blocked, std::ptr::null_mut());
            Ok(())
        })
    }
}

#[test]
fn a_caller_that_ignores_the_ends_of_its_children_changes_no_verdict() {
    let scene = Scene::new();
    let masks = "grep -E '^Sig(Blk|Ign)' /proc/self/status > one.txt";
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]\nretries = 0", masks) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let ran = Ran(careless(&mut command).output().unwrap());
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    // The C library has two signals for itself, which nobody can set through it.
    let mask = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap() & !(0b11 << 31);
    assert_eq!(scene.integrated("one.txt").lines().map(mask).collect::<Vec<_>>(), [0, 0]);
}

#[test]
fn a_signal_that_the_caller_blocks_pauses_a_run() {
    let scene = Scene::new();
    let slow = format!("{}; echo 1 > one.txt", scene.wait_for("on", "go"));
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &slow) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    careless(&mut command);
    let mut session = Session::start(command, scene.place.path("session"));
    scene.see("on");
    session.signal(Signal::TERM);
    assert_eq!(session.code(), Some(143), "{}", session.stderr());
    assert_eq!(scene.json("status")["status"], "paused");
}

#[test]
fn where_proc_shows_other_processes_nothing_is_begun() {
    let Some(way) = way(&[&["unshare", "-pf"], &["unshare", "-rpf"]], "a pid namespace of its own") else { return };
    let scene = Scene::new();
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE));
    let run = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let ran = Ran(through(&way, &run).output().unwrap());
    assert_eq!(ran.code(), Some(4), "{}{}", ran.stdout(), ran.stderr());
    let said = ["/proc is that of another pid namespace", "mount -t proc proc /proc"];
    assert!(said.iter().all(|said| ran.stderr().contains(said)), "{}", ran.stderr());
    assert!(!scene.place.state().join("goals").exists());
    let doctor = Ran(through(&way, &scene.command(&["doctor", "--json", "--agent", "cmd:true"])).output().unwrap());
    let found = doctor.json()["checks"].as_array().unwrap().iter().find(|it| it["name"] == "processes").cloned();
    assert_eq!(found.map(|it| it["verdict"].clone()), Some(json!("failed")), "{}", doctor.stdout());
    assert_eq!(scene.omk(&["goal", "plan", "Do it", "--plan", &plan]).code(), Some(0));
    let resumed = Ran(through(&way, &scene.command(&["goal", "resume"])).output().unwrap());
    assert_eq!((resumed.code(), scene.records_of("run_started").len()), (Some(4), 0), "{}", resumed.stderr());
}

#[test]
fn where_no_control_group_can_be_made_a_resume_says_what_cannot_be_found() {
    let hide = "mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"";
    let ways: [&[&str]; 2] = [&["unshare", "-m", "sh", "-c", hide, "sh"], &["unshare", "-rm", "sh", "-c", hide, "sh"]];
    let Some(way) = way(&ways, "a mount namespace of its own") else { return };
    let scene = orphaned();
    scene.make("go");
    let resumed = Ran(through(&way, &scene.command(&["goal", "resume"])).output().unwrap());
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    let said = "left alone: what has cleared its environment and outlived its keeper";
    assert!(resumed.stderr().contains(said), "{}", resumed.stderr());
    assert_whole(&scene);
}

/// A copy of the program, started as a run of a plan whose only slice waits for the mark `go`.
fn running_copy(scene: &Scene) -> (Session, PathBuf) {
    let copy = scene.place.path("omk");
    fs::copy(env!("CARGO_BIN_EXE_omk"), &copy).unwrap();
    let first = format!("{}; echo 1 > one.txt", scene.wait_for("on", "go"));
    let second = slice("two", "writes = [\"two.txt\"]\nafter = [\"one\"]", "echo 2 > two.txt");
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &first) + &second + GATE));
    let run = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let mut command = Command::new(&copy);
    command.args(run.get_args()).env_clear().current_dir(run.get_current_dir().unwrap());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let session = Session::start(command, scene.place.path("session"));
    scene.see("on");
    (session, copy)
}

fn assert_ready(scene: &Scene, session: &mut Session) {
    scene.make("go");
    assert_eq!(session.code(), Some(0), "{}", session.stderr());
    assert_eq!((scene.integrated("one.txt"), scene.integrated("two.txt")), ("1".into(), "2".into()));
    assert_eq!(scene.records_of("attempt_finished").len(), 2);
}

#[test]
fn a_run_goes_on_when_its_binary_is_deleted() {
    let scene = Scene::new();
    let (mut session, copy) = running_copy(&scene);
    fs::remove_file(copy).unwrap();
    assert_ready(&scene, &mut session);
}

#[test]
fn a_run_stays_with_its_own_version_when_its_binary_is_replaced() {
    let scene = Scene::new();
    let (mut session, copy) = running_copy(&scene);
    let (new, used) = (scene.place.path("omk.new"), scene.mark("used"));
    fs::write(&new, format!("#!/bin/sh\ntouch {}\nexit 1\n", used.display())).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, copy).unwrap();
    assert_ready(&scene, &mut session);
    assert!(!used.exists());
}

#[test]
fn keepers_are_seen_under_the_name_of_their_program() {
    let scene = Scene::new();
    let (mut session, copy) = running_copy(&scene);
    let name = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let keepers = || processes_at(&copy).into_iter().filter(|pid| *pid != session.pid()).collect::<Vec<_>>();
    until("all are named", || !keepers().is_empty() && keepers().into_iter().all(|pid| name(pid) == "omk\n"));
    assert_ready(&scene, &mut session);
}

/// A system without a call, for what is started so.
fn without(call: &str) -> [String; 6] {
    let inject = format!("inject={call}:error=ENOSYS");
    ["strace", "-f", "-o", "/dev/null", "-e", &inject].map(str::to_owned)
}

#[test]
fn a_stopped_run_is_ended_where_processes_have_no_descriptors() {
    let way_there = without("pidfd_open");
    let way_there: Vec<_> = way_there.iter().map(String::as_str).collect();
    let Some(way) = way(&[&way_there], "strace") else { return };
    let scene = Scene::new();
    let slow = format!("{}; echo 1 > one.txt", scene.wait_for("on", "go"));
    let mut session = scene.start_plan(&(slice("one", "writes = [\"one.txt\"]", &slow) + GATE), &[]);
    scene.see("on");
    session.signal(Signal::STOP);
    until("it is stopped", || scene.json("status")["process"]["health"] == "stopped");
    let pause = through(&way, &scene.command(&["goal", "pause"]));
    let mut pause = Session::start(pause, scene.place.path("pause"));
    assert_eq!(pause.code(), Some(0), "{}", pause.stderr());
    assert_eq!((session.code(), &scene.json("status")["status"]), (None, &json!("paused")));
    let goal = scene.goal();
    until("no process of the goal is left", || processes_at(&goal).is_empty());
}

#[test]
fn programs_inherit_no_descriptor_where_the_kernel_marks_them_one_by_one() {
    let way_there = without("close_range");
    let way_there: Vec<_> = way_there.iter().map(String::as_str).collect();
    let Some(way) = way(&[&way_there], "strace") else { return };
    let scene = Scene::new();
    let listed = "ls /proc/self/fd | wc -l > one.txt";
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", listed) + GATE));
    let file = fs::File::open("/dev/null").unwrap();
    // One that is not closed on exec, as a caller may have left open.
    let inherited = rustix::io::fcntl_dupfd_cloexec(&file, 40).unwrap();
    let number = inherited.as_raw_fd();
    let mut command = through(&way, &scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]));
    leaving_open(&mut command, number);
    let ran = Ran(command.output().unwrap());
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(scene.integrated("one.txt"), "4", "three, and the one that ls reads the directory with");
}

/// Lets a command inherit a descriptor.
fn leaving_open(command: &mut Command, descriptor: i32) {
    #[expect(unsafe_code, reason = "other tests start programs meanwhile, which must not inherit it")]
    // SAFETY: the closure makes one system call, without allocation or locks.
    unsafe {
        command.pre_exec(move || {
            libc::fcntl(descriptor, libc::F_SETFD, 0);
            Ok(())
        });
    }
}

/// A control group of version 1 whose processes outlive SIGKILL while it is frozen. Thawed at the end.
struct Freezer(PathBuf);

impl Freezer {
    fn new(name: &str) -> Option<Self> {
        let dir = PathBuf::from(format!("/sys/fs/cgroup/freezer/omk-test-{}-{name}", std::process::id()));
        if fs::create_dir(&dir).is_err() {
            eprintln!("SKIPPED: a frozen process: there is no writable freezer");
            return None;
        }
        Some(Self(dir))
    }

    /// A shell command that leaves a frozen process behind.
    fn fill(&self) -> String {
        let dir = self.0.display();
        format!(
            "sleep 1000 & while ! grep -q sleep /proc/$!/comm; do :; done; \
             echo $! > {dir}/cgroup.procs; echo FROZEN > {dir}/freezer.state; \
             while ! grep -q FROZEN {dir}/freezer.state; do :; done;"
        )
    }

    fn frozen(&self) -> String {
        fs::read_to_string(self.0.join("cgroup.procs")).unwrap_or_default().trim().to_owned()
    }

    fn thaw(&self) {
        fs::write(self.0.join("freezer.state"), "THAWED").unwrap();
        until("nothing is frozen", || self.frozen().is_empty());
    }
}

impl Drop for Freezer {
    fn drop(&mut self) {
        let _thawed_already = fs::write(self.0.join("freezer.state"), "THAWED");
        for pid in self.frozen().lines() {
            let _gone_already = Command::new("kill").args(["-KILL", pid]).status();
        }
        until("the freezer is removed", || fs::remove_dir(&self.0).is_ok() || !self.0.exists());
    }
}

/// A goal whose agent has started a process that resists SIGKILL.
fn running_frozen(scene: &Scene, freezer: &Freezer) -> Session {
    let run = format!("{} {}; echo 1 > one.txt", freezer.fill(), scene.wait_for("on", "go"));
    let plan = scene.plan(&(slice("one", "writes = [\"one.txt\"]", &run) + GATE));
    let mut command = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    command.env("OMK_GRACE", "200ms");
    let session = Session::start(command, scene.place.path("session"));
    scene.see("on");
    session
}

#[test]
fn a_goal_whose_process_resists_is_neither_cancelled_nor_taken_up_before_that_is_gone() {
    let Some(freezer) = Freezer::new("orphan") else { return };
    let scene = Scene::new();
    let mut session = running_frozen(&scene, &freezer);
    session.signal(Signal::KILL);
    session.end();
    let resists = format!("process {} sleep of the goal resists SIGKILL and still runs", freezer.frozen());
    let cancelled = scene.omk(&["goal", "cancel"]);
    assert_eq!((cancelled.code(), &scene.json("status")["status"]), (Some(70), &json!("running")));
    assert!(cancelled.stderr().contains(&resists), "{}", cancelled.stderr());
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!((resumed.code(), scene.records_of("run_started").len()), (Some(70), 1), "{}", resumed.stderr());
    assert!(scene.json("status")["reason"].as_str().unwrap().contains(&resists), "{}", resumed.stderr());
    freezer.thaw();
    let cancelled = scene.omk(&["goal", "cancel"]);
    assert_eq!(cancelled.code(), Some(0), "{}", cancelled.stderr());
    assert_eq!(scene.json("status")["status"], "cancelled");
}

#[test]
fn a_cancel_that_leaves_a_process_behind_says_so_and_fails() {
    let Some(freezer) = Freezer::new("run") else { return };
    let scene = Scene::new();
    let mut session = running_frozen(&scene, &freezer);
    let frozen = freezer.frozen();
    let cancelled = scene.omk(&["goal", "cancel"]);
    let said = format!("is cancelled, but process {frozen} sleep of the goal resists SIGKILL and still runs");
    assert_eq!(cancelled.code(), Some(70), "{}", cancelled.stdout());
    assert!(cancelled.stderr().contains(&said), "{}", cancelled.stderr());
    assert_eq!(session.code(), Some(9), "{}", session.stderr());
    freezer.thaw();
}

#[test]
fn where_control_groups_can_be_made_a_resume_says_nothing_of_them() {
    if group_directory().is_none() {
        return eprintln!("SKIPPED: control groups: there is no writable one");
    }
    let scene = orphaned();
    let resumed = resume(&scene);
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    assert!(!resumed.stderr().contains("cleared its environment"), "{}", resumed.stderr());
}
