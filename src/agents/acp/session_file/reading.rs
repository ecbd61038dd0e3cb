//! Reads the files of a session: the directories that they are in, and what has been added to them.
//!
//! The files are the agent's, which may put anything in their place. Invariant: nobody waits for what is no file, and no
//! link is followed that stands where a file or one of a list of directories is looked for.

use std::collections::BTreeMap;
use std::fs::{DirEntry, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{Format, Found};

/// How much of one file is read at once, in bytes.
pub(super) const CHUNK: u64 = 8 << 20;
/// The most entries of a directory that are looked at.
const MOST_ENTRIES: usize = 20_000;

/// What the next piece of each file says.
pub(super) fn read_on(format: Format, home: &Path, session: &str, read: &mut BTreeMap<PathBuf, u64>) -> Vec<Found> {
    let files = format.files(home, session, &read.keys().collect::<Vec<_>>());
    let mut found = Vec::new();
    for file in files {
        let from = read.entry(file.clone()).or_default();
        // A file that is not there is read when it is.
        let _not_yet = read_file(format, &file, from, &mut found);
    }
    found
}

/// What is in a directory, in order, but for links.
pub(super) fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_ENTRIES);
    let is_there = |entry: &DirEntry| entry.file_type().is_ok_and(|kind| !kind.is_symlink());
    let mut paths: Vec<_> = entries.filter(is_there).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Whether a file is called so.
pub(super) fn has_ending(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|it| it == ending)
}

/// Opens what is a file: nobody waits for a pipe.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    // What was opened is asked, not its name, which may mean something else by now.
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// Reads whole lines from `from` on, and moves it behind them.
fn read_file(format: Format, path: &Path, from: &mut u64, found: &mut Vec<Found>) -> io::Result<()> {
    let mut file = open(path)?;
    // One that was written anew is read anew where its messages have ids.
    if format.has_ids() && file.metadata()?.len() < *from {
        *from = 0;
    }
    file.seek(SeekFrom::Start(*from))?;
    let mut bytes = Vec::new();
    file.take(CHUNK).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    for line in bytes[..whole].split_inclusive(|&b| b == b'\n') {
        found.extend(format.line(line, path, *from));
        *from += line.len() as u64;
    }
    // A line that fills a whole chunk is no record of usage.
    if whole == 0 && bytes.len() as u64 == CHUNK {
        *from += CHUNK;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::line;
    use super::*;
    use crate::agents::scene::Spent;

    fn spent(found: Found) -> Spent {
        match found {
            Found::Spent(spent, _) => spent,
            other @ (Found::Trouble(..) | Found::Model(_) | Found::Cost(_)) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_record_is_counted_once_as_the_files_grow() {
        let home = tempfile::tempdir().expect("a directory");
        let agent = |name: &str| home.path().join("sessions/wd_1/session_x/agents").join(name);
        std::fs::create_dir_all(agent("main")).expect("a directory");
        let wire = agent("main").join("wire.jsonl");
        std::fs::write(&wire, format!("{{\"type\":\"other\"}}\n{}\nhalf", line(1))).expect("a file");
        let mut read = BTreeMap::new();
        let mut inputs = || -> Vec<(u64, Option<String>)> {
            let found = read_on(Format::Kimi, home.path(), "session_x", &mut read);
            found.into_iter().map(spent).map(|one| (one.usage.input_tokens, one.id)).collect()
        };
        assert_eq!(inputs(), [(8, Some("main:17".to_owned()))]);
        assert_eq!(inputs(), []);
        std::fs::write(&wire, format!("{{\"type\":\"other\"}}\n{}\n{}\n", line(1), line(10))).expect("a file");
        std::fs::create_dir_all(agent("sub")).expect("a directory");
        std::fs::write(agent("sub").join("wire.jsonl"), format!("{}\n", line(20))).expect("a file");
        assert_eq!(inputs().into_iter().map(|(input, _)| input).collect::<Vec<_>>(), [17, 27]);
    }

    #[test]
    fn a_file_that_is_written_anew_is_read_anew() {
        let home = tempfile::tempdir().expect("a directory");
        let file = home.path().join("projects/-w/s.jsonl");
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        let line = |id: &str| {
            format!(
                r#"{{"type":"assistant","timestamp":"2026-11-21T15:30:26Z","message":{{"id":"{id}","usage":{{"output_tokens":2}}}}}}"#
            )
        };
        let mut read = BTreeMap::new();
        let mut ids = |text: &str| -> Vec<String> {
            std::fs::write(&file, text).expect("a file");
            read_on(Format::Claude, home.path(), "s", &mut read)
                .into_iter()
                .map(spent)
                .filter_map(|one| one.id)
                .collect()
        };
        assert_eq!(ids(&format!("{}\n{}\n", line("a"), line("b"))), ["a", "b"]);
        assert_eq!(ids(&format!("{}\n", line("c"))), ["c"]);
    }

    #[test]
    fn what_is_no_file_is_not_opened_and_no_link_is_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("directory")).expect("a directory");
        std::fs::write(path("file"), "").expect("a file");
        rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR).expect("a pipe");
        for (to, link) in [("directory", "link"), ("file", "other")] {
            std::os::unix::fs::symlink(path(to), path(link)).expect("a link");
        }
        assert_eq!(children(dir.path()), ["directory", "file", "pipe"].map(path));
        let opens: Vec<_> = ["directory", "file", "link", "other", "pipe"].map(|name| open(&path(name)).is_ok()).into();
        assert_eq!(opens, [false, true, false, false, false]);
    }
}
