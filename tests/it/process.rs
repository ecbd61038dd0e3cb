//! Programs under keepers, with real processes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use omk::process::direct::run_captured;
use omk::process::drive::{Driven, EndedBy, Heard, Limits, Stream, drive};
use omk::process::error::ProcessError;
use omk::process::output::Bounded;
use omk::process::program::{Ended, Exit, Program};
use omk::process::running::{News, Running};
use omk::process::spawn::{Input, Launcher, OutputPlan, Spec};
use omk::process::sweep::{Swept, kill_leftovers};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

pub(crate) const LONG: Limits =
    Limits { timeout: Duration::from_secs(120), grace: Duration::from_secs(60), pulse: Duration::from_secs(5) };
pub(crate) const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn launcher() -> Launcher {
    Launcher::start(PathBuf::from(env!("CARGO_BIN_EXE_omk")), "tests").expect("a launcher")
}

pub(crate) fn program(program: &str, args: &[&str]) -> Program {
    // Not the caller's: a directory there that cannot be read would turn "no such file" into "permission denied".
    let path = "/usr/local/bin:/usr/bin:/bin".into();
    Program {
        program: program.into(),
        args: args.iter().map(OsString::from).collect(),
        env: vec![("PATH".into(), path), ("GREETING".into(), "hello".into())],
        cwd: "/".into(),
    }
}

pub(crate) fn shell(script: &str) -> Spec {
    Spec { program: program("sh", &["-c", script]), input: Input::Null, output: OutputPlan::Split, lease: LEASE }
}

fn bytes_of<'a>(heard: &Heard<'a>) -> &'a [u8] {
    match heard {
        Heard::Bytes(_, bytes) => bytes,
        Heard::Vitals(_) => b"",
    }
}

async fn finish(running: Running, limits: Limits, stop: &CancellationToken) -> (Driven, String) {
    let mut all = Vec::new();
    let driven = drive(running, limits, stop, &mut |heard| all.extend_from_slice(bytes_of(&heard))).await;
    (driven, String::from_utf8(all).expect("text"))
}

async fn run(script: &str) -> (Driven, String) {
    finish(launcher().launch(shell(script)).await.expect("a start"), LONG, &CancellationToken::new()).await
}

/// Whether a process exists and is no zombie.
pub(crate) fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}

/// Kills the keeper of a program with SIGKILL.
pub(crate) fn kill_keeper_of(root: u32) {
    let stat = std::fs::read_to_string(format!("/proc/{root}/stat")).expect("a process");
    let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).expect("a parent");
    assert!(std::process::Command::new("kill").args(["-KILL", parent]).status().expect("kill").success());
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never came true: {what}");
}

/// Whether one of those that are told, as `pid name`, is this one: a shell on its way to become the program that it
/// starts has either's name.
pub(crate) fn tells_of(told: &[String], pid: u32) -> bool {
    told.iter().any(|one| one.starts_with(&format!("{pid} ")))
}

/// The process id that a script writes into a file, whole line first.
pub(crate) async fn pid_in(file: &Path) -> u32 {
    let read = || std::fs::read_to_string(file).ok().filter(|text| text.ends_with('\n'));
    until("a process id is written", || read().is_some()).await;
    read().expect("a line").trim().parse().expect("a process id")
}

/// A command that leaves a daemon behind, by double fork and setsid, which writes its process id into `pid` of the
/// directory and ignores SIGTERM.
pub(crate) fn daemon(dir: &Path) -> String {
    let (script, pid) = (dir.join("daemon.sh"), dir.join("pid"));
    let text = format!("trap '' TERM HUP; echo $$ > {0}.tmp; mv {0}.tmp {0}; exec sleep 1000", pid.display());
    std::fs::write(&script, text).expect("a script");
    format!("setsid sh -c 'sh {} & exit' & wait;", script.display())
}

