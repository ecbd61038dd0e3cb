//! The words of a text, as phrases are looked up in it.
//!
//! Phrases match whole words in their order, however they are joined (`rate limit`, `rate_limit`, `RateLimit`). File
//! names and addresses are not words. A number is a status only where the text states it as one.

/// Words before a number that make it a status.
const STATES: &[&str] =
    &["status", "code", "error", "http", "answered", "answers", "returned", "rejected", "got", "received"];
/// A quota is a provider's, except after one of these words.
const QUOTAS_OF_DISKS: &[&str] = &["disk", "storage", "inode", "block", "filesystem"];

/// The words of a text in lower case; an empty one where a clause ends.
pub(super) struct Words(Vec<String>);

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let mut words = Self(Vec::new());
        for clause in text.split(|c: char| "\"'`’(){}[]<>;|=·\n".contains(c)) {
            words.stop();
            clause.split_whitespace().for_each(|chunk| words.add(chunk));
        }
        words
    }

    fn add(&mut self, chunk: &str) {
        let behind = chunk.trim_start_matches(|c: char| !c.is_alphanumeric());
        let bare = behind.trim_end_matches(|c: char| !c.is_alphanumeric());
        if behind.len() < chunk.len() && !chunk.starts_with('/') {
            self.stop();
        }
        match is_place_or_figure(bare) {
            true => self.stop(),
            false => self.add_joined(bare),
        }
        if bare.len() < behind.len() {
            self.stop();
        }
    }

    /// What is joined by `_`, `-` or capitals: words, too.
    fn add_joined(&mut self, chunk: &str) {
        let (mut word, mut before) = (String::new(), ' ');
        for c in chunk.chars() {
            if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
                self.0.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            }
            match c {
                '_' | '-' => {}
                _ if c.is_alphanumeric() => word.extend(c.to_lowercase()),
                _ => self.stop(),
            }
            before = c;
        }
        self.0.extend((!word.is_empty()).then_some(word));
    }

    /// Whether one of `phrases` follows the word `first`, at most `within` words later.
    pub(super) fn follow(&self, first: &str, within: usize, phrases: &[&str]) -> bool {
        let starts = self.0.iter().enumerate().filter(|(_, word)| *word == first);
        starts.into_iter().any(|(at, _)| {
            let end = self.0.len().min(at + 1 + within);
            Self(self.0[at + 1..end].iter().filter(|word| !word.is_empty()).cloned().collect()).hold(phrases)
        })
    }

    /// Whether one of these words stands in it.
    pub(super) fn holds_one_of(&self, words: &[&str]) -> bool {
        self.0.iter().any(|word| words.contains(&word.as_str()))
    }

    /// The first words, up to `most`, without the ends of clauses.
    pub(super) fn first(&self, most: usize) -> Vec<&str> {
        self.0.iter().filter(|word| !word.is_empty()).take(most).map(String::as_str).collect()
    }

    fn stop(&mut self) {
        self.0.push(String::new());
    }

    /// Whether one of these phrases stands in it.
    pub(super) fn hold(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| {
            let phrase: Vec<_> = phrase.split(' ').collect();
            self.0.windows(phrase.len()).any(|words| words == phrase)
        })
    }

    /// Whether a number is stated as a status, or begins a clause and counts nothing.
    pub(super) fn state(&self, statuses: &[&str]) -> bool {
        self.0.windows(2).enumerate().any(|(at, words)| {
            let counts = || self.0.get(at + 2).is_some_and(|next| is_counted(next));
            let stated = STATES.contains(&words[0].as_str()) || (words[0].is_empty() && !counts());
            stated && statuses.contains(&words[1].as_str())
        })
    }

    /// Whether a provider's quota is named.
    pub(super) fn name_a_quota(&self) -> bool {
        let of_a_disk = |before: &str| QUOTAS_OF_DISKS.contains(&before);
        self.0.windows(2).any(|words| words[1] == "quota" && !of_a_disk(&words[0]))
    }
}

/// Whether a chunk names a file or an address, or is a number with a point in it.
fn is_place_or_figure(chunk: &str) -> bool {
    chunk.contains(['/', '\\']) || chunk.contains(['.', ','])
}

/// Whether a word behind a number is what it counts.
fn is_counted(word: &str) -> bool {
    let no_plural = ["is", "was", "says", "status", "access"];
    word == "of" || (word.ends_with('s') && !no_plural.contains(&word))
}
