//! Gates as real processes on real directories.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use omk::adapters::gate::{Export, GateRunner, GateSetup, gate_hash};
use omk::adapters::remover::Remover;
use omk::domain::evidence::{GateOutcome, GateResult, GateScope, TestCount};
use omk::domain::goal::SandboxLevel;
use omk::domain::ids::{Attempt, Batch, GateName, SliceId, TreeId};
use omk::domain::order::{Fault, GateOrder};
use omk::domain::task::{GateCommand, GateKind, GateSpec};
use omk::ports::{Effect, Gates};
use tokio_util::sync::CancellationToken;

use crate::kept::Kept;
use crate::process::{alive, kill_keeper_of, launcher, until};
use crate::support::ordinary::was_run_as_an_ordinary_user;

/// Every tree has one file, whose content is the tree's name; the tree of zeros cannot be had.
struct OneFile;

impl Export for OneFile {
    fn export(&self, tree: TreeId, dir: PathBuf) -> Effect<Result<(), Fault>> {
        let write = move || {
            assert_eq!(std::fs::read_dir(&dir).expect("a directory").count(), 0, "it is empty");
            match tree.as_str().bytes().all(|b| b == b'0') {
                true => Err(Fault { what: "export".into(), detail: "no such tree".into() }),
                false => {
                    std::fs::write(dir.join("file"), tree.as_str()).expect("a file");
                    Ok(())
                }
            }
        };
        Box::pin(std::future::ready(write()))
    }

    fn refresh(&self, tree: TreeId, dir: PathBuf) -> Effect<Result<(), Fault>> {
        std::fs::remove_dir_all(&dir).expect("the gate's directory is there");
        std::fs::create_dir(&dir).expect("a directory");
        self.export(tree, dir)
    }
}

struct Bench {
    dir: tempfile::TempDir,
    kept: Kept,
    runner: GateRunner,
}

fn tree(digit: char) -> TreeId {
    TreeId::parse(&digit.to_string().repeat(40)).expect("a tree")
}

fn shell(command: &str) -> GateCommand {
    GateCommand::Shell(command.into())
}

/// Where a keeper speaks to nobody.
fn unheard() -> omk::ports::Pulse {
    tokio::sync::mpsc::unbounded_channel().0
}

fn order(command: GateCommand) -> GateOrder {
    let name = GateName::parse("test").expect("a name");
    let gate = GateSpec { name, command, kind: GateKind::Test, timeout_ms: 120_000, required: true };
    GateOrder {
        gate,
        scope: GateScope::Base,
        tree: tree('a'),
        cold: false,
        base_tests: None,
        grace_ms: 60_000,
        pulse_ms: 5_000,
        lease_ms: 60_000,
    }
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let kept = Kept::default();
        let mut host: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        host.insert("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into());
        host.insert("GIT_DIR".into(), "/elsewhere".into());
        host.insert("SECRET".into(), "42".into());
        let runner = GateRunner::new(GateSetup {
            launcher: launcher(),
            export: Arc::new(OneFile),
            artifacts: Arc::new(kept.clone()),
            dir: dir.path().join("gates"),
            remover: Remover::new(dir.path()),
            host,
            first_run: 7,
            sandbox: SandboxLevel::None,
        });
        Self { dir, kept, runner }
    }

    async fn run(&self, order: GateOrder) -> GateResult {
        self.runner.run(order, unheard(), CancellationToken::new()).await.expect("a result")
    }

    async fn shell(&self, command: &str) -> GateResult {
        self.run(order(shell(command))).await
    }

    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for slot in std::fs::read_dir(self.dir.path().join("gates")).expect("a directory").flatten() {
            let slot_name = slot.file_name().into_string().expect("text");
            let inner = std::fs::read_dir(slot.path()).expect("a directory").flatten();
            left.extend(inner.map(|e| format!("{slot_name}/{}", e.file_name().to_str().expect("text"))));
        }
        left.sort();
        left
    }
}

