//! What is known of the tool calls under way: their arguments come in pieces, and hooks may overtake them.
//!
//! Invariant: however much the agent streams, memory is bounded.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tools;

/// The most calls that are remembered at once.
const MOST_CALLS: usize = 1_000;
/// The most that is kept of a call's arguments, in bytes.
const LONGEST: usize = 256 * 1024;

/// The calls.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: BTreeMap<String, Call>,
    /// The call that pieces belong to, by the agent that streams it.
    streamed: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Call {
    tool: String,
    arguments: String,
    /// Its title has been told.
    told: bool,
}

impl Calls {
    /// `agent` begins a call; its first arguments.
    pub(super) fn begin(&mut self, agent: &str, id: &str, tool: &str, arguments: &str) {
        if self.open.len() >= MOST_CALLS {
            return;
        }
        self.streamed.insert(agent.to_owned(), id.to_owned());
        let call = self.open.entry(id.to_owned()).or_default();
        tool.clone_into(&mut call.tool);
        arguments.clone_into(&mut call.arguments);
    }

    /// More of the arguments of the call that `agent` began last.
    pub(super) fn more(&mut self, agent: &str, piece: &str) {
        let call = self.streamed.get(agent).and_then(|id| self.open.get_mut(id));
        if let Some(call) = call.filter(|call| call.arguments.len() + piece.len() <= LONGEST) {
            call.arguments.push_str(piece);
        }
    }

    /// The whole of a call is known: its title, unless that has been told.
    pub(super) fn whole(&mut self, id: &str, tool: &str, input: &Value) -> Option<String> {
        if self.open.len() >= MOST_CALLS && !self.open.contains_key(id) {
            return None;
        }
        let call = self.open.entry(id.to_owned()).or_default();
        let news = !std::mem::replace(&mut call.told, true);
        news.then(|| tools::title(tool, input))
    }

    /// The calls whose titles have not been told, with them: what has been streamed of them is all.
    pub(super) fn untold(&mut self) -> Vec<(String, String)> {
        let untold = self.open.iter_mut().filter(|(_, call)| !call.told && !call.tool.is_empty());
        let told = untold.map(|(id, call)| {
            call.told = true;
            (id.clone(), tools::title(&call.tool, &call.input()))
        });
        told.collect()
    }

    /// What has been streamed of a call's input.
    pub(super) fn input(&self, id: &str) -> Value {
        self.open.get(id).map(Call::input).unwrap_or_default()
    }

    /// A call has ended.
    pub(super) fn end(&mut self, id: &str) {
        self.open.remove(id);
        self.streamed.retain(|_, streamed| streamed != id);
    }

    /// All have ended: another turn begins.
    pub(super) fn end_all(&mut self) {
        *self = Self::default();
    }
}

impl Call {
    fn input(&self) -> Value {
        serde_json::from_str(&self.arguments).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_call_is_told_once_whether_its_pieces_or_its_hook_come_first() {
        let mut calls = Calls::default();
        calls.begin("", "1", "Shell", "{\"comm");
        calls.begin("sub", "2", "ReadFile", "");
        calls.more("", "and\": \"make\"}");
        calls.more("sub", "{\"path\": \"a\"}");
        assert_eq!(calls.input("1"), json!({"command": "make"}));
        assert_eq!(calls.whole("1", "Shell", &json!({"command": "make"})), Some("Shell: make".into()));
        assert_eq!(calls.untold(), [("2".into(), "ReadFile: a".into())]);
        assert_eq!(calls.whole("3", "Glob", &json!({})), Some("Glob".into()));
        calls.begin("", "3", "Glob", "{}");
        assert_eq!((calls.untold(), calls.whole("2", "ReadFile", &json!({}))), (vec![], None));
        calls.end("3");
        assert_eq!(calls.input("3"), Value::Null);
    }

    #[test]
    fn nothing_is_kept_of_calls_that_have_ended() {
        let mut calls = Calls::default();
        for id in 0..3 * MOST_CALLS {
            let (agent, id) = (format!("sub-{id}"), id.to_string());
            calls.begin(&agent, &id, "Shell", "{}");
            calls.end(&id);
        }
        assert_eq!((calls.open.len(), calls.streamed.len()), (0, 0));
    }
}
