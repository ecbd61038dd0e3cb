//! How long it takes to make worktrees, to capture from them, and to integrate many slices.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    missing_docs,
    reason = "a panic is how a bench fails; criterion makes public items"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use omk::adapters::git::inspect::inspect;
use omk::adapters::git::program::SystemGit;
use omk::adapters::git::workspace::GitWorkspace;
use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::goal::RepositoryFacts;
use omk::domain::ids::{Attempt, AttemptRef, Epoch, GoalId, SliceId, Timestamp};
use omk::domain::order::{CaptureLimits, CaptureOrder, MergeInput, Merged, WorktreeOrder};
use omk::ports::Workspace;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A goal on a repository of small files, `per_directory` to a directory.
struct Bench {
    _directory: TempDir,
    facts: RepositoryFacts,
    workspace: GitWorkspace,
    runtime: Runtime,
}

fn git(directory: &Path, args: &[&str]) {
    let mut command = Command::new("git");
    command.current_dir(directory).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(command.status().unwrap().success());
}

impl Bench {
    fn of(files: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("user");
        for n in 0..files {
            let file = root.join(path(n));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            let mut text = String::new();
            (0..20).for_each(|line| writeln!(text, "file {n} line {line}").unwrap());
            fs::write(file, text).unwrap();
        }
        git(&root, &["init", "-q"]);
        git(&root, &["add", "-A"]);
        git(&root, &["-c", "user.name=b", "-c", "user.email=b@b", "commit", "-qm", "start"]);
        let facts = inspect(&root).unwrap();
        let goal = GoalId::parse("bench-1").unwrap();
        let state = directory.path().join("goal");
        let workspace = GitWorkspace::open(&state, &goal, &facts, Arc::new(SystemGit::default())).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { _directory: directory, facts, workspace, runtime }
    }

    fn prepare(&self, name: &str) -> std::path::PathBuf {
        let order =
            WorktreeOrder { attempt: attempt(name), start: self.facts.base.clone(), content: None, place: None };
        self.runtime.block_on(self.workspace.prepare(order)).unwrap().path
    }

    fn capture(&self, name: &str, worktree: &Path) -> MergeInput {
        let order = CaptureOrder {
            attempt: attempt(name),
            worktree: worktree.to_path_buf(),
            start: self.facts.base.clone(),
            access: AccessSet { writes: vec![PathPattern::parse("**").unwrap()], ..AccessSet::default() },
            limits: CaptureLimits { file: u64::MAX, attempt: u64::MAX },
            message: format!("{name}\n"),
            at: Timestamp(1_800_000_000_000),
        };
        let capture = self.runtime.block_on(self.workspace.capture(order)).unwrap().capture.unwrap();
        let slice = SliceId::parse(name).unwrap();
        MergeInput { slice, attempt: Attempt(1), capture, message: format!("merge {name}\n") }
    }

    /// Slices that each change one file of their own. One worktree serves them all: each puts its file back.
    fn slices(&self, count: usize) -> Vec<MergeInput> {
        self.edited_by(count, |n, _| (path(n), format!("changed by {n}\n")))
    }

    /// Slices that each change a line of their own of one file.
    fn overlapping_slices(&self, count: usize) -> Vec<MergeInput> {
        self.edited_by(count, |n, text| (path(0), text.replace(&format!("line {}\n", n * 4), "changed\n")))
    }

    fn edited_by(&self, count: usize, edit: impl Fn(usize, &str) -> (String, String)) -> Vec<MergeInput> {
        let worktree = self.prepare("all");
        let slice = |n: usize| {
            let before = fs::read_to_string(worktree.join(path(0))).unwrap();
            let (changed, text) = edit(n, &before);
            let file = worktree.join(changed);
            let before = fs::read(&file).unwrap();
            fs::write(&file, text).unwrap();
            let input = self.capture(&format!("s{n}"), &worktree);
            fs::write(&file, before).unwrap();
            input
        };
        (0..count).map(slice).collect()
    }

    /// Merges at a moment of its own, so that every commit is written.
    fn merge(&self, inputs: &[MergeInput], at: u64) {
        let merges = self.workspace.merge(self.facts.base.clone(), inputs.to_vec(), Timestamp(at * 1000));
        let merged = self.runtime.block_on(merges).unwrap();
        assert!(merged.iter().all(|merged| matches!(merged, Merged::Clean { .. })));
    }
}

fn path(n: usize) -> String {
    format!("src/part{}/file{n}.txt", n % 20)
}

fn attempt(name: &str) -> AttemptRef {
    AttemptRef { slice: SliceId::parse(name).unwrap(), attempt: Attempt(1), epoch: Epoch(1) }
}

fn integrate(criterion: &mut Criterion) {
    let bench = Bench::of(1000);
    let inputs = bench.slices(512);
    let mut at = 1_700_000_000;
    criterion.benchmark_group("git").sample_size(10).bench_function("integrate 512 slices of 1000 files", |b| {
        b.iter(|| {
            at += 1;
            bench.merge(&inputs, at);
        });
    });
}

fn overlap(criterion: &mut Criterion) {
    let bench = Bench::of(200);
    let inputs = bench.overlapping_slices(5);
    let mut at = 1_700_000_000;
    criterion.benchmark_group("git").sample_size(10).bench_function("merge 5 slices that change one file", |b| {
        b.iter(|| {
            at += 1;
            bench.merge(&inputs, at);
        });
    });
}

fn worktrees(criterion: &mut Criterion) {
    let bench = Bench::of(200);
    let mut group = criterion.benchmark_group("git");
    let mut n = 0;
    let mut fresh = || {
        n += 1;
        format!("w{n}")
    };
    group.bench_function("prepare 200 files", |b| {
        b.iter_batched(&mut fresh, |name| bench.prepare(&name), BatchSize::SmallInput)
    });
    let mut round = 0;
    let mut edited = || {
        round += 1;
        let name = format!("c{round}");
        let worktree = bench.prepare(&name);
        fs::write(worktree.join(path(7)), format!("round {round}\n")).unwrap();
        (name, worktree)
    };
    group.bench_function("capture 1 of 200 files", |b| {
        b.iter_batched(&mut edited, |(name, worktree)| bench.capture(&name, &worktree), BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, integrate, overlap, worktrees);
criterion_main!(benches);
