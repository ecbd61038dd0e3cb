//! A run where nothing can be redrawn: one line per transition, and now and then one that says that it goes on.

use crate::cli::context::Typist;
use crate::cli::narrative::{self, Line};
use crate::cli::output::{Output, units};
use crate::cli::progress::{Board, Screen, is_shown};
use crate::domain::event::Event;
use crate::domain::fact::{Fact, MergeFact};
use crate::domain::ids::Timestamp;

/// After how long without a line it is said that the run goes on.
pub const STILL_AFTER_MS: u64 = 10 * 60_000;

/// Prints lines as records come.
#[derive(Debug)]
pub struct PlainLines {
    output: Output,
    typist: Typist,
    last: Option<Timestamp>,
}

impl PlainLines {
    /// Begins to print.
    pub fn new(output: Output, typist: Typist) -> Self {
        Self { output, typist, last: None }
    }
}

impl Screen for PlainLines {
    fn event(&mut self, event: &Event, board: &Board) {
        let Some(line) = narrative::narrate(event).filter(|line| is_shown(line, self.output)) else { return };
        self.last = Some(event.ts);
        self.output.note(&plain_line(event, &line, board, &self.typist));
    }

    fn tick(&mut self, board: &Board, now: Timestamp) {
        let last = *self.last.get_or_insert(now);
        if now.since(last) >= STILL_AFTER_MS {
            self.last = Some(now);
            self.output.note(&still_line(board, now));
        }
    }

    fn end(&mut self) {}
}

/// A transition: `09:32:43Z merge   schema  +212 -8 dur=18m40s 9ab41c0 (1/9)`, further lines indented.
pub fn plain_line(event: &Event, line: &Line, board: &Board, typist: &Typist) -> String {
    let slice = line.slice.as_ref().map(|slice| format!("{slice}  ")).unwrap_or_default();
    let merged = merged_details(event, board).unwrap_or_default();
    let mut text = format!("{} {:<8} {slice}{}{merged}\n", units::clock(event.ts), line.act.plain, line.text);
    for more in line.below(typist) {
        text.push_str(&format!("                   {more}\n"));
    }
    text
}

fn merged_details(event: &Event, board: &Board) -> Option<String> {
    let Fact::Merge(MergeFact::SliceIntegrated { slice, .. }) = &event.fact else { return None };
    let row = board.row(slice)?;
    let lines = row.lines.map(|(added, removed)| format!("  +{added} -{removed}")).unwrap_or_default();
    let took = row.started.map(|started| format!(" dur={}", units::duration(event.ts.since(started))));
    Some(format!("{lines}{} ({}/{})", took.unwrap_or_default(), board.merged(), board.rows.len()))
}

/// What is said while nothing happens: `09:48:22Z still   running 34m00s, 1/9, agents 3/4, asks a1`.
pub fn still_line(board: &Board, now: Timestamp) -> String {
    let mut parts = vec![
        format!("running {}", units::duration(now.since(board.since))),
        format!("{}/{}", board.merged(), board.rows.len()),
        format!("agents {}/{}", board.working(), board.max_agents),
    ];
    for question in &board.questions {
        parts.push(format!("asks {} for {}", question.id, units::age(now.since(question.since))));
    }
    let spent = units::spent(&board.budget);
    if !spent.is_empty() {
        parts.push(spent.replace("   ", ", "));
    }
    format!("{} {:<8} {}\n", units::clock(now), "still", parts.join(", "))
}
