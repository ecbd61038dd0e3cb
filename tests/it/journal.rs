//! The journal: what is appended is there, and what is there is what was appended.

use std::fs::{self, OpenOptions};
use std::io::Write;

use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::Usage;
use omk::domain::event::{ActorName, Draft, Event, JOURNAL_VERSION};
use omk::domain::fact::{AttemptFact, Fact, GoalFact, MergeFact, SliceFact, SupervisionFact};
use omk::domain::goal::{GoalStatus, Phase};
use omk::domain::ids::{Batch, Seq};
use omk::ports::Journal;
use omk::store::codec::{BadRecord, genesis, position_of};
use omk::store::error::StoreError;
use omk::store::journal::{FileJournal, Opened};
use omk::store::layout::GoalDir;
use omk::store::reader::{Contents, Reader, read_events};
use omk::store::replay::replay;
use omk::store::tail::TornTail;
use proptest::prelude::*;

use crate::support::facts::{attempt, commit, draft, every_draft, feedback, slice};
use crate::support::journals::{AT, encoded, sealed};
use crate::support::places::{Place, lock};

fn facts() -> impl Strategy<Value = Draft> {
    let text = any::<String>;
    let report = |detail: String, usage: Usage| AgentReport {
        unless_changed: None,
        end: AgentEnd::Failed { detail },
        duration_ms: 1,
        usage,
        log: None,
        frames: None,
        survivors: Vec::new(),
        refused: Default::default(),
    };
    let usage = (any::<u64>(), any::<u64>(), any::<Option<u64>>()).prop_map(|(input, output, usd_micros)| Usage {
        input_tokens: input,
        cached_tokens: 0,
        output_tokens: output,
        usd_micros,
    });
    let fact = prop_oneof![
        (text(), proptest::collection::vec(text(), 0..3)).prop_map(|(reason, next)| Fact::Goal(
            GoalFact::GoalSettled { status: GoalStatus::NotReady, reason, next }
        )),
        (text(), text()).prop_map(|(id, answer)| Fact::Slice(SliceFact::QuestionAnswered { id, answer })),
        (text(), usage).prop_map(move |(detail, usage)| Fact::Attempt(AttemptFact::AgentReported {
            report: report(detail, usage)
        })),
        proptest::collection::vec(text(), 0..4).prop_map(|paths| Fact::Merge(MergeFact::MergeConflicted {
            slice: slice("a"),
            attempt: attempt("a").attempt,
            batch: Batch(1),
            onto: commit('1'),
            with: vec![slice("b")],
            paths,
            evidence: Vec::new(),
            keep: Vec::new(),
            feedback: feedback(),
        })),
        any::<u64>().prop_map(|bytes| Fact::Supervision(SupervisionFact::TailCut { bytes })),
    ];
    let actors: Vec<ActorName> = ActorName::all().collect();
    (proptest::sample::select(actors), any::<Option<u64>>(), any::<bool>(), fact).prop_map(
        |(actor, cause, attempted, fact)| Draft {
            actor,
            cause: cause.map(Seq),
            attempt: attempted.then(|| attempt("a")),
            fact,
        },
    )
}

/// A small journal: a dozen records.
fn sample() -> (Vec<u8>, Vec<Event>) {
    encoded(every_draft().into_iter().skip(1).step_by(5))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_facts_are_read_as_they_were_written(drafts in proptest::collection::vec(facts(), 0..12)) {
        let (bytes, events) = encoded(drafts);
        let replayed = replay(&bytes, genesis()).expect("a good journal");
        prop_assert_eq!(replayed.events, events);
        prop_assert_eq!(replayed.complete, bytes.len());
    }

    #[test]
    fn any_changed_byte_is_found(at in any::<proptest::sample::Index>(), flip in 1_u8..) {
        let (mut bytes, events) = sample();
        let at = at.index(bytes.len() - 1);
        let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
        bytes[at] ^= flip;
        let bad = replay(&bytes, genesis()).expect_err("a damaged journal");
        prop_assert_eq!(bad.index, line, "of {} lines", events.len());
    }

    #[test]
    fn any_cut_leaves_the_records_before_it(at in any::<proptest::sample::Index>()) {
        let (bytes, events) = sample();
        let cut = at.index(bytes.len() + 1);
        let whole = bytes[..cut].iter().filter(|&&byte| byte == b'\n').count();
        let complete = bytes[..cut].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let place = Place::new();
        let goal = place.recorded_goal(1);
        fs::write(goal.events(), &bytes[..cut]).expect("a torn journal");

        let Opened { journal, events: read, torn } = FileJournal::open(lock(&goal)).expect("a repaired journal");
        prop_assert_eq!(&read, &events[..whole]);
        let copy = goal.path().join("events.torn.1");
        let expected = (cut > complete).then(|| TornTail { bytes: (cut - complete) as u64, copy: copy.clone() });
        prop_assert_eq!(&torn, &expected);
        if torn.is_some() {
            prop_assert_eq!(fs::read(copy).expect("the kept bytes"), &bytes[complete..cut]);
        }
        drop(journal);
        prop_assert_eq!(fs::read(goal.events()).expect("the journal"), &bytes[..complete]);
    }
}

