//! Characters by which a text can look like another one: controls, what reverses or hides text, marks that combine.

/// Whether a character acts on a terminal or cannot be seen: controls, bidirectional marks, characters without a width.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether other texts look the same: it holds marks that combine with the letter before them, or mixes Latin letters with
/// those of an alphabet that has the same shapes.
pub fn is_ambiguous(text: &str) -> bool {
    let mixes = |word: &str| word.chars().any(|c| c.is_ascii_alphabetic()) && word.chars().any(is_look_alike);
    text.chars().any(combines) || text.split(|c: char| !c.is_alphanumeric()).any(mixes)
}

/// The text in ASCII: every other character by its code.
pub fn spelled_out(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_ascii() { c.escape_debug().collect() } else { spelled(c) }).collect()
}

fn spelled(c: char) -> Vec<char> {
    c.escape_unicode().collect()
}

fn combines(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{1100}'..='\u{11ff}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}' | '\u{fe20}'..='\u{fe2f}')
}

/// Greek, Cyrillic and Armenian.
fn is_look_alike(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{58f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_others_are_spelled_out() {
        assert!(is_ambiguous("cafe\u{301}.txt") && is_ambiguous("src/p\u{430}th.rs"));
        assert!(!is_ambiguous("caf\u{e9}.txt") && !is_ambiguous("docs/\u{43f}\u{443}\u{442}\u{44c}.md"));
        assert_eq!(spelled_out("cafe\u{301}.txt"), "cafe\\u{301}.txt");
    }
}