#[tokio::test]
async fn a_green_gate_ran_on_exactly_the_tree_and_leaves_nothing_but_its_warm_target() {
    let bench = Bench::new();
    let result = bench.shell("cat file; echo; ls -A; touch made $TMPDIR/t $CARGO_TARGET_DIR/kept").await;
    assert_eq!((&result.outcome, result.excerpt.as_str()), (&GateOutcome::Green, ""));
    assert_eq!(bench.kept.text(&result.log), format!("{}\nfile\n", "a".repeat(40)));
    assert_eq!((result.log.path.as_str(), result.tests), ("gates/base.test.7.log", None));
    assert_eq!(bench.left(), ["warm-test-0/target", "warm-test-0/tree"]);
    let warm = bench.shell("ls $CARGO_TARGET_DIR").await;
    assert_eq!(bench.kept.text(&warm.log), "kept\n");
}

#[tokio::test]
async fn a_cold_run_starts_without_what_others_have_built_and_leaves_nothing() {
    if was_run_as_an_ordinary_user("gate::a_cold_run_starts_without_what_others_have_built_and_leaves_nothing") {
        return;
    }
    let bench = Bench::new();
    bench.shell("touch $CARGO_TARGET_DIR/kept").await;
    let scope = GateScope::Attempt { slice: SliceId::parse("one").expect("an id"), attempt: Attempt(3) };
    let command = shell("ls $CARGO_TARGET_DIR | wc -l; mkdir -p deep/er; touch deep/er/x; chmod 500 deep/er deep");
    let result = bench.run(GateOrder { cold: true, scope, ..order(command) }).await;
    assert_eq!((bench.kept.text(&result.log).as_str(), result.cold), ("0\n", true));
    assert_eq!(result.log.path, "gates/one.3.test.8.log");
    assert_eq!(bench.left(), ["warm-test-0/target", "warm-test-0/tree"]);
}

#[tokio::test]
async fn what_a_gate_puts_in_the_place_of_its_directories_spoils_no_later_run() {
    let bench = Bench::new();
    let elsewhere = bench.dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a directory");
    let link = format!("ln -s {} $CARGO_TARGET_DIR", elsewhere.display());
    bench.shell(&format!("rmdir $TMPDIR $CARGO_TARGET_DIR; touch $TMPDIR; {link}")).await;
    let result = bench.shell("touch $TMPDIR/t $CARGO_TARGET_DIR/made").await;
    assert_eq!(result.outcome, GateOutcome::Green, "{}", bench.kept.text(&result.log));
    assert_eq!(std::fs::read_dir(&elsewhere).expect("it stays").count(), 0);
}

#[tokio::test]
async fn the_environment_is_cleared_and_its_hash_is_comparable() {
    let bench = Bench::new();
    let result = bench.shell("env | cut -d= -f1 | sort | tr '\\n' ' '; echo; echo $CI $TERM $LANG $NO_COLOR").await;
    let log = bench.kept.text(&result.log);
    let (names, values) = log.split_once('\n').expect("two lines");
    for name in ["PATH", "HOME", "CI", "TMPDIR", "CARGO_TARGET_DIR"] {
        assert!(names.split(' ').any(|n| n == name) || std::env::var_os(name).is_none(), "{name} in {names}");
    }
    assert!(!names.contains("GIT_") && !names.contains("SECRET") && !names.contains("CARGO_MANIFEST_DIR"), "{names}");
    assert_eq!(values, "true dumb C.UTF-8 1\n");
    let cold = bench.run(GateOrder { cold: true, ..order(shell("true")) }).await;
    assert_eq!(cold.env_hash, result.env_hash);
    assert_ne!(cold.gate_hash, result.gate_hash);
    assert_eq!(cold.gate_hash, gate_hash(&order(shell("true")).gate));
}

