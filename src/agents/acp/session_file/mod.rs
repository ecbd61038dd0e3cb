//! What an agent notes in its own session files about what it used and what its model refused, read as it grows.
//!
//! For some that is the only account, for others that of a turn that was cut off. The files are the agent's: they are
//! looked for in its home alone, by the session's id, and what is not understood is passed over. Invariant: a call is
//! counted once, whoever tells of it, and however often.

mod accounts;
mod claude;
mod gemini;
mod kimi;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use self::accounts::Accounts;
use super::Errand;
use crate::agents::errand::Resumption;
use crate::agents::profile::quirks::{Quirks, UsageNotes, UsageSource};
use crate::agents::scene::{Scene, Spent};
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How much of one file is read at once, in bytes.
const CHUNK: u64 = 8 << 20;
/// The most entries of a directory that are looked at.
const MOST_ENTRIES: usize = 20_000;
/// The most tokens that one call of a model can be believed to use.
const MOST_TOKENS: u64 = 1_000_000_000;

/// Whose files they are.
#[derive(Clone, Copy, Debug)]
enum Format {
    Kimi,
    Claude,
    Gemini,
}

/// The files of one session.
#[derive(Debug)]
pub(super) struct SessionFiles {
    format: Format,
    home: PathBuf,
    /// How far each file has been read.
    read: BTreeMap<PathBuf, u64>,
    accounts: Accounts,
}

/// The files, where that is how the agent reports.
pub(super) type Records = Mutex<Option<SessionFiles>>;

/// One thing that was found in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A model call that was answered, and when, where that is noted.
    Spent(Spent, Option<Timestamp>),
    /// One that was not: the words instead, and until when the agent waits.
    Trouble(String, Option<Timestamp>),
}

/// Reads the files every now and then, for as long as it is polled.
pub(super) async fn follow(records: &Records, scene: &Scene) -> Infallible {
    loop {
        tokio::time::sleep(EVERY).await;
        catch_up(records, scene).await;
    }
}

/// Tells the scene what has been added since the last time.
pub(super) async fn catch_up(records: &Records, scene: &Scene) {
    if let Some(files) = records.lock().await.as_mut() {
        for found in files.read(scene.session()).await {
            match found {
                Found::Spent(spent, at) => {
                    scene.account(files.accounts.noted(spent, at).into_iter().collect());
                    scene.lock().relief();
                }
                Found::Trouble(words, until) => scene.lock().trouble(&scene.profile, words, until),
            }
        }
    }
}

/// What the end of a turn says was used in it, less what the files had of it.
pub(super) async fn unnoted(records: &Records, told: Vec<Spent>, now: Timestamp) -> Vec<Spent> {
    match records.lock().await.as_mut() {
        Some(files) => files.accounts.settle(told, now),
        None => told,
    }
}

impl Format {
    fn of(quirks: &Quirks) -> Option<Self> {
        match (quirks.usage_source, quirks.usage_notes) {
            (UsageSource::KimiSessionFile, _) => Some(Self::Kimi),
            (_, UsageNotes::Claude) => Some(Self::Claude),
            (_, UsageNotes::Gemini) => Some(Self::Gemini),
            (_, UsageNotes::No) => None,
        }
    }

    fn files(self, home: &Path, session: &str, known: &[&PathBuf]) -> Vec<PathBuf> {
        match self {
            Self::Kimi => kimi::files(home, session),
            Self::Claude => claude::files(home, session, known),
            Self::Gemini => gemini::files(home, session, known),
        }
    }

    /// Whether messages are told apart wherever they stand.
    fn has_ids(self) -> bool {
        match self {
            Self::Kimi => false,
            Self::Claude | Self::Gemini => true,
        }
    }

    /// What a line of a file says, which begins at `at`.
    fn line(self, line: &[u8], file: &Path, at: u64) -> Vec<Found> {
        match self {
            Self::Kimi => kimi::line(line, file, at),
            Self::Claude => claude::line(line).into_iter().collect(),
            Self::Gemini => gemini::line(line).into_iter().collect(),
        }
    }
}

impl SessionFiles {
    /// The files of an errand's agent, where it notes anything there.
    pub(super) fn of(errand: &Errand) -> Option<Self> {
        let format = Format::of(&errand.profile.quirks)?;
        Some(Self { format, home: errand.home.clone()?, read: BTreeMap::new(), accounts: Accounts::default() })
    }

