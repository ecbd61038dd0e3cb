//! Takes secrets out of text that is kept: keys by their form, values by the name before them.
//!
//! Best effort: what has no form and no name is not recognised. Errs on the side of taking out too much.

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
/// Words after which a value is secret, where `:`, `=` or (for the last two) a space follows.
const NAMES: &[&str] = &[
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
    "secret",
    "password",
    "passwd",
    "cookie",
];
/// Words after which the next word is a credential.
const SCHEMES: &[&str] = &["bearer ", "basic "];
/// How keys begin that are known by their form.
const FORMS: &[&str] = &[
    "sk-",
    "sk_live_",
    "sk_test_",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "AKIA",
    "AIza",
    "eyJ",
];
/// The shortest word that can be a key by its form.
const SHORTEST: usize = 12;

/// `text` without what looks like a secret. JSON stays JSON: only what is between delimiters is replaced.
pub fn redact(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, secret)) = find(rest) {
        clean.push_str(&rest[..before]);
        clean.push_str(REDACTED);
        rest = &rest[before + secret..];
    }
    clean.push_str(rest);
    clean
}

/// The first secret: where it begins, and its length.
fn find(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let fresh = at == 0 || !is_word(bytes[at - 1]);
        let secret = match bytes[at] {
            first if !first.is_ascii_alphabetic() => None,
            _ if fresh => by_form(bytes, at).or_else(|| by_name(bytes, at)),
            // A name may end a longer one, as in `OPENAI_API_KEY` or `accessToken`.
            _ => by_name(bytes, at),
        };
        if let Some((from, to)) = secret {
            return Some((from, to - from));
        }
        at += 1;
    }
    None
}

fn by_form(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    FORMS.iter().find(|form| bytes[at..].starts_with(form.as_bytes()))?;
    let to = end_of(bytes, at, |b| is_word(b) || b == b'.');
    (to - at >= SHORTEST).then_some((at, to))
}

fn by_name(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let begins = |name: &&&str| bytes.get(at..at + name.len()).is_some_and(|b| b.eq_ignore_ascii_case(name.as_bytes()));
    let from = match NAMES.iter().find(begins) {
        Some(name) => value_after(bytes, at + name.len())?,
        None => at + SCHEMES.iter().find(begins)?.len(),
    };
    let from = SCHEMES
        .iter()
        .find(|scheme| bytes.get(from..from + scheme.len()).is_some_and(|b| b.eq_ignore_ascii_case(scheme.as_bytes())))
        .map_or(from, |scheme| from + scheme.len());
    let to = end_of(bytes, from, |b| !b.is_ascii_whitespace() && !b"\"\\',;}])&<>".contains(&b));
    let text = &bytes[from..to];
    let says_nothing = text.len() < 4 || text == REDACTED.as_bytes() || text.starts_with(b"[redacted");
    (!says_nothing).then_some((from, to))
}

/// Where the value begins that a name's end at `at` announces: behind a `:` or `=`, among quotes and spaces. A value
/// of JSON that is no text (a count, an object) is none.
fn value_after(bytes: &[u8], at: usize) -> Option<usize> {
    let (mut announced, mut key, mut text) = (false, false, false);
    let mut from = at;
    while let Some(&b) = bytes.get(from).filter(|_| from < at + 8) {
        match b {
            b':' | b'=' => announced = true,
            b'"' | b'\'' if announced => text = true,
            b'"' | b'\'' => key = true,
            b'\\' | b' ' => {}
            _ => break,
        }
        from += 1;
    }
    (announced && (text || !key)).then_some(from)
}

fn end_of(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|&b| !belongs(b)).map_or(bytes.len(), |length| from + length)
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn secrets_are_taken_out_by_form_and_by_name() {
        for (text, clean) in [
            (r#"{"key":"sk-ant-REDACTED"}"#, r#"{"key":"[redacted]"}"#),
            ("Authorization: Bearer abcdef.ghi", "Authorization: Bearer [redacted]"),
            (r#"{"authorization":"Basic dXNlcg=="}"#, r#"{"authorization":"Basic [redacted]"}"#),
            (r#""{\"api_key\": \"hello-world\"}""#, r#""{\"api_key\": \"[redacted]\"}""#),
            ("export OPENAI_API_KEY=abcd1234 && run", "export OPENAI_API_KEY=[redacted] && run"),
            ("https://x/?access_token=abcd1234&y=1", "https://x/?access_token=[redacted]&y=1"),
            ("ghp_0123456789abcdef", "[redacted]"),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn counts_and_prose_stay() {
        for text in [
            r#"{"inputTokens":189,"token_count":{"output_tokens":60},"token":123456}"#,
            "the task-force asked for sk-1; tokens: 5000 of them",
            "a bearer of news",
            "naïve 💥 Straße",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn json_stays_json(value in "[ -~äß]{0,40}", name in "(token|api_key|note)") {
            let text = serde_json::json!({ name: value, "next": "x" }).to_string();
            let clean = redact(&text);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{} -> {}", text, clean);
        }
    }
}
