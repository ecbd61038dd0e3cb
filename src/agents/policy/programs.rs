//! What a command runs, and by which names the rules may know it, read from its words and what is known of programs.
//!
//! Never judges.

use super::tables::{EXECUTORS, INERT, LAUNCHERS, SAME, SHELLS, VALUED, WRAPPERS, Wrapper, lists};

/// What a command runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Carried<'a> {
    /// Whether it does something of its own.
    pub(super) itself: bool,
    /// Commands that it runs, as words.
    pub(super) commands: Vec<&'a [&'a str]>,
    /// A text that it runs as commands.
    pub(super) script: Option<Script>,
}

/// A text that is run as commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) line: String,
    /// Whether the same shell runs it, so that it changes its directory.
    pub(super) here: bool,
}

/// The name of a program, whatever directory it is called from.
pub(super) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a word sets a variable.
pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.strip_suffix('+').unwrap_or(name);
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// What a command, whose words begin with a program, runs.
pub(super) fn carried<'a>(words: &'a [&'a str]) -> Carried<'a> {
    let Some((first, rest)) = words.split_first() else { return Carried::default() };
    let program = base_name(first);
    let script = |line: Option<String>, here| Carried {
        itself: line.is_none(),
        script: line.map(|line| Script { line, here }),
        ..Carried::default()
    };
    match program {
        "eval" => script(Some(rest.join(" ")), true),
        "trap" => Carried { itself: false, ..script(trapped(rest), true) },
        "command" if rest.first().is_some_and(|word| asks_only(word)) => Carried::default(),
        _ if lists(SHELLS, program) => script(inner_script(rest), false),
        _ if lists(INERT, program) => Carried::default(),
        _ => match WRAPPERS.iter().find(|wrapper| wrapper.name == program) {
            Some(wrapper) => Carried { itself: wrapper.counts, commands: vec![wrapper.inner(rest)], script: None },
            None => Carried { itself: true, commands: executed(program, rest), script: None },
        },
    }
}

/// Every way in which the rules may know a command: as it stands, without options, by another name.
pub(super) fn spellings<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    let bare = without_options(words);
    let other_name = SAME.iter().find(|(name, _)| begins_with(&bare, name)).map(|(name, other)| {
        let rest = bare.iter().skip(name.split(' ').count()).copied();
        other.split(' ').chain(rest).collect()
    });
    let launched = launched(words).map(without_options);
    [words.to_vec(), bare].into_iter().chain(launched).chain(other_name).collect()
}

/// Whether a command begins with the words of a rule.
pub(super) fn begins_with(words: &[&str], rule: &str) -> bool {
    let mut rule = rule.split_ascii_whitespace();
    let mut words = words.iter();
    let first = rule.next().zip(words.next());
    first.is_some_and(|(rule, word)| base_name(rule) == base_name(word))
        && rule.all(|expected| words.next().is_some_and(|word| *word == expected))
}

impl Wrapper {
    /// The command behind the wrapper's own words.
    fn inner<'a>(&self, mut rest: &'a [&'a str]) -> &'a [&'a str] {
        while let Some((word, behind)) = rest.split_first() {
            let value = usize::from(takes_next(word, self.valued));
            match *word {
                "--" => return self.behind_own(behind),
                option if option.starts_with('-') => rest = behind.get(value..).unwrap_or_default(),
                word if is_assignment(word) => rest = behind,
                _ => return self.behind_own(rest),
            }
        }
        rest
    }

    fn behind_own<'a>(&self, rest: &'a [&'a str]) -> &'a [&'a str] {
        rest.get(self.own..).unwrap_or_default()
    }
}

/// Whether an option takes the next word: `-u`, also behind other letters, or `--user`; not where the value is in it.
fn takes_next(word: &str, valued: &str) -> bool {
    let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.starts_with('-')) else {
        return lists(valued, word);
    };
    let is_valued = |letter: char| lists(valued, &format!("-{letter}"));
    letters.find(is_valued).is_some_and(|at| letters[at..].chars().count() == 1)
}

fn without_options<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    let program = base_name(first);
    let valued = VALUED.iter().find(|(name, _)| *name == program).map_or("", |(_, valued)| valued);
    // `+nightly` chooses who is called.
    let chooses = |word: &&&str| program == "cargo" && word.starts_with('+');
    let mut bare = vec![*first];
    let mut words = rest.iter().skip(usize::from(rest.first().as_ref().is_some_and(chooses)));
    while let Some(word) = words.next() {
        if takes_next(word, valued) {
            words.next();
        } else if !word.starts_with('-') {
            bare.push(*word);
        }
    }
    bare
}

/// The command that a launcher starts.
fn launched<'a, 'b>(words: &'b [&'a str]) -> Option<&'b [&'a str]> {
    let (first, rest) = words.split_first()?;
    let (_, mark) = LAUNCHERS.iter().find(|(name, _)| *name == base_name(first))?;
    let rest = match *mark {
        "" => rest,
        mark => {
            let at = rest.iter().position(|word| *word == mark || !word.starts_with('-'))?;
            rest.get(at..)?.strip_prefix(&[mark])?
        }
    };
    let at = rest.iter().position(|word| !word.starts_with('-'))?;
    rest.get(at..)
}

/// The commands that `find -exec` and its like run.
fn executed<'a>(program: &str, words: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    let Some((_, options)) = EXECUTORS.iter().find(|(name, _)| *name == program) else { return Vec::new() };
    let (mut rest, mut commands) = (words, Vec::new());
    while let Some(at) = rest.iter().position(|word| lists(options, word)) {
        let behind = &rest[at + 1..];
        let end = behind.iter().position(|word| matches!(*word, ";" | "+")).unwrap_or(behind.len());
        commands.push(&behind[..end]);
        rest = &behind[end..];
    }
    commands
}

/// `command -v` and `-V` say what would be run.
fn asks_only(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| letters.contains(['v', 'V']))
}

/// The text behind `-c` (or `-lc`, …), which stands before what the shell is given to work on.
fn inner_script(mut arguments: &[&str]) -> Option<String> {
    while let Some((word, behind)) = arguments.split_first() {
        let value = usize::from(takes_next(word, "-o -O --rcfile --init-file"));
        let rest = behind.get(value..)?;
        match word.strip_prefix('-') {
            Some(letters) if !letters.starts_with('-') && letters.contains('c') => {
                return rest.iter().find(|word| !word.starts_with('-')).map(|script| (*script).to_owned());
            }
            Some(_) => arguments = rest,
            None if word.starts_with('+') => arguments = rest,
            None => return None,
        }
    }
    None
}

/// What a trap runs: the word before its signals, but for those that set it back.
fn trapped(arguments: &[&str]) -> Option<String> {
    let arguments = arguments.strip_prefix(&["--"]).unwrap_or(arguments);
    arguments
        .split_first()
        .filter(|(text, signals)| !signals.is_empty() && !text.starts_with('-'))
        .map(|(text, _)| (*text).to_owned())
}
