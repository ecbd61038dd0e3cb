//! Judges a command line by the user's rules, each of its simple commands for itself.
//!
//! Never runs or expands anything. Whatever runs another command is judged with it; the strictest verdict holds.

use super::asking::{ask, quote};
use super::directory::Directory;
use super::programs::{base_name, begins_with, carried, is_assignment, spellings};
use super::shell::{Simple, Step, steps};
use super::{CommandRules, Judgement, Otherwise};

/// How deep commands within commands (`sh -c …`, `timeout 9 …`) are followed.
const DEEPEST: usize = 16;

/// What a line is judged by.
pub(super) struct Judge<'a> {
    pub(super) rules: &'a CommandRules,
    /// The beginnings of commands that a person has allowed.
    pub(super) granted: &'a [String],
    /// Judges a file that output goes to, from a directory.
    pub(super) redirect: &'a dyn Fn(&str, &Directory) -> Judgement,
}

impl Judge<'_> {
    /// Judges a line that begins in `directory`.
    pub(super) fn judge(&self, line: &str, mut directory: Directory) -> Judgement {
        self.line(line, &mut directory, 0)
    }

    fn line(&self, line: &str, directory: &mut Directory, depth: usize) -> Judgement {
        let (mut judged, mut left) = (Judgement::Allow, Vec::new());
        for step in steps(line) {
            match step {
                Step::Run(simple) => judged = judged.and(self.simple(&simple, directory, depth)),
                Step::Enter(_) => left.push(directory.clone()),
                Step::Leave(scope) => {
                    if let Some(before) = left.pop() {
                        directory.leave(scope, before);
                    }
                }
            }
        }
        judged
    }

    fn simple(&self, simple: &Simple, directory: &mut Directory, depth: usize) -> Judgement {
        let redirects = simple.outputs.iter().map(|target| (self.redirect)(target, directory));
        let redirects = redirects.fold(Judgement::Allow, Judgement::and);
        let words: Vec<&str> = simple.words.iter().map(String::as_str).collect();
        redirects.and(self.words(&words, directory, depth))
    }

    /// Judges a command and whatever it runs.
    fn words(&self, words: &[&str], directory: &mut Directory, depth: usize) -> Judgement {
        let begin = words.iter().position(|word| !is_assignment(word)).unwrap_or(words.len());
        let words = &words[begin..];
        let Some((first, rest)) = words.split_first() else { return Judgement::Allow };
        if depth >= DEEPEST {
            return self.unruled(&words.join(" "));
        }
        let carried = carried(words);
        let mut judged = match self.ruled(words) {
            Some(ruled) => ruled,
            None if carried.itself => self.unruled(&words.join(" ")),
            None => Judgement::Allow,
        };
        for command in carried.commands {
            judged = judged.and(self.words(command, directory, depth + 1));
        }
        if let Some(script) = carried.script {
            let mut apart = directory.clone();
            let directory = if script.here { &mut *directory } else { &mut apart };
            judged = judged.and(self.line(&script.line, directory, depth + 1));
        }
        directory.follow(base_name(first), rest);
        judged
    }

    /// What the rules say of a command that one of them names.
    fn ruled(&self, words: &[&str]) -> Option<Judgement> {
        let spellings = spellings(words);
        let named = |rules: &'_ [String]| {
            rules.iter().find(|rule| spellings.iter().any(|words| begins_with(words, rule))).cloned()
        };
        if let Some(rule) = named(&self.rules.denied) {
            let reason =
                format!("commands that begin with `{rule}` are not allowed here; do without, or leave it and say so.");
            return Some(Judgement::Refuse { reason });
        }
        if named(self.granted).is_some() {
            return Some(Judgement::Allow);
        }
        if let Some(rule) = named(&self.rules.asked) {
            return Some(ask(&words.join(" "), &rule));
        }
        named(&self.rules.allowed).map(|_| Judgement::Allow)
    }

    fn unruled(&self, command: &str) -> Judgement {
        match self.rules.otherwise {
            Otherwise::Allow => Judgement::Allow,
            Otherwise::Refuse => {
                let allowed = self.rules.allowed.join("`, `");
                let reason = format!("`{}` is not among the commands allowed here: `{allowed}`.", quote(command));
                Judgement::Refuse { reason }
            }
            Otherwise::Ask => ask(command, command.split(' ').next().unwrap_or(command)),
        }
    }
}
