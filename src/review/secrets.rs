//! What a secret looks like in a line of text.
//!
//! Never hands out the secret: what leaves is its kind and its length.

/// A secret, without its content.
pub(super) struct Secret {
    kind: &'static str,
    length: usize,
    /// Whether its form alone shows it (a token of a known issuer), as against a likely password.
    pub(super) certain: bool,
}

impl Secret {
    /// One sentence that does not repeat it.
    pub(super) fn described(&self) -> String {
        let Self { kind, length, certain: _ } = self;
        format!("{kind} ({length} characters, not shown); revoke it if it is real")
    }
}

/// A token that begins with a fixed text and goes on with at least so many of its alphabet.
struct Token {
    kind: &'static str,
    prefix: &'static str,
    least: usize,
    alphabet: fn(char) -> bool,
}

fn upper_or_digit(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit()
}

fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn url_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

const fn token(kind: &'static str, prefix: &'static str, least: usize, alphabet: fn(char) -> bool) -> Token {
    Token { kind, prefix, least, alphabet }
}

const TOKENS: [Token; 22] = [
    token("an AWS access key", "AKIA", 16, upper_or_digit),
    token("an AWS access key", "ASIA", 16, upper_or_digit),
    token("a GitHub token", "ghp_", 36, alphanumeric),
    token("a GitHub token", "gho_", 36, alphanumeric),
    token("a GitHub token", "ghu_", 36, alphanumeric),
    token("a GitHub token", "ghs_", 36, alphanumeric),
    token("a GitHub token", "ghr_", 36, alphanumeric),
    token("a GitHub token", "github_pat_", 22, url_safe),
    token("a GitLab token", "glpat-", 20, url_safe),
    token("a Slack token", "xoxb-", 20, url_safe),
    token("a Slack token", "xoxp-", 20, url_safe),
    token("a Slack token", "xoxa-", 20, url_safe),
    token("a Slack token", "xoxr-", 20, url_safe),
    token("a Slack token", "xoxs-", 20, url_safe),
    token("a Stripe key", "sk_live_", 16, alphanumeric),
    token("a Stripe key", "rk_live_", 16, alphanumeric),
    token("a Google API key", "AIza", 35, url_safe),
    token("an npm token", "npm_", 36, alphanumeric),
    token("a crates.io token", "cio", 32, alphanumeric),
    token("a PyPI token", "pypi-", 50, url_safe),
    token("an OpenAI key", "sk-proj-", 20, url_safe),
    token("an Anthropic key", "sk-ant-", 20, url_safe),
];

/// Finds the first secret of a line.
pub(super) fn find(line: &str) -> Option<Secret> {
    private_key(line).or_else(|| issued(line)).or_else(|| web_token(line)).or_else(|| password(line))
}

/// A line that begins a key block, as against one that only speaks of it.
fn private_key(line: &str) -> Option<Secret> {
    let (_, rest) = line.split_once("-----BEGIN ")?;
    let (kind, after) = rest.split_once("-----")?;
    let is_key = kind.ends_with("PRIVATE KEY") || kind == "PGP PRIVATE KEY BLOCK";
    let goes_on = after.trim().is_empty() || after.starts_with("\\n") || after.len() > 40;
    (is_key && goes_on).then_some(Secret { kind: "a private key", length: line.len(), certain: true })
}

fn issued(line: &str) -> Option<Secret> {
    TOKENS.iter().find_map(|token| {
        let mut places = line.match_indices(token.prefix).filter(|(at, _)| !line[..*at].ends_with(url_safe));
        places.find_map(|(at, _)| {
            let body: &str = &line[at + token.prefix.len()..];
            let length = body.find(|c| !(token.alphabet)(c)).unwrap_or(body.len());
            // Documentation of AWS and others ends its keys in this word.
            let sample = body[..length].to_ascii_uppercase().ends_with("EXAMPLE") || is_monotonous(&body[..length]);
            (length >= token.least && !sample).then_some(Secret {
                kind: token.kind,
                length: token.prefix.len() + length,
                certain: true,
            })
        })
    })
}

