//! Who our commits are by: the user as the user's own configuration says, else `omk`.

use git2::{Repository, Signature, Time};

use super::objects::failed;
use crate::domain::ids::Timestamp;
use crate::domain::order::Fault;

/// The author and committer of every commit of a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    name: String,
    email: String,
}

impl Identity {
    /// Reads `user.name` and `user.email` as they are in force for a repository. No program is asked, no environment.
    pub(super) fn of(repo: &Repository) -> Self {
        let config = repo.config().and_then(|mut config| config.snapshot()).ok();
        let read = |key: &str| config.as_ref().and_then(|config| config.get_string(key).ok());
        let usable = |text: &String| Signature::new(text, text, &Time::new(0, 0)).is_ok();
        match (read("user.name").filter(usable), read("user.email").filter(usable)) {
            (Some(name), Some(email)) => Self { name, email },
            _ => Self::own(),
        }
    }

    /// The program itself.
    pub(super) fn own() -> Self {
        Self { name: "omk".to_owned(), email: "omk@localhost".to_owned() }
    }

    /// The signature at a moment, in UTC.
    pub(super) fn sign(&self, at: Timestamp) -> Result<Signature<'static>, Fault> {
        let seconds = i64::try_from(at.0 / 1000).unwrap_or(i64::MAX);
        Signature::new(&self.name, &self.email, &Time::new(seconds, 0)).map_err(failed("sign a commit"))
    }
}
