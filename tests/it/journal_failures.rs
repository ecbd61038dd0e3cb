//! The journal on a disk that fails, and beside other processes.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use omk::domain::event::{ActorName, Draft};
use omk::domain::evidence::JournalPosition;
use omk::domain::fact::{AttemptFact, Fact, SupervisionFact};
use omk::domain::ids::{GoalId, Timestamp};
use omk::domain::order::JournalFailure;
use omk::ports::Journal;
use omk::store::codec::genesis;
use omk::store::error::StoreError;
use omk::store::journal::FileJournal;
use omk::store::layout::{GoalDir, StateDir};
use omk::store::lock::{GoalLock, Occupation, occupation, this_process};
use omk::store::reader::read_events;
use omk::store::writer::Medium;

use crate::support::facts::draft;
use crate::support::journals::{AT, encoded};
use crate::support::places::{Place, holder, lock};

fn note(bytes: u64) -> Draft {
    draft(ActorName::Journal, Fact::Supervision(SupervisionFact::TailCut { bytes }))
}

/// A disk that does as it is told and notes what was asked of it.
#[derive(Clone, Default)]
struct Script {
    /// What the next appends and syncs come to; all is well when it is empty.
    results: Arc<Mutex<VecDeque<Option<ErrorKind>>>>,
    calls: Arc<Mutex<Vec<String>>>,
    ballast: bool,
}

impl Script {
    fn new(results: impl IntoIterator<Item = Option<ErrorKind>>, ballast: bool) -> Self {
        Self { results: Arc::new(Mutex::new(results.into_iter().collect())), ballast, ..Self::default() }
    }

    fn calls(&self) -> Vec<String> {
        self.calls.lock().expect("the calls").clone()
    }

    fn note(&self, call: String) {
        self.calls.lock().expect("the calls").push(call);
    }

    fn result(&self, call: String) -> io::Result<()> {
        self.note(call);
        let next = self.results.lock().expect("the results").pop_front().flatten();
        next.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl Medium for Script {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.result(format!("append {}", bytes.len()))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.result("sync".to_owned())
    }

    fn cut_back(&mut self, length: u64) -> io::Result<()> {
        self.note(format!("cut back to {length}"));
        Ok(())
    }

    fn displaced(&mut self, _: u64, _: &JournalPosition, _: Timestamp) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn free_ballast(&mut self) -> bool {
        self.note("free the ballast".to_owned());
        std::mem::take(&mut self.ballast)
    }
}

fn journal_on(goal: &GoalDir, disk: &Script) -> FileJournal {
    FileJournal::on(lock(goal), disk.clone(), 0, genesis(), Arc::default()).expect("a journal")
}

fn failure(goal: &GoalDir, kind: ErrorKind) -> JournalFailure {
    JournalFailure { path: goal.events().display().to_string(), detail: io::Error::from(kind).to_string() }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_written_again() {
    let place = Place::new();
    let goal = place.recorded_goal(1);
    let disk = Script::new([None, Some(ErrorKind::Other)], true);
    let journal = journal_on(&goal, &disk);
    let failed = failure(&goal, ErrorKind::Other);
    assert_eq!(journal.append(AT, vec![note(1)]).await, Err(failed.clone()));
    assert_eq!(journal.append(AT, vec![note(2)]).await, Err(failed.clone()));
    assert_eq!(journal.append(AT, Vec::new()).await, Err(failed));
    let length = encoded([note(1)]).0.len();
    assert_eq!(disk.calls(), [format!("append {length}"), "sync".to_owned()]);
}

#[tokio::test]
async fn a_full_disk_or_quota_gets_one_more_try_without_the_ballast() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        one_more_try(kind).await;
    }
}

async fn one_more_try(kind: ErrorKind) {
    let place = Place::new();
    let goal = place.recorded_goal(1);
    let full = Some(kind);
    let disk = Script::new([None, None, full, None, None, full], true);
    let journal = journal_on(&goal, &disk);
    for n in 1..=2 {
        assert!(journal.append(AT, vec![note(n)]).await.is_ok());
    }
    let failed = failure(&goal, kind);
    assert_eq!(journal.append(AT, vec![note(3)]).await, Err(failed));
    let length = encoded([note(1)]).0.len();
    let (append, free) = (format!("append {length}"), "free the ballast".to_owned());
    let first = [append.clone(), "sync".to_owned()];
    let second = [append.clone(), free.clone(), format!("cut back to {length}"), append.clone(), "sync".to_owned()];
    assert_eq!(disk.calls(), [&first[..], &second[..], &[append, free]].concat());
}