#[tokio::test]
async fn the_hash_of_a_gate_is_over_its_canonical_json() {
    let json = r#"{"command":["a","b"],"kind":"test","name":"test","required":true,"timeout_ms":120000}"#;
    let expected = omk::process::direct::run_captured(
        &omk::process::program::Program {
            program: "sha256sum".into(),
            args: vec![],
            env: std::env::vars_os().collect(),
            cwd: "/".into(),
        },
        json.as_bytes(),
    );
    let expected = String::from_utf8(expected.expect("sha256sum").stdout).expect("text");
    let gate = order(GateCommand::Argv(vec!["a".into(), "b".into()])).gate;
    assert_eq!(gate_hash(&gate).as_str(), &expected[..64]);
}

#[tokio::test]
async fn a_red_gate_quotes_its_last_words_and_counts_its_tests() {
    let bench = Bench::new();
    let command = "printf 'test a ... ok\\ntest b ... FAILED\\n\\ntest result: FAILED. 1 passed; 1 failed; 0 ignored;\\n'; echo '\x1b[31mred' >&2; exit 101";
    let result = bench.shell(command).await;
    assert_eq!(result.outcome, GateOutcome::Red { exit: 101 });
    assert_eq!(result.tests, Some(TestCount { passed: 1, failed: 1, ignored: 0 }));
    assert!(result.excerpt.ends_with("1 failed; 0 ignored;\nred"), "{}", result.excerpt);
    let names = result.test_names.expect("names");
    assert_eq!(
        (names.path.as_str(), bench.kept.text(&names).as_str()),
        ("gates/base.test.7.tests", "runner cargo\npassed a\nfailed b\n")
    );
    let flood = bench.shell("yes 'a long line of output' | head -c 20000000; false").await;
    let log = bench.kept.text(&flood.log);
    assert!(log.contains("bytes left out") && log.len() < 3 << 20 && flood.excerpt.len() <= 4096);
    assert!(flood.excerpt.starts_with("a long line"), "whole lines");
}

#[tokio::test]
async fn a_secret_that_a_gate_prints_is_in_no_log_excerpt_or_test_name() {
    let bench = Bench::new();
    let print = "printf 'uses ghp_0123456789abcdef'; sleep 0.1; printf '0123456789abcdef0123\n'; \
                 echo 'test a::b[token=abcd1234] ... FAILED'; exit 1";
    let result = bench.shell(print).await;
    let expected = "uses [redacted]\ntest a::b[token=[redacted]] ... FAILED";
    assert_eq!(result.excerpt, expected);
    assert_eq!(bench.kept.text(&result.log), format!("{expected}\n"));
    let names = result.test_names.map(|names| bench.kept.text(&names)).unwrap_or_default();
    assert!(names.contains("token=[redacted]") && !names.contains("abcd1234"), "{names}");
}

#[tokio::test]
async fn tests_of_the_base_that_vanished_or_are_ignored_are_lost_unless_the_gate_is_red() {
    let bench = Bench::new();
    let base = bench.shell("printf 'test a ... ok\\ntest b ... ok\\ntest c ... ok\\n'").await;
    let later = |command: &str| GateOrder {
        base_tests: base.test_names.clone(),
        scope: GateScope::Batch { batch: Batch(1) },
        ..order(shell(command))
    };
    let result = bench.run(later("printf 'test a ... ok\\ntest b ... ignored\\n'")).await;
    assert_eq!(result.lost_tests, ["b (ignored)", "c"]);
    assert_eq!(result.log.path, "gates/batch-1.test.8.log");
    let silent = bench.run(later("true")).await;
    assert_eq!(silent.lost_tests, ["a", "b", "c"]);
    let red = bench.run(later("false")).await;
    assert_eq!(red.lost_tests, Vec::<String>::new());
}