#[tokio::test]
async fn a_program_gets_exactly_what_it_is_given_and_its_end_is_told() {
    let mut spec = shell("cat; echo $GREETING; pwd; env | cut -d= -f1 | sort | tr '\\n' ' '; echo err >&2; exit 7");
    spec.input = Input::Bytes(b"in\n".to_vec());
    let (mut out, mut err) = (String::new(), String::new());
    let running = launcher().launch(spec).await.expect("a start");
    let driven = drive(running, LONG, &CancellationToken::new(), &mut |heard| {
        let Heard::Bytes(stream, bytes) = heard else { return };
        let text = std::str::from_utf8(bytes).expect("text");
        match stream {
            Stream::Output => out.push_str(text),
            Stream::Errors => err.push_str(text),
        }
    })
    .await;
    assert_eq!((driven.by, driven.ended.exit), (EndedBy::Itself, Exit::Code(7)));
    assert_eq!(driven.ended.survivors, Vec::<String>::new());
    assert_eq!((out.as_str(), err.as_str()), ("in\nhello\n/\nGREETING OMK_TREE PATH PWD ", "err\n"));
}

#[tokio::test]
async fn a_program_inherits_no_descriptor_beyond_the_three() {
    let file = std::fs::File::open("/dev/null").expect("a file");
    // One that is not closed on exec, as a caller of ours may have left open for us.
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).expect("a flag");
    let (_, out) = run("ls /proc/self/fd | wc -l").await;
    assert_eq!(out.trim(), "4", "three, and the one that ls reads the directory with");
}

#[tokio::test]
async fn a_signal_that_ends_a_program_is_told() {
    let (driven, _) = run("kill -SEGV $$").await;
    assert_eq!(driven.ended.exit, Exit::Signal(11));
}

#[tokio::test]
async fn merged_output_keeps_its_order() {
    let mut spec = shell("echo 1; echo 2 >&2; echo 3; echo 4 >&2");
    spec.output = OutputPlan::Merged;
    let running = launcher().launch(spec).await.expect("a start");
    let (_, out) = finish(running, LONG, &CancellationToken::new()).await;
    assert_eq!(out, "1\n2\n3\n4\n");
}

#[tokio::test]
async fn a_pipe_to_a_program_is_a_conversation() {
    let mut spec = shell("while read line; do echo \"<$line>\"; done; echo bye");
    spec.input = Input::Pipe;
    let mut running = launcher().launch(spec).await.expect("a start");
    let mut stdin = running.streams.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(running.streams.stdout.take().expect("a pipe")).lines();
    stdin.write_all(b"one\n").await.expect("a listener");
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("<one>"));
    drop(stdin);
    assert_eq!(lines.next_line().await.expect("a line").as_deref(), Some("bye"));
    assert_eq!(running.wait().await.expect("an end").exit, Exit::Code(0));
}

#[tokio::test]
async fn processor_time_and_memory_of_the_whole_tree_are_told() {
    let (driven, _) = run("sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; true").await;
    let Ended { cpu_user_ms, cpu_system_ms, max_rss_kb, .. } = driven.ended;
    assert!(cpu_user_ms + cpu_system_ms > 0, "of a child that was waited for");
    assert!(max_rss_kb > 100);
}

#[tokio::test]
async fn a_daemon_by_double_fork_and_setsid_does_not_outlive_its_program() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pid");
    let wait = format!("{} while [ ! -e {} ]; do :; done; exit 3", daemon(dir.path()), file.display());
    let (driven, _) = run(&wait).await;
    let pid = pid_in(&file).await;
    assert!(!alive(pid));
    assert_eq!(driven.ended.exit, Exit::Code(3));
    assert!(tells_of(&driven.ended.survivors, pid), "{:?}", driven.ended.survivors);
}

#[tokio::test]
async fn a_stop_kills_the_daemon_that_ignores_sigterm_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pid");
    let running = launcher().launch(shell(&format!("{} exec sleep 1000", daemon(dir.path())))).await.expect("a start");
    let (root, stop) = (running.pid(), CancellationToken::new());
    let limits = Limits { grace: Duration::from_millis(50), ..LONG };
    let (driven, pid) = tokio::join!(finish(running, limits, &stop), async {
        let pid = pid_in(&file).await;
        stop.cancel();
        pid
    });
    assert_eq!((driven.0.by, driven.0.ended.exit), (EndedBy::Stop, Exit::Signal(15)));
    assert!(!alive(pid) && !alive(root));
}

