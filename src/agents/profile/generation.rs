//! Which versions of a program a profile is for, where others go by the same name.

use serde::{Deserialize, Serialize};

/// A span of versions, and what to do about those beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Generation {
    /// The arguments with which the program prints its version and does nothing else; empty where it says its version
    /// in the handshake.
    pub ask: Vec<String>,
    /// The first version that will do.
    pub from: String,
    /// The first later one that will not; empty where there is none.
    pub before: String,
    /// What an earlier one is, and what mends it.
    pub earlier: String,
    /// What others are, and what mends it: of the versions from each of these on, before `from` as well.
    pub later: Vec<Later>,
}

/// What versions from one on are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Later {
    /// The first of them.
    pub from: String,
    /// What they are, and what mends it.
    pub is: String,
}

impl Generation {
    /// Whether a program that says `words` of its version will do: `Err` has what is wrong and what mends it, `None` is
    /// that they name no version.
    pub fn judge(&self, words: &str) -> Option<Result<(), String>> {
        let version = words.split(|c: char| c.is_whitespace() || c == ',').find_map(version)?;
        Some(self.place(&version))
    }

    fn place(&self, version: &[u64]) -> Result<(), String> {
        let said = version.iter().map(u64::to_string).collect::<Vec<_>>().join(".");
        let reached = |limit: &str| numbers(limit).is_some_and(|limit| version >= limit.as_slice());
        let early = !self.from.is_empty() && !reached(&self.from);
        if !early && !reached(&self.before) {
            return Ok(());
        }
        let known = self.later.iter().rfind(|later| reached(&later.from)).map(|later| later.is.as_str());
        let unknown = if early { self.earlier.as_str() } else { "a version that is not known here" };
        let is = known.unwrap_or(unknown);
        Err(format!("it is version {said}: {is}"))
    }
}

/// A word that is a version: numbers with points between them.
fn version(word: &str) -> Option<Vec<u64>> {
    let word = word.strip_prefix('v').unwrap_or(word);
    let word = word.split(['-', '+']).next().filter(|word| word.contains('.'))?;
    numbers(word)
}

/// Whether the version that `words` name is `limit` or a later one.
pub(super) fn reaches(words: &str, limit: &str) -> bool {
    let stated = words.split(|c: char| c.is_whitespace() || c == ',').find_map(version);
    stated.zip(numbers(limit)).is_some_and(|(stated, limit)| stated >= limit)
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use crate::agents::profile::Profiles;

    fn judged(agent: &str, words: &str) -> String {
        let profiles = Profiles::default();
        let generation = profiles.find(agent).and_then(|profile| profile.quirks.generation.as_ref());
        match generation.expect("a generation").judge(words) {
            None => "no version".to_owned(),
            Some(judged) => judged.err().unwrap_or_default(),
        }
    }

    #[test]
    fn two_programs_of_one_name_are_told_apart_by_their_versions() {
        for words in ["kimi, version 1.51.0", "1.3", "v1.51.0-rc1\n"] {
            assert_eq!(judged("kimi-cli", words), "", "{words}");
        }
        let retired = judged("kimi-cli", "kimi, version 1.52.0\nkimi-cli is no longer maintained.");
        assert!(retired.contains("version 1.52.0") && retired.contains("--agent kimi"), "{retired}");
        let other = judged("kimi-cli", "2.1.0\n");
        assert!(other.contains("Kimi Code") && other.contains("use `--agent kimi`"), "{other}");
        assert_eq!(judged("kimi-cli", "hello"), "no version");
        assert_eq!(judged("kimi", "2.1.0"), "");
        let python = judged("kimi", "1.51.0");
        assert!(python.contains("Python CLI") && python.contains("--agent kimi-cli"), "{python}");
        let stub = judged("kimi", "kimi, version 1.52.0\nkimi-cli is no longer maintained.");
        assert!(stub.contains("Python CLI, which is retired") && !stub.contains("--agent"), "{stub}");
    }
}