#[tokio::test]
async fn a_timeout_a_stop_and_a_missing_program_are_outcomes_of_their_own() {
    let bench = Bench::new();
    let mut slow = order(shell("setsid sleep 1000 & sleep 1000"));
    (slow.gate.timeout_ms, slow.grace_ms) = (50, 20);
    assert_eq!(bench.run(slow).await.outcome, GateOutcome::TimedOut);

    let missing = bench.run(order(GateCommand::Argv(vec!["omk-no-such-program".into()]))).await;
    let detail = "omk-no-such-program: No such file or directory (os error 2)".to_owned();
    assert_eq!(
        (&missing.outcome, missing.excerpt.as_str()),
        (&GateOutcome::Unstartable { detail: detail.clone() }, detail.as_str())
    );

    let (stop, file) = (CancellationToken::new(), bench.dir.path().join("pid"));
    let command = format!("echo $$ > {0}; echo >> {0}; exec sleep 1000", file.display());
    let (result, ()) = tokio::join!(bench.runner.run(order(shell(&command)), unheard(), stop.clone()), async {
        until("it runs", || std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with("\n\n"))).await;
        stop.cancel();
    });
    assert_eq!(result.expect("a result").outcome, GateOutcome::Stopped);
    assert!(!alive(std::fs::read_to_string(&file).expect("a pid").trim().parse().expect("a pid")));
    let after = bench.runner.run(order(shell("true")), unheard(), stop).await.expect("a result");
    assert_eq!(after.outcome, GateOutcome::Stopped);
    assert_eq!(bench.left(), ["warm-test-0/target", "warm-test-0/tree"]);
}

#[tokio::test]
async fn a_tree_that_cannot_be_had_is_a_fault_and_frees_its_slot() {
    let bench = Bench::new();
    let fault = bench
        .runner
        .run(GateOrder { tree: tree('0'), ..order(shell("true")) }, unheard(), CancellationToken::new())
        .await;
    assert_eq!(fault.expect_err("a fault").detail, "no such tree");
    assert_eq!(bench.shell("true").await.outcome, GateOutcome::Green);
    assert_eq!(bench.left(), ["warm-test-0/target", "warm-test-0/tree"]);
}

#[tokio::test]
async fn runs_at_the_same_time_have_a_slot_each() {
    let bench = Bench::new();
    let meet = |own: &str, other: &str| {
        let dir = bench.dir.path().display().to_string();
        order(shell(&format!("pwd; touch {dir}/{own}; while [ ! -e {dir}/{other} ]; do sleep 0.01; done")))
    };
    let (one, two) = tokio::join!(bench.run(meet("one", "two")), bench.run(meet("two", "one")));
    assert_eq!((&one.outcome, &two.outcome), (&GateOutcome::Green, &GateOutcome::Green));
    assert_ne!(bench.kept.text(&one.log), bench.kept.text(&two.log));
    assert_eq!(bench.left(), ["warm-test-0/target", "warm-test-0/tree", "warm-test-1/target", "warm-test-1/tree"]);
}

#[tokio::test]
async fn a_gate_that_its_keeper_ended_has_no_verdict() {
    let bench = Bench::new();
    let mut unasked = order(shell("sleep 1000"));
    (unasked.lease_ms, unasked.pulse_ms) = (100, 60_000);
    let fault = bench.runner.run(unasked, unheard(), CancellationToken::new()).await.expect_err("a fault");
    assert_eq!(fault.detail, "omk stood still for longer than the lease, so its keeper ended it");
    let orphaned = GateOrder { pulse_ms: 10, ..order(shell("exec sleep 1000")) };
    let (pulse, mut vitals) = tokio::sync::mpsc::unbounded_channel();
    let (result, ()) = tokio::join!(bench.runner.run(orphaned, pulse, CancellationToken::new()), async {
        let seen: omk::domain::vitals::Vitals = vitals.recv().await.expect("an answer");
        kill_keeper_of(seen.processes[0].pid);
    });
    let fault = result.expect_err("a fault");
    assert!(fault.detail.starts_with("its keeper died; killed "), "{}", fault.detail);
    assert_eq!(bench.left(), ["warm-test-0/target", "warm-test-0/tree"]);
}
