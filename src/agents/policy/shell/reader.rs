//! Reads a line by its characters: words, redirections, operators, here-documents.
//!
//! Owns what is being read. What lies around it is on a stack of blocks, so that depth costs no stack of ours.

use std::iter::Peekable;
use std::str::Chars;

use super::blocks::{Block, Role};
use super::{Simple, Step};

/// A word while it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    pub(super) text: String,
    /// Whether some of it was quoted: then it is no syntax.
    pub(super) quoted: bool,
}

/// What the next word is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Next {
    #[default]
    Word,
    Output,
    Input,
    HereDocument {
        indented: bool,
    },
}

/// The command that is being read.
#[derive(Debug, Default)]
pub(super) struct Current {
    pub(super) simple: Simple,
    /// An empty word in quotes is a word too.
    pub(super) word: Option<Word>,
    pub(super) next: Next,
    pub(super) role: Role,
}

pub(super) struct Reader<'a> {
    pub(super) chars: Peekable<Chars<'a>>,
    pub(super) steps: Vec<Step>,
    pub(super) current: Current,
    pub(super) blocks: Vec<Block>,
    /// How many of the blocks a `)` closes.
    pub(super) parentheses: usize,
    /// How many readers this one is within.
    pub(super) depth: usize,
    /// Ends of here-documents that begin with the next line.
    documents: Vec<(String, bool)>,
}

impl<'a> Reader<'a> {
    pub(super) fn of(text: &'a str, depth: usize) -> Self {
        Self {
            chars: text.chars().peekable(),
            steps: Vec::new(),
            current: Current::default(),
            blocks: Vec::new(),
            parentheses: 0,
            depth,
            documents: Vec::new(),
        }
    }

    pub(super) fn read(mut self) -> Vec<Step> {
        while let Some(c) = self.chars.next() {
            match self.blocks.last() {
                Some(Block::Quotes | Block::Braces { .. }) => self.in_text(c),
                Some(Block::Test) => self.in_test(c),
                _ => self.in_command(c),
            }
        }
        while !self.blocks.is_empty() {
            self.close();
        }
        self.end_command();
        self.steps
    }

    pub(super) fn in_command(&mut self, c: char) {
        match c {
            ' ' | '\t' | '\r' => self.end_word(),
            '\n' => {
                self.end_command();
                self.skip_documents();
            }
            '&' if self.chars.peek() == Some(&'>') => self.end_word(),
            ';' => self.semicolon(),
            '&' | '|' => self.end_command(),
            '(' => self.opened(),
            ')' => self.closed(),
            '#' if self.current.word.is_none() => self.comment(),
            '>' => self.output(),
            '<' => self.input(),
            other => self.in_word(other),
        }
    }

    /// A character that means the same in every word.
    pub(super) fn in_word(&mut self, c: char) {
        match c {
            '\\' => self.escaped(),
            '\'' => self.single_quoted(),
            '"' => self.double_quoted(),
            '`' => self.backticks(),
            '$' => self.dollar(),
            other => self.push(other),
        }
    }

    pub(super) fn word(&mut self) -> &mut Word {
        self.current.word.get_or_insert_default()
    }

    pub(super) fn push(&mut self, c: char) {
        self.word().text.push(c);
    }

    fn comment(&mut self) {
        while self.chars.next_if(|&c| c != '\n').is_some() {}
    }

    fn output(&mut self) {
        // The number of a descriptor belongs to the arrow.
        let number = |word: &Word| !word.quoted && word.text.chars().all(|c| c.is_ascii_digit());
        if self.current.word.as_ref().is_some_and(number) {
            self.current.word = None;
        }
        self.end_word();
        if self.chars.next_if_eq(&'(').is_some() {
            return self.substitution();
        }
        while self.chars.next_if(|&c| c == '>' || c == '|').is_some() {}
        self.current.next = Next::Output;
        if self.chars.next_if_eq(&'&').is_some() {
            // `>&2` and `>&-` name a descriptor, `>& file` a file.
            let descriptor = self.chars.peek().is_some_and(|&c| c.is_ascii_digit() || c == '-');
            self.current.next = if descriptor { Next::Input } else { Next::Output };
        }
    }

    fn input(&mut self) {
        self.end_word();
        match self.chars.next_if(|c| "(<>&".contains(*c)) {
            Some('(') => self.substitution(),
            Some('<') => self.here_text(),
            Some('>') => self.current.next = Next::Output,
            _ => self.current.next = Next::Input,
        }
    }

    /// `<<` begins a document, `<<<` is a word of it.
    fn here_text(&mut self) {
        self.current.next = match self.chars.next_if_eq(&'<') {
            Some(_) => Next::Input,
            None => Next::HereDocument { indented: self.chars.next_if_eq(&'-').is_some() },
        };
    }

    pub(super) fn end_word(&mut self) {
        let Some(word) = self.current.word.take() else { return };
        match std::mem::take(&mut self.current.next) {
            Next::Word => {
                if let Some(word) = self.syntax(word) {
                    self.current.simple.words.push(word.text);
                }
            }
            Next::Output => self.current.simple.outputs.push(word.text),
            Next::Input => {}
            Next::HereDocument { indented } => self.documents.push((word.text, indented)),
        }
    }

    pub(super) fn end_command(&mut self) {
        self.end_word();
        let fresh = self.fresh();
        let Current { mut simple, role, .. } = std::mem::replace(&mut self.current, fresh);
        match role {
            Role::Command | Role::Name => {}
            Role::Data => simple.words.clear(),
        }
        if simple != Simple::default() {
            self.steps.push(Step::Run(simple));
        }
    }

    fn skip_documents(&mut self) {
        for (end, indented) in std::mem::take(&mut self.documents) {
            while self.chars.peek().is_some() && !self.skip_line_of_document(&end, indented) {}
        }
    }

    /// Whether it was the last one.
    fn skip_line_of_document(&mut self, end: &str, indented: bool) -> bool {
        let mut behind = self.chars.clone();
        let line: String = self.chars.by_ref().take_while(|&c| c != '\n').collect();
        let text = if indented { line.trim_start_matches('\t') } else { &line };
        match text.strip_prefix(end) {
            Some("") => true,
            // A shell takes the parenthesis that closes the substitution for the end as well.
            Some(rest) if rest.starts_with(')') && self.parentheses > 0 => {
                let read = line.chars().count() - rest.chars().count();
                behind.by_ref().take(read).for_each(drop);
                self.chars = behind;
                true
            }
            _ => false,
        }
    }
}
