//! Meets an agent: finds its program, says hello, opens a session and leaves again. Spends nothing.
//!
//! Owns what is said of an agent that cannot be worked with: its own words apart from the commands that mend it. One that
//! opens a session without a login is asked for that as well, which makes no difference to whether it can be worked with.
//! Invariant: when a meeting is over no process of the agent is left.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cmd;
use super::conversing::{furnish, known, plain, profile_of, speak};
use super::ending::with_words;
use super::environment::AgentEnvironment;
use super::errand::{Done, Ears};
use super::host::{AgentHost, AgentSetup, end_of};
use super::inquiry::{Said, ask};
use super::keeping::Evidence;
use super::name::{AgentName, parse_agent_among};
use super::node::{self, Found};
use super::profile::login::Login;
use super::profile::{AgentProfile, Profiles};
use crate::domain::agent::AgentEnd;
use crate::ports::Effect;
use crate::process::drive::{Heard, Limits, Stream, drive};
use crate::process::program::Program;
use crate::process::spawn::{Input, OutputPlan, Spec};

/// Where agents say their version when they are greeted.
const VERSIONS: &[&str] =
    &["/result/agentInfo/version", "/result/server/version", "/claude_code_version", "/result/version"];
/// Words of a login that is missing.
const LOGIN: &[&str] = &["auth", "log in", "login", "logged", "api key", "api_key", "credential", "401", "403"];
/// The most that is kept of what a program prints beside its version.
const LONGEST_VERSION: usize = 4096;

/// How an agent was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meeting {
    /// Its program; `None` where only a shell can tell, or where there is none.
    pub program: Option<PathBuf>,
    /// Its version, in its own words.
    pub version: Option<String>,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub answer: Answer,
    /// Whether somebody is logged in; `None` where nobody asked, because it opens no session without or has no words
    /// for that.
    pub login: Option<Login>,
    /// The commands that mend it, the likeliest first.
    pub mend: Vec<String>,
}

/// What came of meeting an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It opened a session.
    Session,
    /// Its program is there; such agents say nothing before they work.
    Silent,
    /// Its program cannot be started: the cause, one sentence.
    Missing(String),
    /// It cannot be worked with: the cause, and its own words on further lines.
    Refused(String),
}

impl Meeting {
    /// Why the agent cannot be used; `None` where it can.
    pub fn problem(&self) -> Option<&str> {
        match &self.answer {
            Answer::Session | Answer::Silent => None,
            Answer::Missing(problem) | Answer::Refused(problem) => Some(problem),
        }
    }

    /// What it says of a login that is missing.
    pub fn without_login(&self) -> Option<&str> {
        match &self.login {
            Some(Login::Missing(words)) => Some(words),
            Some(Login::There | Login::NotKnown) | None => None,
        }
    }

    fn with_login(self, login: Option<Login>, profile: &AgentProfile) -> Self {
        let met = Self { login, ..self };
        match met.without_login() {
            Some(_) => Self { mend: profile.login.iter().cloned().collect(), ..met },
            None => met,
        }
    }
}

/// The program of an agent, found without starting it: `Err` has the cause in one sentence. A relative command is
/// looked for at `cwd`.
pub fn located(
    agent: &str,
    cwd: &Path,
    env: &AgentEnvironment,
    profiles: &Profiles,
) -> Result<Option<PathBuf>, String> {
    let path = env.value("PATH").map(|path| path.as_os_str());
    match parse_agent_among(agent, profiles).map_err(|unknown| unknown.to_string())? {
        AgentName::Script => Ok(None),
        AgentName::Command(command) | AgentName::Acp(command) => cmd::located(&command, cwd, path),
        AgentName::Profile(name) => {
            let profile = profiles.find(&name).ok_or_else(|| format!("agent `{name}` has no profile"))?;
            let path = profile.env.get("PATH").map(OsString::from).or_else(|| env.value("PATH").cloned());
            let program = profile.command.first().map(String::as_str).unwrap_or_default();
            cmd::located(program, cwd, path.as_deref())
        }
    }
}

impl AgentHost {
    /// Meets an agent. `place` is the directory that its session is opened in; absolute, no symbolic links. It is let go
    /// after the time that its profile gives it, or when `stop` is cancelled.
    pub fn meet(&self, agent: &str, place: PathBuf, stop: CancellationToken) -> Effect<Meeting> {
        let setup = Arc::clone(&self.setup);
        let agent = agent.to_owned();
        Box::pin(async move { setup.meet(&agent, place, &stop).await })
    }

    /// Speaks to an agent and leaves again: `Err` has the cause and what mends it.
    pub fn greet(&self, agent: &str, place: PathBuf) -> Effect<Result<(), String>> {
        let meeting = self.meet(agent, place, CancellationToken::new());
        Box::pin(async move {
            let meeting = meeting.await;
            match meeting.problem() {
                None => Ok(()),
                Some(problem) if meeting.mend.is_empty() => Err(problem.to_owned()),
                Some(problem) => Err(format!("{problem}; mend it with `{}`", meeting.mend.join("` or `"))),
            }
        })
    }
}

