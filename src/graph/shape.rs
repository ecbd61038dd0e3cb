//! A path pattern taken apart, so that two patterns can be laid over each other.
//!
//! Owns the reading of glob syntax into parts. Never narrower than what `PathPattern::covers` says: where a construct
//! cannot be followed exactly (a class that matches `/`, `**` inside braces, more than 64 alternatives), the shape is
//! wider, so that an overlap may be claimed in vain and is never missed. Works on bytes, as the matcher does.

use crate::domain::access::PathPattern;

/// Alternatives that one pattern may stand for before it is widened.
const MOST_ALTERNATIVES: usize = 64;

/// A set of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    const NONE: Self = Self([0; 4]);

    fn one(byte: u8) -> Self {
        let mut set = Self::NONE;
        set.insert(byte);
        set
    }

    fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] & (1 << (byte & 63)) != 0
    }

    fn complement(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    /// Every byte that a name can hold.
    fn of_names() -> Self {
        Self::one(b'/').complement()
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

/// A piece of one component.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Token {
    /// One byte of a set.
    One(Bytes),
    /// Any bytes, also none.
    Star,
}

/// A component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// This name.
    Name(Box<str>),
    /// Any name of this form.
    Glob(Box<[Token]>),
    /// Any components, also none.
    Deep,
}

impl Part {
    fn any_name() -> Self {
        Self::Glob(Box::new([Token::Star]))
    }

    /// Whether some name fits both. `Deep` stands for any name here.
    pub(super) fn meets(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Deep, _) | (_, Self::Deep) => true,
            (Self::Name(a), Self::Name(b)) => a == b,
            (Self::Name(name), Self::Glob(glob)) | (Self::Glob(glob), Self::Name(name)) => fits(glob, name.as_bytes()),
            (Self::Glob(a), Self::Glob(b)) => tokens_meet(a, b),
        }
    }
}

/// Whether a name has the form of a glob: on a mismatch, the last star takes one byte more.
fn fits(glob: &[Token], name: &[u8]) -> bool {
    let (mut token, mut byte, mut retry) = (0, 0, None);
    while byte < name.len() {
        match glob.get(token) {
            Some(Token::Star) => {
                retry = Some((token, byte));
                token += 1;
            }
            Some(Token::One(set)) if set.contains(name[byte]) => {
                token += 1;
                byte += 1;
            }
            Some(Token::One(_)) | None => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (token, byte) = (star + 1, from + 1);
            }
        }
    }
    glob[token..].iter().all(|token| *token == Token::Star)
}

/// Whether some text has the form of both, by a table over their suffixes.
fn tokens_meet(a: &[Token], b: &[Token]) -> bool {
    suffixes_meet(
        a,
        b,
        |token| *token == Token::Star,
        |x, y| match (x, y) {
            (Token::One(x), Token::One(y)) => x.meets(y),
            (Token::Star, _) | (_, Token::Star) => true,
        },
    )
}

/// Whether some path has the form of both.
pub(super) fn parts_meet(a: &[Part], b: &[Part]) -> bool {
    suffixes_meet(a, b, |part| *part == Part::Deep, Part::meets)
}

/// Whether two sequences have a word in common, where items for which `repeats` holds stand for any number of items.
fn suffixes_meet<T>(a: &[T], b: &[T], repeats: impl Fn(&T) -> bool, meets: impl Fn(&T, &T) -> bool) -> bool {
    let width = b.len() + 1;
    let mut table = vec![false; (a.len() + 1) * width];
    for i in (0..=a.len()).rev() {
        for j in (0..=b.len()).rev() {
            let rest = |i: usize, j: usize| table[i * width + j];
            let met = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(x), _) if repeats(x) => rest(i + 1, j) || (j < b.len() && rest(i, j + 1)),
                (_, Some(y)) if repeats(y) => rest(i, j + 1) || (i < a.len() && rest(i + 1, j)),
                (Some(x), Some(y)) => meets(x, y) && rest(i + 1, j + 1),
                (Some(_), None) | (None, Some(_)) => false,
            };
            table[i * width + j] = met;
        }
    }
    table[0]
}

/// The shapes that a pattern stands for, one for each alternative of its braces. A literal's ends in `Deep`.
pub(super) fn shapes(pattern: &PathPattern) -> Vec<Vec<Part>> {
    let text = pattern.as_str();
    if pattern.is_literal() {
        return vec![text.split('/').map(|name| Part::Name(name.into())).chain([Part::Deep]).collect()];
    }
    match expand(text) {
        Some(alternatives) => alternatives.iter().map(|text| parts(text)).collect(),
        None => vec![widened(text)],
    }
}

