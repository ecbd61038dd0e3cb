//! A user at a terminal: a real repository, a plan, and the real program run on them, to its end or meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::git_repo::{GitRepo, contents};
use crate::support::omk::{Place, Ran};

/// The gate of most plans here.
pub(crate) const GATE: &str = "[[gates]]\nname = \"check\"\ncommand = \"sh gate.sh\"\n";
/// Lets a command heed the signals that a user sends, also where whoever started the tests ignores them (`nohup`, a job
/// in the background of a script).
pub(crate) fn heeding_signals(command: &mut Command) -> &mut Command {
    #[expect(unsafe_code, reason = "an ignored signal stays ignored over an exec, and only the child may change that")]
    // SAFETY: the closure makes system calls that are safe behind a fork, without allocation or locks.
    unsafe {
        command.pre_exec(|| {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                libc::signal(signal, libc::SIG_DFL);
            }
            Ok(())
        })
    }
}

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition holds; fails the test where it never does.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A slice of a plan that does `run`, with `more` of its fields.
pub(crate) fn slice(id: &str, more: &str, run: &str) -> String {
    format!("[[slices]]\nid = \"{id}\"\n{more}\nrun = '''{run}'''\n")
}

/// A user with a repository whose gate is the file `gate.sh`, green at first.
pub(crate) struct Scene {
    pub(crate) place: Place,
    pub(crate) repo: GitRepo,
}

impl Scene {
    /// A repository with a green gate and a file.
    pub(crate) fn new() -> Self {
        Self::with(&[("gate.sh", "exit 0\n"), ("a.txt", "alpha\nbeta\ngamma\n")])
    }

    /// A repository with one commit of these files.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let scene = Self { place: Place::new(), repo: GitRepo::with_files(files) };
        fs::create_dir(scene.place.path("marks")).unwrap();
        scene
    }

    /// Writes the plan and returns its path.
    pub(crate) fn plan(&self, text: &str) -> String {
        let path = self.place.path("plan.toml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A file outside of the repository by which agents, gates and tests tell each other something.
    pub(crate) fn mark(&self, name: &str) -> PathBuf {
        self.place.path("marks").join(name)
    }

    /// A shell loop that waits for a mark, and says by another that it does.
    pub(crate) fn wait_for(&self, said: &str, awaited: &str) -> String {
        let (said, awaited) = (self.mark(said), self.mark(awaited));
        format!("touch {}; while [ ! -e {} ]; do sleep 0.01; done", said.display(), awaited.display())
    }

    /// Makes a mark.
    pub(crate) fn make(&self, name: &str) {
        fs::write(self.mark(name), "").unwrap();
    }

    /// Waits for a mark.
    pub(crate) fn see(&self, name: &str) {
        until(&format!("{name} is there"), || self.mark(name).exists());
    }

    /// The program, in the user's checkout.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.place.command(words);
        command.current_dir(&self.repo.root);
        command
    }

    /// Runs the program to its end, in the user's checkout.
    pub(crate) fn omk(&self, words: &[&str]) -> Ran {
        Ran(self.command(words).output().unwrap())
    }

    /// Runs a plan until it is ready, or something stops it.
    pub(crate) fn run(&self, plan: &str, more: &[&str]) -> Ran {
        let plan = self.plan(plan);
        self.omk(&[&["goal", "run", "Do it", "--until-ready", "--plan", &plan][..], more].concat())
    }

    /// Starts the program in the user's checkout and goes on.
    pub(crate) fn start(&self, words: &[&str]) -> Session {
        Session::start(self.command(words), self.place.path("session"))
    }

    /// Starts to run a plan and goes on.
    pub(crate) fn start_plan(&self, plan: &str, more: &[&str]) -> Session {
        let plan = self.plan(plan);
        self.start(&[&["goal", "run", "Do it", "--until-ready", "--plan", &plan][..], more].concat())
    }

    /// The directory of the only goal.
    pub(crate) fn goal(&self) -> PathBuf {
        let goals: Vec<_> = fs::read_dir(self.place.state().join("goals")).unwrap().map(|it| it.unwrap()).collect();
        assert_eq!(goals.len(), 1, "{goals:?}");
        goals[0].path()
    }

    /// The id of the only goal.
    pub(crate) fn id(&self) -> String {
        self.goal().file_name().unwrap().to_str().unwrap().to_owned()
    }

    /// The records of the only goal's journal; one that is being written is left out.
    pub(crate) fn records(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.goal().join("events.jsonl")).unwrap();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until the journal of the only goal, which may still be made, has a record of a type.
    pub(crate) fn see_record(&self, kind: &str) {
        let goals = self.place.state().join("goals");
        let journals =
            || fs::read_dir(&goals).into_iter().flatten().flatten().map(|goal| goal.path().join("events.jsonl"));
        until(kind, || journals().any(|journal| journal.exists()) && !self.records_of(kind).is_empty());
    }

    /// The records of one type.
    pub(crate) fn records_of(&self, kind: &str) -> Vec<Value> {
        self.records()
            .into_iter()
            .filter(|record| record["type"] == kind)
            .map(|record| record["data"].clone())
            .collect()
    }

    /// What a verb says of the only goal under `--json`.
    pub(crate) fn json(&self, verb: &str) -> Value {
        self.omk(&["goal", verb, "--json"]).json()
    }

    /// A file of the integrated branch.
    pub(crate) fn integrated(&self, path: &str) -> String {
        self.repo.git(&["show", &format!("omk/{}/integration:{path}", self.id())])
    }

    /// The names of the branches of the user's repository.
    pub(crate) fn branches(&self) -> Vec<String> {
        let names = self.repo.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
        names.lines().map(str::to_owned).collect()
    }

    /// What nobody but the user may change: the checkout, HEAD, index, configuration and hooks.
    pub(crate) fn sacred(&self) -> Contents {
        sacred(&self.repo.root)
    }

    /// Everything in the repository and in the state directory, but who looked at a goal last.
    pub(crate) fn everything(&self) -> Contents {
        let mut all = self.repo.contents();
        if self.place.state().exists() {
            let mut state = contents(&self.place.state());
            state.retain(|path, _| !path.ends_with("lock"));
            all.extend(state.into_iter().map(|(path, bytes)| (Path::new("state").join(path), bytes)));
        }
        Contents(all)
    }
}