    /// Passes over what earlier processes noted in a session that goes on. What of it nobody has counted is returned:
    /// they were killed before it was read.
    pub(super) async fn pass_over(&mut self, earlier: &Resumption) -> Vec<Spent> {
        loop {
            let before = self.read.clone();
            for found in self.read(Some(earlier.session.clone())).await {
                if let Found::Spent(spent, _) = found {
                    self.accounts.earlier(spent);
                }
            }
            if self.read == before {
                break;
            }
        }
        self.accounts.uncounted(&earlier.used).into_iter().collect()
    }

    /// What has been added since the last time.
    async fn read(&mut self, session: Option<String>) -> Vec<Found> {
        let Some(session) = session.filter(|id| !id.is_empty() && !id.contains(['/', '\0']) && !id.starts_with('.'))
        else {
            return Vec::new();
        };
        let (format, home, mut read) = (self.format, self.home.clone(), self.read.clone());
        let done = tokio::task::spawn_blocking(move || {
            let found = read_on(format, &home, &session, &mut read);
            (found, read)
        });
        match done.await {
            Ok((found, read)) => {
                self.read = read;
                found
            }
            Err(_) => Vec::new(),
        }
    }
}

fn read_on(format: Format, home: &Path, session: &str, read: &mut BTreeMap<PathBuf, u64>) -> Vec<Found> {
    let files = format.files(home, session, &read.keys().collect::<Vec<_>>());
    let mut found = Vec::new();
    for file in files {
        let from = read.entry(file.clone()).or_default();
        // A file that is not there is read when it is.
        let _not_yet = read_file(format, &file, from, &mut found);
    }
    found
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten().take(MOST_ENTRIES);
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn has_ending(file: &Path, ending: &str) -> bool {
    file.extension().is_some_and(|it| it == ending)
}

/// Opens what is a file: nobody waits for a pipe.
fn open(path: &Path) -> io::Result<File> {
    match std::fs::symlink_metadata(path)?.is_file() {
        true => File::open(path),
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

/// A line, where it is a record of this kind.
fn of_kind(line: &[u8], kind: &str) -> Option<Value> {
    if !line.windows(kind.len()).any(|window| window == kind.as_bytes()) {
        return None;
    }
    let record: Value = serde_json::from_slice(line).ok()?;
    (record.get("type")?.as_str()? == kind).then_some(record)
}

/// Tokens by the names of their counts; nothing where they cannot be true.
fn tokens(counts: &Value, input: &[&str], cached: &str, output: &[&str]) -> Usage {
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    let sum = |names: &[&str]| names.iter().fold(0, |sum: u64, name| sum.saturating_add(count(name)));
    let usage =
        Usage { input_tokens: sum(input), cached_tokens: count(cached), output_tokens: sum(output), usd_micros: None };
    if usage.tokens() > MOST_TOKENS { Usage::default() } else { usage }
}

/// The call of the model that a message came from: one without an id or a time could be counted twice.
fn noted(usage: Usage, message: &Value, at: &Value) -> Option<Found> {
    let text = |name: &str| message.get(name).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned);
    let (id, at) = (text("id")?, Timestamp::deserialize(at).ok()?);
    let spent = Spent { usage, id: Some(id), model: text("model") };
    (!usage.is_nothing()).then_some(Found::Spent(spent, Some(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(input: u64) -> String {
        format!(
            r#"{{"type":"usage.record","model":"k","usage":{{"inputOther":{input},"output":2,"inputCacheRead":3,"inputCacheCreation":4}}}}"#
        )
    }

    fn spent(found: Found) -> Spent {
        match found {
            Found::Spent(spent, _) => spent,
            Found::Trouble(words, _) => panic!("{words}"),
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

    #[tokio::test]
    async fn what_earlier_processes_noted_is_counted_once_in_all() {
        let home = tempfile::tempdir().expect("a directory");
        let agent = home.path().join("sessions/wd_1/s/agents/main");
        std::fs::create_dir_all(&agent).expect("a directory");
        std::fs::write(agent.join("wire.jsonl"), format!("{}\n{}\n", line(1), line(10))).expect("a file");
        let used = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
        let left = async |used: Usage| {
            let (home, accounts) = (home.path().to_owned(), Accounts::default());
            let mut files = SessionFiles { format: Format::Kimi, home, read: BTreeMap::new(), accounts };
            let earlier = Resumption { session: "s".into(), prompt: String::new(), used };
            let left = files.pass_over(&earlier).await;
            assert_eq!(files.read(Some("s".into())).await, []);
            left.into_iter().map(|one| one.usage).collect::<Vec<_>>()
        };
        assert_eq!(left(Usage { cached_tokens: 6, ..used(25, 4) }).await, []);
        assert_eq!(left(Usage { cached_tokens: 3, ..used(8, 2) }).await, [Usage { cached_tokens: 3, ..used(17, 2) }]);
    }
}
