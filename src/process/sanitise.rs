//! Bytes of other programs made fit for logs and terminals.
//!
//! Owns what "harmless" means: valid UTF-8, no control character but newline and tab, no escape sequence, nothing
//! that reverses the direction of text or hides in it. Applying it twice changes nothing.

use std::iter::Peekable;
use std::str::Chars;

use crate::domain::deceptive::is_deceptive;

/// The longest escape sequence that is dropped as a whole.
const LONGEST_SEQUENCE: usize = 4096;

/// The text of `bytes` with nothing left that acts on a terminal. Complete escape sequences are dropped, other control
/// characters become visible, a lone carriage return ends the line.
pub fn sanitise(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t')) {
        return text.into_owned();
    }
    let mut safe = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if skip_sequence(&mut chars) => {}
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    safe.push('\n');
                }
            }
            other => safe.push(harmless(other)),
        }
    }
    safe
}

/// The text of `bytes` on one line.
pub fn one_line(bytes: &[u8]) -> String {
    sanitise(bytes).replace(['\n', '\t'], " ")
}

/// The last lines of `text`, whole ones where they fit, of at most `limit` bytes.
pub fn tail_lines(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let start = (text.len() - limit..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let tail = &text[start..];
    if text[..start].ends_with('\n') {
        return tail;
    }
    match tail.split_once('\n') {
        Some((_cut, whole)) if !whole.is_empty() => whole,
        Some(_) | None => tail,
    }
}

fn harmless(c: char) -> char {
    match c {
        '\n' | '\t' => c,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '\u{2421}',
        // Joiners are part of the writing of some languages.
        '\u{200c}' | '\u{200d}' => c,
        other if is_deceptive(other) => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

/// Skips a complete control sequence or control string behind an ESC; leaves anything else where it is.
fn skip_sequence(chars: &mut Peekable<Chars<'_>>) -> bool {
    let mut ahead = chars.clone();
    let complete = match ahead.next() {
        Some('[') => ahead.by_ref().take(LONGEST_SEQUENCE).find(|c| !matches!(c, ' '..='?')).is_some_and(is_final),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(&mut ahead),
        Some(_) | None => false,
    };
    if complete {
        *chars = ahead;
    }
    complete
}

fn is_final(c: char) -> bool {
    matches!(c, '@'..='~')
}

fn skip_string(ahead: &mut Peekable<Chars<'_>>) -> bool {
    match ahead.by_ref().take(LONGEST_SEQUENCE).find(|c| matches!(c, '\u{7}' | '\u{1b}' | '\n')) {
        Some('\u{7}') => true,
        Some('\u{1b}') => ahead.next() == Some('\\'),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn colours_and_titles_vanish_and_the_rest_becomes_visible() {
        let raw = b"\x1b[1;31mred\x1b[0m \x1b]0;title\x07ok\r\n50%\r100%\n\x1b\x08\xff\x9b\xc2\x9b\xe2\x80\xae\x1b[12";
        assert_eq!(sanitise(raw), "red ok\n50%\n100%\n\u{241b}\u{2408}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{241b}[12");
    }

    #[test]
    fn a_tail_begins_with_a_whole_line_where_there_is_one() {
        assert_eq!(tail_lines("one\ntwo\nthree\n", 11), "two\nthree\n");
        assert_eq!(tail_lines("one\ntwo\nthree\n", 10), "two\nthree\n");
        assert_eq!(tail_lines("one\ntwo\nthree\n", 9), "three\n");
        assert_eq!(tail_lines("äääää", 5), "ää");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_sanitised_has_no_control_characters_and_stays(bytes in proptest::collection::vec(
            prop_oneof![any::<u8>(), Just(0x1b_u8), Just(b'['), Just(b']'), Just(b'\r'), Just(b'm')], 0..200)) {
            let safe = sanitise(&bytes);
            prop_assert!(safe.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            prop_assert_eq!(sanitise(safe.as_bytes()), safe);
        }

        #[test]
        fn a_tail_is_a_bounded_end_of_the_text(text in "[a-zä\n]{0,60}", limit in 0_usize..40) {
            let tail = tail_lines(&text, limit);
            prop_assert!(tail.len() <= limit && text.ends_with(tail));
        }
    }
}
