//! The author and the committer of omk's commits: the user's own, as git has them, else `omk`.

use std::fmt::Write as _;
use std::path::Path;

use git2::{Repository, Signature, Time};

use super::objects::failed;
use super::user_git;
use crate::domain::ids::Timestamp;
use crate::domain::order::Fault;

/// A name and an address that git takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    name: String,
    email: String,
}

impl Person {
    /// A person; `None` where git takes no such name or address.
    pub(super) fn of(name: &str, email: &str) -> Option<Self> {
        Signature::new(name, email, &Time::new(0, 0)).ok()?;
        Some(Self { name: name.to_owned(), email: email.to_owned() })
    }

    fn sign(&self, at: Timestamp) -> Result<Signature<'static>, Fault> {
        let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
        Signature::new(&self.name, &self.email, &Time::new(seconds, 0)).map_err(failed("sign a commit"))
    }

    fn section(&self, name: &str) -> String {
        format!("[{name}]\n\tname = {}\n\temail = {}\n", quoted(&self.name), quoted(&self.email))
    }
}

/// Who every commit of a goal is by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Who made the change.
    pub(super) author: Person,
    /// Who committed it.
    pub(super) committer: Person,
}

impl Identity {
    /// The identity that git uses in a checkout; where git cannot be asked there, that of the repository's settings.
    pub(super) fn of(checkout: &Path, repo: &Repository) -> Self {
        user_git::identity(checkout).or_else(|| Self::configured(repo)).unwrap_or_else(Self::own)
    }

    fn configured(repo: &Repository) -> Option<Self> {
        let config = repo.config().and_then(|mut config| config.snapshot()).ok()?;
        let read = |key: &str| config.get_string(key).ok();
        let person = Person::of(&read("user.name")?, &read("user.email")?)?;
        Some(Self { author: person.clone(), committer: person })
    }

    /// The program itself.
    pub(super) fn own() -> Self {
        let person = Person { name: "omk".to_owned(), email: "omk@localhost".to_owned() };
        Self { author: person.clone(), committer: person }
    }

    /// The signatures of the author and the committer at a moment, in UTC.
    pub(super) fn sign(&self, at: Timestamp) -> Result<(Signature<'static>, Signature<'static>), Fault> {
        Ok((self.author.sign(at)?, self.committer.sign(at)?))
    }

    /// The same as git settings, for those who commit in a worktree themselves.
    pub(super) fn settings(&self) -> String {
        let mut text = self.author.section("user");
        if self.committer != self.author {
            let _ = write!(text, "{}", self.committer.section("committer"));
        }
        text
    }
}

/// A value of a git setting in quotes.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