impl AgentSetup {
    async fn meet(&self, agent: &str, place: PathBuf, stop: &CancellationToken) -> Meeting {
        let since = Instant::now();
        let (profile, known) = (profile_of(self, agent), known(self, agent));
        let met = |program, version, answer: Answer| {
            let mend = known.as_ref().map(|profile| mends(profile, &answer)).unwrap_or_default();
            Meeting { program, version, took: since.elapsed(), answer, login: None, mend }
        };
        let program = match located(agent, &self.cwd, &self.environment, &self.settings.profiles) {
            Ok(program) => program,
            Err(problem) => return met(None, None, Answer::Missing(problem)),
        };
        let Some(profile) = &profile else {
            return met(program, None, self.unspoken(agent));
        };
        let (answer, version) = self.converse_briefly(profile, place.clone(), stop).await;
        let met = met(program.clone(), version, answer);
        let met = match program {
            Some(program) if met.version.is_none() && says_its_version(&program) => {
                Meeting { version: self.version(&program, profile, place.clone(), stop).await, ..met }
            }
            Some(_) | None => met,
        };
        match met.answer {
            Answer::Session => {
                let login = self.login(profile, met.version.as_deref(), place, stop).await;
                met.with_login(login, profile)
            }
            Answer::Refused(_) => match self.unfit(&met, profile, place, stop).await {
                Some((problem, mend)) => Meeting { answer: Answer::Refused(problem), mend, ..met },
                None => met,
            },
            Answer::Silent | Answer::Missing(_) => met,
        }
    }

    /// Why an agent that could not be worked with is not one that could be: another program by its name, or one without
    /// the Node that it needs; with its words, and with what mends that.
    async fn unfit(
        &self,
        met: &Meeting,
        profile: &AgentProfile,
        place: PathBuf,
        stop: &CancellationToken,
    ) -> Option<(String, Vec<String>)> {
        let words = met.problem()?;
        let generation = profile.quirks.generation.as_ref().zip(met.version.as_deref());
        if let Some(Err(other)) = generation.and_then(|(generation, version)| generation.judge(version)) {
            let mend = profile.install.clone().map_or_else(|| met.mend.clone(), |install| vec![install]);
            let said_already = words.contains(&other);
            return Some((if said_already { words.to_owned() } else { with_words(other, words) }, mend));
        }
        let wanted = met.program.as_deref().and_then(node::wanted);
        let found = match (node::that_died(words), &wanted) {
            (Some(version), _) => Found::Version(version.to_owned()),
            (None, Some(_)) => self.node(profile, place, stop).await,
            (None, None) => Found::NotKnown,
        };
        let fault = node::fault(wanted.as_deref(), &found, words)?;
        Some((with_words(fault, words), Vec::new()))
    }

    /// The Node that an agent's program runs on.
    async fn node(&self, profile: &AgentProfile, place: PathBuf, stop: &CancellationToken) -> Found {
        let mut errand = plain(self, profile.clone(), place, &[]);
        errand.limits.timeout = handshake(profile);
        let path = errand.env.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_os_str());
        if cmd::located("node", &self.cwd, path).is_err() {
            return Found::Missing;
        }
        match ask(&errand, &self.launcher, ["node", "--version"].into_iter(), stop).await {
            Ok((Said::Yes, words)) => Found::Version(words.trim().to_owned()),
            Ok((Said::No | Said::Nothing, _)) | Err(_) => Found::NotKnown,
        }
    }

    /// What can be said of an agent that no dialect of this room is spoken with.
    fn unspoken(&self, agent: &str) -> Answer {
        match parse_agent_among(agent, &self.settings.profiles) {
            Ok(AgentName::Script | AgentName::Command(_) | AgentName::Acp(_) | AgentName::Profile(_)) => Answer::Silent,
            Err(unknown) => Answer::Missing(unknown.to_string()),
        }
    }

    async fn converse_briefly(
        &self,
        profile: &AgentProfile,
        place: PathBuf,
        stop: &CancellationToken,
    ) -> (Answer, Option<String>) {
        let patience = patience(profile);
        if let Err(end) = furnish(&self.environment, profile) {
            return (answer(end, profile, patience), None);
        }
        let mut errand = plain(self, profile.clone(), place, &[]);
        errand.limits.timeout = patience;
        let ears = Ears { events: unbounded_channel().0, hints: unbounded_channel().1, evidence: Evidence::default() };
        match speak(errand, &self.launcher, ears, stop).await {
            Ok(Done { end, evidence, .. }) => {
                (answer(end, profile, patience), stated_version(&evidence.frames.into_bytes()))
            }
            Err(error) => (answer(end_of(error), profile, patience), None),
        }
    }

    /// What the program prints when it is asked for its version.
    async fn version(
        &self,
        program: &Path,
        profile: &AgentProfile,
        cwd: PathBuf,
        stop: &CancellationToken,
    ) -> Option<String> {
        let env = plain(self, profile.clone(), cwd.clone(), &[]).env;
        let program = Program { program: program.into(), args: vec!["--version".into()], env, cwd };
        let brief = handshake(profile);
        let spec = Spec { program, input: Input::Null, output: OutputPlan::Split, lease: brief * 2 };
        let running = self.launcher.launch(spec).await.ok()?;
        let mut printed = Vec::new();
        let limits = Limits { timeout: brief, grace: Duration::from_secs(1), pulse: brief };
        let mut hear = |heard: Heard<'_>| match heard {
            Heard::Bytes(Stream::Output, bytes) if printed.len() < LONGEST_VERSION => printed.extend_from_slice(bytes),
            Heard::Bytes(Stream::Output | Stream::Errors, _) | Heard::Vitals(_) => {}
        };
        drive(running, limits, stop, &mut hear).await;
        let text = crate::process::sanitise::sanitise(&printed);
        text.lines().find(|line| line.contains(|c: char| c.is_ascii_digit())).map(|line| line.trim().to_owned())
    }
}

