//! What the journal costs: durable appends beside a bare write, and the replay of a million events.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has to stop")]
#![allow(missing_docs, reason = "criterion's macros make public items without any")]

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use omk::domain::control::Holder;
use omk::domain::event::{ActorName, Draft, Event};
use omk::domain::evidence::{ArtifactRef, GateOutcome, GateResult, GateScope, TestCount};
use omk::domain::fact::{AttemptFact, Fact, GateFact, ReviewFact, SliceFact};
use omk::domain::goal::SandboxLevel;
use omk::domain::ids::{
    Attempt, AttemptRef, CommitId, ContentHash, Epoch, GateName, GoalId, Seq, SliceId, Timestamp, TreeId,
};
use omk::domain::review::{Review, Role, Subject};
use omk::domain::task::{AttemptOutcome, Capture, GateKind};
use omk::ports::Journal;
use omk::store::codec::{encode, genesis, position_of};
use omk::store::journal::FileJournal;
use omk::store::layout::StateDir;
use omk::store::lock::GoalLock;
use omk::store::reader::read_events;

const AT: Timestamp = Timestamp(1_763_700_000_123);
const MILLION: usize = 1_000_000;
const GROUP: usize = 32;

fn commit(digit: &str) -> CommitId {
    CommitId::parse(&digit.repeat(40)).expect("a commit id")
}

fn tree() -> TreeId {
    TreeId::parse(&"7".repeat(40)).expect("a tree id")
}

fn artifact() -> ArtifactRef {
    ArtifactRef { path: "artifacts/gates/slice-17.1.test.log".to_owned(), sha256: ContentHash::zero(), bytes: 2048 }
}

fn gate() -> GateResult {
    GateResult {
        gate: GateName::parse("test").expect("a gate name"),
        kind: GateKind::Test,
        required: true,
        tree: tree(),
        gate_hash: ContentHash::zero(),
        env_hash: ContentHash::zero(),
        sandbox: SandboxLevel::None,
        outcome: GateOutcome::Green,
        duration_ms: 812,
        cold: false,
        reading: None,
        compared: false,
        tests: Some(TestCount { passed: 31, failed: 0, ignored: 0 }),
        test_names: None,
        lost_tests: Vec::new(),
        log: artifact(),
        excerpt: String::new(),
        survivors: Vec::new(),
    }
}

/// What one attempt leaves in the journal, from offer to acceptance: twelve facts.
fn attempt() -> Vec<Draft> {
    let slice = SliceId::parse("slice-17").expect("a slice id");
    let of = AttemptRef { slice: slice.clone(), attempt: Attempt(1), epoch: Epoch(17) };
    let capture = Capture {
        start: commit("1"),
        tree: tree(),
        commit: commit("2"),
        paths: vec!["src/part_17.rs".to_owned()],
        added: 3,
        removed: 1,
        ignored: Vec::new(),
    };
    let subject = Subject::Slice { slice: slice.clone(), attempt: Attempt(1) };
    let mut facts = vec![
        Fact::Attempt(AttemptFact::AttemptOffered {
            attempt: of.clone(),
            start: commit("1"),
            content: None,
            agent: "script".to_owned(),
        }),
        Fact::Attempt(AttemptFact::AttemptClaimed { attempt: of.clone(), lease_until: AT }),
        Fact::Attempt(AttemptFact::SliceCaptured { capture }),
        Fact::Gate(GateFact::GateFinished {
            scope: GateScope::Attempt { slice: slice.clone(), attempt: Attempt(1) },
            result: Box::new(gate()),
        }),
        Fact::Attempt(AttemptFact::AttemptFinished { attempt: of.clone(), outcome: AttemptOutcome::Passed }),
        Fact::Slice(SliceFact::SliceAccepted { slice, attempt: Attempt(1) }),
    ];
    facts.extend(Role::ALL.map(|role| {
        Fact::Review(ReviewFact::ReviewFinished {
            subject: subject.clone(),
            review: Review::of(role, "1 file, 3 added lines".to_owned(), Vec::new()),
        })
    }));
    let draft = |fact| Draft { actor: ActorName::Worker, cause: Some(Seq(12)), attempt: Some(of.clone()), fact };
    facts.into_iter().map(draft).collect()
}

