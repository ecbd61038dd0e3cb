//! What the operator says to an agent at work.
//!
//! Invariant: what is heard of the operator is said to the agent: into its turn, else in a prompt behind it, else the log
//! says that it was not.

use std::future::pending;

use super::scene::Scene;
use crate::domain::redact::redact;
use crate::ports::AgentHints;
use crate::process::sanitise::sanitise;

/// The operator's words.
pub(super) struct Hints {
    heard: AgentHints,
    /// Whether more may come.
    open: bool,
    unsaid: Vec<String>,
    /// Said into the turn; nobody knows yet whether they were heard there.
    on_the_way: Vec<String>,
    /// Said with a prompt that has not been answered.
    prompted: Vec<String>,
}

impl Hints {
    /// What comes from `heard`.
    pub(super) fn new(heard: AgentHints) -> Self {
        Self { heard, open: true, unsaid: Vec::new(), on_the_way: Vec::new(), prompted: Vec::new() }
    }

    /// The next; never resolves when there will be none, or the conversation is on its way out.
    pub(super) async fn next(&mut self, scene: &Scene) -> String {
        while self.open {
            match self.heard.recv().await {
                Some(hint) if scene.lock().leaving => self.unsaid.push(hint),
                Some(hint) => {
                    note(scene, &hint);
                    return hint;
                }
                None => self.open = false,
            }
        }
        pending().await
    }

    /// One is to be said behind the turn.
    pub(super) fn keep(&mut self, hint: String) {
        self.forget(&hint);
        self.unsaid.push(hint);
    }

    /// One is on its way into the turn.
    pub(super) fn send(&mut self, hint: &str) {
        self.on_the_way.push(hint.to_owned());
    }

    /// The agent has heard one in the turn.
    pub(super) fn forget(&mut self, hint: &str) {
        if let Some(at) = self.on_the_way.iter().position(|it| it == hint) {
            self.on_the_way.remove(at);
        }
    }

    /// What became of one on its way.
    pub(super) fn settle(&mut self, hint: String, heard: bool) {
        match heard {
            true => self.forget(&hint),
            false => self.keep(hint),
        }
    }

    /// Nothing more will be known of those on their way: they are to be said again.
    pub(super) fn take_back(&mut self) {
        self.unsaid.append(&mut self.on_the_way);
    }

    /// All that has not been said, for the next prompt. There is none once the conversation is on its way out.
    pub(super) fn prompt(&mut self, scene: &Scene) -> Vec<String> {
        if scene.lock().leaving {
            return Vec::new();
        }
        while let Ok(hint) = self.heard.try_recv() {
            note(scene, &hint);
            self.unsaid.push(hint);
        }
        self.prompted.append(&mut self.unsaid);
        self.prompted.clone()
    }

    /// The prompt was answered: what it said has been heard.
    pub(super) fn answered(&mut self) {
        self.prompted.clear();
    }

    /// Ends it: what the log says of all that the agent did not hear, or may not have heard.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.heard.close();
        while let Ok(hint) = self.heard.try_recv() {
            self.unsaid.push(hint);
        }
        let doubtful = self.prompted.iter().chain(&self.on_the_way);
        let doubtful = doubtful.map(|hint| format!("[the agent may not have heard the operator: {hint}]\n"));
        let unsaid =
            self.unsaid.iter().map(|hint| format!("[the agent was not told what the operator said: {hint}]\n"));
        redact(&sanitise(doubtful.chain(unsaid).collect::<String>().as_bytes())).into_bytes()
    }
}

fn note(scene: &Scene, hint: &str) {
    scene.lock().narrative.note(&format!("[the operator says: {hint}]"));
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::agents::profile::quirks::Quirks;
    use crate::agents::rehearsal::Rehearsal;

    #[test]
    fn what_was_not_heard_for_certain_is_in_the_log() {
        let it = Rehearsal::of(Quirks::default());
        let (say, heard) = unbounded_channel();
        let mut hints = Hints::new(heard);
        for hint in ["one", "two", "three", "four"] {
            hints.send(hint);
        }
        hints.forget("one");
        hints.keep("two".to_owned());
        assert_eq!(hints.prompt(&it.scene), ["two"]);
        hints.answered();
        hints.forget("three");
        hints.take_back();
        say.send("five".to_owned()).expect("somebody listens");
        assert_eq!(hints.prompt(&it.scene), ["four", "five"]);
        it.scene.lock().leaving = true;
        hints.send("six");
        hints.keep("seven".to_owned());
        assert_eq!(hints.prompt(&it.scene), [""; 0]);
        say.send("eight".to_owned()).expect("somebody listens");
        let said = |words: &str, hint| format!("[the agent {words}: {hint}]\n");
        let doubtful = ["four", "five", "six"].map(|hint| said("may not have heard the operator", hint));
        let unsaid = ["seven", "eight"].map(|hint| said("was not told what the operator said", hint));
        assert_eq!(String::from_utf8(hints.finish()).expect("text"), doubtful.concat() + &unsaid.concat());
        assert!(say.send("nine".to_owned()).is_err());
    }
}
