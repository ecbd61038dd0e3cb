//! Makes text harmless that we did not write: names, titles, gate output, an agent's words.
//!
//! A terminal obeys what it is sent. So control characters, escape sequences and characters that reorder or hide
//! others are shown by their code before a text is printed. Secrets are taken out.

use std::fmt::Write as _;

use serde::Serialize;

use crate::domain::deceptive::is_deceptive;
use crate::domain::redact::redact;

/// One line: line ends and tabs become blanks, every other deceptive character its code.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in redact(text.trim_end()).chars() {
        match c {
            '\n' | '\t' => out.push(' '),
            '\r' => {}
            c => push(&mut out, c),
        }
    }
    out
}

/// Several lines: line feeds and tabs stay, every other deceptive character becomes its code.
pub fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in redact(text.trim_end()).chars() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {}
            c => push(&mut out, c),
        }
    }
    out
}

/// One line of at most `width` characters, the end marked where it was cut.
pub fn cut(text: &str, width: usize) -> String {
    let text = line(text);
    if text.chars().count() <= width {
        return text;
    }
    let mut out: String = text.chars().take(width.saturating_sub(3)).collect();
    out.push_str("...");
    out
}

fn push(out: &mut String, c: char) {
    if is_deceptive(c) {
        let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// A document as one line of JSON in which deceptive characters are escaped: the same document to every reader.
pub fn json<T: Serialize>(document: &T) -> String {
    escaped(&serde_json::to_string(document).unwrap_or_else(|cause| format!("{:?}", cause.to_string())))
}

/// In JSON on one line, deceptive characters stand within strings only.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if is_deceptive(c) {
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Text for Markdown: harmless, on one line, without the characters that would be markup.
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let text = line(text);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '|' | '&' | '#' | '~') {
            out.push('\\');
        }
        out.push(c);
        // Who reads it elsewhere must not be called: an escape would not do, since it is gone when mentions are looked for.
        if c == '@' && chars.peek().is_some_and(|next| next.is_alphanumeric()) {
            out.push_str("<!-- -->");
        }
    }
    out
}