/// How long one answer of an agent's may take, or one short run of its program.
fn handshake(profile: &AgentProfile) -> Duration {
    Duration::from_millis(profile.quirks.handshake_ms)
}

/// How long an agent may take in all: it says hello, and opens a session.
fn patience(profile: &AgentProfile) -> Duration {
    handshake(profile).saturating_mul(2)
}

fn answer(end: AgentEnd, profile: &AgentProfile, patience: Duration) -> Answer {
    let problem = match end {
        AgentEnd::Finished => return Answer::Session,
        AgentEnd::Unavailable { detail }
        | AgentEnd::Failed { detail }
        | AgentEnd::Faulted { detail }
        | AgentEnd::Limited { detail, .. } => detail,
        AgentEnd::TimedOut => format!("it did not open a session within {patience:?}"),
        AgentEnd::Lapsed => "omk stood still for too long".to_owned(),
        AgentEnd::Stopped => "it was let go before it had opened a session".to_owned(),
        AgentEnd::Asked { question } => format!("it asks before it opens a session: {question}"),
    };
    // Name and remedy are told apart from the words.
    let problem = problem.replacen(&format!("; {}", profile.mend()), "", 1);
    let problem = problem.strip_prefix(&format!("{}: ", profile.name)).unwrap_or(&problem).trim();
    Answer::Refused(problem.to_owned())
}

fn mends(profile: &AgentProfile, answer: &Answer) -> Vec<String> {
    let (install, login) = (profile.install.clone(), profile.login.clone());
    match answer {
        Answer::Session | Answer::Silent => Vec::new(),
        Answer::Missing(_) => install.into_iter().collect(),
        Answer::Refused(problem) => {
            let problem = problem.to_lowercase();
            let logged_out = LOGIN.iter().any(|word| problem.contains(word));
            let order = if logged_out { [login, None] } else { [install, login] };
            order.into_iter().flatten().collect()
        }
    }
}

/// The version that an agent stated in its first answers.
fn stated_version(frames: &[u8]) -> Option<String> {
    let frames = String::from_utf8_lossy(frames);
    frames.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|it| it["dir"] == "<-").find_map(
        |frame| {
            let stated = VERSIONS.iter().find_map(|place| frame["msg"].pointer(place)?.as_str());
            stated.map(|version| crate::process::sanitise::one_line(version.as_bytes()))
        },
    )
}

/// Whether a program is one that is known to print its version and end; anything else is started for its work only.
fn says_its_version(program: &Path) -> bool {
    let name = program.file_name().and_then(|name| name.to_str());
    let built_in = Profiles::default();
    built_in.all().any(|profile| profile.command.first().map(String::as_str) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_the_agent_stated_of_itself() {
        let frames = b"{\"t\":0.1,\"dir\":\"->\",\"msg\":{\"result\":{\"agentInfo\":{\"version\":\"0\"}}}}\n\
            {\"t\":0.2,\"dir\":\"narrative\",\"msg\":\"hello\"}\n\
            {\"t\":0.3,\"dir\":\"<-\",\"msg\":{\"result\":{\"agentInfo\":{\"name\":\"x\",\"version\":\"2.1\"}}}}\n";
        assert_eq!(stated_version(frames), Some("2.1".to_owned()));
        assert_eq!(stated_version(b"{\"dir\":\"<-\",\"msg\":{\"result\":{}}}\n"), None);
    }

    #[test]
    fn an_agent_has_the_time_of_its_profile() {
        let profiles = Profiles::default();
        let time = |name: &str| profiles.find(name).map(patience);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!((time("opencode"), time("kimi")), (seconds(240), seconds(60)));
    }

    #[test]
    fn what_mends_an_agent_depends_on_what_it_said() {
        let profiles = Profiles::default();
        let kimi = profiles.find("kimi").expect("a built-in one");
        let mended = |answer| mends(kimi, &answer);
        let (install, login) = ("npm install -g @moonshot-ai/kimi-code", "kimi login");
        assert_eq!(mended(Answer::Missing("gone".into())), [install]);
        assert_eq!(mended(Answer::Refused("Authentication required".into())), [login]);
        assert_eq!(mended(Answer::Refused("it ended".into())), [install, login]);
        assert!(mended(Answer::Session).is_empty());
    }
}
