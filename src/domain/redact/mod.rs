//! Takes secrets out of text that is kept: keys by their form, values by the name before them, passwords in addresses,
//! and the values of secret variables of this process.
//!
//! Best effort: what has no form and no name is not recognised. Errs on the side of taking out too much. One pass over the
//! text, whatever is in it.

mod patterns;

use std::sync::OnceLock;

use self::patterns::{ALONE, BODIES, FORMS, Form, NAMES, SCHEMES, may_begin};

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
/// The shortest value that is one.
const SHORTEST: usize = 4;
/// The shortest value of a variable that counts as a secret.
const SHORTEST_KNOWN: usize = 12;
/// The shortest run of letters and digits that makes a key of a file's name.
const SHORTEST_RANDOM: usize = 16;
/// How far back the dashes of an option are looked for, in bytes.
const LONGEST_OPTION: usize = 32;

/// The secrets of this process: values of its environment. Told once, when the program starts.
static KNOWN: OnceLock<Vec<String>> = OnceLock::new();

/// Makes the secrets of an environment known: the values of variables whose names say so. Counts the first time only.
pub fn know<'a>(variables: impl Iterator<Item = (&'a str, &'a str)>) {
    let secrets = variables.filter(|(name, value)| is_secret_variable(name, value)).map(|(_, value)| value.to_owned());
    let mut known: Vec<String> = secrets.collect();
    // A value that holds another one goes first.
    known.sort_by_key(|value| std::cmp::Reverse(value.len()));
    known.dedup();
    let _only_the_first = KNOWN.set(known);
}

fn is_secret_variable(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = NAMES.iter().any(|known| name.contains(known)) && !name.ends_with("_file") && !name.ends_with("_path");
    let plain = value.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b));
    named && plain && value.len() >= SHORTEST_KNOWN && !value.starts_with(['/', '~', '.'])
}

fn known() -> &'static [String] {
    KNOWN.get().map(Vec::as_slice).unwrap_or_default()
}

/// Whether a short text such as a file's name holds a secret: one of this process, or a word that has the form of a key
/// and is random enough for one.
pub fn holds_secret(text: &str) -> bool {
    let bytes = text.as_bytes();
    let by_pattern = |at: usize| {
        let begins = at == 0 || !is_word(bytes[at - 1]);
        let secret = if begins { by_form(bytes, at).or_else(|| by_name(bytes, at)) } else { by_name(bytes, at) };
        secret.is_some_and(|(from, to)| is_random(&bytes[from..to]))
    };
    known().iter().any(|secret| text.contains(secret.as_str()))
        || (0..bytes.len()).any(|at| may_begin(bytes, at) && by_pattern(at))
}

/// Whether there is a run of letters and digits that no word is.
fn is_random(text: &[u8]) -> bool {
    text.split(|b| !b.is_ascii_alphanumeric()).any(|run| {
        run.len() >= SHORTEST_RANDOM && run.iter().any(u8::is_ascii_digit) && run.iter().any(u8::is_ascii_alphabetic)
    })
}

/// `text` without what looks like a secret. JSON stays JSON: only what is between delimiters is replaced.
pub fn redact(text: &str) -> String {
    Redactor::default().redact(text)
}

/// Takes secrets out of a text that comes line by line: a private key may be many of them.
#[derive(Debug, Default)]
pub struct Redactor {
    /// The last line was within a private key.
    within_key: bool,
}

impl Redactor {
    /// The next whole lines.
    pub fn redact(&mut self, text: &str) -> String {
        match known().iter().any(|secret| text.contains(secret.as_str())) {
            true => {
                let clean = |text: String, secret: &String| text.replace(secret.as_str(), REDACTED);
                let text = known().iter().fold(text.to_owned(), clean);
                self.by_pattern(&text)
            }
            false => self.by_pattern(text),
        }
    }

    fn by_pattern(&mut self, text: &str) -> String {
        let mut clean = String::with_capacity(text.len());
        let mut done = if self.within_key { self.rest_of_key(text, &mut clean) } else { 0 };
        let (bytes, mut at) = (text.as_bytes(), done);
        while at < bytes.len() {
            let secret = if may_begin(bytes, at) { self.find(text, at) } else { None };
            let Some((from, to)) = secret else {
                at += 1;
                continue;
            };
            clean.push_str(&text[done..from]);
            clean.push_str(REDACTED);
            (done, at) = (to, to.max(at + 1));
        }
        clean.push_str(&text[done..]);
        clean
    }

    /// The next whole lines as if they came one by one: what is quoted around a private key is not looked for among
    /// those behind it.
    pub fn redact_lines(&mut self, text: &str) -> String {
        match self.within_key || text.contains("PRIVATE KEY") {
            true => text.split_inclusive('\n').map(|line| self.redact(line)).collect(),
            false => self.redact(text),
        }
    }

