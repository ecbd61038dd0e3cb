//! One agent, one model server, one repository: what a scenario works with, and what must be left of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::catalogue::{Agent, Site};
use super::comparison::Comparison;
use crate::support::model_server::{Counted, ModelServer};
use crate::support::scene::{GATE, Scene, Session};

/// The longest that any scenario takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// A place to try an agent in.
pub(crate) struct Bench<'a> {
    pub(crate) agent: &'a Agent,
    pub(crate) scene: Scene,
    pub(crate) server: ModelServer,
    _lasting: TempDir,
}

/// How a run of `omk` ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) took: Duration,
    /// The last document that it printed.
    pub(crate) said: Value,
    pub(crate) errors: String,
}

impl Ended {
    /// Everything that helps to see why.
    pub(crate) fn why(&self) -> String {
        format!("exit {:?} after {:.1?}: {}\n{}", self.code, self.took, self.said, self.errors)
    }
}

/// A slice that an agent works on by a script.
pub(crate) fn slice(id: &str, writes: &[&str], script: &Value) -> String {
    format!(
        "[[slices]]\nid = \"{id}\"\ntitle = \"Slice {id}\"\nwrites = {}\n\
         description = '''Do what the script says: <<script {script}>>'''\n",
        json!(writes)
    )
}

/// A step that writes a file of the worktree.
pub(crate) fn write(path: &str, content: &str) -> Value {
    json!({"write": {"path": format!("{{cwd}}/{path}"), "content": content}})
}

impl<'a> Bench<'a> {
    /// A new one. `configuration` goes into the file before the agent's table.
    pub(crate) fn new(agent: &'a Agent, cache: &Path, configuration: &str) -> Self {
        let (scene, server) = (Scene::new(), ModelServer::start());
        let home = scene.place.path("home");
        fs::create_dir(&home).unwrap();
        let lasting = tempfile::Builder::new().prefix("home-").tempdir_in(cache).unwrap();
        let site = Site { url: &server.url(), home: &home, lasting: lasting.path() };
        let settings = agent.settings(&site, cache);
        let bench = Self { agent, scene, server, _lasting: lasting };
        let (name, like) = (agent.name, agent.like);
        let mut text = format!("{configuration}\n[agents.{name}]\nlike = \"{like}\"\n[agents.{name}.env]\n");
        for (name, value) in &settings {
            text += &format!("{name} = {}\n", json!(value));
        }
        fs::write(bench.scene.place.path("config.toml"), text).unwrap();
        bench
    }

    /// Starts to work on a plan, and goes on.
    pub(crate) fn start(&self, slices: &str) -> Session {
        let plan = self.scene.plan(&(slices.to_owned() + GATE));
        let words = ["goal", "run", "Do it", "--until-ready", "--json", "--agent", self.agent.name, "--plan", &plan];
        self.session(&words)
    }

    fn session(&self, words: &[&str]) -> Session {
        let mut command = self.scene.command(words);
        command.env("OMK_CONFIG", self.scene.place.path("config.toml"));
        Session::start(command, self.scene.place.path("session"))
    }

    /// Works on a plan to its end.
    pub(crate) fn run(&self, slices: &str) -> Ended {
        let start = Instant::now();
        end_of(&mut self.start(slices), start)
    }

    /// Goes on with the goal to its end.
    pub(crate) fn resume(&self) -> Ended {
        let start = Instant::now();
        end_of(&mut self.take_up(), start)
    }

    /// Resumes the goal, and goes on.
    pub(crate) fn take_up(&self) -> Session {
        self.session(&["goal", "resume", "--json"])
    }

    /// A verb about the goal, to its end.
    pub(crate) fn verb(&self, verb: &str) -> Ended {
        self.words(&["goal", verb, "--json"])
    }

    /// Another `omk` beside the one that runs, to its end.
    pub(crate) fn words(&self, words: &[&str]) -> Ended {
        let start = Instant::now();
        let mut command = self.scene.command(words);
        command.env("OMK_CONFIG", self.scene.place.path("config.toml"));
        end_of(&mut Session::start(command, self.scene.place.path(words[1])), start)
    }

    /// Waits until the agent has asked its model what to do.
    pub(crate) fn see_asked(&self, session: &mut Session) {
        self.see(session, "a request", || self.server.requests().iter().any(|request| request.step.is_some()));
    }

