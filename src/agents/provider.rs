//! What an agent's words say of its provider: that it takes no requests for now, or that nobody is logged in.
//!
//! Phrases count as whole words in their order, however they are joined (`rate limit`, `rate_limit`, `RateLimit`). Names
//! of files and addresses are no words, and a number is a status only where one is stated.

/// Phrases of providers that take no requests for now.
const LIMITED: &[&str] = &[
    "rate limit",
    "rate limits",
    "rate limited",
    "ratelimit",
    "too many requests",
    "usage limit",
    "usage limits",
    "session limit",
    "weekly limit",
    "hour limit",
    "hit your limit",
    "resource exhausted",
    "overloaded",
];
/// Statuses of them.
const LIMITED_STATUS: &[&str] = &["429", "529"];
/// A quota is a provider's, but for one behind these.
const QUOTAS_OF_DISKS: &[&str] = &["disk", "storage", "inode", "block", "filesystem"];
/// Phrases of a login that is missing, refused or over.
const LOCKED_OUT: &[&str] = &[
    "unauthorized",
    "unauthenticated",
    "not authenticated",
    "not logged in",
    "logged out",
    "please log in",
    "to log in",
    "log in to",
    "log in again",
    "log in with",
    "please login",
    "run login",
    "codex login",
    "login required",
    "please sign in",
    "sign in again",
    "authentication required",
    "authentication is required",
    "requires authentication",
    "authentication failed",
    "authentication fails",
    "authentication error",
    "authentication failure",
    "authentication method",
    "authentication session",
    "invalid authentication",
    "failed to authenticate",
    "auth required",
    "auth error",
    "invalid api key",
    "incorrect api key",
    "missing api key",
    "no api key",
    "an api key",
    "your api key",
    "valid api key",
    "x api key",
    "api key not",
    "api key is",
    "api key required",
    "api key missing",
    "api key expired",
    "invalid credentials",
    "no credentials",
    "no auth credentials",
    "invalid subscription key",
    "missing credentials",
    "default credentials",
    "valid credentials",
    "your credentials",
    "credentials expired",
    "access token could not be refreshed",
    "token is expired",
    "token has expired",
    "token expired",
    "token revoked",
];
/// Statuses of it.
const LOCKED_OUT_STATUS: &[&str] = &["401", "403"];
/// Words before a number that make it a status.
const STATES: &[&str] = &["status", "code", "error", "http", "answered", "answers", "returned", "rejected"];

/// Whether words on trouble say that the provider takes no requests for now.
pub(super) fn says_limited(text: &str) -> bool {
    let words = Words::of(text);
    words.hold(LIMITED) || words.state(LIMITED_STATUS) || words.name_a_quota()
}

/// Whether words on trouble say that nobody is logged in.
pub(super) fn says_locked_out(text: &str) -> bool {
    let words = Words::of(text);
    words.hold(LOCKED_OUT) || words.state(LOCKED_OUT_STATUS)
}

/// The words of a text in lower case; an empty one where a clause ends.
struct Words(Vec<String>);

impl Words {
    fn of(text: &str) -> Self {
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

    fn stop(&mut self) {
        self.0.push(String::new());
    }

    fn hold(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| {
            let phrase: Vec<_> = phrase.split(' ').collect();
            self.0.windows(phrase.len()).any(|words| words == phrase)
        })
    }

    /// Whether a number is stated as a status, or begins a clause and counts nothing.
    fn state(&self, statuses: &[&str]) -> bool {
        self.0.windows(2).enumerate().any(|(at, words)| {
            let counts = || self.0.get(at + 2).is_some_and(|next| is_counted(next));
            let stated = STATES.contains(&words[0].as_str()) || (words[0].is_empty() && !counts());
            stated && statuses.contains(&words[1].as_str())
        })
    }

    fn name_a_quota(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_from_other_trouble() {
        for words in [
            "exceeded retry limit, last status: 429 Too Many Requests",
            "API Error: Request rejected (429) · the script says 429",
            "429 slow down",
            "APIStatusError 429; attempt 2 of 3 in 1.5 s",
            "Error code: 429 - slow down",
            "You've hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro) or try again in 4 days 3 hours",
            "Claude usage limit reached. Your limit will reset at 7pm",
            "You've hit your session limit · resets 3pm",
            r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            r#"{"error":{"code":"rate_limit_exceeded","status":429}}"#,
            "APIProviderRateLimitError",
            "You exceeded your current quota, please check your plan and billing details.",
            "Quota exceeded. Check your plan and billing details.",
            "Resource has been exhausted (RESOURCE_EXHAUSTED)",
        ] {
            assert!(says_limited(words) && !says_locked_out(words), "{words}");
        }
    }

    #[test]
    fn missing_logins_are_told_from_other_trouble() {
        for words in [
            "Your access token could not be refreshed because your refresh token was revoked. Please log out and sign in again.",
            "Your access token could not be refreshed. Please log out and sign in again.",
            "Your authentication session could not be refreshed automatically. Please log out and sign in again.",
            "unexpected status 401 Unauthorized: the script says 401, url: http://127.0.0.1:1/v1/responses",
            "Failed to authenticate. API Error: 401 the script says 401",
            "Not logged in · Please run /login",
            "OAuth token revoked · Please run /login",
            "Authentication required",
            "authentication_error: invalid x-api-key",
            "API key not valid. Please pass a valid API key.",
            "Error code: 403 - no",
            "Incorrect API key provided",
            "No auth credentials found",
            "Authentication Fails, Your api key: ****none is invalid",
            "Access denied due to invalid subscription key or wrong API endpoint.",
            "Incorrect API key provided: none.",
        ] {
            assert!(says_locked_out(words) && !says_limited(words), "{words}");
        }
    }

    #[test]
    fn files_counts_and_disks_are_neither_a_limit_nor_a_login() {
        for words in [
            "cannot apply the patch to src/login.ts: no such file",
            "tests/login.rs, tests/api_key.rs and src/unauthorized/mod.rs do not compile",
            "wrote the catalog in three parts, and the log in two",
            "Disk quota exceeded (os error 122)",
            "unexpected status 500 Internal Server Error, request id: 0a7f429c-4290-4290",
            "src/a.rs:401:3: expected one of",
            "took 429 ms for 1,429 files; 403 of them are new",
            "https://example.com/login/429 did not answer",
            "We’re currently experiencing high demand, which may cause temporary errors.",
            "boom: 14290",
            "boom: 401 tests failed",
        ] {
            assert!(!says_limited(words) && !says_locked_out(words), "{words}");
        }
    }
}
