//! The shell's syntax around commands: keywords, parentheses, and what each of them closes.
//!
//! Invariant: the steps of a block begin and end with it, also where the line breaks off.

use super::reader::{Current, Reader, Word};
use super::{Scope, Step};

/// What is open around the character that is read.
#[derive(Debug)]
pub(super) enum Block {
    /// `"…"`
    Quotes,
    /// `${…}`
    Braces {
        /// Whether it is within double quotes.
        quoted: bool,
    },
    /// `[[ … ]]`
    Test,
    /// `( … )`
    Subshell,
    /// `$(…)`, `<(…)`
    Substitution { around: Box<Current> },
    /// Parentheses that hold no commands.
    List { around: Box<Current> },
    /// `if … fi`, `for … done` and their like.
    Branch,
    /// `case … esac`
    Case(Stage),
}

/// How far a `case` is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Pattern,
    Body,
}

/// What the words that are read are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Role {
    #[default]
    Command,
    /// The name of a function, one word.
    Name,
    /// No command: `for x in …`, a pattern, an array.
    Data,
}

impl Reader<'_> {
    /// A command of which nothing is read yet.
    pub(super) fn fresh(&self) -> Current {
        let role = match self.blocks.last() {
            Some(Block::List { .. } | Block::Case(Stage::Head | Stage::Pattern)) => Role::Data,
            _ => Role::Command,
        };
        Current { role, ..Current::default() }
    }

    fn open(&mut self, block: Block, scope: Scope) {
        self.steps.push(Step::Enter(scope));
        self.blocks.push(block);
    }

    /// Closes the innermost block.
    pub(super) fn close(&mut self) {
        let Some(block) = self.blocks.pop() else { return };
        match block {
            Block::Quotes | Block::Braces { .. } => {}
            Block::Test => self.current = self.fresh(),
            Block::Subshell => {
                self.parentheses -= 1;
                self.end_command();
                self.steps.push(Step::Leave(Scope::Subshell));
            }
            Block::Substitution { around } => {
                self.parentheses -= 1;
                self.end_command();
                self.current = *around;
                self.steps.push(Step::Leave(Scope::Subshell));
            }
            Block::List { around } => {
                self.parentheses -= 1;
                self.end_command();
                self.current = *around;
            }
            Block::Branch | Block::Case(_) => {
                self.end_command();
                self.steps.push(Step::Leave(Scope::Branch));
            }
        }
    }

    /// `(` where commands are.
    pub(super) fn opened(&mut self) {
        if matches!(self.blocks.last(), Some(Block::Case(Stage::Pattern))) {
            return self.end_word();
        }
        if self.begins_list() {
            return self.list();
        }
        let command = self.current.simple.words.is_empty() || self.current.role == Role::Data;
        if (command && self.current.word.is_none() && self.arithmetic()) || self.names_function() {
            self.current = self.fresh();
            return;
        }
        self.end_command();
        self.parentheses += 1;
        self.open(Block::Subshell, Scope::Subshell);
    }

    /// Whether what stands before the parenthesis makes it an array or a pattern.
    fn begins_list(&self) -> bool {
        let negates = self.current.role == Role::Command && self.current.simple.words.is_empty();
        let begins = |word: &Word| match word.text.as_str() {
            "!" if negates => false,
            text => !word.quoted && text.ends_with(['=', '!', '@', '*', '?', '+']),
        };
        matches!(self.blocks.last(), Some(Block::List { .. })) || self.current.word.as_ref().is_some_and(begins)
    }

    /// Whether `name` stands before the parenthesis and nothing in it; that is read then.
    fn names_function(&mut self) -> bool {
        let words = self.current.simple.words.len() + usize::from(self.current.word.is_some());
        if words > 1 || (words == 0 && self.current.role != Role::Command) {
            return false;
        }
        self.chars.next_if_eq(&')').is_some()
    }

    /// `)` where commands are.
    pub(super) fn closed(&mut self) {
        if let Some(Block::Case(stage @ Stage::Pattern)) = self.blocks.last_mut() {
            *stage = Stage::Body;
            self.current = Current::default();
            return;
        }
        let before = self.parentheses;
        if before == 0 {
            return self.end_command();
        }
        while self.parentheses == before {
            self.close();
        }
    }

    /// `;` where commands are; two of them end a branch of a `case`.
    pub(super) fn semicolon(&mut self) {
        self.end_command();
        if let Some(Block::Case(stage @ Stage::Body)) = self.blocks.last_mut()
            && self.chars.next_if(|&c| c == ';' || c == '&').is_some()
        {
            *stage = Stage::Pattern;
            self.chars.next_if_eq(&'&');
            self.current = self.fresh();
        }
    }

    /// Within `[[ … ]]` operators mean other things.
    pub(super) fn in_test(&mut self, c: char) {
        if !(c.is_ascii_whitespace() || ";&|()<>".contains(c)) {
            return self.in_word(c);
        }
        let word = self.current.word.take();
        if word.is_some_and(|word| !word.quoted && word.text == "]]") {
            self.close();
            self.in_command(c);
        }
    }

    /// Takes a word that is the shell's own; gives back every other one.
    pub(super) fn syntax(&mut self, word: Word) -> Option<Word> {
        let first = self.current.simple.words.is_empty();
        match (self.current.role, self.blocks.last_mut()) {
            (Role::Name, _) => {
                self.current.role = Role::Command;
                None
            }
            (Role::Command, _) if first && !word.quoted => self.keyword(word),
            (Role::Data, Some(Block::Case(stage @ Stage::Head))) if !first && word.text == "in" => {
                *stage = Stage::Pattern;
                self.current = self.fresh();
                None
            }
            (Role::Data, Some(Block::Case(Stage::Pattern))) if first && word.text == "esac" => {
                self.close();
                None
            }
            (Role::Command | Role::Data, _) => Some(word),
        }
    }

    fn keyword(&mut self, word: Word) -> Option<Word> {
        match word.text.as_str() {
            "if" | "while" | "until" => self.open(Block::Branch, Scope::Branch),
            "for" | "select" => {
                self.open(Block::Branch, Scope::Branch);
                self.current.role = Role::Data;
            }
            "case" => {
                self.open(Block::Case(Stage::Head), Scope::Branch);
                self.current.role = Role::Data;
            }
            "fi" | "done" if matches!(self.blocks.last(), Some(Block::Branch)) => self.close(),
            "esac" if matches!(self.blocks.last(), Some(Block::Case(_))) => self.close(),
            "function" => self.current.role = Role::Name,
            "[[" => self.blocks.push(Block::Test),
            "then" | "elif" | "else" | "do" | "fi" | "done" | "esac" | "!" | "{" | "}" | "coproc" => {}
            _ => return Some(word),
        }
        None
    }
}
