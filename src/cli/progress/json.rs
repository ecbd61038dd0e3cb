//! A run as NDJSON on stdout: every record, whole.

use std::io::{self, Write};

use crate::cli::event;
use crate::cli::output::safe;
use crate::cli::progress::{Board, Screen};
use crate::domain::event::Event;
use crate::domain::ids::Timestamp;

/// Prints records as they come.
#[derive(Debug)]
pub struct JsonLines;

impl Screen for JsonLines {
    fn event(&mut self, event: &Event, _board: &Board) {
        // A reader that went away must not end the run.
        let _ = writeln!(io::stdout().lock(), "{}", safe::json(&event::document(event)));
    }

    fn tick(&mut self, _board: &Board, _now: Timestamp) {}

    fn end(&mut self) {}
}
