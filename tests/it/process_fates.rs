//! What becomes of a tree when its keeper is killed, and what a tree can hide in.
//!
//! Most of these run in a process of their own: it adopts orphans, counts its control groups, or measures its memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use omk::process::containment::group_directory;
use omk::process::drive::{EndedBy, Heard, Limits, drive};
use omk::process::error::ProcessError;
use omk::process::orphans;
use omk::process::output::Bounded;
use omk::process::program::Exit;
use omk::process::spawn::{Launcher, Spec};
use omk::process::sweep::kill_leftovers;
use tokio_util::sync::CancellationToken;

use crate::process::{LONG, alive, daemon, launcher, pid_in, program, shell, tells_of, until};

/// Runs a test again in a process of its own. Says whether this is that process.
pub(crate) fn alone(test: &str) -> bool {
    let inside = std::env::var_os("OMK_TEST_ALONE").is_some();
    if !inside {
        again(Command::new(std::env::current_exe().expect("this program")), test);
    }
    inside
}

/// Runs one test by a command that runs this program.
fn again(mut program: Command, test: &str) {
    let output = program.args(["--exact", test, "--nocapture"]).env("OMK_TEST_ALONE", "1").output().expect("a start");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
    errors.lines().filter(|line| line.starts_with("SKIPPED")).for_each(|line| eprintln!("{line}"));
}

/// A daemon that has left its session, its variables and, where it may, its control group behind.
fn stray(dir: &Path) -> String {
    let leave = "for p in $(find /sys/fs/cgroup -maxdepth 2 -name cgroup.procs -not -path '*omk.*' 2>/dev/null); \
        do echo 0 > $p; done 2>/dev/null;";
    let daemon = daemon(dir).replace("setsid sh", "exec env -i PATH=/usr/bin:/bin setsid sh").replace("& wait;", "&");
    format!("({leave} {daemon}) & exec sleep 1000")
}

/// The control groups that this process has made.
fn groups() -> Vec<String> {
    let name = format!("omk.{}.*", std::process::id());
    let output = Command::new("find").args(["/sys/fs/cgroup", "-type", "d", "-name", &name]).output().expect("find");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn nothing_that_a_killed_keeper_held_survives_wherever_it_hides() {
    if !alone("process_fates::nothing_that_a_killed_keeper_held_survives_wherever_it_hides") {
        return;
    }
    orphans::adopt().expect("a subreaper");
    let dir = tempfile::tempdir().expect("a directory");
    let launcher = launcher();
    let beside = launcher.launch(shell("sleep 1000 & exec sleep 1001")).await.expect("a start");
    let mut own =
        Command::new("sleep").arg("1000").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a start");
    let mut running = launcher.launch(shell(&stray(dir.path()))).await.expect("a start");
    let (root, keeper) = (running.pid(), running.keeper_pid());
    let pid = pid_in(&dir.path().join("pid")).await;
    let hidden = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its groups");
    if hidden.contains("omk.") {
        eprintln!("SKIPPED: leaving the control group: this user may not");
    }
    Command::new("kill").args(["-KILL", &keeper.to_string()]).status().expect("kill");
    let lost = running.wait().await.expect_err("the keeper is dead");
    let ProcessError::KeeperLost { killed, .. } = &lost else { panic!("{lost}") };
    assert!(tells_of(killed, pid), "{killed:?}");
    assert!(!alive(root) && !alive(pid));
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "it is reaped");
    let others = [beside.pid(), beside.keeper_pid(), own.id()].map(alive);
    own.kill().and_then(|()| own.wait()).expect("an end");
    assert_eq!(others, [true; 3], "others are left alone");
}

#[test]
fn a_session_whose_leader_is_outside_of_the_pid_namespace_changes_nothing() {
    // As where a sandbox starts us: the kernel says 0 then, which is no process id.
    let ways = [vec!["-pf", "--mount-proc"], vec!["-rpf", "--mount-proc"]];
    let can =
        |way: &&Vec<&str>| Command::new("unshare").args(*way).arg("true").output().is_ok_and(|o| o.status.success());
    let Some(way) = ways.iter().find(can) else {
        return eprintln!("SKIPPED: a pid namespace of its own: `unshare` is missing, or this user may not");
    };
    let mut inside = Command::new("unshare");
    inside.args(way).arg(std::env::current_exe().expect("this program"));
    again(inside, "process_fates::nothing_that_a_killed_keeper_held_survives_wherever_it_hides");
}

#[test]
fn a_program_ends_also_where_proc_shows_other_processes() {
    let ways = [["-pf"], ["-rpf"]];
    let can =
        |way: &&[&str; 1]| Command::new("unshare").args(*way).arg("true").output().is_ok_and(|o| o.status.success());
    let Some(way) = ways.iter().find(can) else {
        return eprintln!("SKIPPED: a pid namespace of its own: `unshare` is missing, or this user may not");
    };
    let mut inside = Command::new("unshare");
    inside.args(way).arg(std::env::current_exe().expect("this program"));
    again(inside, "process_fates::a_program_that_cannot_be_seen");
}