    /// Replaces what a text begins with of a key that has begun before it: how long that is.
    fn rest_of_key(&mut self, text: &str, clean: &mut String) -> usize {
        let length = body_of_key(text);
        self.within_key = length == text.len();
        let body = text[..length].trim_end_matches('\n');
        clean.push_str(if body.is_empty() { "" } else { REDACTED });
        clean.push_str(&text[body.len()..length]);
        length
    }

    /// The secret that is announced at `at`: where it begins and ends.
    fn find(&mut self, text: &str, at: usize) -> Option<(usize, usize)> {
        let bytes = text.as_bytes();
        match bytes[at] {
            b'-' => self.private_key(text, at),
            b':' => in_address(bytes, at),
            // A name may end a longer one, as in `OPENAI_API_KEY` or `accessToken`; a form may not.
            _ if at > 0 && is_word(bytes[at - 1]) => by_name(bytes, at),
            _ => by_form(bytes, at).or_else(|| by_name(bytes, at)).or_else(|| by_scheme(bytes, at)),
        }
    }

    /// A private key in PEM, from behind its first line; in JSON its lines are one.
    fn private_key(&mut self, text: &str, at: usize) -> Option<(usize, usize)> {
        let header = text[at..].strip_prefix("-----BEGIN ")?;
        let (kind, _) =
            header.split_once("-----").filter(|(kind, _)| kind.len() < 60 && kind.contains("PRIVATE KEY"))?;
        let from = at + "-----BEGIN ".len() + kind.len() + "-----".len();
        let behind = &text[from..];
        let end = behind.find("-----").unwrap_or(behind.len());
        let quote = behind[..end].find(['"', '\'', '`']);
        let length = match quote {
            Some(quote) => behind[..quote].trim_end_matches('\\').len(),
            None if end < behind.len() => end,
            None => body_of_key(behind),
        };
        self.within_key = quote.is_none() && length == behind.len();
        // The ends of lines around it stay.
        let body = &behind[..length];
        let from = from + (body.len() - body.trim_start().len());
        let to = from + body.trim().len();
        (to > from && body.trim() != REDACTED).then_some((from, to))
    }
}

/// How much of a text, in lines, can be the inside of a private key.
fn body_of_key(text: &str) -> usize {
    let is_body = |line: &&str| {
        let line = line.trim();
        let coded = line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
        coded || line == REDACTED || BODIES.iter().any(|head| line.starts_with(head))
    };
    text.split_inclusive('\n').take_while(is_body).map(str::len).sum()
}

/// The password of an address: `://user:password@host`, or a long word alone.
fn in_address(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let from = at + bytes[at..].strip_prefix(b"://").map(|_| 3)?;
    let end = end_of(bytes, from, |b| !b.is_ascii_whitespace() && !b"/?#\"'`\\<>,;)]}|".contains(&b));
    let host = from + bytes[from..end].iter().rposition(|&b| b == b'@')?;
    match bytes[from..host].iter().position(|&b| b == b':') {
        Some(colon) => (from + colon + 1 < host).then_some((from + colon + 1, host)),
        None => (host - from >= 20).then_some((from, host)),
    }
}

fn by_form(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let form = FORMS.iter().find(|form| bytes[at..].starts_with(form.begins.as_bytes()))?;
    let Form { begins, shortest, plain } = form;
    let to =
        end_of(bytes, at + begins.len(), |b| if *plain { b.is_ascii_alphanumeric() } else { is_word(b) || b == b'.' });
    (to - at >= *shortest).then_some((at, to))
}

fn by_name(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let name = NAMES.iter().find(|name| begins(bytes, at, name))?;
    let (from, quote) = value_after(bytes, at, at + name.len())?;
    // A private key is more than a word, or a line.
    if bytes[from..].starts_with(b"-----BEGIN ") {
        return None;
    }
    let from = SCHEMES.iter().find(|scheme| begins(bytes, from, scheme)).map_or(from, |scheme| from + scheme.len());
    let to = match quote {
        Some(quote) => end_of_quoted(bytes, from, quote),
        None if *name == "cookie" => end_of(bytes, from, |b| !b"\"'`\\\r\n".contains(&b)),
        None => end_of(bytes, from, in_value),
    };
    says_something(&bytes[from..to]).then_some((from, to))
}