#[tokio::test]
async fn a_program_that_minds_sigterm_ends_in_its_own_way_within_the_grace() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pid");
    let script = format!(
        "exec 2>/dev/null; trap 'echo tidy; exit 0' TERM; echo $$ > {}; while :; do sleep 0.01; done",
        file.display()
    );
    let running = launcher().launch(shell(&script)).await.expect("a start");
    let stop = CancellationToken::new();
    let ((driven, out), _) = tokio::join!(finish(running, LONG, &stop), async {
        pid_in(&file).await;
        stop.cancel();
    });
    assert_eq!((driven.by, driven.ended.exit, out.as_str()), (EndedBy::Stop, Exit::Code(0), "tidy\n"));
}

#[tokio::test]
async fn a_timeout_ends_a_program_that_ignores_sigterm() {
    let running = launcher().launch(shell("trap '' TERM; while :; do sleep 1; done")).await.expect("a start");
    let limits = Limits { timeout: Duration::from_millis(30), grace: Duration::from_millis(30), ..LONG };
    let (driven, _) = finish(running, limits, &CancellationToken::new()).await;
    assert_eq!((driven.by, driven.ended.exit), (EndedBy::Timeout, Exit::Signal(9)));
}

#[tokio::test]
async fn a_closed_channel_kills_the_tree_and_the_keeper_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("pid");
    let script = format!("trap '' TERM HUP; {} sleep 1000", daemon(dir.path()));
    let running = launcher().launch(shell(&script)).await.expect("a start");
    let (root, keeper) = (running.pid(), running.keeper_pid());
    let pid = pid_in(&file).await;
    assert!(alive(root) && alive(pid) && alive(keeper));
    drop(running);
    until("everything is gone", || !alive(root) && !alive(pid) && !alive(keeper)).await;
    until("the keeper is reaped", || !Path::new(&format!("/proc/{keeper}")).exists()).await;
}

#[tokio::test]
async fn signals_to_the_keeper_do_not_end_it() {
    let mut running = launcher().launch(shell("read x; exit 4")).await.expect("a start");
    let mut waiting = launcher().launch(shell("sleep 1000")).await.expect("a start");
    let _ended = running.wait().await;
    let keeper = waiting.keeper_pid().to_string();
    let (driven, _) = run(&format!("for s in TERM INT HUP QUIT TSTP USR1; do kill -$s {keeper}; done")).await;
    assert_eq!(driven.ended.exit, Exit::Code(0));
    waiting.kill(Duration::ZERO).await;
    let ended = waiting.wait().await.expect("the keeper is still there");
    assert!(matches!(ended.exit, Exit::Signal(9 | 15)), "{ended:?}");
}

#[tokio::test]
async fn a_program_cannot_hit_its_keeper_by_its_process_group() {
    let (driven, _) = run("trap '' TERM; kill -TERM 0; exit 5").await;
    assert_eq!(driven.ended.exit, Exit::Code(5));
}

#[tokio::test]
async fn a_keeper_that_is_killed_is_noticed_and_its_session_does_not_survive() {
    let mut running = launcher().launch(shell("sleep 1000 & sleep 1000")).await.expect("a start");
    let (root, keeper) = (running.pid(), running.keeper_pid());
    let (killer, _) = run(&format!("kill -KILL {keeper}")).await;
    assert_eq!(killer.ended.exit, Exit::Code(0));
    let lost = running.wait().await.expect_err("the keeper is dead");
    assert!(matches!(lost, ProcessError::KeeperLost { keeper: k, .. } if k == keeper), "{lost}");
    until("its program is gone", || !alive(root)).await;
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let dir = tempfile::tempdir().expect("a directory");
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "text").expect("a file");
    let cause = async |spec: Spec| match launcher().launch(spec).await {
        Err(ProcessError::Unstartable { detail, .. }) => detail,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    };
    let spec = |program: Program| Spec { program, input: Input::Null, output: OutputPlan::Split, lease: LEASE };
    assert_eq!(cause(spec(program("omk-no-such-program", &[]))).await, "No such file or directory (os error 2)");
    let plain = plain.to_str().expect("text").to_owned();
    assert_eq!(cause(spec(program(&plain, &[]))).await, "Permission denied (os error 13)");
    let nowhere = Program { cwd: "/no/such/place".into(), ..program("true", &[]) };
    assert_eq!(cause(spec(nowhere)).await, "its working directory /no/such/place is not there");
}

