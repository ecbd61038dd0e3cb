//! What programs that run others put before each line of theirs: the label, and the line behind it.

/// The label of a line and the line behind it; `None` where it has none.
///
/// `web-1  | …` (docker compose), `#12 0.345 …` (docker build), `[0] …` (concurrently), `web:test: …` (turbo),
/// `packages/a test: …` (pnpm), `2026-01-02T03:04:05.678Z …` (CI).
pub(super) fn split(line: &str) -> Option<(&str, &str)> {
    piped(line).or_else(|| numbered(line)).or_else(|| bracketed(line)).or_else(|| dated(line)).or_else(|| named(line))
}

fn is_label(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b'#');
    (1..=60).contains(&text.len()) && text.bytes().all(allowed)
}

fn piped(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.split_once('|')?;
    Some((label.trim_end(), rest.strip_prefix(' ').unwrap_or(rest))).filter(|(label, _)| is_label(label))
}

fn numbered(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.strip_prefix('#')?.split_once(' ')?;
    let (time, rest) = rest.split_once(' ')?;
    let is_time = time.contains('.') && time.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (is_time && label.bytes().all(|b| b.is_ascii_digit())).then_some((label, rest))
}

fn bracketed(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.strip_prefix('[')?.split_once("] ")?;
    is_label(label).then_some((label, rest))
}

fn dated(line: &str) -> Option<(&str, &str)> {
    let (stamp, rest) = line.split_once(' ')?;
    let bytes = stamp.as_bytes();
    let is_stamp = bytes.len() >= 19 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T' && bytes[13] == b':';
    is_stamp.then_some(("", rest))
}

fn named(line: &str) -> Option<(&str, &str)> {
    let (label, rest) = line.split_once(": ")?;
    let (package, script) = label.split_once(' ').or_else(|| label.split_once(':'))?;
    let runs_tests = is_label(script) && (script.contains("test") || script.contains("check"));
    (is_label(package) && runs_tests).then_some((package, rest))
}
