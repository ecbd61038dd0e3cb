//! A journal that is not any more what its path names: an editor, a restore or a `mv` put another file there, or somebody
//! else wrote into it.
//!
//! Owns the check, and what becomes of the records of the run: they are saved as `events.recovered.jsonl` with an end of
//! their own. Invariant: of what stands at the journal's path nothing is changed; where that is a whole journal of the
//! goal, the end of the run is appended to it, so that whoever asks for the goal is told.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};

use crate::domain::event::{ActorName, Draft};
use crate::domain::evidence::JournalPosition;
use crate::domain::fact::{Fact, GoalFact};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::Timestamp;
use crate::store::codec::{encode, genesis};
use crate::store::opening::open_regular;
use crate::store::replay::replay;

/// The journal's name in the goal's directory.
const JOURNAL: &str = "events.jsonl";

/// What is known of the journal's file while a run writes it.
#[derive(Debug)]
pub(super) struct Standing {
    path: PathBuf,
    /// The goal's directory, wherever it is moved to.
    directory: File,
}

/// What became of the journal's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Displacement {
    /// Nothing is at its path.
    Deleted,
    /// Another file is at its path.
    Replaced,
    /// It is there, with more or fewer bytes than were written.
    Changed,
    /// The goal's directory is elsewhere, with the journal in it.
    Moved,
}

impl Displacement {
    fn words(self) -> &'static str {
        match self {
            Self::Deleted => "was deleted",
            Self::Replaced => "was replaced by another file",
            Self::Changed => "was changed by another program",
            Self::Moved => "was moved with the goal's directory",
        }
    }
}

/// What was saved of a displaced journal.
#[derive(Debug)]
enum Saved {
    /// In a file of its own.
    Copied(PathBuf),
    /// The journal itself is whole, at this path.
    Kept(PathBuf),
}

impl Standing {
    /// Of a journal that was just opened.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let directory = File::open(path.parent().unwrap_or(Path::new(".")))?;
        Ok(Self { path: path.to_owned(), directory })
    }

    /// What became of `file`, of which `length` bytes were written; `None` where it stands as it should.
    pub(super) fn check(&self, file: &File, length: u64) -> io::Result<Option<Displacement>> {
        let ours = file.metadata()?;
        let is_ours = |(dev, ino): (u64, u64)| (dev, ino) == (ours.dev(), ours.ino());
        let named = match fs::symlink_metadata(&self.path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
            found => Some(found?),
        };
        if named.as_ref().is_some_and(|named| is_ours((named.dev(), named.ino()))) {
            return Ok((ours.len() != length).then_some(Displacement::Changed));
        }
        let beside = rustix::fs::statat(&self.directory, JOURNAL, AtFlags::SYMLINK_NOFOLLOW);
        #[allow(clippy::unnecessary_cast, reason = "the fields' types differ between architectures")]
        let moved = beside.is_ok_and(|stat| is_ours((stat.st_dev as u64, stat.st_ino as u64)));
        Ok(Some(match named {
            _ if moved => Displacement::Moved,
            Some(_) => Displacement::Replaced,
            None => Displacement::Deleted,
        }))
    }

    /// Saves the first `length` bytes of `file` with an end of the run, and says which file is which.
    pub(super) fn save(
        &self,
        displacement: Displacement,
        file: &File,
        (length, position): (u64, &JournalPosition),
        at: Timestamp,
    ) -> String {
        let (path, what, records) = (self.path.display(), displacement.words(), position.seq);
        let saved = self.saved(displacement, file, (length, position), at);
        let said = match &saved {
            Ok(Saved::Copied(copy)) => {
                let copy = copy.display();
                let there = match displacement {
                    Displacement::Deleted => String::new(),
                    Displacement::Replaced | Displacement::Changed | Displacement::Moved => {
                        format!("; {path} is what somebody else has put there: to go on with that, resume")
                    }
                };
                format!(
                    "it {what} while the run wrote it; {copy} has all {records} records of the run: to go on with those, \
                     mv {copy} {path}, then resume{there}"
                )
            }
            Ok(Saved::Kept(now)) => format!(
                "it {what} while the run wrote it; {now} has all {records} records of the run: put the directory back where \
                 it was, then resume",
                now = now.display(),
            ),
            Err(error) => format!(
                "it {what} while the run wrote it, and its {records} records could not be saved: {error}; put back a copy \
                 of the goal's directory, then resume"
            ),
        };
        if displacement == Displacement::Replaced {
            // Best effort: what is there may be anything.
            let _ = self.close(&said, at);
        }
        said
    }

    /// Appends the end of the run to the file that has taken the journal's place, where that is a whole journal.
    fn close(&self, said: &str, at: Timestamp) -> io::Result<()> {
        let mut file = open_regular(&self.path, OpenOptions::new().read(true).append(true))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let there = replay(&bytes, genesis()).map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        if there.events.is_empty() || there.complete != bytes.len() {
            return Ok(());
        }
        let mut line = Vec::new();
        let end = self.end(format!("the journal was not the run's any more: {said}"));
        encode(&there.position, at, end, &mut line).map_err(|error| io::Error::other(error.to_string()))?;
        file.write_all(&line)?;
        file.sync_all()
    }

    fn saved(
        &self,
        displacement: Displacement,
        file: &File,
        (length, position): (u64, &JournalPosition),
        at: Timestamp,
    ) -> io::Result<Saved> {
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        let whole = replay(&bytes, genesis()).is_ok_and(|read| read.position == *position);
        if !whole {
            return Err(io::Error::other("the file does not hold them any more"));
        }
        let begin = bytes.len();
        encode(position, at, self.end(format!("the journal {}", displacement.words())), &mut bytes)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let directory = fs::read_link(format!("/proc/self/fd/{}", self.directory.as_raw_fd()))?;
        if displacement == Displacement::Moved {
            file.write_all_at(&bytes[begin..], length)?;
            file.sync_all()?;
            return Ok(Saved::Kept(directory.join(JOURNAL)));
        }
        let (name, mut copy) = self.first_free()?;
        copy.write_all(&bytes)?;
        copy.sync_all()?;
        self.directory.sync_all()?;
        Ok(Saved::Copied(directory.join(name)))
    }

    /// The end of the run, for whoever goes on with the records.
    fn end(&self, reason: String) -> Draft {
        let id = self.path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let next = vec![format!("omk goal resume {id}")];
        let fact = Fact::Goal(GoalFact::GoalSettled { status: GoalStatus::FailedInfra, reason, next });
        Draft { actor: ActorName::Journal, cause: None, attempt: None, fact }
    }

    fn first_free(&self) -> io::Result<(String, File)> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let names = (1_u32..).map(|number| match number {
            1 => "events.recovered.jsonl".to_owned(),
            more => format!("events.recovered.{more}.jsonl"),
        });
        for name in names {
            match rustix::fs::openat(&self.directory, &name, flags, Mode::RUSR | Mode::WUSR) {
                Err(rustix::io::Errno::EXIST) => {}
                file => return Ok((name, File::from(file?))),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}
