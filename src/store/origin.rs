//! Which repository a goal was created for, read from the first record of its journal.
//!
//! Takes no more of the record than that, so that also journals of a newer program, or damaged ones, say whose they are.
//! What is no regular file is not opened for longer than it takes to see that.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use serde::Deserialize;

use crate::store::layout::GoalDir;
use crate::store::opening::read_regular;

/// The user's repository as a goal's first record has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Origin {
    /// The root of the checkout.
    pub root: PathBuf,
    /// The directory with the objects.
    pub git_dir: PathBuf,
}

#[derive(Deserialize)]
struct FirstRecord {
    data: Charter,
}

#[derive(Deserialize)]
struct Charter {
    repository: Origin,
}

impl GoalDir {
    /// The repository of the goal; `None` if its first record cannot be read, or does not say.
    pub fn origin(&self) -> Option<Origin> {
        let record: FirstRecord = serde_json::from_slice(&self.first_line()?).ok()?;
        Some(record.data.repository)
    }

    /// Whether the goal has a record. One whose creation was cut short has none, and nobody means it.
    pub(super) fn is_recorded(&self) -> bool {
        self.first_line().is_some()
    }

    fn first_line(&self) -> Option<Vec<u8>> {
        let journal = read_regular(&self.events()).ok()?;
        let mut line = Vec::new();
        BufReader::new(journal).read_until(b'\n', &mut line).ok()?;
        line.ends_with(b"\n").then_some(line)
    }
}
