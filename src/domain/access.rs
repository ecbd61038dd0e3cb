//! Which paths a slice may read, write and merge.
//!
//! Owns the normal form of a repository path and of a pattern over such paths. A pattern that exists is relative,
//! stays inside the repository and names no `.git`.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher, GlobSet};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is no path pattern.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("path `{text}` {problem}")]
pub struct InvalidPattern {
    /// The text as it was given.
    pub text: String,
    /// What is wrong with it, as the end of a sentence.
    pub problem: String,
}

/// A repository-relative path or glob in normal form: components joined by `/`, no `.`, no `..`, no empty ones.
///
/// A pattern without wildcards covers the path itself and all that lies below it. `*` and `?` stay within a
/// component, `**` spans components (the syntax of the `globset` crate with literal separators).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern {
    text: String,
    /// The compiled glob; `None` where the text has no wildcard.
    glob: Option<GlobMatcher>,
}

impl PathPattern {
    /// Reads and normalises a pattern.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let text = normalise(text)?;
        let glob = match text.contains(['*', '?', '[', '{']) {
            false => None,
            true => {
                if depth_of_braces(&text) > DEEPEST_BRACES {
                    let problem = format!("nests braces deeper than {DEEPEST_BRACES}");
                    return Err(InvalidPattern { text: text.escape_debug().to_string(), problem });
                }
                let built = GlobBuilder::new(&text).literal_separator(true).backslash_escape(false).build();
                let glob = built
                    .map_err(|e| InvalidPattern { text: text.clone(), problem: format!("is no glob: {}", e.kind()) })?;
                // `compile_matcher` panics where the pattern is too large for its engine; a set says so.
                if let Err(error) = GlobSet::builder().add(glob.clone()).build() {
                    return Err(InvalidPattern { problem: format!("cannot be used: {}", error.kind()), text });
                }
                Some(glob.compile_matcher())
            }
        };
        Ok(Self { text, glob })
    }

    /// The pattern in normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the text has no wildcard, so that it names one path (and what lies below).
    pub fn is_literal(&self) -> bool {
        self.glob.is_none()
    }

    /// Whether a repository path lies under this pattern. `path` is in normal form.
    pub fn covers(&self, path: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(path),
            None => path.strip_prefix(self.text.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// The deepest nesting of braces in a pattern: far more than a person writes, far less than the matcher's limit.
const DEEPEST_BRACES: usize = 16;
/// The longest pattern, in bytes: no file system has longer paths.
const LONGEST_PATTERN: usize = 4096;

fn depth_of_braces(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn normalise(text: &str) -> Result<String, InvalidPattern> {
    let refuse =
        |problem: &str| Err(InvalidPattern { text: text.escape_debug().to_string(), problem: problem.to_owned() });
    if text.len() > LONGEST_PATTERN {
        let (text, problem) = (text.chars().take(64).collect(), format!("is longer than {LONGEST_PATTERN} bytes"));
        return Err(InvalidPattern { text, problem });
    }
    if text.starts_with('/') {
        return refuse("is absolute; give it relative to the repository");
    }
    if text.contains('\\') || text.chars().any(char::is_control) {
        return refuse("holds a backslash or a control character");
    }
    let mut components = Vec::new();
    for component in text.split('/') {
        match component {
            "" | "." => {}
            ".." => return refuse("leaves the repository with `..`"),
            git if git.eq_ignore_ascii_case(".git") => return refuse("names git's own directory"),
            other => components.push(other),
        }
    }
    if components.is_empty() {
        return refuse("is empty; `**` stands for the whole repository");
    }
    Ok(components.join("/"))
}

impl TryFrom<String> for PathPattern {
    type Error = InvalidPattern;
    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        Self::parse(&text)
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> String {
        pattern.text
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for PathPattern {}

impl PartialOrd for PathPattern {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PathPattern {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// What a slice may touch. `writes` are exclusive among slices without an order between them; `merges` may be
/// changed by several at once and are merged at integration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessSet {
    /// Paths whose content the slice depends on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<PathPattern>,
    /// Paths that only this slice may change meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<PathPattern>,
    /// Paths that several slices may change at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merges: Vec<PathPattern>,
}

impl AccessSet {
    /// Whether a change of `path` (normal form) is within the slice's rights.
    pub fn permits_change(&self, path: &str) -> bool {
        self.writes.iter().chain(&self.merges).any(|pattern| pattern.covers(path))
    }

    /// Whether `path` is one that several slices may change at once.
    pub fn merges(&self, path: &str) -> bool {
        self.merges.iter().any(|pattern| pattern.covers(path))
    }

    /// Whether `path` is named to the letter among `writes`, which lifts the repository's ignore rules for it.
    pub fn names_literally(&self, path: &str) -> bool {
        self.writes.iter().any(|pattern| pattern.is_literal() && pattern.covers(path))
    }
}
