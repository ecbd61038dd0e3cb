//! Which session an errand works in: an earlier one, if the agent still has it, or one that we name.
//!
//! The agent takes any name. Given one that it does not know it silently begins a session of that name, so whether
//! it knows it is looked up in its home first.

use std::ffi::OsString;
use std::path::Path;

use crate::agents::errand::Errand;
use crate::agents::profile::quirks::Resume;

/// A session, and what is said in it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    /// Its name and what is said; `None` only says hello.
    pub(super) opening: Option<(String, String)>,
    /// Whether there was one to go on with that is gone.
    pub(super) lost: bool,
}

impl Thread {
    /// Of an errand. Looks into the agent's home.
    pub(super) fn of(errand: &Errand) -> Self {
        let Some(opening) = &errand.opening else { return Self { opening: None, lost: false } };
        let resumption = opening.resumption.as_ref();
        match resumption.filter(|it| knows(errand.home.as_deref(), &it.session)) {
            Some(it) => Self { opening: Some((it.session.clone(), it.prompt.clone())), lost: false },
            None => {
                let id = format!("omk-{}-{:x}", errand.name, (errand.now)().0);
                Self { opening: Some((id, opening.prompt.clone())), lost: resumption.is_some() }
            }
        }
    }

    /// The arguments that say where to work, and in which session.
    pub(super) fn arguments(&self, errand: &Errand) -> Vec<OsString> {
        let mut words = vec!["--work-dir".into(), errand.worktree.clone().into_os_string()];
        match (&errand.profile.quirks.resume, &self.opening) {
            (Resume::Flag(flag), Some((id, _))) => words.extend([flag.into(), id.into()]),
            (Resume::Flag(_), None) | (Resume::Offered | Resume::No | Resume::Load | Resume::Resume, _) => {}
        }
        words
    }
}

/// Whether the agent has a session of that name: `<home>/sessions/<directory>/<session>/context.jsonl`. Where its home
/// is not known, it is believed.
fn knows(home: Option<&Path>, session: &str) -> bool {
    if session.is_empty() || session.contains(['/', '\0']) || session.starts_with(['.', '-']) {
        return false;
    }
    let Some(home) = home else { return true };
    let Ok(places) = std::fs::read_dir(home.join("sessions")) else { return false };
    places.filter_map(Result::ok).any(|place| {
        let context = place.path().join(session).join("context.jsonl");
        context.metadata().is_ok_and(|context| context.len() > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_by_what_is_kept_of_it() {
        let home = tempfile::tempdir().expect("a directory");
        let known = |session: &str| knows(Some(home.path()), session);
        assert!(!known("one"));
        for name in ["one", "empty"] {
            let place = home.path().join("sessions/0a1b").join(name);
            std::fs::create_dir_all(&place).expect("a directory");
            std::fs::write(place.join("context.jsonl"), if name == "one" { "{}\n" } else { "" }).expect("a file");
        }
        assert_eq!(
            ["one", "empty", "two", "", "../0a1b/one", "--yolo"].map(known),
            [true, false, false, false, false, false]
        );
        assert!(knows(None, "one"));
    }
}
