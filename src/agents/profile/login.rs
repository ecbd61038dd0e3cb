//! How a program is asked whether somebody is logged in, and how its answer is read.
//!
//! For programs that open a session without a login and tell only when they are to work. An answer is advice: there are
//! ways to a model that no program knows of itself (a key within a header), so nothing is refused by it.

use serde::{Deserialize, Serialize};

use super::generation::reaches;

/// The question, and what its answers look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginAsk {
    /// The arguments behind the first word of its command with which the program says so and does nothing else; it asks
    /// no model. Empty asks nothing.
    pub ask: Vec<String>,
    /// The first version that knows these arguments; empty where all do. An earlier one may take them for its task.
    pub from: String,
    /// Words that stand in the answer where nobody is logged in.
    pub missing: Vec<String>,
    /// What each line of the answer is where nobody is logged in; `*` stands for anything.
    pub only: Vec<String>,
}

/// Whether somebody is logged in, as far as a program says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// Somebody is, or it has another way.
    There,
    /// Nobody is: its words.
    Missing(String),
    /// Its answer says neither.
    NotKnown,
}

impl LoginAsk {
    /// Whether a program that says `words` of its version knows the question.
    pub fn is_known_to(&self, words: Option<&str>) -> bool {
        self.from.is_empty() || words.is_some_and(|words| reaches(words, &self.from))
    }

    /// What an answer means; `well` is whether the program ended with status 0.
    pub fn read(&self, well: bool, answer: &str) -> Login {
        let lines: Vec<&str> = answer.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let says = |line: &&&str| self.missing.iter().any(|words| line.contains(words.as_str()));
        if let Some(line) = lines.iter().find(says) {
            return Login::Missing((*line).to_owned());
        }
        if !well || lines.is_empty() {
            return Login::NotKnown;
        }
        let free = |line: &&str| self.only.iter().any(|pattern| fits(pattern, line));
        match lines.iter().all(free) {
            true => Login::Missing(format!("only what needs no login is offered: {}", self.only.join(", "))),
            false => Login::There,
        }
    }
}

fn fits(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((start, end)) => line.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::profile::Profiles;

    fn read(agent: &str, well: bool, answer: &str) -> Login {
        let profiles = Profiles::default();
        let quirks = &profiles.find(agent).expect("a built-in one").quirks;
        quirks.login_ask.as_ref().expect("a question").read(well, answer)
    }

    #[test]
    fn what_claude_says_of_its_login_is_understood() {
        for agent in ["claude", "claude-code"] {
            let out = "Anthropic base URL: http://127.0.0.1:9\nNot logged in. Run claude auth login to authenticate.\n";
            let said = "Not logged in. Run claude auth login to authenticate.";
            assert_eq!(read(agent, false, out), Login::Missing(said.to_owned()));
            assert_eq!(read(agent, true, "API key: ANTHROPIC_API_KEY\n"), Login::There);
            for odd in ["", "error: unknown option '--text'\n", "Segmentation fault\n"] {
                assert_eq!(read(agent, false, odd), Login::NotKnown, "{odd}");
            }
            assert_eq!(read(agent, true, ""), Login::NotKnown);
        }
    }

    #[test]
    fn models_that_opencode_gives_to_everybody_are_no_login() {
        let free = "opencode/big-pickle\nopencode/mimo-v2.6-flash-free\n";
        let said = "only what needs no login is offered: opencode/big-pickle, opencode/*-free";
        assert_eq!(read("opencode", true, free), Login::Missing(said.to_owned()));
        for more in ["anthropic/claude-sonnet-5", "opencode/gpt-6-sol", "local/scripted-model"] {
            assert_eq!(read("opencode", true, &format!("{free}{more}\n")), Login::There, "{more}");
        }
        assert_eq!(read("opencode", true, ""), Login::NotKnown);
        assert_eq!(read("opencode", false, free), Login::NotKnown);
    }

    #[test]
    fn a_program_that_may_not_know_the_question_is_not_asked() {
        let asks = |from: &str, words| LoginAsk { from: from.to_owned(), ..LoginAsk::default() }.is_known_to(words);
        assert!(asks("", None) && asks("2.1.41", Some("2.1.329 (Claude Code)")) && asks("2.1.41", Some("2.1.41")));
        assert!(!asks("2.1.41", None) && !asks("2.1.41", Some("2.1.40")) && !asks("2.1.41", Some("Claude Code")));
    }
}
