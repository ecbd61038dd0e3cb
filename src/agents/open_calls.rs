//! The tool calls of a turn: what is known of those that are open, and which have ended.
//!
//! Invariant: however many an agent begins, memory is bounded; a call that has ended stays so until one of its name is
//! begun anew.

use std::collections::{BTreeMap, VecDeque};

use super::policy::ToolCall;

/// The most that are open at once.
const MOST_OPEN: usize = 1_000;
/// The most that are remembered to have ended, the last ones.
const MOST_ENDED: usize = 200;

/// The calls.
#[derive(Debug, Default)]
pub(super) struct OpenCalls {
    open: BTreeMap<String, ToolCall>,
    ended: VecDeque<String>,
}

impl OpenCalls {
    /// Whether no tool works.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// What is known of a call; nothing of one that is not open.
    pub(super) fn known(&self, id: &str) -> ToolCall {
        self.open.get(id).cloned().unwrap_or_default()
    }

    /// A call begins, and what is known of it. Some agents use an id again.
    pub(super) fn begin(&mut self, id: &str, call: ToolCall) {
        self.ended.retain(|ended| ended != id);
        self.learn(id, call);
    }

    /// More is known of a call: what is new about it wins. Whether it is news: of a call that has ended nothing is.
    pub(super) fn learn(&mut self, id: &str, call: ToolCall) -> bool {
        if self.ended.iter().any(|ended| ended == id) {
            return false;
        }
        if self.open.contains_key(id) || self.open.len() < MOST_OPEN {
            merge(self.open.entry(id.to_owned()).or_default(), call);
        }
        true
    }

    /// A call has ended.
    pub(super) fn end(&mut self, id: &str) {
        if self.open.remove(id).is_some() {
            self.bury(id.to_owned());
        }
    }

    /// All have ended, whatever was told of them.
    pub(super) fn end_all(&mut self) {
        for id in std::mem::take(&mut self.open).into_keys() {
            self.bury(id);
        }
    }

    fn bury(&mut self, id: String) {
        if self.ended.len() >= MOST_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(id);
    }
}

/// Lays what is new about a call over what was known.
pub(super) fn merge(known: &mut ToolCall, new: ToolCall) {
    if !new.kind.is_empty() {
        known.kind = new.kind;
    }
    known.command = new.command.or(known.command.take());
    known.cwd = new.cwd.or(known.cwd.take());
    if !new.paths.is_empty() {
        known.paths = new.paths;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: &str) -> ToolCall {
        ToolCall { kind: kind.to_owned(), ..ToolCall::default() }
    }

    #[test]
    fn of_a_call_that_has_ended_nothing_is_news_until_it_is_begun_anew() {
        let mut calls = OpenCalls::default();
        calls.begin("1", kind("edit"));
        assert!(calls.learn("2", kind("read")) && calls.learn("1", ToolCall::default()));
        assert_eq!((calls.known("1"), calls.known("2")), (kind("edit"), kind("read")));
        calls.end("1");
        calls.end_all();
        assert!(calls.is_empty() && !calls.learn("1", kind("edit")) && !calls.learn("2", kind("edit")));
        assert!(calls.is_empty());
        calls.begin("1", kind("think"));
        assert_eq!(calls.known("1"), kind("think"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut calls = OpenCalls::default();
        (0..2 * MOST_OPEN).for_each(|id| calls.begin(&id.to_string(), kind("edit")));
        assert_eq!(calls.open.len(), MOST_OPEN);
        calls.end_all();
        assert_eq!((calls.open.len(), calls.ended.len()), (0, MOST_ENDED));
    }
}
