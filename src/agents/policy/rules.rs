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
#[serde(deny_unknown_fields)]
pub struct CommandRules {
    /// Never.
    #[serde(default)]
    pub denied: Vec<String>,
    /// Only if a person says so.
    #[serde(default)]
    pub asked: Vec<String>,
    /// Always, where no other rule holds.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// What holds for the others.
    #[serde(default)]
    pub otherwise: Otherwise,
    /// What becomes of questions where nobody answers.
    #[serde(default)]
    pub unattended: Unattended,
    /// Whether nobody does: said of a goal, not configured.
    #[serde(skip)]
    pub nobody_answers: bool,
}

/// What is denied unless the user's rules name it: what acts on the world outside of the worktree.
const DENIED: [&str; 17] = [
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
    "uv publish",
    "twine upload",
    "docker push",
    "podman push",
    "shutdown",
    "reboot",
];

impl Default for CommandRules {
    /// Denies what acts on the world outside of the worktree; allows the rest.
    fn default() -> Self {
        Self {
            denied: DENIED.map(str::to_owned).to_vec(),
            asked: Vec::new(),
            allowed: Vec::new(),
            otherwise: Otherwise::Allow,
            unattended: Unattended::Refuse,
            nobody_answers: false,
        }
    }
}

impl CommandRules {
    /// These rules of the user, beside what is denied always: but for a command that `asked` or `allowed` has in the very
    /// same words.
    pub fn beside_built_in(mut self) -> Self {
        let named = [&self.denied, &self.asked, &self.allowed];
        let missing = DENIED.into_iter().filter(|rule| !named.iter().any(|rules| rules.iter().any(|own| own == rule)));
        let missing: Vec<_> = missing.map(str::to_owned).collect();
        self.denied.extend(missing);
        self
    }

    /// Whether a question of the agent's own goes back to it at once: it decides by itself.
    pub fn leave_alone(&self) -> bool {
        self.nobody_answers && self.unattended != Unattended::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_rules_stand_beside_what_is_denied_always_and_lift_only_what_they_name() {
        let rules = |denied: &[&str], asked: &[&str], allowed: &[&str]| {
            let [denied, asked, allowed] =
                [denied, asked, allowed].map(|rules| rules.iter().map(|&rule| rule.to_owned()).collect());
            CommandRules { denied, asked, allowed, ..CommandRules::default() }.beside_built_in()
        };
        let own = rules(&["make deploy", "git push"], &["npm publish"], &["docker push"]);
        let expected = ["make deploy", "git push"].into_iter();
        let built_in = DENIED.into_iter().filter(|rule| !["git push", "npm publish", "docker push"].contains(rule));
        assert_eq!(own.denied, expected.chain(built_in).collect::<Vec<_>>());
        assert_eq!(CommandRules::default().beside_built_in(), CommandRules::default());
    }
}
