//! Which commands agents may run: the user's rules, as they are configured.

use serde::{Deserialize, Serialize};

/// What happens to a command that no rule names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// It runs.
    #[default]
    Allow,
    /// It does not.
    Refuse,
    /// A person decides.
    Ask,
}

/// What happens in a run in which nobody answers to what only a person may allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unattended {
    /// It is refused, and the agent finds another way in the same turn.
    #[default]
    Refuse,
    /// It is allowed.
    Allow,
    /// It is asked all the same: the attempt ends with the question.
    Ask,
}

/// Which commands agents may run. A rule is the first words of a command, `git push`; options in between do not
/// count unless the rule has some. Of several rules the strictest holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CommandRules {
    /// Never.
    pub denied: Vec<String>,
    /// Only if a person says so.
    pub asked: Vec<String>,
    /// Always, where no other rule holds.
    pub allowed: Vec<String>,
    /// What holds for the others.
    pub otherwise: Otherwise,
    /// What becomes of questions where nobody answers.
    pub unattended: Unattended,
    /// Whether nobody does: said of a goal, not configured.
    #[serde(skip)]
    pub nobody_answers: bool,
}

impl Default for CommandRules {
    /// Denies what acts on the world outside of the worktree; allows the rest.
    fn default() -> Self {
        let denied = [
            "sudo",
            "doas",
            "su",
            "git push",
            "gh pr",
            "gh release",
            "glab mr",
            "cargo publish",
            "npm publish",
            "yarn publish",
            "pnpm publish",
            "twine upload",
            "docker push",
            "shutdown",
            "reboot",
        ];
        Self {
            denied: denied.map(str::to_owned).to_vec(),
            asked: Vec::new(),
            allowed: Vec::new(),
            otherwise: Otherwise::Allow,
            unattended: Unattended::Refuse,
            nobody_answers: false,
        }
    }
}

impl CommandRules {
    /// Whether a question of the agent's own goes back to it at once: it decides by itself.
    pub fn leave_alone(&self) -> bool {
        self.nobody_answers && self.unattended != Unattended::Ask
    }
}