/// What stands behind a scheme without a name, unless it is a word of prose.
fn by_scheme(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let from = at + ALONE.iter().find(|scheme| begins(bytes, at, scheme))?.len();
    let to = end_of(bytes, from, in_value);
    let text = &bytes[from..to];
    let prose = text.iter().skip(1).all(|b| b.is_ascii_lowercase() || b".:!?".contains(b));
    (!prose && says_something(text)).then_some((from, to))
}

fn says_something(text: &[u8]) -> bool {
    text.len() >= SHORTEST && !text.starts_with(b"[redacted")
}

/// How a text is quoted: by which mark, behind how many backslashes.
#[derive(Clone, Copy)]
struct Quote {
    mark: u8,
    depth: usize,
}

/// Where the value begins that the name from `start` to `at` announces: behind a `:` or `=`, among quotes and spaces; of
/// an option, behind a space. And its quote, where it has one. A value of JSON that is no text (a count, an object) is
/// none.
fn value_after(bytes: &[u8], start: usize, at: usize) -> Option<(usize, Option<Quote>)> {
    let (mut announced, mut key, mut quote, mut depth) = (false, false, None, 0);
    let mut from = at;
    while let Some(&b) = bytes.get(from).filter(|_| from < at + 8 && quote.is_none()) {
        match b {
            b':' | b'=' => announced = true,
            b'"' | b'\'' if announced => quote = Some(Quote { mark: b, depth }),
            b'"' | b'\'' => key = true,
            b'\\' => {}
            b' ' => announced |= from == at && is_option(bytes, start),
            _ => break,
        }
        depth = if b == b'\\' { depth + 1 } else { 0 };
        from += 1;
    }
    // What is escaped before it is no part of it, and no quote either: the end of a line.
    let plain = !key && depth == 0;
    (announced && (quote.is_some() || plain)).then_some((from, quote))
}

/// Whether the name at `start` ends the name of an option of a command.
fn is_option(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(LONGEST_OPTION)..start];
    let name = before.iter().rposition(|&b| !is_word(b)).map_or(0, |at| at + 1);
    before[name..].starts_with(b"--")
}

/// Where a quoted value ends: before the mark that closes it, with its backslashes, or at the end of its line.
fn end_of_quoted(bytes: &[u8], from: usize, Quote { mark, depth }: Quote) -> usize {
    let mut slashes = 0;
    for (at, &b) in bytes.iter().enumerate().skip(from) {
        let closes = match b {
            b'\n' => true,
            // One that ends a text around it has an even number of them.
            b'"' => mark != b'"' || slashes <= depth || slashes % 2 == 0,
            b'\'' => mark == b'\'',
            _ => false,
        };
        if closes {
            return at - slashes;
        }
        slashes = if b == b'\\' { slashes + 1 } else { 0 };
    }
    bytes.len()
}

fn begins(bytes: &[u8], at: usize, name: &str) -> bool {
    bytes.get(at..at + name.len()).is_some_and(|b| b.eq_ignore_ascii_case(name.as_bytes()))
}

fn end_of(bytes: &[u8], from: usize, belongs: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|&b| !belongs(b)).map_or(bytes.len(), |length| from + length)
}

