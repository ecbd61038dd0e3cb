//! What an agent notes in its own session files about what it used and what its model refused, read as it grows.
//!
//! Kimi Code writes `<home>/sessions/<directory>/<session>/agents/<agent>/wire.jsonl` and reports usage nowhere else:
//! one record a model call, its subagents' too. Nor does it say elsewhere that its model takes no requests: it waits
//! without a word, and ends its turn as if all were well. The files are the agent's; what is not understood is passed over.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Mutex;

use super::Errand;
use crate::agents::errand::Resumption;
use crate::agents::profile::quirks::UsageSource;
use crate::agents::scene::{Scene, Spent};
use crate::domain::budget::Usage;
use crate::domain::ids::Timestamp;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How much of one file is read at once, in bytes.
const CHUNK: u64 = 8 << 20;

/// The files of one session.
#[derive(Debug)]
pub(super) struct SessionFiles {
    home: PathBuf,
    /// How far each file has been read.
    read: BTreeMap<PathBuf, u64>,
}

/// The files, where that is how the agent reports.
pub(super) type Records = Mutex<Option<SessionFiles>>;

/// One thing that was found in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A model call that was answered.
    Spent(Spent),
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
                Found::Spent(spent) => {
                    scene.account(vec![spent]);
                    scene.lock().relief();
                }
                Found::Trouble(words, until) => scene.lock().trouble(&scene.profile, words, until),
            }
        }
    }
}

impl SessionFiles {
    /// The files of an errand's agent, where that is how it reports.
    pub(super) fn of(errand: &Errand) -> Option<Self> {
        let home = errand.home.clone()?;
        match errand.profile.quirks.usage_source {
            UsageSource::KimiSessionFile => Some(Self { home, read: BTreeMap::new() }),
            UsageSource::Any | UsageSource::TurnUsage | UsageSource::Quota | UsageSource::Messages => None,
        }
    }

    /// Passes over what earlier processes noted in a session that goes on. What of it nobody has counted is returned:
    /// they were killed before it was read.
    pub(super) async fn pass_over(&mut self, earlier: &Resumption) -> Vec<Spent> {
        let (mut sum, mut model) = (Usage::default(), None);
        loop {
            let before = self.read.clone();
            for found in self.read(Some(earlier.session.clone())).await {
                if let Found::Spent(spent) = found {
                    sum = sum.plus(&spent.usage);
                    model = spent.model.or(model);
                }
            }
            if self.read == before {
                break;
            }
        }
        let usage = Usage { usd_micros: None, ..sum.beyond(&earlier.used) };
        if usage.is_nothing() { Vec::new() } else { vec![Spent { usage, id: None, model }] }
    }

