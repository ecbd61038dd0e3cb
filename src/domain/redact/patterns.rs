//! What secrets look like: the names before them, and their forms. Data, and the table by which most text is passed over.

/// Names whose values are secret, behind `:` or `=`. One that begins another one stands behind it.
pub(super) const NAMES: &[&str] = &[
    "authorization",
    "api_key",
    "apikey",
    "api-key",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "token",
    "client_secret",
    "secret_access_key",
    "secret_key",
    "secretkey",
    "secret",
    "access_key",
    "accesskey",
    "private_key",
    "privatekey",
    "encryption_key",
    "signing_key",
    "password",
    "passphrase",
    "passwd",
    "_pass",
    "_pwd",
    "cookie",
];
/// Words between `Authorization:` and a credential.
pub(super) const SCHEMES: &[&str] = &["bearer ", "basic ", "token ", "digest ", "apikey "];
/// Those that announce one without a name, too.
pub(super) const ALONE: &[&str] = &["bearer ", "basic "];
/// How lines within a private key may begin that are not coded.
pub(super) const BODIES: &[&str] = &["Proc-Type: ", "DEK-Info: ", "Version: ", "Comment: "];

/// A key that is known by its form.
pub(super) struct Form {
    /// How it begins.
    pub(super) begins: &'static str,
    /// How long it is at least.
    pub(super) shortest: usize,
    /// Whether the rest is letters and digits alone; other words begin so, too.
    pub(super) plain: bool,
}

/// Keys that are known by their form.
pub(super) const FORMS: &[Form] = &[
    word("sk-"),
    word("sk_live_"),
    word("sk_test_"),
    word("rk_live_"),
    word("ghp_"),
    word("gho_"),
    word("ghs_"),
    word("ghu_"),
    word("ghr_"),
    word("github_pat_"),
    word("glpat-"),
    word("xoxb-"),
    word("xoxp-"),
    word("xoxa-"),
    word("xoxs-"),
    word("xapp-"),
    word("AKIA"),
    word("AIza"),
    word("eyJ"),
    Form { begins: "ASIA", shortest: 20, plain: true },
    Form { begins: "npm_", shortest: 24, plain: true },
    Form { begins: "hf_", shortest: 24, plain: true },
    Form { begins: "gsk_", shortest: 24, plain: true },
    Form { begins: "xai-", shortest: 24, plain: true },
    Form { begins: "pypi-", shortest: 40, plain: false },
    Form { begins: "ya29.", shortest: 20, plain: false },
    Form { begins: "AGE-SECRET-KEY-", shortest: 24, plain: true },
];

const fn word(begins: &'static str) -> Form {
    Form { begins, shortest: 12, plain: false }
}

/// By the first byte of a pattern, which second ones there are: a bit for each, by its last five bits.
const SECONDS: [u32; 256] = seconds();

/// Whether a secret may be announced at `at`.
pub(super) fn may_begin(bytes: &[u8], at: usize) -> bool {
    let seconds = SECONDS[usize::from(bytes[at])];
    seconds != 0 && bytes.get(at + 1).is_some_and(|second| seconds >> (second & 31) & 1 == 1)
}

const fn seconds() -> [u32; 256] {
    let mut seconds = with_words(with_words([0; 256], NAMES), ALONE);
    let mut at = 0;
    while at < FORMS.len() {
        seconds = with(seconds, FORMS[at].begins);
        at += 1;
    }
    with_words(seconds, &["-----BEGIN ", "://"])
}

const fn with_words(mut seconds: [u32; 256], words: &[&str]) -> [u32; 256] {
    let mut at = 0;
    while at < words.len() {
        seconds = with(seconds, words[at]);
        at += 1;
    }
    seconds
}

const fn with(mut seconds: [u32; 256], word: &str) -> [u32; 256] {
    let (first, second) = (word.as_bytes()[0], 1 << (word.as_bytes()[1] & 31));
    seconds[first.to_ascii_lowercase() as usize] |= second;
    seconds[first.to_ascii_uppercase() as usize] |= second;
    seconds
}