/// Only of use where `/proc` shows others.
#[tokio::test]
async fn a_program_that_cannot_be_seen() {
    let mut running = launcher().launch(shell("sleep 1000 & exec sleep 1001")).await.expect("a start");
    running.kill(Duration::from_secs(5)).await;
    let ended = running.wait().await.expect("an end");
    assert_eq!(ended.exit, Exit::Signal(15));
}

#[tokio::test]
async fn what_has_cleared_its_environment_is_found_whoever_has_the_number_of_the_omk_that_started_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let owner = format!("goal-in-a-group-{}", std::process::id());
    let launcher = Launcher::start(env!("CARGO_BIN_EXE_omk").into(), &owner).expect("a launcher");
    let cleared = daemon(dir.path()).replace("setsid sh", "env -i PATH=/usr/bin:/bin setsid sh");
    let running = launcher.launch(shell(&format!("{cleared} exec sleep 1000"))).await.expect("a start");
    let (pid, keeper) = (pid_in(&dir.path().join("pid")).await, running.keeper_pid());
    Command::new("kill").args(["-KILL", &keeper.to_string()]).status().expect("kill");
    until("the keeper is gone", || !alive(keeper)).await;
    // The number is in use: it is that of this very process.
    let killed = kill_leftovers(&owner).killed;
    if group_directory().is_none() {
        Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill");
        return eprintln!("SKIPPED: what is in a control group: there is no writable one");
    }
    assert!(tells_of(&killed, pid), "{killed:?}");
    assert!(!alive(pid));
    drop(running);
}

#[tokio::test]
async fn a_group_within_the_group_ends_with_it() {
    if !alone("process_fates::a_group_within_the_group_ends_with_it") {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("inner");
    let script = format!(
        "for d in $(find /sys/fs/cgroup -type d -name 'omk.{}.*'); do \
         mkdir $d/inner && setsid sh -c \"echo 0 > $d/inner/cgroup.procs; exec sleep 1000\" & \
         while ! grep -q . $d/inner/cgroup.procs; do :; done; done 2>/dev/null; echo made > {}; exec sleep 1000",
        std::process::id(),
        file.display()
    );
    let mut running = launcher().launch(shell(&script)).await.expect("a start");
    until("the inner group is made", || std::fs::read_to_string(&file).is_ok_and(|text| text == "made\n")).await;
    match groups().iter().any(|group| group.ends_with("/inner")) {
        true => {}
        false => eprintln!("SKIPPED: groups within groups: there is no writable control group"),
    }
    // With the keeper, so that only the group tells who is in it.
    Command::new("kill").args(["-KILL", &running.keeper_pid().to_string()]).status().expect("kill");
    running.wait().await.expect_err("the keeper is dead");
    until("all groups are removed", || groups().is_empty()).await;
}

#[tokio::test]
async fn whatever_becomes_of_a_start_no_group_is_left() {
    if !alone("process_fates::whatever_becomes_of_a_start_no_group_is_left") {
        return;
    }
    let launcher = launcher();
    let missing = Spec { program: program("omk-no-such-program", &[]), ..shell("") };
    assert!(matches!(launcher.launch(missing).await.err(), Some(ProcessError::Unstartable { .. })));
    let mut running = launcher.launch(shell("exit 4")).await.expect("a start");
    assert_eq!(running.wait().await.expect("an end").exit, Exit::Code(4));
    drop(launcher.launch(shell("sleep 1000")).await.expect("a start"));
    until("no group is left", || groups().is_empty()).await;
}

#[tokio::test]
async fn a_keeper_that_does_not_answer_is_asked_once_and_a_stop_still_ends_its_tree() {
    let running = launcher().launch(shell("sleep 1000")).await.expect("a start");
    let (root, keeper) = (running.pid(), running.keeper_pid());
    Command::new("kill").args(["-STOP", &keeper.to_string()]).status().expect("kill");
    tokio::time::pause();
    // More questions than a channel holds, were they asked.
    let limits = Limits { timeout: Duration::from_secs(100_000), pulse: Duration::from_millis(100), ..LONG };
    let stop = CancellationToken::new();
    let mut vitals = 0;
    let mut sink = |heard: Heard<'_>| vitals += usize::from(matches!(heard, Heard::Vitals(_)));
    let (driven, ()) = tokio::join!(drive(running, limits, &stop, &mut sink), async {
        tokio::time::sleep(Duration::from_secs(500)).await;
        stop.cancel();
    });
    assert_eq!((driven.by, vitals), (EndedBy::Stop, 0));
    assert!(!alive(root) && !alive(keeper));
}

/// The most memory that this process ever had, in KiB.
pub(crate) fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak").to_owned();
    line.split_whitespace().nth(1).expect("a number").parse().expect("KiB")
}

