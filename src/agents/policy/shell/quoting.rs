//! Quotes, escapes and what begins with a dollar: words as they are read, substitutions as steps of their own.

use super::blocks::{Block, Role};
use super::reader::{Current, Reader};
use super::{Scope, Step};

/// How deep texts within texts are read: arithmetic, and commands in backticks.
const DEEPEST: usize = 8;
/// How far an end of arithmetic is looked for, in characters.
const LONGEST_ARITHMETIC: usize = 1_024;
/// What stands in a word for what is only known when it runs.
const SUBSTITUTED: &str = "$()";

impl Reader<'_> {
    /// Within double quotes, or the braces of a variable.
    pub(super) fn in_text(&mut self, c: char) {
        let block = self.blocks.last();
        let plain_quote = matches!(block, Some(Block::Quotes | Block::Braces { quoted: true }));
        match c {
            '"' if matches!(block, Some(Block::Quotes)) => self.close(),
            '}' if matches!(block, Some(Block::Braces { .. })) => {
                self.push(c);
                self.close();
            }
            '\'' if plain_quote => self.push(c),
            other => self.in_word(other),
        }
    }

    pub(super) fn escaped(&mut self) {
        match self.chars.next() {
            Some('\n') | None => {}
            Some(c) => {
                self.push(c);
                self.word().quoted = true;
            }
        }
    }

    pub(super) fn single_quoted(&mut self) {
        let text: String = self.chars.by_ref().take_while(|&c| c != '\'').collect();
        self.word().text.push_str(&text);
        self.word().quoted = true;
    }

    pub(super) fn double_quoted(&mut self) {
        self.word().quoted = true;
        self.blocks.push(Block::Quotes);
    }

    pub(super) fn dollar(&mut self) {
        let in_text = matches!(self.blocks.last(), Some(Block::Quotes | Block::Braces { quoted: true }));
        match self.chars.peek() {
            Some('(') => {
                self.chars.next();
                if !self.arithmetic() {
                    self.substitution();
                }
            }
            Some('{') => {
                self.chars.next();
                self.word().text.push_str("${");
                self.blocks.push(Block::Braces { quoted: in_text });
            }
            Some('\'') if !in_text => {
                self.chars.next();
                self.ansi_quoted();
            }
            Some('"') if !in_text => {}
            _ => self.push('$'),
        }
    }

    fn ansi_quoted(&mut self) {
        self.word().quoted = true;
        while let Some(c) = self.chars.next() {
            match c {
                '\'' => break,
                '\\' => self.escaped(),
                other => self.push(other),
            }
        }
    }

    pub(super) fn backticks(&mut self) {
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '`' => break,
                '\\' => match self.chars.next_if(|c| matches!(c, '`' | '\\' | '$')) {
                    Some(escaped) => text.push(escaped),
                    None => text.push(c),
                },
                other => text.push(other),
            }
        }
        self.word().text.push_str(SUBSTITUTED);
        if self.depth < DEEPEST {
            self.steps.push(Step::Enter(Scope::Subshell));
            self.steps.extend(Reader::of(&text, self.depth + 1).read());
            self.steps.push(Step::Leave(Scope::Subshell));
        }
    }

    /// Commands in place of a word, or of a part of it. The parenthesis is read already.
    pub(super) fn substitution(&mut self) {
        self.word().text.push_str(SUBSTITUTED);
        let around = Box::new(std::mem::take(&mut self.current));
        self.parentheses += 1;
        self.steps.push(Step::Enter(Scope::Subshell));
        self.blocks.push(Block::Substitution { around });
    }

    /// Words in parentheses that are no commands: those of an array, or of a pattern. The parenthesis is read already.
    pub(super) fn list(&mut self) {
        self.word().text.push_str(SUBSTITUTED);
        let around = Box::new(std::mem::replace(&mut self.current, Current { role: Role::Data, ..Current::default() }));
        self.parentheses += 1;
        self.blocks.push(Block::List { around });
    }

    /// Takes arithmetic, `((…))`, whose first parenthesis is read, for a part of a word. Commands are only in
    /// substitutions there.
    pub(super) fn arithmetic(&mut self) -> bool {
        let Some(length) = self.length_of_arithmetic() else { return false };
        self.chars.next();
        let text: String = self.chars.by_ref().take(length).collect();
        self.chars.next();
        self.chars.next();
        self.word().text.push_str(SUBSTITUTED);
        if self.depth < DEEPEST {
            let mut inner = Reader::of(&text, self.depth + 1);
            inner.blocks.push(Block::Quotes);
            inner.current.role = Role::Data;
            self.steps.extend(inner.read());
        }
        true
    }

    /// How many characters lie within, if both parentheses close at once.
    fn length_of_arithmetic(&self) -> Option<usize> {
        let mut ahead = self.chars.clone().take(LONGEST_ARITHMETIC);
        if ahead.next() != Some('(') {
            return None;
        }
        let mut open = 1_usize;
        let mut length = 0;
        while let Some(c) = ahead.next() {
            match c {
                '(' => open += 1,
                ')' if open == 1 => return (ahead.next() == Some(')')).then_some(length),
                ')' => open -= 1,
                _ => {}
            }
            length += 1;
        }
        None
    }
}