#[tokio::test]
async fn a_fact_without_a_form_in_json_ends_the_journal_and_leaves_no_trace() {
    let place = Place::new();
    let goal = place.goal(1);
    let journal = FileJournal::create(lock(&goal)).expect("a new journal");
    let path = PathBuf::from(OsStr::from_bytes(b"worktrees/\xff"));
    let bad = draft(ActorName::Worker, Fact::Attempt(AttemptFact::WorktreePrepared { path }));
    let (first, second) = (journal.append(AT, vec![note(1)]), journal.append(AT, vec![note(2), bad]));
    let third = journal.append(AT, vec![note(3)]);
    assert!(first.await.is_ok());
    assert_eq!((second.await.is_err(), third.await.is_err()), (true, true));
    assert_eq!(read_events(&goal.events()).expect("readable").events, encoded([note(1)]).1);
}

#[test]
fn a_journal_keeps_ballast_only_while_it_is_open() {
    let place = Place::new();
    let goal = place.goal(1);
    let journal = FileJournal::create(lock(&goal)).expect("a new journal");
    assert_eq!(fs::metadata(goal.ballast()).map(|meta| meta.len()).ok(), Some(256 * 1024));
    drop(journal);
    assert!(!goal.ballast().exists());
}

#[test]
fn a_second_writer_is_refused_and_told_by_whom() {
    let place = Place::new();
    let goal = place.goal(1);
    assert_eq!(occupation(&goal).expect("an answer"), Occupation::Free);
    let first = lock(&goal);
    let error = GoalLock::acquire(goal.clone(), &holder(42)).expect_err("a held lock");
    assert!(matches!(&error, StoreError::Locked { holder: Some(by), .. } if *by == holder(41)));
    assert!(error.to_string().contains("process 41 on here"), "{error}");
    assert_eq!(occupation(&goal).expect("an answer"), Occupation::Held(Some(holder(41))));
    drop(first);
    assert_eq!(occupation(&goal).expect("an answer"), Occupation::Free);
    drop(GoalLock::acquire(goal, &holder(42)).expect("a free lock"));
}

/// Where the other process finds its goal.
const OTHER_PROCESS: &str = "OMK_TEST_JOURNAL_OF";

/// Not a test: what the other process does. It appends for ever and says each number that is durable.
#[tokio::test]
async fn the_other_process() {
    let Some(path) = std::env::var_os(OTHER_PROCESS).map(PathBuf::from) else { return };
    let id = path.file_name().and_then(OsStr::to_str).and_then(|name| GoalId::parse(name).ok()).expect("a goal id");
    let state = StateDir::at(path.ancestors().nth(2).expect("a state directory"));
    let lock = GoalLock::acquire(state.goal(&id), &this_process()).expect("the lock");
    let journal = FileJournal::open(lock).expect("the journal").journal;
    for number in 1.. {
        let events = journal.append(AT, vec![note(number)]).await.expect("durable");
        writeln!(io::stderr(), "durable {}", events[0].seq).expect("a reader");
    }
}

fn other_process(goal: &GoalDir) -> Child {
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", "journal_failures::the_other_process", "--nocapture"])
        .env(OTHER_PROCESS, goal.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("another process")
}

#[test]
fn what_a_killed_process_called_durable_is_there_and_its_lock_is_free() {
    let place = Place::new();
    let goal = place.recorded_goal(1);
    let mut other = other_process(&goal);
    let mut lines = BufReader::new(other.stderr.take().expect("its stderr")).lines();
    let mut durable = 0;
    while durable < 20 {
        let line = lines.next().expect("a line").expect("text");
        durable = line.strip_prefix("durable ").and_then(|seq| seq.parse().ok()).unwrap_or(durable);
    }
    let refused = GoalLock::acquire(goal.clone(), &holder(42)).expect_err("a held lock");
    assert!(matches!(refused, StoreError::Locked { holder: Some(by), .. } if by.pid == other.id()));

    other.kill().expect("killed");
    other.wait().expect("ended");
    for line in lines.map_while(Result::ok) {
        durable = line.strip_prefix("durable ").and_then(|seq| seq.parse().ok()).unwrap_or(durable);
    }
    let events = FileJournal::open(lock(&goal)).expect("the journal").events;
    assert!(events.len() >= durable, "{} records, {durable} called durable", events.len());
    assert_eq!(events, encoded((1..=events.len() as u64).map(note)).1);
}

#[tokio::test]
async fn a_lock_file_that_is_deleted_lets_nobody_else_write() {
    let place = Place::new();
    let goal = place.goal(1);
    let journal = FileJournal::create(lock(&goal)).expect("a new journal");
    fs::remove_file(goal.lock()).expect("its user deletes it");
    let error = GoalLock::acquire(goal.clone(), &holder(42)).expect_err("somebody writes");
    assert!(matches!(&error, StoreError::Locked { holder: None, .. }), "{error}");
    assert_eq!(occupation(&goal).expect("an answer"), Occupation::Held(None));
    assert!(journal.append(AT, vec![note(1)]).await.is_ok());
    drop(journal);
    assert_eq!(occupation(&goal).expect("an answer"), Occupation::Free);
    let opened = FileJournal::open(GoalLock::acquire(goal, &holder(42)).expect("a free lock")).expect("whole");
    assert_eq!(opened.events.len(), 1);
}