/// The components before the first brace, and anything below.
fn widened(text: &str) -> Vec<Part> {
    let certain = text.split('{').next().unwrap_or_default();
    let whole = certain.rsplit_once('/').map_or("", |(whole, _)| whole);
    let mut parts = if whole.contains('[') { Vec::new() } else { components(whole) };
    parts.push(Part::Deep);
    parts
}

/// Spells out the braces; `None` where there are too many alternatives, or `**` within braces.
fn expand(text: &str) -> Option<Vec<String>> {
    let mut chars = text.chars().peekable();
    let all = sequence(&mut chars, false)?;
    (all.len() <= MOST_ALTERNATIVES).then_some(all)
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Reads up to the end, or within braces up to `,` or `}` (left unread).
fn sequence(chars: &mut Chars<'_>, within: bool) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    while let Some(&next) = chars.peek() {
        let pieces = match next {
            ',' | '}' if within => break,
            '{' => alternates(chars)?,
            '[' => vec![class_text(chars)],
            other => {
                chars.next();
                if within && other == '*' && chars.peek() == Some(&'*') {
                    return None;
                }
                vec![other.to_string()]
            }
        };
        if all.len() * pieces.len() > MOST_ALTERNATIVES {
            return None;
        }
        all = all.iter().flat_map(|head| pieces.iter().map(move |tail| format!("{head}{tail}"))).collect();
    }
    Some(all)
}

/// Reads `{a,b}`. Empty alternatives are dropped, as the matcher does, unless there are only such.
fn alternates(chars: &mut Chars<'_>) -> Option<Vec<String>> {
    let mut all = Vec::new();
    while chars.peek().is_some_and(|&c| c != '}') {
        chars.next();
        all.extend(sequence(chars, true)?);
    }
    chars.next();
    all.retain(|text| !text.is_empty());
    if all.is_empty() {
        all.push(String::new());
    }
    Some(all)
}

/// Reads `[…]` as it stands; `]` in the first place is a member.
fn class_text(chars: &mut Chars<'_>) -> String {
    let mut text = String::from("[");
    chars.next();
    if let Some(negation) = chars.next_if(|&c| c == '!' || c == '^') {
        text.push(negation);
    }
    text.extend(chars.next());
    for c in chars.by_ref() {
        text.push(c);
        if c == ']' {
            break;
        }
    }
    text
}

/// The shape of a text without braces. A last `**` asks for one component at least, as in the matcher.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = components(text);
    if text == "**" || text.ends_with("/**") {
        parts.pop();
        parts.extend([Part::any_name(), Part::Deep]);
    }
    parts
}

fn components(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        component(&mut chars, &mut parts);
    }
    parts
}

/// Reads one component and the separator after it.
fn component(chars: &mut Chars<'_>, parts: &mut Vec<Part>) {
    let (mut text, mut tokens, mut spans) = (String::new(), Vec::new(), false);
    while let Some(c) = chars.next_if(|&c| c != '/') {
        text.push(c);
        match c {
            '*' => tokens.push(Token::Star),
            '?' => tokens.push(Token::One(Bytes::of_names())),
            '[' => {
                let class = class(chars);
                spans |= class.contains(b'/');
                tokens.push(Token::One(class));
            }
            other => tokens.extend(other.encode_utf8(&mut [0; 4]).bytes().map(|b| Token::One(Bytes::one(b)))),
        }
    }
    chars.next();
    match text.as_str() {
        "" => {}
        "**" => parts.push(Part::Deep),
        _ if spans => parts.extend([Part::any_name(), Part::Deep]),
        name if !name.contains(['*', '?', '[']) => parts.push(Part::Name(name.into())),
        _ => parts.push(Part::Glob(tokens.into())),
    }
}

/// Reads a class behind its `[`. Characters beyond ASCII stand for every byte beyond it.
fn class(chars: &mut Chars<'_>) -> Bytes {
    let negated = chars.next_if(|&c| c == '!' || c == '^').is_some();
    let (mut members, mut first) = (Vec::new(), true);
    while let Some(c) = chars.next() {
        match c {
            ']' if !first => break,
            '-' if !first && chars.peek().is_some_and(|&next| next != ']') => {
                let to = chars.next().unwrap_or(c);
                let from = members.pop().map(|(from, _)| from);
                members.extend(from.map(|from| (from, to)));
            }
            other => members.push((other, other)),
        }
        first = false;
    }
    let mut set = Bytes::NONE;
    for byte in 0..128u8 {
        if members.iter().any(|(from, to)| (from..=to).contains(&&char::from(byte))) {
            set.insert(byte);
        }
    }
    let set = if negated { set.complement() } else { set };
    let beyond = negated || members.iter().any(|(_, to)| !to.is_ascii());
    (128..=255u8).filter(|_| beyond).fold(set, |mut set, byte| {
        set.insert(byte);
        set
    })
}