/// The draft that is appended over and over, and the line that it becomes.
fn one() -> (Draft, Vec<u8>) {
    let draft = attempt().remove(0);
    let mut line = Vec::new();
    encode(&genesis(), AT, draft.clone(), &mut line).expect("a form in JSON");
    (draft, line)
}

fn journal(root: &Path) -> FileJournal {
    let goal = StateDir::at(root).create_goal(&GoalId::coined("bench", AT)).expect("a new goal");
    let holder = Holder { pid: 1, host: String::new(), boot_id: String::new(), version: String::new() };
    FileJournal::create(GoalLock::acquire(goal, &holder).expect("the lock")).expect("a new journal")
}

/// Beside the build's output: `/tmp` may be in memory.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

fn bare(file: &mut File, bytes: &[u8]) {
    file.write_all(bytes).and_then(|()| file.sync_data()).expect("durable");
}

/// Interleaves the two, so that a slow moment of the disk hits both.
fn paired(rounds: u64, mut left: impl FnMut(), mut right: impl FnMut()) -> (Duration, Duration) {
    let mut times = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let start = Instant::now();
        left();
        let middle = Instant::now();
        right();
        times.0 += middle - start;
        times.1 += middle.elapsed();
    }
    times
}

fn appends(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let root = scratch();
    let journal = journal(root.path());
    let (draft, line) = one();
    let mut file = OpenOptions::new().create(true).append(true).open(root.path().join("bare")).expect("a file");
    let append = || runtime.block_on(journal.append(AT, vec![draft.clone()])).expect("durable");
    let group = || {
        let waiting: Vec<_> = (0..GROUP).map(|_| journal.append(AT, vec![draft.clone()])).collect();
        runtime.block_on(join_all(waiting))
    };

    let (bare_time, append_time) = paired(2_000, || bare(&mut file, &line), || drop(black_box(append())));
    println!("paired, 2000 rounds: an append takes {:.2} times a bare write", ratio(append_time, bare_time));
    let (append_time, group_time) = paired(1_000, || drop(black_box(append())), || drop(black_box(group())));
    let rate = ratio(append_time * u32::try_from(GROUP).expect("small"), group_time);
    println!("paired, 1000 rounds: groups of {GROUP} append {rate:.1} times as many a second");

    let mut benches = criterion.benchmark_group("append");
    benches.throughput(Throughput::Elements(1));
    benches.bench_function("bare write and fdatasync", |b| b.iter(|| bare(&mut file, &line)));
    benches.bench_function("one at a time", |b| b.iter(append));
    benches.throughput(Throughput::Elements(GROUP as u64));
    benches.bench_function("groups of 32", |b| b.iter_batched(|| (), |()| group(), BatchSize::PerIteration));
    benches.finish();
}

fn ratio(of: Duration, to: Duration) -> f64 {
    of.as_secs_f64() / to.as_secs_f64()
}

fn write_million(path: &Path) {
    let attempt = attempt();
    let (mut bytes, mut position) = (Vec::new(), genesis());
    for draft in attempt.iter().cycle().take(MILLION) {
        let event: Event = encode(&position, AT, draft.clone(), &mut bytes).expect("a form in JSON");
        position = position_of(&event);
    }
    println!("a million events are {} MB", bytes.len() / 1_000_000);
    fs::write(path, bytes).expect("a journal");
}

fn replays(criterion: &mut Criterion) {
    let root = scratch();
    let path = root.path().join("events.jsonl");
    write_million(&path);
    let mut benches = criterion.benchmark_group("replay");
    benches.sample_size(10).throughput(Throughput::Elements(MILLION as u64));
    benches.bench_function("a million events", |b| {
        b.iter_with_large_drop(|| read_events(&path).expect("a good journal"));
    });
    benches.finish();
}

criterion_group!(benches, appends, replays);
criterion_main!(benches);
