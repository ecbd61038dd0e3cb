//! Questions that wait for the operator: what they are about, and how they are answered on the command line.

use serde::{Deserialize, Serialize};

/// What a question is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuestionTopic {
    /// Something that the agent wants to know.
    #[default]
    Agents,
    /// Whether a slice whose attempt changed nothing is done. Yes completes it.
    Unchanged,
}

impl QuestionTopic {
    /// Whether the agent asks.
    pub fn is_agents(&self) -> bool {
        *self == Self::Agents
    }
}

/// The question about a slice whose attempt changed nothing.
pub const UNCHANGED: &str = "The agent changed nothing. Is there nothing to do here? Yes completes the slice as it is; \
                             any other answer is told to its next attempt.";

/// Whether an answer is a yes, with or without words beside it.
pub fn is_yes(answer: &str) -> bool {
    answer.split(':').next().unwrap_or_default().trim().eq_ignore_ascii_case("yes")
}

/// How the question begins that we put where an agent may run a command only with a person's leave.
const LEAVE: &str = "May this slice's agent run `";

/// The command that answers a question of a goal: with a yes where leave is asked for, else in words.
pub fn answer_command(goal: &str, question: &str, text: &str) -> String {
    let answer = if text.starts_with(LEAVE) || text == UNCHANGED { "--yes" } else { "--text \"…\"" };
    format!("omk goal answer {goal}.{question} {answer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_is_proposed_only_where_leave_is_asked_for() {
        let leave = "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";
        assert_eq!(answer_command("g-1", "a1", leave), "omk goal answer g-1.a1 --yes");
        assert_eq!(answer_command("g-1", "a2", "Which colour?"), "omk goal answer g-1.a2 --text \"…\"");
    }
}