/// A JSON web token: three parts of which the first two begin as base64 of `{"`.
fn web_token(line: &str) -> Option<Secret> {
    let (at, _) = line.match_indices("eyJ").find(|(at, _)| !line[..*at].ends_with(url_safe))?;
    let body = &line[at..];
    let end = body.find(|c| !(url_safe(c) || c == '.')).unwrap_or(body.len());
    let parts: Vec<&str> = body[..end].split('.').collect();
    let fits = parts.len() == 3 && parts[1].starts_with("eyJ") && parts.iter().all(|part| part.len() >= 10);
    fits.then_some(Secret { kind: "a JSON web token", length: end, certain: true })
}

/// A quoted text that is given to something called a password, and is random enough to be one.
fn password(line: &str) -> Option<Secret> {
    const NAMES: [&str; 9] =
        ["password", "passwd", "secret", "token", "api_key", "apikey", "api-key", "access_key", "private_key"];
    let lower = line.to_ascii_lowercase();
    let name_end = NAMES.iter().filter_map(|name| lower.find(name).map(|at| at + name.len())).min()?;
    let (before, rest) = line.split_at(name_end);
    let (between, value) = rest.split_once(['=', ':'])?;
    if between.contains(|c: char| !(c.is_alphanumeric() || "_-\"'] ".contains(c))) || speaks(before, between) {
        return None;
    }
    let (type_name, quoted) = value.split_at(value.find(['"', '\''])?);
    if !is_assignment(type_name) {
        return None;
    }
    let secret = quoted[1..].split(&quoted[..1]).next()?;
    is_random(secret).then_some(Secret {
        kind: "what looks like a password or key",
        length: secret.len(),
        certain: false,
    })
}

/// Whether the name stands in the middle of a quoted sentence, not in quotes of its own.
fn speaks(before: &str, between: &str) -> bool {
    ['"', '\''].into_iter().any(|quote| before.matches(quote).count() % 2 == 1 && !between.contains(quote))
}

/// Whether nothing stands between the separator and the value but a type and its `=`, the rest of `=>`, or the
/// letter of a raw or byte string.
fn is_assignment(text: &str) -> bool {
    let text = text.trim();
    let annotated = text.ends_with('=') && !text.starts_with('=') && !text.contains(['(', '{', ',', ';']);
    text.is_empty() || text == ">" || matches!(text, "b" | "r" | "u" | "@") || annotated
}

fn is_random(text: &str) -> bool {
    const HARMLESS: [&str; 14] = [
        "example",
        "changeme",
        "change-me",
        "change_me",
        "xxxx",
        "placeholder",
        "dummy",
        "your",
        "password",
        "secret",
        "redacted",
        "foobar",
        "****",
        "test",
    ];
    let lower = text.to_ascii_lowercase();
    let harmless = HARMLESS.iter().any(|word| lower.contains(word));
    let refers = text.contains(' ') || (text.contains(['$', '{', '<', '/']) && !text.contains(['+', '=']));
    let classes = [
        text.chars().any(|c| c.is_ascii_lowercase()),
        text.chars().any(|c| c.is_ascii_uppercase()),
        text.chars().any(|c| c.is_ascii_digit()),
        text.chars().any(|c| c.is_ascii_punctuation() && c != '_' && c != '-'),
    ];
    let mixed = classes.into_iter().filter(|there| *there).count() >= 2;
    text.len() >= 8 && !harmless && !refers && mixed && entropy(text) >= 2.9
}

/// Shannon's entropy in bits for each byte.
fn entropy(text: &str) -> f64 {
    let mut counts = [0u32; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let total = text.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / total).map(|p| -p * p.log2()).sum()
}

/// `xxxxxxxx` and `00000000` are no secrets.
fn is_monotonous(text: &str) -> bool {
    entropy(text) < 1.5
}