#[tokio::test]
async fn a_keeper_that_cannot_be_started_says_where_it_was_looked_for() {
    let launcher = Launcher::start("/no/such/omk".into(), "tests").expect("a launcher");
    let error = launcher.launch(shell("true")).await.err().expect("no start");
    assert!(matches!(error, ProcessError::NoKeeper { .. }), "{error}");
}

#[tokio::test]
async fn a_flood_without_a_newline_is_kept_in_bounded_memory() {
    let running = launcher().launch(shell("head -c 50000000 /dev/zero; printf end")).await.expect("a start");
    let mut kept = Bounded::new(10, 5);
    let sink = &mut |heard: Heard<'_>| kept.push(bytes_of(&heard));
    let driven = drive(running, LONG, &CancellationToken::new(), sink).await;
    assert_eq!(driven.ended.exit, Exit::Code(0));
    let expected = [&[0; 10][..], b"\n[... 49999988 bytes left out ...]\n", &[0, 0], b"end"].concat();
    assert_eq!(kept.finish(), expected);
}

#[tokio::test]
async fn a_pipe_that_somebody_outside_holds_does_not_hold_us() {
    let mut running = launcher().launch(shell("exec sleep 1000")).await.expect("a start");
    // The pipe's other end is opened by a process outside the tree: this one.
    let held = std::fs::OpenOptions::new().write(true).open(format!("/proc/{}/fd/1", running.pid())).expect("the pipe");
    running.kill(Duration::ZERO).await;
    let (driven, _) = finish(running, LONG, &CancellationToken::new()).await;
    assert!(matches!(driven.ended.exit, Exit::Signal(9 | 15)));
    drop(held);
}

#[tokio::test]
async fn arguments_and_variables_need_not_be_text() {
    use std::os::unix::ffi::OsStringExt;
    let odd = OsString::from_vec(vec![b'a', 0xff, b'\n', b'"']);
    let mut spec = shell("printf %s \"$1$ODD\"");
    spec.program.args.extend(["sh".into(), odd.clone()]);
    spec.program.env.push(("ODD".into(), odd));
    let mut running = launcher().launch(spec).await.expect("a start");
    let mut out = Vec::new();
    running.streams.stdout.take().expect("a pipe").read_to_end(&mut out).await.expect("output");
    assert_eq!(out, b"a\xff\n\"a\xff\n\"");
}

#[tokio::test]
async fn many_programs_at_once_each_have_their_own_end() {
    let launcher = launcher();
    let runs = (0..24).map(|n| {
        let launcher = launcher.clone();
        tokio::spawn(async move { launcher.launch(shell(&format!("exit {n}"))).await.expect("a start").wait().await })
    });
    let mut codes = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        codes.push(run.await.expect("no panic").expect("an end").exit);
    }
    assert_eq!(codes, (0..24).map(Exit::Code).collect::<Vec<_>>());
}

#[test]
fn a_trusted_tool_gets_its_input_and_nothing_of_our_environment() {
    let output =
        run_captured(&program("sh", &["-c", "cat; env | wc -l; echo no >&2; exit 2"]), b"in ").expect("a start");
    assert_eq!((output.status.code(), output.stdout, output.stderr), (Some(2), b"in 3\n".to_vec(), b"no\n".to_vec()));
}

#[tokio::test]
async fn a_stopped_program_is_told_apart_from_one_that_works() {
    let mut spec = shell("sleep 1000 & read line");
    spec.input = Input::Pipe;
    let mut running = launcher().launch(spec).await.expect("a start");
    let root = running.pid();
    let vitals = async |running: &mut Running| {
        running.ask().await;
        match running.next().await.expect("an answer") {
            News::Vitals(vitals) => vitals,
            News::Ended(ended) => panic!("it ended: {ended:?}"),
        }
    };
    let mut seen = vitals(&mut running).await;
    // A shell has its own name between fork and exec.
    while seen.processes.get(1).is_none_or(|process| process.name != "sleep") {
        seen = vitals(&mut running).await;
    }
    assert_eq!((seen.alive, seen.processes[0].pid, seen.processes[1].name.as_str()), (true, root, "sleep"));
    run(&format!("kill -STOP {root}")).await;
    while vitals(&mut running).await.alive {}
    run(&format!("kill -CONT {root}")).await;
    while !vitals(&mut running).await.alive {}
    running.kill(Duration::ZERO).await;
    running.wait().await.expect("an end");
}

