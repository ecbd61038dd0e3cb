//! Which goal a user means by `[ID]`.
//!
//! Owns the rules for prefixes, codes and `latest`. Never guesses: what names several goals names none.

use std::io::{BufRead, BufReader};

use crate::domain::ids::GoalId;
use crate::store::error::StoreError;
use crate::store::layout::{GoalDir, StateDir};
use crate::store::opening::read_regular;

/// How alike an id must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.7;
/// How many ids are suggested.
const SUGGESTIONS: usize = 3;

impl StateDir {
    /// The goal that `text` means: a whole id, `latest`, or what only one goal's id or code begins with. Refuses
    /// `UnknownGoal`, `AmbiguousGoal` and, for `latest`, `NoGoals`.
    pub fn resolve(&self, text: &str) -> Result<GoalDir, StoreError> {
        // The common case of scripts needs no listing.
        if let Ok(id) = GoalId::parse(text)
            && self.goal(&id).path().is_dir()
        {
            return Ok(self.goal(&id));
        }
        let ids = self.goal_ids()?;
        if text == "latest" && ids.is_empty() {
            return Err(StoreError::NoGoals { state: self.path().to_owned() });
        }
        if text == "latest"
            && let Some(newest) = ids.iter().find(|id| is_recorded(&self.goal(id)))
        {
            return Ok(self.goal(newest));
        }
        choose(&ids, text).map(|id| self.goal(&id))
    }
}

/// Whether a goal has a record. One whose creation was cut short has none, and nobody means it.
fn is_recorded(dir: &GoalDir) -> bool {
    let mut first = Vec::new();
    let read = read_regular(&dir.events()).and_then(|journal| BufReader::new(journal).read_until(b'\n', &mut first));
    read.is_ok() && first.ends_with(b"\n")
}

/// The one of `ids` (newest first) that `text` means.
pub fn choose(ids: &[GoalId], text: &str) -> Result<GoalId, StoreError> {
    if let Some(exact) = ids.iter().find(|id| id.as_str() == text) {
        return Ok(exact.clone());
    }
    if let ("latest", Some(newest)) = (text, ids.first()) {
        return Ok(newest.clone());
    }
    let begins = |id: &&GoalId| !text.is_empty() && (id.as_str().starts_with(text) || id.code().starts_with(text));
    let mut candidates: Vec<GoalId> = ids.iter().filter(begins).cloned().collect();
    match candidates.len() {
        0 => Err(StoreError::UnknownGoal { text: text.escape_debug().to_string(), nearest: nearest(ids, text) }),
        1 => Ok(candidates.remove(0)),
        _ => Err(StoreError::AmbiguousGoal { text: text.to_owned(), candidates }),
    }
}

fn nearest(ids: &[GoalId], text: &str) -> Vec<GoalId> {
    let likeness = |id: &GoalId| strsim::jaro_winkler(id.as_str(), text).max(strsim::jaro_winkler(id.code(), text));
    let mut alike: Vec<(f64, &GoalId)> = ids.iter().map(|id| (likeness(id), id)).filter(|(l, _)| *l >= ALIKE).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.into_iter().take(SUGGESTIONS).map(|(_, id)| id.clone()).collect()
}
