//! Which goals a user can mean by `[ID]`.
//!
//! Owns the rules for ids, prefixes and codes. Never guesses: what names several goals names none, until somebody says
//! among which ones.

use crate::domain::ids::GoalId;
use crate::store::error::StoreError;
use crate::store::layout::{GoalDir, StateDir};

/// How alike an id must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.7;
/// How many ids are suggested.
const SUGGESTIONS: usize = 3;
/// The text that means the newest goal.
const LATEST: &str = "latest";

/// What a text can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The goal of this id or code.
    Exactly(GoalDir),
    /// The newest one.
    Latest,
    /// One of these, whose id or code begins so; newest first, and never empty.
    Among(Vec<GoalDir>),
}

/// What `text` can mean. Refuses `UnknownGoal`.
pub fn wanted(state: &StateDir, text: &str) -> Result<Wanted, StoreError> {
    // The common case of scripts needs no listing.
    if let Ok(id) = GoalId::parse(text)
        && state.goal(&id).path().is_dir()
    {
        return Ok(Wanted::Exactly(state.goal(&id)));
    }
    if text == LATEST {
        return Ok(Wanted::Latest);
    }
    let ids = state.goal_ids()?;
    let candidates = candidates(&ids, text)?;
    match candidates.as_slice() {
        [one] if one.code() == text => Ok(Wanted::Exactly(state.goal(one))),
        _ => Ok(Wanted::Among(candidates.iter().map(|id| state.goal(id)).collect())),
    }
}

impl StateDir {
    /// The newest goal that has a record and that `is_meant`.
    pub fn newest(&self, is_meant: impl Fn(&GoalDir) -> bool) -> Result<Option<GoalDir>, StoreError> {
        let goals = self.goal_ids()?.into_iter().map(|id| self.goal(&id));
        Ok(goals.into_iter().find(|dir| dir.is_recorded() && is_meant(dir)))
    }
}

/// Those of `ids` (newest first) whose id or code begins with `text`; one whose id or code is the text stands for all.
/// Refuses `UnknownGoal`.
pub fn candidates(ids: &[GoalId], text: &str) -> Result<Vec<GoalId>, StoreError> {
    if let Some(exact) = ids.iter().find(|id| id.as_str() == text) {
        return Ok(vec![exact.clone()]);
    }
    let coded: Vec<GoalId> = ids.iter().filter(|id| id.code() == text).cloned().collect();
    let begins = |id: &&GoalId| !text.is_empty() && (id.as_str().starts_with(text) || id.code().starts_with(text));
    let found = if coded.is_empty() { ids.iter().filter(begins).cloned().collect() } else { coded };
    if found.is_empty() {
        return Err(StoreError::UnknownGoal { text: text.escape_debug().to_string(), nearest: nearest(ids, text) });
    }
    Ok(found)
}

fn nearest(ids: &[GoalId], text: &str) -> Vec<GoalId> {
    let likeness = |id: &GoalId| strsim::jaro_winkler(id.as_str(), text).max(strsim::jaro_winkler(id.code(), text));
    let mut alike: Vec<(f64, &GoalId)> = ids.iter().map(|id| (likeness(id), id)).filter(|(l, _)| *l >= ALIKE).collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    alike.into_iter().take(SUGGESTIONS).map(|(_, id)| id.clone()).collect()
}
