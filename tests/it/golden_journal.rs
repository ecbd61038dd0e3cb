//! Journals of every released version of the schema keep replaying.

use std::collections::BTreeSet;

use omk::domain::event::{ActorName, Draft, Event};
use omk::domain::fact::{Fact, SupervisionFact};
use omk::store::codec::{decode, encode, genesis, position_of};
use omk::store::replay::replay;
use omk::workflow::proof::{prove_by, render};

use crate::support::facts::{KINDS, draft, every_draft, kind_of};
use crate::support::facts_v2::drafts_of_version_2;
use crate::support::facts_v3::drafts_of_version_3;
use crate::support::journals::AT;

const VERSION_1: &str = include_str!("golden/events-v1.jsonl");
const VERSION_2: &str = include_str!("golden/events-v2.jsonl");
const VERSION_3: &str = include_str!("golden/events-v3.jsonl");

fn draft_of(event: &Event) -> Draft {
    let Event { actor, cause, attempt, fact, .. } = event.clone();
    Draft { actor, cause, attempt, fact }
}

fn replayed(journal: &str) -> Vec<Event> {
    replay(journal.as_bytes(), genesis()).expect("a good journal").events
}

#[test]
fn version_1_decodes_to_the_facts_that_it_was_made_of() {
    let known: Vec<Draft> = replayed(VERSION_1).iter().map(draft_of).collect();
    assert_eq!(known, every_draft());
}

#[test]
fn version_2_decodes_to_the_facts_that_it_was_made_of() {
    let known: Vec<Draft> = replayed(VERSION_2).iter().map(draft_of).collect();
    assert_eq!(known, [every_draft(), drafts_of_version_2()].concat());
}

#[test]
fn version_3_decodes_to_the_facts_that_it_was_made_of() {
    let events = replayed(VERSION_3);
    let known: Vec<Draft> = events.iter().map(draft_of).collect();
    let mut expected = [every_draft(), drafts_of_version_2(), drafts_of_version_3()].concat();
    let new = expected.split_off(known.len().min(expected.len()));
    assert_eq!(known, expected);
    let mut lines = Vec::new();
    let mut position = events.last().map_or_else(genesis, position_of);
    for draft in new {
        position = position_of(&encode(&position, AT, draft, &mut lines).expect("a fact with a form in JSON"));
    }
    assert!(lines.is_empty(), "append these lines to the golden journal:\n{}", String::from_utf8_lossy(&lines));
}

#[test]
fn version_3_encodes_to_the_same_bytes() {
    let mut bytes = Vec::new();
    let mut position = genesis();
    for event in &replayed(VERSION_3) {
        let again = encode(&position, event.ts, draft_of(event), &mut bytes).expect("a fact with a form in JSON");
        assert_eq!(&again, event);
        position = position_of(event);
    }
    assert_eq!(String::from_utf8_lossy(&bytes), VERSION_3);
}

#[test]
fn version_3_holds_every_kind_of_fact() {
    let events = replayed(VERSION_3);
    let kinds: BTreeSet<&str> = events.iter().map(|event| kind_of(&event.fact)).collect();
    assert_eq!(kinds.len(), KINDS);
    for (event, line) in events.iter().zip(VERSION_3.lines()) {
        let kind = kind_of(&event.fact);
        assert!(line.contains(&format!(r#","type":"{kind}","data":{{"#)), "{kind}: {line}");
    }
}

#[test]
fn the_line_that_the_documentation_shows_is_a_record() {
    let text = include_str!("../../docs/event-log.md");
    let line = text.lines().find(|line| line.starts_with("{\"v\":3")).expect("a line");
    let event = decode(line.as_bytes()).expect("a record");
    assert_eq!(draft_of(&event), draft(ActorName::Journal, Fact::Supervision(SupervisionFact::TailCut { bytes: 17 })));
}

/// The proofs that the first version of the rules made of journals: the whole journal, or what it held then.
const PROOFS_1: [(&str, &str); 2] = [
    (VERSION_2, include_str!("golden/events-v2.proof-1.json")),
    (include_str!("golden/run-v1.jsonl"), include_str!("golden/run-v1.proof-1.json")),
];

#[test]
fn proofs_of_an_earlier_version_come_out_to_the_byte() {
    for (journal, proof) in PROOFS_1 {
        let known: serde_json::Value = serde_json::from_str(proof).expect("a proof");
        let last = known["predicate"]["journal"]["seq"].as_u64().expect("a number");
        let mut events = replayed(journal);
        events.retain(|event| event.seq.0 <= last);
        let again = prove_by(1, &events).expect("a proof");
        assert_eq!(String::from_utf8(render(&again)).expect("text"), proof);
    }
}