#[tokio::test]
async fn a_flood_of_output_does_not_grow_this_process() {
    if !alone("process_fates::a_flood_of_output_does_not_grow_this_process") {
        return;
    }
    let running = launcher().launch(shell("head -c 200000000 /dev/zero")).await.expect("a start");
    let before = peak();
    let mut kept = Bounded::default();
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(_, bytes) => kept.push(bytes),
        Heard::Vitals(_) => {}
    };
    let driven = drive(running, LONG, &CancellationToken::new(), &mut sink).await;
    assert_eq!(driven.ended.exit, Exit::Code(0));
    assert!(kept.finish().len() < 3 << 20);
    assert!(peak() - before < 16 * 1024, "it grew by {} KiB", peak() - before);
}

#[tokio::test]
async fn a_flood_of_output_leaves_everybody_else_their_turns() {
    let running = launcher().launch(shell("exec cat /dev/zero")).await.expect("a start");
    let (stop, heard) = (CancellationToken::new(), AtomicUsize::new(0));
    let mut sink = |said: Heard<'_>| {
        let Heard::Bytes(_, bytes) = said else { return };
        // As long as its pipe needs to be full again.
        std::thread::sleep(Duration::from_micros(50));
        if heard.fetch_add(bytes.len(), Ordering::Relaxed) > 8 << 20 {
            stop.cancel();
        }
    };
    let (mut since, mut most) = (0, 0);
    let others = async {
        loop {
            tokio::task::yield_now().await;
            let all = heard.load(Ordering::Relaxed);
            most = most.max(all - since);
            since = all;
        }
    };
    let driven = tokio::select! {
        driven = drive(running, LONG, &stop, &mut sink) => driven,
        () = others => panic!("it ends"),
    };
    assert_eq!(driven.by, EndedBy::Stop);
    assert!(most < 128 << 10, "{most} bytes at once");
}

#[tokio::test]
async fn the_tree_of_a_dead_keeper_is_looked_for_beside_all_else_and_the_search_goes_on_when_nobody_waits() {
    let mut running = launcher().launch(shell("sleep 1000 & wait")).await.expect("a start");
    let (root, keeper) = (running.pid(), running.keeper_pid());
    Command::new("kill").args(["-KILL", &keeper.to_string()]).status().expect("kill");
    until("the keeper is dead", || !alive(keeper)).await;
    // So that the event loop has seen the end of its channel.
    for _ in 0..5 {
        tokio::task::yield_now().await;
    }
    assert!(running.next().now_or_never().is_none());
    let lost = running.next().await.expect_err("the keeper is dead");
    let ProcessError::KeeperLost { killed, .. } = &lost else { panic!("{lost}") };
    assert!(!alive(root), "{killed:?}");
}

/// A launcher whose keepers stop themselves before they have said anything; the file that they write their ids to.
fn stopping(dir: &Path) -> (Launcher, std::path::PathBuf) {
    let (keeper, ids) = (dir.join("keeper"), dir.join("ids"));
    let script = format!("#!/bin/sh\necho $$ > {0}.new; mv {0}.new {0}; kill -STOP $$\n", ids.display());
    crate::support::git_repo::write_executable(dir, "keeper", &script);
    (Launcher::start(keeper, "tests").expect("a launcher"), ids)
}

#[tokio::test]
async fn a_keeper_that_stops_before_its_first_report_is_under_the_lease() {
    let dir = tempfile::tempdir().expect("a directory");
    let (launcher, ids) = stopping(dir.path());
    let spec = Spec { lease: Duration::from_millis(100), ..shell("sleep 1000") };
    let Err(ProcessError::KeeperSilent { keeper, killed, .. }) = launcher.launch(spec).await else {
        panic!("it was waited for beyond its lease")
    };
    assert_eq!((keeper, killed), (pid_in(&ids).await, Vec::new()));
    until("the keeper is gone", || !alive(keeper)).await;
}

#[tokio::test]
async fn a_stop_reaches_a_program_whose_keeper_has_not_reported_yet() {
    let dir = tempfile::tempdir().expect("a directory");
    let (launcher, ids) = stopping(dir.path());
    let stop = CancellationToken::new();
    let spec = Spec { lease: Duration::from_secs(3600), ..shell("sleep 1000") };
    let starting = tokio::spawn({
        let stop = stop.clone();
        async move { launcher.launch_until(spec, &stop).await.map(drop) }
    });
    let keeper = pid_in(&ids).await;
    stop.cancel();
    let ended = starting.await.expect("no panic");
    assert!(matches!(ended, Err(ProcessError::Stopped { .. })), "{ended:?}");
    until("the keeper is gone", || !alive(keeper)).await;
}
