//! Takes a shell's command line apart into its simple commands, as far as text can tell.
//!
//! No expansion, no execution. Substitutions count as commands of their own; the texts of here-documents do not.
//! Where the line is ambiguous there are rather more commands than fewer.

use std::iter::Peekable;
use std::str::Chars;

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its words, quotes removed.
    pub(super) words: Vec<String>,
    /// The files that its output goes to.
    pub(super) outputs: Vec<String>,
}

/// What the next word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Word,
    Output,
    Input,
    HereDocument { indented: bool },
}

/// The simple commands of `line`, in order.
pub(super) fn simple_commands(line: &str) -> Vec<Simple> {
    let mut reader = Reader {
        chars: line.chars().peekable(),
        found: Vec::new(),
        current: Simple::default(),
        word: None,
        next: Next::Word,
        documents: Vec::new(),
    };
    reader.read();
    reader.found
}

struct Reader<'a> {
    chars: Peekable<Chars<'a>>,
    found: Vec<Simple>,
    current: Simple,
    /// The word that is being read; an empty one in quotes is a word too.
    word: Option<String>,
    next: Next,
    /// Ends of here-documents that begin with the next line.
    documents: Vec<(String, bool)>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => self.escaped(),
                '\'' => self.single_quoted(),
                '"' => self.double_quoted(),
                '`' => self.end_command(),
                '$' if self.chars.peek() == Some(&'(') => {
                    self.chars.next();
                    self.end_command();
                }
                ' ' | '\t' | '\r' => self.end_word(),
                '\n' => {
                    self.end_command();
                    self.skip_documents();
                }
                '&' if self.chars.peek() == Some(&'>') => self.end_word(),
                ';' | '&' | '|' | '(' | ')' => self.end_command(),
                '{' | '}' if self.word.is_none() => self.end_command(),
                '#' if self.word.is_none() => self.comment(),
                '>' => self.output(),
                '<' => self.input(),
                other => self.push(other),
            }
        }
        self.end_command();
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    fn escaped(&mut self) {
        match self.chars.next() {
            Some('\n') | None => {}
            Some(c) => self.push(c),
        }
    }

    fn single_quoted(&mut self) {
        let text: String = self.chars.by_ref().take_while(|&c| c != '\'').collect();
        self.word.get_or_insert_default().push_str(&text);
    }

    fn double_quoted(&mut self) {
        self.word.get_or_insert_default();
        let mut inner = Vec::new();
        while let Some(c) = self.chars.next() {
            match c {
                '"' => break,
                '\\' => self.escaped(),
                '`' => inner.push(self.chars.by_ref().take_while(|&c| c != '`').collect::<String>()),
                '$' if self.chars.peek() == Some(&'(') => {
                    self.chars.next();
                    inner.push(self.substitution());
                }
                other => self.push(other),
            }
        }
        self.found.extend(inner.iter().flat_map(|text| simple_commands(text)));
    }

    /// The text up to the parenthesis that closes this one.
    fn substitution(&mut self) -> String {
        let mut open = 1_usize;
        let closes = |c: &char| {
            match c {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            open > 0
        };
        self.chars.by_ref().take_while(closes).collect()
    }

    fn comment(&mut self) {
        while self.chars.next_if(|&c| c != '\n').is_some() {}
    }

    fn output(&mut self) {
        // The number of a descriptor belongs to the arrow.
        if self.word.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            self.word = None;
        }
        self.end_word();
        while self.chars.next_if(|&c| c == '>' || c == '|').is_some() {}
        // `>&2` names a descriptor.
        self.next = if self.chars.next_if_eq(&'&').is_some() { Next::Input } else { Next::Output };
    }

    fn input(&mut self) {
        self.end_word();
        self.next = Next::Input;
        if self.chars.next_if_eq(&'<').is_some() && self.chars.next_if_eq(&'<').is_none() {
            let indented = self.chars.next_if_eq(&'-').is_some();
            self.next = Next::HereDocument { indented };
        }
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match std::mem::replace(&mut self.next, Next::Word) {
            Next::Word => self.current.words.push(word),
            Next::Output => self.current.outputs.push(word),
            Next::Input => {}
            Next::HereDocument { indented } => self.documents.push((word, indented)),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.next = Next::Word;
        let command = std::mem::take(&mut self.current);
        if command != Simple::default() {
            self.found.push(command);
        }
    }

    fn skip_documents(&mut self) {
        for (end, indented) in std::mem::take(&mut self.documents) {
            loop {
                let line: String = self.chars.by_ref().take_while(|&c| c != '\n').collect();
                let text = if indented { line.trim_start_matches('\t') } else { &line };
                if text == end || self.chars.peek().is_none() {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(line: &str) -> Vec<Vec<String>> {
        simple_commands(line).into_iter().map(|simple| simple.words).collect()
    }

    #[test]
    fn a_line_is_its_simple_commands() {
        assert_eq!(words("a 'b c' \"d e\" f\\ g"), [["a", "b c", "d e", "f g"]]);
        assert_eq!(words("cd '/w' && make -j2|tail"), [vec!["cd", "/w"], vec!["make", "-j2"], vec!["tail"]]);
        assert_eq!(words("a \"x $(b (c)) y\" d"), [vec!["b"], vec!["c"], vec!["a", "x  y", "d"]]);
        assert_eq!(words("cat <<A <<'B'\n1\nA\n2\nB\nend"), [vec!["cat"], vec!["end"]]);
    }

    #[test]
    fn outputs_are_apart_from_words() {
        let outputs = |line| simple_commands(line).into_iter().flat_map(|s| s.outputs).collect::<Vec<_>>();
        assert_eq!(outputs("a >b 2>c >> d &> e >&2 2>&1 >|f"), ["b", "c", "d", "e", "f"]);
        assert_eq!(words("a 2>x 3 <in"), [["a", "3"]]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn any_line_is_read_to_its_end(line in "[ a$()`'\"\\\\<>&|;#{}\n-]{0,60}") {
            let _ = simple_commands(&line);
        }
    }
}