/// What nobody but the user may change, of the repository at `root`.
pub(crate) fn sacred(root: &Path) -> Contents {
    let ours = [".git/objects", ".git/refs/heads/omk", ".git/refs/omk", ".git/logs/refs"];
    let mut all = contents(root);
    all.retain(|path, _| !ours.iter().any(|name| path.starts_with(name)));
    Contents(all)
}

/// Files with their content; what differs is shown as text, a line a file.
#[derive(PartialEq, Eq)]
pub(crate) struct Contents(BTreeMap<PathBuf, Vec<u8>>);

impl Contents {
    /// Fails the test where the files are others than `before`.
    pub(crate) fn assert_as(&self, before: &Self) {
        let all: BTreeSet<_> = self.0.keys().chain(before.0.keys()).collect();
        let changed: Vec<_> = all.into_iter().filter(|path| self.0.get(*path) != before.0.get(*path)).collect();
        assert!(changed.is_empty(), "changed: {changed:?}");
    }
}

/// A running `omk`; killed at the end where it still runs.
pub(crate) struct Session {
    child: Child,
    files: PathBuf,
}

impl Session {
    /// Starts a command whose output goes to files below `files`.
    pub(crate) fn start(mut command: Command, files: PathBuf) -> Self {
        fs::create_dir_all(&files).unwrap();
        command.stdout(File::create(files.join("out")).unwrap()).stderr(File::create(files.join("err")).unwrap());
        Self { child: heeding_signals(&mut command).stdin(Stdio::null()).spawn().unwrap(), files }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.files.join("out")).unwrap()
    }

    /// Its progress so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.files.join("err")).unwrap()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it is over.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// How it ended; `None` where it still runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let mut status = None;
        until("omk ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Waits for its end and returns the exit code, which a signal does not leave.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.end().code()
    }
}

/// A process of a test, killed at the end where it still runs.
pub(crate) struct Killed(pub(crate) Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _it_ended_already = self.0.kill();
        let _reaped = self.0.wait();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _it_ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The processes whose working directory, program or arguments name a path.
pub(crate) fn processes_at(path: &Path) -> Vec<u32> {
    let path = path.canonicalize().unwrap();
    let name = path.as_os_str().as_encoded_bytes().to_vec();
    let all = fs::read_dir("/proc").unwrap().filter_map(|it| it.unwrap().file_name().to_str()?.parse().ok());
    all.filter(|pid: &u32| {
        let of = Path::new("/proc").join(pid.to_string());
        let inside = fs::read_link(of.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&path));
        let said = fs::read(of.join("cmdline")).unwrap_or_default();
        inside || said.windows(name.len()).any(|part| part == name)
    })
    .collect()
}