fn note(bytes: u64) -> Draft {
    draft(ActorName::Journal, Fact::Supervision(SupervisionFact::TailCut { bytes }))
}

#[tokio::test]
async fn a_journal_goes_on_where_it_was_left() {
    let goal = Place::new();
    let goal = goal.recorded_goal(1);
    let (_, expected) = encoded(every_draft());
    let mut appended = Vec::new();
    for drafts in every_draft().chunks(7) {
        let opened = FileJournal::open(lock(&goal)).expect("the journal");
        assert_eq!(opened.events, appended);
        assert_eq!(opened.torn, None);
        appended.extend(opened.journal.append(AT, drafts.to_vec()).await.expect("durable"));
        assert_eq!(opened.journal.read().await.expect("readable"), appended);
    }
    assert_eq!(appended, expected);
}

#[tokio::test]
async fn appends_are_numbered_in_the_order_of_the_calls_even_if_nobody_waits() {
    let place = Place::new();
    let goal = place.goal(1);
    let journal = FileJournal::create(lock(&goal)).expect("a new journal");
    let forgotten = journal.append(AT, vec![note(1), note(2)]);
    let second = journal.append(AT, vec![note(3)]);
    let nothing = journal.append(AT, Vec::new());
    drop(forgotten);
    let (_, expected) = encoded([note(1), note(2), note(3)]);
    assert_eq!(nothing.await.expect("durable"), Vec::new());
    assert_eq!(second.await.expect("durable"), expected[2..]);
    assert_eq!(journal.read().await.expect("readable"), expected);
}

#[test]
fn a_repaired_journal_takes_appends_and_keeps_every_tail() {
    let place = Place::new();
    let goal = place.recorded_goal(1);
    for torn in ["{\"v\":1,", "\0\0\0"] {
        OpenOptions::new()
            .append(true)
            .open(goal.events())
            .and_then(|mut f| f.write_all(torn.as_bytes()))
            .expect("torn");
        drop(FileJournal::open(lock(&goal)).expect("a repaired journal"));
    }
    let kept = |n: u32| fs::read_to_string(goal.path().join(format!("events.torn.{n}"))).expect("a kept tail");
    assert_eq!((kept(1), kept(2)), ("{\"v\":1,".to_owned(), "\0\0\0".to_owned()));
}

/// Opens a journal of these bytes, which must be refused with nothing changed; a damaged one is kept in a copy, once.
fn refused(bytes: &[u8]) -> StoreError {
    let place = Place::new();
    let goal = place.recorded_goal(1);
    fs::write(goal.events(), bytes).expect("a damaged journal");
    let names = |goal: &GoalDir| {
        let entries = fs::read_dir(goal.path()).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name()).collect::<std::collections::BTreeSet<_>>()
    };
    let before = names(&goal);
    let error = FileJournal::open(lock(&goal)).expect_err("a damaged journal");
    drop(FileJournal::open(lock(&goal)).expect_err("a damaged journal"));
    assert_eq!(fs::read(goal.events()).expect("the journal"), bytes);
    let copies: Vec<_> = names(&goal).difference(&before).map(|name| goal.path().join(name)).collect();
    assert_eq!(copies.len(), usize::from(matches!(error, StoreError::Corrupt { .. })), "{copies:?}");
    copies.iter().for_each(|copy| assert_eq!(fs::read(copy).expect("the copy"), bytes));
    error
}

#[test]
fn a_bad_record_in_the_middle_is_refused_by_its_line() {
    let (bytes, _) = sample();
    let text = String::from_utf8(bytes).expect("text");
    let error = refused(text.replacen("it is not_ready", "it is not ready", 1).as_bytes());
    let line = text.lines().position(|line| line.contains("it is not_ready")).expect("a line") as u64 + 1;
    assert!(matches!(error, StoreError::Corrupt { line: found, source: BadRecord::WrongHash, .. } if found == line));
}