    /// Waits until a file is in a slice's worktree, whichever attempt it is.
    pub(crate) fn see_in_worktree(&self, session: &mut Session, file: &str) {
        self.see(session, file, || self.worktrees().iter().any(|worktree| worktree.join(file).exists()));
    }

    fn see(&self, session: &mut Session, what: &str, is_there: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_there() {
            assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
            assert!(session.ended().is_none(), "omk ended early: {}\n{}", session.stdout(), session.stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn worktrees(&self) -> Vec<PathBuf> {
        let Ok(goals) = fs::read_dir(self.scene.place.state().join("goals")) else { return Vec::new() };
        let goals = goals.filter_map(|goal| Some(goal.ok()?.path().join("worktrees")));
        goals.filter_map(|dir| fs::read_dir(dir).ok()).flatten().filter_map(|it| Some(it.ok()?.path())).collect()
    }

    /// What happened, as far as the journal has it: a line a record, its beginning.
    pub(crate) fn tale(&self) -> String {
        if !self.scene.place.state().join("goals").exists() {
            return "there is no goal".to_owned();
        }
        let line =
            |record: Value| format!("{} {:.400}", record["type"].as_str().unwrap_or("?"), record["data"].to_string());
        self.scene.records().into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The agent's process: of those that have a keeper the first, the others are commands that we run for it.
    pub(crate) fn agent_process(&self) -> u32 {
        let kept = |pid: &u32| parent(*pid).is_some_and(|parent| holds(&read(parent, "cmdline"), b"\0__keeper\0"));
        let first = self.started().into_iter().filter(kept).min_by_key(|pid| began(*pid));
        first.expect("the agent's process is there")
    }

    /// The processes of this bench that are not `omk`.
    pub(crate) fn started(&self) -> Vec<u32> {
        let omk = Path::new(env!("CARGO_BIN_EXE_omk"));
        let is_omk = |pid: u32| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == omk);
        self.leftovers().into_iter().map(|(pid, _)| pid).filter(|pid| !is_omk(*pid)).collect()
    }

    /// What is left of this bench among the processes of the machine, as `pid command line`.
    pub(crate) fn leftovers(&self) -> Vec<(u32, String)> {
        let place = self.scene.place.path("").canonicalize().unwrap();
        let name = place.as_os_str().as_encoded_bytes();
        let ours = processes(|pid| {
            let inside = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&place));
            let says = |file: &str| holds(&read(pid, file), name);
            inside || says("cmdline") || says("environ")
        });
        let line = |pid: u32| String::from_utf8_lossy(&read(pid, "cmdline")).replace('\0', " ");
        ours.into_iter().map(|pid| (pid, line(pid))).collect()
    }

    /// What `omk` says was used, against what the server counted.
    pub(crate) fn comparison(&self) -> Comparison {
        let show = self.verb("show").said;
        let used = &show["budget"]["usage"];
        let number = |name: &str| used[name].as_u64().unwrap_or_default();
        let said =
            Counted { input: number("input_tokens"), cached: number("cached_tokens"), output: number("output_tokens") };
        Comparison::of(said, used["usd_micros"].as_u64(), &self.server.counted())
    }
}

/// Waits for the end of a run that began at `start`.
pub(crate) fn end_of(session: &mut Session, start: Instant) -> Ended {
    while session.ended().is_none() {
        if start.elapsed() > PATIENCE {
            panic!("omk did not end within {PATIENCE:?}\n{}\n{}", session.stdout(), session.stderr());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let (took, out) = (start.elapsed(), session.stdout());
    let last = out.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    let said = serde_json::from_str(last).unwrap_or_else(|_| Value::String(out.clone()));
    Ended { code: session.ended().and_then(|status| status.code()), took, said, errors: session.stderr() }
}

fn processes(is: impl Fn(u32) -> bool) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|it| it.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|pid| *pid != std::process::id() && is(*pid)).collect()
}

fn read(pid: u32, file: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

/// A field of its `stat`, from 0 behind its name.
fn stat(pid: u32, field: usize) -> Option<u64> {
    let stat = String::from_utf8(read(pid, "stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(field)?.parse().ok()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid, 1)?.try_into().ok()
}

/// When it began, in ticks of the machine.
fn began(pid: u32) -> Option<u64> {
    stat(pid, 19)
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
