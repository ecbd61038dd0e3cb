//! How a question of an agent is answered on the command line.

/// How the question begins that we put where an agent may run a command only with a person's leave.
const LEAVE: &str = "May this slice's agent run `";

/// The command that answers a question of a goal: with a yes where leave is asked for, else in words.
pub fn answer_command(goal: &str, question: &str, text: &str) -> String {
    let answer = if text.starts_with(LEAVE) { "--yes" } else { "--text \"…\"" };
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
