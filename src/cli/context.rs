//! What every verb works with: the opened program, the output, and how this user types a command.

use std::path::{Path, PathBuf};

use crate::app::Omk;
use crate::app::request::Place;
use crate::cli::args::{Common, GoalArg};
use crate::cli::error::Failure;
use crate::cli::output::{Output, safe, style};
use crate::domain::ids::GoalId;
use crate::domain::task::WaitingFor;

/// The program, opened for one command.
pub struct Context {
    /// The façade.
    pub omk: Omk,
    /// Where results go.
    pub output: Output,
    /// The state directory, where the user named one by flag.
    pub state_dir: Option<PathBuf>,
}

impl Context {
    /// Opens the program where the common options point.
    pub fn open(common: &Common, output: Output) -> Result<Self, Failure> {
        let cwd = std::env::current_dir().unwrap_or_else(|_| gone());
        let place = Place { state_dir: common.state_dir.clone(), repo: common.repo.clone(), cwd };
        let state_dir = common.state_dir.as_deref().map(anywhere);
        Ok(Self { omk: Omk::open(place)?, output, state_dir })
    }

    /// The goal that an argument names, for a command that only reads. Outside of a repository the newest of all is taken,
    /// and its repository named.
    pub fn goal(&self, arg: &GoalArg) -> Result<GoalId, Failure> {
        let found = self.omk.find_to_read(&arg.id)?;
        if let Some(root) = &found.of {
            let note = style::paint(style::WARN, "note:");
            let root = safe::line(&root.display().to_string());
            self.output.note(&format!("{note} no repository is at hand: {} of {root} is the newest goal\n", found.id));
        }
        Ok(found.id)
    }

    /// The goal that an argument names, for a command that changes it.
    pub fn goal_to_change(&self, arg: &GoalArg) -> Result<GoalId, Failure> {
        Ok(self.omk.find_to_change(&arg.id)?)
    }

    /// A command as this user has to type it: with the state directory, where a flag named one.
    pub fn command(&self, command: &str) -> String {
        with_tail(command, &self.tail())
    }

    /// A sentence whose commands are as this user has to type them.
    pub fn sentence(&self, text: &str) -> String {
        with_tail_within(text, &self.tail())
    }

    /// Makes what slices wait for name commands as this user has to type them.
    pub fn type_out(&self, waiting: &mut [WaitingFor]) {
        for what in waiting {
            what.next = match what.kind.as_str() {
                "human" => self.command(&what.next),
                _ => self.sentence(&what.next),
            };
        }
    }

    /// How this user types commands about a goal.
    pub fn typist(&self, id: &GoalId) -> Typist {
        Typist { id: id.clone(), tail: self.tail() }
    }

    fn tail(&self) -> String {
        self.state_dir.as_deref().map(tail).unwrap_or_default()
    }

    /// Commands as this user has to type them.
    pub fn commands(&self, commands: &[String]) -> Vec<String> {
        commands.iter().map(|command| self.command(command)).collect()
    }
}

/// The working directory where it is gone, as the shell calls it: what names no file in it still works.
fn gone() -> PathBuf {
    let named = std::env::var_os("PWD").map(PathBuf::from).filter(|path| path.is_absolute());
    named.unwrap_or_else(|| PathBuf::from("/nonexistent"))
}

/// How one user types commands about one goal.
#[derive(Clone, Debug)]
pub struct Typist {
    /// The goal.
    pub id: GoalId,
    /// What stands behind every command: the state directory, where a flag named one.
    pub tail: String,
}

impl Typist {
    /// A command whose `{id}` stands for the goal.
    pub fn command(&self, template: &str) -> String {
        with_tail(&template.replace("{id}", self.id.as_str()), &self.tail)
    }
}

/// What stands behind every command of a user who named the state directory by flag.
pub fn tail(state_dir: &Path) -> String {
    format!("--state-dir {}", quoted(&anywhere(state_dir).to_string_lossy()))
}

/// Printed commands must work from any directory.
fn anywhere(dir: &Path) -> PathBuf {
    std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned())
}

/// A command with the tail behind it, once. What is no command of ours stays as it is.
fn with_tail(command: &str, tail: &str) -> String {
    if tail.is_empty() || !command.starts_with("omk ") || command.contains("--state-dir ") {
        return command.to_owned();
    }
    format!("{} {tail}", command.trim_end())
}

/// A sentence with the tail in each of its commands: before the verb, because nothing says where a command ends.
pub fn with_tail_within(text: &str, tail: &str) -> String {
    if tail.is_empty() || text.contains("--state-dir ") {
        return text.to_owned();
    }
    text.replace("omk goal ", &format!("omk {tail} goal "))
}

/// A word for a POSIX shell, quoted where it needs quotes.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
