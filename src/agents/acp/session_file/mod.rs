//! What an agent notes in its own session files about what it used and what its model refused, read as it grows.
//!
//! For some that is the only account, for others that of a turn that was cut off. The files are the agent's: they are
//! looked for in its home alone, by the session's id, and what is not understood is passed over. Invariant: a call is
//! counted once, whoever tells of it, and however often.

mod accounts;
mod claude;
mod codex;
mod gemini;
mod kimi;
mod reading;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use self::accounts::Accounts;
use self::reading::{children, has_ending, open, read_on};
use super::Errand;
use crate::agents::errand::Resumption;
use crate::agents::profile::quirks::{Quirks, UsageNotes, UsageSource};
use crate::agents::scene::{Scene, Spent};
use crate::agents::wait::is_within_reach;
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// The most that is read of each file at one time, in pieces.
const MOST_PIECES: usize = 64;
/// The most tokens that one call of a model can be believed to use.
const MOST_TOKENS: u64 = 1_000_000_000;

/// Whose files they are.
#[derive(Clone, Copy, Debug)]
enum Format {
    Kimi,
    Claude,
    Gemini,
    Codex,
}

/// The files of one session.
#[derive(Debug)]
pub(super) struct SessionFiles {
    format: Format,
    home: PathBuf,
    /// How far each file has been read.
    read: BTreeMap<PathBuf, u64>,
    accounts: Accounts,
    /// The model of calls that do not name it.
    model: Option<String>,
}

/// The files, where that is how the agent reports.
pub(super) type Records = Mutex<Option<SessionFiles>>;

/// What earlier processes noted of a session that goes on.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// What of it nobody has counted: the process was killed before it was read.
    pub(super) uncounted: Vec<Spent>,
    /// What the session had cost when its last process ended; `None` where that is not noted.
    pub(super) cost: Option<u64>,
}

/// One thing that was found in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A model call that was answered, and when, where that is noted.
    Spent(Spent, Option<Timestamp>),
    /// One that was not: the words instead, and until when the agent waits.
    Trouble(String, Option<Timestamp>),
    /// The model of the calls that follow, which do not name it.
    Model(String),
    /// What the session had cost when a process of it ended, in millionths of a US dollar.
    Cost(u64),
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
        for _ in 0..MOST_PIECES {
            let before = files.read.clone();
            let found = files.read(scene.session()).await;
            found.into_iter().for_each(|found| files.tell(found, scene));
            if files.read == before {
                return;
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
            (_, UsageNotes::Codex) => Some(Self::Codex),
            (_, UsageNotes::No) => None,
        }
    }

    fn files(self, home: &Path, session: &str, known: &[&PathBuf]) -> Vec<PathBuf> {
        match self {
            Self::Kimi => kimi::files(home, session),
            Self::Claude => claude::files(home, session, known),
            Self::Gemini => gemini::files(home, session, known),
            Self::Codex => codex::files(home, session, known),
        }
    }

    /// Whether messages are told apart wherever they stand.
    fn has_ids(self) -> bool {
        match self {
            Self::Kimi => false,
            Self::Claude | Self::Gemini | Self::Codex => true,
        }
    }

    /// What a line of a file says, which begins at `at`.
    fn line(self, line: &[u8], file: &Path, at: u64) -> Vec<Found> {
        match self {
            Self::Kimi => kimi::line(line, file, at),
            Self::Claude => claude::line(line).into_iter().collect(),
            Self::Gemini => gemini::line(line).into_iter().collect(),
            Self::Codex => codex::line(line).into_iter().collect(),
        }
    }
}

impl SessionFiles {
    /// The files of an errand's agent, where it notes anything there.
    pub(super) fn of(errand: &Errand) -> Option<Self> {
        let format = Format::of(&errand.profile.quirks)?;
        Some(Self::at(format, errand.home.clone()?))
    }

    fn at(format: Format, home: PathBuf) -> Self {
        Self { format, home, read: BTreeMap::new(), accounts: Accounts::default(), model: None }
    }

