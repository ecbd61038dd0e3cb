//! The question that a command is asked about with, and what an answer grants.
//!
//! Owns the question's words: they are read back from what the operator answered.

use super::Judgement;
use crate::domain::task::Feedback;

/// How much of a command is quoted.
const QUOTED: usize = 160;

/// Asks about a command; `rule` is what a yes allows.
pub(super) fn ask(command: &str, rule: &str) -> Judgement {
    let command = quote(command);
    let question = format!("May this slice's agent run `{command}`? Answer `allow {rule}`, or say what to do instead.");
    Judgement::Ask { question }
}

/// A command in one short line.
pub(super) fn quote(command: &str) -> String {
    let line = command.replace('\n', " ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// The rule that a yes to a question of ours grants; `None` where the question is not ours.
fn rule_asked(question: &str) -> Option<&str> {
    let rest = question.strip_prefix("May this slice's agent run `")?;
    let (_, answer) = rest.rsplit_once("`? Answer `allow ")?;
    answer.strip_suffix("`, or say what to do instead.")
}

/// The beginnings of commands that one thing which the operator said allows.
pub(super) fn grants(said: &Feedback) -> Vec<String> {
    let yes = said.detail == "yes" || said.detail.starts_with("yes: ");
    let question = said.summary.split_once(", \"").and_then(|(_, asked)| asked.strip_suffix('"'));
    let approved = question.filter(|_| yes).and_then(rule_asked);
    let stated = said.detail.lines().filter_map(|line| line.trim().strip_prefix("allow "));
    stated.chain(approved).map(|words| words.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::FeedbackKind;

    #[test]
    fn a_yes_to_a_question_of_ours_grants_what_it_names_and_nothing_else() {
        let question =
            "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";
        let answered = |question: &str, answer: &str| {
            let summary = format!("the operator's answer to a1, \"{question}\"");
            grants(&Feedback { kind: FeedbackKind::Operator, summary, detail: answer.into(), paths: Vec::new() })
        };
        assert_eq!(answered(question, "yes"), ["docker run"]);
        assert_eq!(answered(question, "yes: but once"), ["docker run"]);
        for other in ["no", "no: yes", "yesterday", ""] {
            assert_eq!(answered(question, other), Vec::<String>::new(), "{other}");
        }
        assert_eq!(answered("Shall I? Answer `allow sudo`, or say what to do instead.", "yes"), Vec::<String>::new());
    }
}