#[tokio::test]
async fn a_tree_that_nobody_asks_after_ends_with_its_lease() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut spec = shell(&format!("{} sleep 1000", daemon(dir.path())));
    spec.lease = Duration::from_millis(300);
    let mut running = launcher().launch(spec).await.expect("a start");
    let stray = pid_in(&dir.path().join("pid")).await;
    let ended = running.wait().await.expect("an end");
    assert!(ended.lapsed, "{ended:?}");
    assert!(!alive(stray));
}

#[tokio::test]
async fn a_tree_that_is_asked_after_outlives_its_lease() {
    let mut spec = shell("read line; exit 3");
    (spec.input, spec.lease) = (Input::Pipe, Duration::from_millis(100));
    let mut running = launcher().launch(spec).await.expect("a start");
    let mut stdin = running.streams.stdin.take().expect("a pipe");
    let began = tokio::time::Instant::now();
    while began.elapsed() < Duration::from_millis(400) {
        running.ask().await;
        assert!(matches!(running.next().await.expect("an answer"), News::Vitals(_)));
    }
    stdin.write_all(b"\n").await.expect("it reads");
    let ended = running.wait().await.expect("an end");
    assert_eq!((ended.exit, ended.lapsed), (Exit::Code(3), false));
}

#[tokio::test]
async fn nothing_outlives_a_killed_keeper_not_even_a_daemon() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut running = launcher().launch(shell(&format!("{} sleep 1000", daemon(dir.path())))).await.expect("a start");
    let stray = pid_in(&dir.path().join("pid")).await;
    run(&format!("kill -KILL {}", running.keeper_pid())).await;
    let lost = running.wait().await.expect_err("the keeper is dead");
    let ProcessError::KeeperLost { killed, .. } = &lost else { panic!("{lost}") };
    assert!(tells_of(killed, stray), "{killed:?}");
    assert!(!alive(stray));
}

#[tokio::test]
async fn a_hung_keeper_is_killed_and_its_tree_with_it() {
    let running = launcher().launch(shell("sleep 1000")).await.expect("a start");
    let (root, keeper) = (running.pid(), running.keeper_pid());
    run(&format!("kill -STOP {keeper}")).await;
    tokio::time::pause();
    let stop = CancellationToken::new();
    stop.cancel();
    let driven = drive(running, LONG, &stop, &mut |_| {}).await;
    assert_eq!((driven.by, driven.ended.exit), (EndedBy::Stop, Exit::Signal(9)));
    assert!(!alive(root) && !alive(keeper));
}

#[tokio::test]
async fn what_an_earlier_omk_left_behind_is_found_by_its_owner() {
    let dir = tempfile::tempdir().expect("a directory");
    let owner = format!("goal-{}", std::process::id());
    let omk = PathBuf::from(env!("CARGO_BIN_EXE_omk"));
    let launcher = Launcher::start(omk, &owner).expect("a launcher");
    let running = launcher.launch(shell(&format!("{} sleep 1000", daemon(dir.path())))).await.expect("a start");
    let (stray, keeper) = (pid_in(&dir.path().join("pid")).await, running.keeper_pid());
    // What dies with a keeper is swept by whoever waits for it: nobody does here, as after the death of omk itself.
    run(&format!("kill -KILL {keeper}")).await;
    until("the keeper is gone", || !alive(keeper)).await;
    assert_eq!(kill_leftovers("goal-of-somebody-else"), Swept::default());
    assert!(alive(stray));
    assert!(tells_of(&kill_leftovers(&owner).killed, stray));
    assert!(!alive(stray));
    drop(running);
}