fn in_value(b: u8) -> bool {
    !b.is_ascii_whitespace() && !b"\"\\'`,;}])&<>".contains(&b)
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
            ("curl -H 'Authorization: token abcdefgh' `x`", "curl -H 'Authorization: token [redacted]' `x`"),
            (r#""{\"api_key\": \"hello-world\"}""#, r#""{\"api_key\": \"[redacted]\"}""#),
            ("export OPENAI_API_KEY=abcd1234 && run", "export OPENAI_API_KEY=[redacted] && run"),
            ("`deploy --token=abcd1234`? Answer", "`deploy --token=[redacted]`? Answer"),
            ("run --db-password abcd1234 --force", "run --db-password [redacted] --force"),
            ("https://x/?access_token=abcd1234&y=1", "https://x/?access_token=[redacted]&y=1"),
            ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "AWS_SECRET_ACCESS_KEY=[redacted]"),
            (r#"{"secretAccessKey":"a/b c\\","n":1}"#, r#"{"secretAccessKey":"[redacted]\\","n":1}"#),
            ("DB_PASS=hunter22 DB_PWD='a b'", "DB_PASS=[redacted] DB_PWD='a b'"),
            (r#"password = "correct horse", user = "me""#, r#"password = "[redacted]", user = "me""#),
            ("Cookie: a=1; b=2", "Cookie: [redacted]"),
            ("git clone https://me:pa:ss@host/x", "git clone https://me:[redacted]@host/x"),
            ("redis://:hunter2@host:1/0", "redis://:[redacted]@host:1/0"),
            ("https://0123456789abcdef0123@host", "https://[redacted]@host"),
            ("ghp_0123456789abcdef", "[redacted]"),
            ("npm_0123456789abcdefghij0123456789", "[redacted]"),
            ("hf_abcdefghijABCDEFGHIJabcdefghij01", "[redacted]"),
            ("pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAw", "[redacted]"),
            ("ya29.a0AfH6SMBx-0123456789", "[redacted]"),
        ] {
            assert_eq!(redact(text), clean);
            assert_eq!(redact(clean), clean);
        }
    }

    #[test]
    fn a_private_key_is_taken_out_whole_however_it_is_written() {
        let key =
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIEow==\nabc+/\n-----END RSA PRIVATE KEY-----";
        let clean = "-----BEGIN RSA PRIVATE KEY-----\n[redacted]-----END RSA PRIVATE KEY-----";
        assert_eq!(
            redact(&format!("KEY=\"{key}\" and more")),
            format!("KEY=\"{}\" and more", clean.replace("]-", "]\n-"))
        );
        let json = serde_json::json!({ "private_key": key, "next": 1 }).to_string();
        let expected = r#""private_key":"-----BEGIN RSA PRIVATE KEY-----[redacted]-----END RSA PRIVATE KEY-----""#;
        assert!(redact(&json).contains(expected), "{}", redact(&json));
        let cut = r#"{"a":"-----BEGIN PRIVATE KEY-----\\nMIIE\\nabc\\","b":1}"#;
        assert_eq!(redact(cut), r#"{"a":"-----BEGIN PRIVATE KEY-----[redacted]\\","b":1}"#);
        let mut lines = Redactor::default();
        let said: Vec<_> = format!("{key}\ndone with it\n").split_inclusive('\n').map(|it| lines.redact(it)).collect();
        let expected = ["-----BEGIN RSA PRIVATE KEY-----\n", "[redacted]\n", "\n", "[redacted]\n", "[redacted]\n"];
        assert_eq!(said[..5], expected);
        assert_eq!(said[5..], ["-----END RSA PRIVATE KEY-----\n", "done with it\n"]);
        let mut lines = Redactor::default();
        let said = ["-----BEGIN PRIVATE KEY-----\n", "what is that?\n"].map(|it| lines.redact(it));
        assert_eq!(said.concat(), "-----BEGIN PRIVATE KEY-----\nwhat is that?\n");
    }

    #[test]
    fn counts_and_prose_stay() {
        for text in [
            r#"{"inputTokens":189,"token_count":{"output_tokens":60},"token":123456}"#,
            "the task-force asked for sk-1; tokens: 5000 of them",
            "a bearer of news, and the basic structure of it",
            "npm_config_registry npm_lifecycle_event hf_hub_download pypi-attestations",
            "PASS: all of them; bypass: no; 3 passed",
            "git@github.com:a/b ssh://git@host/x https://host/a@b http://127.0.0.1:1/v1",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
            "naïve 💥 Straße",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn lines_at_once_are_as_one_by_one(
            parts in proptest::collection::vec(prop_oneof![
                Just("-----BEGIN PRIVATE KEY-----".to_owned()), Just("-----END".to_owned()), Just("\n".to_owned()),
                Just("token".to_owned()), Just("\": \"".to_owned()), Just("='".to_owned()), Just("://u:".to_owned()),
                Just("\\".to_owned()), Just("Cookie: ".to_owned()), Just("bearer ".to_owned()),
                Just("sk-".to_owned()), "[ -~äß]{0,12}",
            ], 0..16),
        ) {
            let text = parts.concat() + "\n";
            let (mut at_once, mut lines) = (Redactor::default(), Redactor::default());
            let one_by_one: String = text.split_inclusive('\n').map(|line| lines.redact(line)).collect();
            prop_assert_eq!(at_once.redact_lines(&text), one_by_one);
            prop_assert_eq!(at_once.within_key, lines.within_key);
        }

        #[test]
        fn json_stays_json(
            parts in proptest::collection::vec(prop_oneof![
                Just("-----BEGIN PRIVATE KEY-----".to_owned()), Just("-----END".to_owned()), Just("\n".to_owned()),
                Just("token".to_owned()), Just("\": \"".to_owned()), Just("='".to_owned()), Just("://u:".to_owned()),
                Just("\\".to_owned()), Just("Cookie: ".to_owned()), "[ -~äß]{0,12}",
            ], 0..8),
            name in "(token|api_key|note)",
        ) {
            let value = parts.concat();
            let inner = serde_json::json!({ &name: &value, "more": "y" }).to_string();
            let text = serde_json::json!({ name: value, "inner": inner, "next": "x" }).to_string();
            let clean = redact(&text);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&clean).is_ok(), "{} -> {}", text, clean);
        }
    }
}