#[test]
fn a_complete_last_record_with_a_wrong_hash_is_no_torn_tail() {
    let (mut bytes, events) = sample();
    let last_digit = bytes.len() - 4;
    bytes[last_digit] = if bytes[last_digit] == b'0' { b'1' } else { b'0' };
    let lines = events.len() as u64;
    let error = refused(&bytes);
    assert!(matches!(error, StoreError::Corrupt { line, source: BadRecord::WrongHash, .. } if line == lines));
}

#[test]
fn records_that_are_missing_or_forged_break_the_chain() {
    let (bytes, _) = encoded([note(1), note(2), note(3)]);
    let text = String::from_utf8(bytes).expect("text");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let missing = refused([lines[0], lines[2]].concat().as_bytes());
    let wrong = BadRecord::WrongSeq { expected: Seq(2), found: Seq(3) };
    assert!(matches!(missing, StoreError::Corrupt { line: 2, source, .. } if source == wrong));

    let (other, _) = encoded([note(7), note(8)]);
    let other = String::from_utf8(other).expect("text");
    let spliced = refused([lines[0], other.split_inclusive('\n').nth(1).expect("a line")].concat().as_bytes());
    assert!(matches!(spliced, StoreError::Corrupt { line: 2, source: BadRecord::BrokenChain, .. }));
}

#[test]
fn a_record_of_a_newer_schema_is_refused_as_such() {
    let (bytes, _) = encoded([note(1)]);
    let next = JOURNAL_VERSION + 1;
    let newer = [&bytes[..], format!("{{\"v\":{next},\"whatever\":true}}\n").as_bytes()].concat();
    assert!(matches!(refused(&newer), StoreError::Newer { line: 2, version, .. } if version == next));
}

#[test]
fn fields_that_are_not_known_are_passed_over() {
    let (bytes, events) = encoded([note(1)]);
    let line = String::from_utf8(bytes).expect("text");
    let unsealed = line.split(",\"hash\"").next().expect("a head").replace("\"bytes\":1", "\"bytes\":1,\"new\":[{}]");
    let replayed = replay(sealed(&format!("{unsealed}}}")).as_bytes(), genesis()).expect("a good journal");
    assert_eq!(replayed.events[0].fact, events[0].fact);
}

#[test]
fn a_long_journal_is_read_in_pieces_that_fit_together() {
    let drafts = (0..9_000).map(|n| match n % 3 {
        0 => note(n),
        1 => draft(ActorName::Controller, Fact::Goal(GoalFact::PhaseEntered { phase: Phase::Execution })),
        _ => draft(
            ActorName::Scheduler,
            Fact::Slice(SliceFact::QuestionAnswered { id: format!("a{n}"), answer: "x".repeat(99) }),
        ),
    });
    let (mut bytes, events) = encoded(drafts);
    assert!(bytes.len() > 2 << 20, "more than one piece");
    let replayed = replay(&bytes, genesis()).expect("a good journal");
    assert_eq!(Some(&replayed.position), events.last().map(position_of).as_ref());
    assert_eq!(replayed.events, events);

    let at = bytes.len() - 5_000;
    let line = bytes[..at].iter().filter(|&&byte| byte == b'\n').count() as u64;
    bytes[at] ^= 1;
    assert_eq!(replay(&bytes, genesis()).expect_err("a damaged journal").index, line);
}

#[test]
fn another_process_reads_whole_records_only_and_each_once() {
    let (bytes, events) = encoded([note(1), note(2), note(3)]);
    let place = Place::new();
    let goal = place.recorded_goal(1);
    let write = |bytes: &[u8]| {
        OpenOptions::new().append(true).open(goal.events()).and_then(|mut f| f.write_all(bytes)).expect("written");
    };
    let mut reader = Reader::open(&goal.events()).expect("a journal");
    let ends: Vec<usize> = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();

    assert_eq!(reader.poll().expect("readable"), Vec::new());
    write(&bytes[..ends[0] + 20]);
    assert_eq!(reader.poll().expect("readable"), events[..1]);
    assert_eq!(reader.poll().expect("readable"), Vec::new());
    let contents = Contents {
        events: events[..1].to_vec(),
        position: position_of(&events[0]),
        bytes: ends[0] as u64,
        torn_bytes: 20,
    };
    assert_eq!(read_events(&goal.events()).expect("readable"), contents);
    write(&bytes[ends[0] + 20..]);
    assert_eq!(reader.poll().expect("readable"), events[1..]);
}

#[test]
fn a_goal_that_was_never_recorded_is_said_to_be() {
    let place = Place::new();
    let goal = place.goal(1);
    assert!(matches!(read_events(&goal.events()), Err(StoreError::NoJournal { .. })));
    assert!(matches!(FileJournal::open(lock(&goal)), Err(StoreError::NoJournal { .. })));
}