    /// What has been added since the last time.
    pub(super) async fn read(&mut self, session: Option<String>) -> Vec<Found> {
        let Some(session) = session.filter(|id| !id.is_empty() && !id.contains(['/', '\0']) && !id.starts_with('.'))
        else {
            return Vec::new();
        };
        let (home, mut read) = (self.home.clone(), self.read.clone());
        let done = tokio::task::spawn_blocking(move || {
            let found = read_on(&home, &session, &mut read);
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

fn read_on(home: &Path, session: &str, read: &mut BTreeMap<PathBuf, u64>) -> Vec<Found> {
    let agents = children(&home.join("sessions")).into_iter().map(|dir| dir.join(session).join("agents"));
    let files = agents.flat_map(|dir| children(&dir)).map(|agent| agent.join("wire.jsonl"));
    let mut found = Vec::new();
    for file in files {
        let from = read.entry(file.clone()).or_default();
        // A file that is not there is read when it is.
        let _not_yet = read_file(&file, from, &mut found);
    }
    found
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// Reads whole lines from `from` on, and moves it behind them.
fn read_file(path: &Path, from: &mut u64, found: &mut Vec<Found>) -> io::Result<()> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(*from))?;
    let mut bytes = Vec::new();
    file.take(CHUNK).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
    for line in bytes[..whole].split_inclusive(|&b| b == b'\n') {
        let agent = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        found.extend(record(line, &format!("{agent}:{from}")));
        // A subagent's trouble is not the end of the work.
        found.extend(retry(line).filter(|_| agent == "main"));
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

/// That a model call failed and is tried again.
fn retry(line: &[u8]) -> Option<Found> {
    let record = of_kind(line, "turn.step.retrying")?;
    let number = |name: &str| record.get(name).and_then(Value::as_u64);
    let words = record.get("errorMessage").and_then(Value::as_str).unwrap_or("its model did not answer");
    let words = match number("statusCode").map(|status| status.to_string()) {
        Some(status) if !words.starts_with(&status) => format!("{status} {words}"),
        Some(_) | None => words.to_owned(),
    };
    let until = number("time").zip(number("delayMs")).map(|(at, wait)| Timestamp(at).plus(wait));
    Some(Found::Trouble(words, until))
}

fn record(line: &[u8], id: &str) -> Option<Found> {
    let record = of_kind(line, "usage.record")?;
    // A session's sums repeat what its turns said.
    if record.get("usageScope").and_then(Value::as_str).unwrap_or("turn") != "turn" {
        return None;
    }
    let counts = record.get("usage").unwrap_or(&record);
    let count = |name: &str| counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    let cached_tokens = count("inputCacheRead");
    let usage = Usage {
        input_tokens: count("inputOther") + cached_tokens + count("inputCacheCreation"),
        cached_tokens,
        output_tokens: count("output"),
        usd_micros: None,
    };
    let model = record.get("model").and_then(Value::as_str).map(str::to_owned);
    Some(Found::Spent(Spent { usage, id: Some(id.to_owned()), model }))
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
            Found::Spent(spent) => spent,
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
            let found = read_on(home.path(), "session_x", &mut read);
            found.into_iter().map(spent).map(|one| (one.usage.input_tokens, one.id)).collect()
        };
        assert_eq!(inputs(), [(8, Some("main:17".to_owned()))]);
        assert_eq!(inputs(), []);
        std::fs::write(&wire, format!("{{\"type\":\"other\"}}\n{}\n{}\n", line(1), line(10))).expect("a file");
        std::fs::create_dir_all(agent("sub")).expect("a directory");
        std::fs::write(agent("sub").join("wire.jsonl"), format!("{}\n", line(20))).expect("a file");
        assert_eq!(inputs().into_iter().map(|(input, _)| input).collect::<Vec<_>>(), [17, 27]);
    }

    #[tokio::test]
    async fn what_earlier_processes_noted_is_counted_once_in_all() {
        let home = tempfile::tempdir().expect("a directory");
        let agent = home.path().join("sessions/wd_1/s/agents/main");
        std::fs::create_dir_all(&agent).expect("a directory");
        std::fs::write(agent.join("wire.jsonl"), format!("{}\n{}\n", line(1), line(10))).expect("a file");
        let used = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
        let left = async |used: Usage| {
            let mut files = SessionFiles { home: home.path().to_owned(), read: BTreeMap::new() };
            let earlier = Resumption { session: "s".into(), prompt: String::new(), used };
            let left = files.pass_over(&earlier).await;
            assert_eq!(files.read(Some("s".into())).await, []);
            left.into_iter().map(|one| one.usage).collect::<Vec<_>>()
        };
        assert_eq!(left(Usage { cached_tokens: 6, ..used(25, 4) }).await, []);
        assert_eq!(left(Usage { cached_tokens: 3, ..used(8, 2) }).await, [Usage { cached_tokens: 3, ..used(17, 2) }]);
    }

    #[test]
    fn a_wait_for_the_model_is_read_with_its_end() {
        let line = |status| {
            format!(
                r#"{{"type":"turn.step.retrying","failedAttempt":1,"delayMs":30000,"errorMessage":"429 slow down","statusCode":{status},"time":1000}}"#
            )
        };
        let until = Some(Timestamp(31_000));
        assert_eq!(retry(line(429).as_bytes()), Some(Found::Trouble("429 slow down".to_owned(), until)));
        assert_eq!(retry(line(500).as_bytes()), Some(Found::Trouble("500 429 slow down".to_owned(), until)));
        assert_eq!(retry(br#"{"type":"other","x":"turn.step.retrying"}"#), None);
    }

    #[test]
    fn sums_of_a_session_are_not_counted_again() {
        let sum = br#"{"type":"usage.record","usageScope":"session","usage":{"inputOther":5}}"#;
        assert_eq!(record(sum, "x"), None);
    }
}