    /// Passes over what earlier processes noted in a session that goes on.
    pub(super) async fn pass_over(&mut self, earlier: &Resumption) -> Past {
        let mut cost = None;
        loop {
            let before = self.read.clone();
            for found in self.read(Some(earlier.session.clone())).await {
                match found {
                    Found::Spent(spent, _) => {
                        let spent = self.named(spent);
                        self.accounts.earlier(spent);
                    }
                    Found::Model(model) => self.model = Some(model),
                    Found::Cost(micros) => cost = Some(micros),
                    Found::Trouble(..) => {}
                }
            }
            if self.read == before {
                break;
            }
        }
        Past { uncounted: self.accounts.uncounted(&earlier.used).into_iter().collect(), cost }
    }

    /// A call with its model.
    fn named(&self, spent: Spent) -> Spent {
        Spent { model: spent.model.or_else(|| self.model.clone()), ..spent }
    }

    fn tell(&mut self, found: Found, scene: &Scene) {
        match found {
            Found::Spent(spent, at) => {
                let spent = self.named(spent);
                scene.account(self.accounts.noted(spent, at).into_iter().collect());
                scene.lock().relief();
            }
            Found::Trouble(words, until) => {
                let now = (scene.now)();
                scene.lock().trouble(&scene.profile, words, until.filter(|at| is_within_reach(*at, now)));
            }
            Found::Model(model) => self.model = Some(model),
            // The conversation says what this process costs.
            Found::Cost(_) => {}
        }
    }

    /// The next piece of what has been added since the last time.
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
fn noted(usage: Usage, message: &Value, id: &str, at: &Value) -> Option<Found> {
    let text = |name: &str| message.get(name).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned);
    let (id, at) = (text(id)?, Timestamp::deserialize(at).ok()?);
    let spent = Spent { usage, id: Some(id), model: text("model") };
    (!usage.is_nothing()).then_some(Found::Spent(spent, Some(at)))
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::agents::keeping::Keeping;
    use crate::agents::rehearsal;

    pub(super) fn line(input: u64) -> String {
        format!(
            r#"{{"type":"usage.record","model":"k","usage":{{"inputOther":{input},"output":2,"inputCacheRead":3,"inputCacheCreation":4}}}}"#
        )
    }

    #[tokio::test]
    async fn what_earlier_processes_noted_is_counted_once_in_all() {
        let home = tempfile::tempdir().expect("a directory");
        let agent = home.path().join("sessions/wd_1/s/agents/main");
        std::fs::create_dir_all(&agent).expect("a directory");
        std::fs::write(agent.join("wire.jsonl"), format!("{}\n{}\n", line(1), line(10))).expect("a file");
        let used = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
        let left = async |used: Usage| {
            let mut files = SessionFiles::at(Format::Kimi, home.path().to_owned());
            let earlier = Resumption { session: "s".into(), prompt: String::new(), used };
            let left = files.pass_over(&earlier).await.uncounted;
            assert_eq!(files.read(Some("s".into())).await, []);
            left.into_iter().map(|one| one.usage).collect::<Vec<_>>()
        };
        assert_eq!(left(Usage { cached_tokens: 6, ..used(25, 4) }).await, []);
        assert_eq!(left(Usage { cached_tokens: 3, ..used(8, 2) }).await, [Usage { cached_tokens: 3, ..used(17, 2) }]);
    }

    #[tokio::test]
    async fn however_much_has_been_added_all_of_it_is_caught_up_with() {
        let home = tempfile::tempdir().expect("a directory");
        let agent = home.path().join("sessions/wd_1/s/agents/main");
        std::fs::create_dir_all(&agent).expect("a directory");
        let long = "x".repeat(usize::try_from(reading::CHUNK).expect("a length") - 1);
        let text = format!("{}\n{long}\n{}\n{long}\n{}\n", line(1), line(10), line(100));
        std::fs::write(agent.join("wire.jsonl"), text).expect("a file");
        let errand = rehearsal::errand(Quirks::default(), "/nowhere".into());
        let scene = Scene::new(&errand, unbounded_channel().0, Keeping::default());
        scene.lock().session = Some("s".to_owned());
        let files = SessionFiles::at(Format::Kimi, home.path().to_owned());
        catch_up(&Mutex::new(Some(files)), &scene).await;
        let used = Usage { input_tokens: 132, output_tokens: 6, cached_tokens: 9, usd_micros: None };
        assert_eq!(scene.lock().narrative.usage(), used);
    }
}
