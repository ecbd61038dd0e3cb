//! Every document that the program makes of a golden journal, byte for byte: what the commands print of the goal, and
//! the files that are derived from it. The program has nothing but the journal.

use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;

use omk::domain::fact::{Fact, GoalFact};
use omk::domain::ids::GoalId;

use super::{Journal, journals};
use crate::support::golden::Documents;
use crate::support::omk::Place;

/// How many goals are looked at at once.
const AT_ONCE: usize = 4;
/// What is shorter is repeated, in bytes.
const SHORT: usize = 200;

/// The commands, in the order of their sections.
const COMMANDS: [&str; 20] = [
    "show --json",
    "show",
    "show --format md",
    "status --json",
    "status",
    "list --json",
    "list",
    "why --json",
    "why",
    "budget --json",
    "budget",
    "budget --format md",
    "proof --json",
    "proof",
    "proof --format md",
    "logs --json",
    "logs",
    "replay --json",
    "replay",
    "proof --verify",
];

/// The files that `replay` has derived.
const FILES: [&str; 10] = [
    "goal.json",
    "task-graph.json",
    "proof.json",
    "failure.json",
    "cost.jsonl",
    "budget-checkpoints.jsonl",
    "prd.md",
    "technical-plan.md",
    "test-spec.md",
    "decisions.jsonl",
];

/// What was made by a command, or is in a file.
struct Section {
    name: &'static str,
    body: String,
    /// The exit code, and what was said on standard error.
    end: String,
}

fn id_of(journal: &Journal) -> GoalId {
    match &journal.events[0].fact {
        Fact::Goal(GoalFact::GoalCreated(charter)) => charter.id.clone(),
        other => panic!("{}: {other:?}", journal.name),
    }
}

/// Everything that is made of a journal, a section each. What an earlier section has whole is named, not repeated.
fn documents(journal: &Journal) -> String {
    let place = Place::new();
    let dir = place.state().join("goals").join(id_of(journal).as_str());
    fs::create_dir_all(&dir).expect("a directory");
    fs::write(dir.join("events.jsonl"), &journal.bytes).expect("a journal");
    let mut sections: Vec<Section> = Vec::new();
    for command in COMMANDS {
        let words: Vec<_> = std::iter::once("goal").chain(command.split(' ')).collect();
        let ran = place.run(&words);
        let end = format!("exit {}\n{}", ran.code().expect("an exit code"), ran.stderr());
        let (body, end) = (stable(command, &ran.stdout(), &place), stable(command, &end, &place));
        sections.push(Section { name: command, body, end });
    }
    for file in FILES {
        let text = fs::read_to_string(dir.join(file)).unwrap_or_else(|_| "there is no such file\n".to_owned());
        sections.push(Section { name: file, body: stable(file, &text, &place), end: String::new() });
    }
    let mut all = String::new();
    for (at, Section { name, body, end }) in sections.iter().enumerate() {
        let _ = writeln!(all, "===== {name}\n{}{end}", without_earlier(body, &sections[..at]));
    }
    all
}

/// A section in which the whole of an earlier one is replaced by its name.
fn without_earlier(text: &str, earlier: &[Section]) -> String {
    let mut text = text.to_owned();
    for Section { name, body, .. } in earlier {
        let body = body.trim_end();
        if body.len() > SHORT {
            text = text.replace(body, &format!("<{name}>"));
            text = text.replace(&body.replace('\n', ","), &format!("<{name}, with commas>"));
        }
    }
    text
}

/// The one place that removes what depends on the clock and on where the test runs.
fn stable(section: &str, text: &str, place: &Place) -> String {
    let text = text.replace(place.path("").to_str().expect("text").trim_end_matches('/'), "PLACE");
    match section {
        "status" | "why" => text.split_inclusive('\n').map(without_age).collect(),
        "list" => text.split_inclusive('\n').map(without_age_column).collect(),
        _ => text,
    }
}

/// Whether a word is an age or a duration: `41s`, `3.5s`, `12m08s`, `5d`.
fn is_age(word: &str) -> bool {
    let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let bytes = word.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_digit)
        && bytes.last().is_some_and(|byte| b"smhd".contains(byte))
        && bytes.iter().all(|byte| digit(byte) || b"smhd".contains(byte))
}

/// A line whose ages up to now (`5m old`, `for 5m`, `, 5m:`, `(5m)`, `5m ago`) are `AGE`.
fn without_age(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let shown = words.iter().enumerate().map(|(at, word)| {
        let core = word.trim_matches(|mark: char| "():;,\n".contains(mark));
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        let after = words.get(at + 1).copied().unwrap_or_default();
        let now = before.ends_with(',') || before == "for" || after.trim_end() == "old" || after.starts_with("ago");
        let now = now || word.starts_with('(') && word.trim_end().ends_with(')');
        if now && is_age(core) { word.replacen(core, "AGE", 1) } else { (*word).to_owned() }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// A line of the table of goals, whose column of ages is `AGE`.
fn without_age_column(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let Some(at) = words.iter().position(|word| is_age(word)) else { return line.to_owned() };
    let before = words[..at].join(" ");
    format!("{}  AGE {}", before.trim_end(), words[at + 1..].join(" "))
}

#[test]
fn documents_of_golden_journals_stay_as_they_are() {
    let journals = journals();
    let next = Mutex::new(journals.iter());
    let made = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(journal) = next.lock().expect("no panic").next() else { return };
                    let document = (journal.name.clone(), documents(journal));
                    made.lock().expect("no panic").push(document);
                }
            });
        }
    });
    let mut documents = Documents::of("documents");
    for (name, text) in made.into_inner().expect("no panic") {
        documents.compare(&format!("{name}.txt"), &text);
    }
    documents.finish();
}

#[test]
fn what_depends_on_the_clock_is_filtered_and_nothing_else() {
    assert_eq!(without_age("goal  x   ready   10m old\n"), "goal  x   ready   AGE old\n");
    let line = "goal x   ready   3d old   (2m08s)   slice s4, 12m: starts when s4 is done; waiting for 5.1s   ";
    let kept = "goal x   ready   AGE old   (AGE)   slice s4, AGE: starts when s4 is done; waiting for AGE   ";
    assert_eq!(without_age(line), kept);
    let budget = "budget  time 1.2s of 8h00m   its budget of 1s is used up\n";
    assert_eq!(without_age(budget), budget);
    assert_eq!(without_age_column("x-1  ready    12d      2/2  $1.00  -\n"), "x-1  ready  AGE      2/2  $1.00  -\n");
}
