//! Golden journals of all kinds of goals: they replay, and every document that is made of them stays as it is.
//!
//! The journals were written by real runs (`golden/record.sh`) and by the simulation (`simulation::recorded`).

mod coverage;
mod documents;
mod folds;

use std::fs;

use omk::domain::event::{Draft, Event, JOURNAL_VERSION};
use omk::store::codec::{encode, genesis, position_of};
use omk::store::replay::replay;

use crate::support::golden::golden;

/// The largest that all journals may be together, in bytes.
const LARGEST: usize = 3 << 20;

/// A journal of a goal.
pub(crate) struct Journal {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: Vec<Event>,
}

/// Every golden journal, by name.
pub(crate) fn journals() -> Vec<Journal> {
    let paths = fs::read_dir(golden("journals")).expect("journals").map(|entry| entry.expect("an entry").path());
    let mut journals: Vec<_> = paths
        .chain([golden("run-v1.jsonl")])
        .map(|path| {
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            let bytes = fs::read(&path).expect("a journal");
            let events = replay(&bytes, genesis()).unwrap_or_else(|error| panic!("{name}: {error:?}")).events;
            Journal { name, bytes, events }
        })
        .collect();
    journals.sort_by(|one, other| one.name.cmp(&other.name));
    journals
}

#[test]
fn golden_journals_are_whole_and_small() {
    let journals = journals();
    assert!(journals.len() > 60, "{} journals", journals.len());
    let bytes: usize = journals.iter().map(|journal| journal.bytes.len()).sum();
    assert!(bytes <= LARGEST, "{bytes} bytes");
    for Journal { name, bytes, events } in &journals {
        let lines = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")).count();
        assert_eq!((lines, bytes.last()), (events.len(), Some(&b'\n')), "{name}");
    }
}

#[test]
fn golden_journals_encode_to_the_same_bytes() {
    let version = format!("{{\"v\":{JOURNAL_VERSION},");
    let journals: Vec<_> = journals().into_iter().filter(|it| it.bytes.starts_with(version.as_bytes())).collect();
    assert!(!journals.is_empty(), "record journals of version {JOURNAL_VERSION}");
    for Journal { name, bytes, events } in journals {
        let (mut again, mut position) = (Vec::new(), genesis());
        for event in events {
            let Event { ts, actor, cause, attempt, fact, .. } = event.clone();
            let encoded = encode(&position, ts, Draft { actor, cause, attempt, fact }, &mut again);
            assert_eq!(encoded.expect("a fact with a form in JSON"), event, "{name}");
            position = position_of(&event);
        }
        assert_eq!(String::from_utf8_lossy(&again), String::from_utf8_lossy(&bytes), "{name}");
    }
}
