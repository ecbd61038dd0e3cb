//! Two repositories over one state directory: which goals a command is about.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::git_repo::GitRepo;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, processes_at, slice};

/// A user with two repositories, of which each has a planned goal: first this one, then the other.
struct Two {
    scene: Scene,
    other: GitRepo,
    own: String,
    foreign: String,
}

impl Two {
    fn new() -> Self {
        let scene = Scene::new();
        let other = GitRepo::with_files(&[("gate.sh", "exit 0\n")]);
        let mut two = Self { scene, other, own: String::new(), foreign: String::new() };
        two.own = two.planned(&two.scene.repo.root, "Own work");
        two.foreign = two.planned(&two.other.root, "Foreign work");
        two
    }

    fn planned(&self, root: &Path, goal: &str) -> String {
        let plan = self.scene.plan(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE));
        let ran = self.at(root, &["goal", "run", goal, "--plan", &plan, "--json"]);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        ran.json()["id"].as_str().unwrap().to_owned()
    }

    /// Runs the program in a directory.
    fn at(&self, dir: &Path, words: &[&str]) -> Ran {
        Ran(self.scene.place.command(words).current_dir(dir).output().unwrap())
    }

    fn here(&self, words: &[&str]) -> Ran {
        self.scene.omk(words)
    }

    fn nowhere(&self, words: &[&str]) -> Ran {
        self.at(&self.scene.place.path("."), words)
    }

    /// The status of a goal, by its id.
    fn status(&self, id: &str) -> Value {
        self.nowhere(&["goal", "status", id, "--json"]).json()["status"].clone()
    }
}

fn ids(listed: &Ran) -> Vec<String> {
    let listed = listed.json();
    let goals = listed["goals"].as_array().unwrap();
    goals.iter().map(|goal| goal["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn latest_and_the_list_are_of_this_repository_wherever_in_it_one_stands() {
    let two = Two::new();
    let root = &two.scene.repo.root;
    let (below, linked, link) = (root.join("deep/er"), two.scene.place.path("linked"), two.scene.place.path("link"));
    fs::create_dir_all(&below).unwrap();
    two.scene.repo.git(&["worktree", "add", "-q", linked.to_str().unwrap()]);
    symlink(root, &link).unwrap();
    for place in [root, &below, &linked, &link, &root.join(".git")] {
        assert_eq!(two.at(place, &["goal", "status", "--json"]).json()["id"], json!(two.own), "{}", place.display());
        let named = place.to_str().unwrap();
        assert_eq!(two.nowhere(&["goal", "show", "-C", named, "--json"]).json()["id"], json!(two.own));
        assert_eq!(ids(&two.at(&two.other.root, &["goal", "list", "-C", named, "--json"])), [two.own.as_str()]);
    }
    assert_eq!(two.at(&two.other.root, &["goal", "status", "--json"]).json()["id"], json!(two.foreign));
    // An exact id, or code, works from anywhere.
    let code = two.foreign.rsplit('-').next().unwrap();
    for name in [two.foreign.as_str(), code] {
        assert_eq!(two.here(&["goal", "status", name, "--json"]).json()["id"], json!(two.foreign));
    }
    // A file system's other name for the same repository is the same repository.
    let moved = two.scene.place.path("moved");
    fs::rename(root, &moved).unwrap();
    symlink(&moved, root).unwrap();
    assert_eq!(ids(&two.at(&moved, &["goal", "list", "--json"])), [two.own.as_str()]);
    fs::remove_file(root).unwrap();
    fs::rename(&moved, root).unwrap();
}

#[test]
fn the_list_of_all_names_repositories() {
    let two = Two::new();
    let all = two.here(&["goal", "list", "--all", "--json"]);
    assert_eq!(ids(&all), [two.foreign.clone(), two.own.clone()]);
    assert_eq!(all.json()["goals"][1]["repository"], json!(two.scene.repo.root.canonicalize().unwrap()));
    let shown = two.here(&["goal", "list", "--all"]).stdout();
    assert!(shown.contains("REPOSITORY") && shown.contains(two.other.root.to_str().unwrap()), "{shown}");
    assert!(!two.here(&["goal", "list"]).stdout().contains("REPOSITORY"));
    // Outside of a repository it is of all by itself.
    assert_eq!(two.nowhere(&["goal", "list"]).stdout(), shown);
}

#[test]
fn a_command_that_changes_a_goal_never_takes_one_of_another_repository() {
    let two = Two::new();
    let third = GitRepo::with_files(&[("a", "a")]);
    for words in [
        &["cancel"][..],
        &["pause"],
        &["resume"],
        &["verify"],
        &["review"],
        &["execute"],
        &["retry", "--slice", "one"],
        &["budget-add", "--time", "1m"],
        &["steer", "--slice", "one", "--text", "x"],
        &["proof", "--verify", "--rerun"],
        &["cancel", "latest"],
        &["cancel", "foreign"],
        &["answer", "a1", "--yes"],
        &["answer", "latest.a1", "--yes"],
    ] {
        let words = [&["goal"], words].concat();
        let ran = two.at(&third.root, &words);
        assert_eq!(ran.code(), Some(2), "{words:?}: {}", ran.stdout());
        if words[2..] != ["foreign"] {
            let ran = two.nowhere(&words);
            assert_eq!(ran.code(), Some(2), "{words:?} outside of a repository: {}", ran.stdout());
        }
    }
    assert_eq!([two.status(&two.own), two.status(&two.foreign)], [json!("planned"), json!("planned")]);
    let refused = two.nowhere(&["goal", "cancel"]);
    assert!(refused.stderr().contains("it needs an id"), "{}", refused.stderr());

    assert_eq!(two.here(&["goal", "cancel"]).code(), Some(0));
    assert_eq!([two.status(&two.own), two.status(&two.foreign)], [json!("cancelled"), json!("planned")]);
    assert_eq!(two.nowhere(&["goal", "cancel", &two.foreign]).code(), Some(0));
    assert_eq!(two.status(&two.foreign), "cancelled");
}

#[test]
fn a_prefix_is_looked_for_in_this_repository_first() {
    let two = Two::new();
    let twin = two.planned(&two.other.root, "Own errand");
    let ran = two.here(&["goal", "status", "own", "--json"]);
    assert_eq!(ran.json()["id"], json!(two.own));
    assert_eq!(two.nowhere(&["goal", "status", "own"]).code(), Some(2), "it is ambiguous elsewhere");
    assert_eq!(two.here(&["goal", "status", "foreign", "--json"]).json()["id"], json!(two.foreign));
    let refused = two.here(&["goal", "cancel", "foreign"]);
    assert_eq!(refused.code(), Some(2));
    assert!(refused.stderr().contains(&two.foreign), "{}", refused.stderr());
    assert_eq!(two.here(&["goal", "cancel", "own"]).code(), Some(0));
    assert_eq!([two.status(&two.own), two.status(&twin)], [json!("cancelled"), json!("planned")]);
}

#[test]
fn a_command_that_only_reads_takes_the_newest_goal_outside_of_a_repository_and_says_whose_it_is() {
    let two = Two::new();
    for words in [&["status"][..], &["show"], &["logs"], &["why"], &["proof"], &["replay"], &["budget"]] {
        let ran = two.nowhere(&[&["goal"], words].concat());
        assert_eq!(ran.code(), Some(0), "{words:?}: {}", ran.stderr());
        let note = format!("{} of {}", two.foreign, two.other.root.canonicalize().unwrap().display());
        assert!(ran.stderr().contains(&note), "{words:?}: {}", ran.stderr());
    }
    let refused = two.nowhere(&["goal", "status", "-C", "."]);
    assert_eq!(refused.code(), Some(2), "-C has to name a repository: {}", refused.stdout());
}

#[test]
fn a_repository_without_goals_has_no_latest() {
    let two = Two::new();
    let third = GitRepo::with_files(&[("a", "a")]);
    let ran = two.at(&third.root, &["goal", "status"]);
    assert_eq!(ran.code(), Some(2));
    assert!(ran.stderr().contains("no goals yet of the repository"), "{}", ran.stderr());
    assert_eq!(ids(&two.at(&third.root, &["goal", "list", "--json"])), Vec::<String>::new());
}

#[test]
fn gc_acts_on_this_repository_or_on_all() {
    let two = Two::new();
    for id in [&two.own, &two.foreign] {
        assert_eq!(two.here(&["goal", "cancel", id]).code(), Some(0));
    }
    let collected = |ran: Ran| {
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        ids(&ran)
    };
    assert_eq!(collected(two.here(&["goal", "gc", "--dry-run", "--json"])), [two.own.as_str()]);
    assert_eq!(two.nowhere(&["goal", "gc"]).code(), Some(2));
    assert_eq!(collected(two.here(&["goal", "gc", "--json"])), [two.own.as_str()]);
    assert_eq!(collected(two.nowhere(&["goal", "gc", "--all", "--json"])), [two.foreign.as_str()]);
}

#[test]
fn resume_auto_acts_on_this_repository_or_on_all() {
    let two = Two::new();
    for (root, id) in [(&two.scene.repo.root, &two.own), (&two.other.root, &two.foreign)] {
        let goal = two.scene.place.state().join("goals").join(id);
        orphan(&two, root, id);
        crate::support::scene::until("nobody is left", || processes_at(&goal).is_empty());
    }
    assert_eq!(two.nowhere(&["goal", "resume", "--auto"]).code(), Some(2));
    let ran = two.here(&["goal", "resume", "--auto"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert_eq!([two.status(&two.own), two.status(&two.foreign)], [json!("ready"), json!("running")]);
    let ran = two.here(&["goal", "resume", "--auto", "--all"]);
    assert_eq!((ran.code(), two.status(&two.foreign)), (Some(0), json!("ready")), "{}", ran.stderr());
}

/// Has a goal's process die as soon as the journal says that it runs.
fn orphan(two: &Two, root: &Path, id: &str) {
    let mut command = two.scene.place.command(&["goal", "resume", id]);
    command.current_dir(root);
    let journal = two.scene.place.state().join("goals").join(id).join("events.jsonl");
    let runs = || fs::read_to_string(&journal).unwrap().matches("\"run_started\"").count();
    let before = runs();
    // The gate waits for nothing; the process is stopped before it can settle.
    let mut session = crate::support::scene::Session::start(command, two.scene.place.path(id));
    crate::support::scene::until("it runs", || runs() > before);
    session.signal(rustix::process::Signal::KILL);
    session.end();
}

/// A terminal: the master's end, and the slave's.
fn terminal() -> (File, OwnedFd) {
    let (mut master, mut slave) = (0, 0);
    #[expect(unsafe_code, reason = "the standard library opens no terminals")]
    // SAFETY: both descriptors are written by the call, fresh, and owned from here on; the other arguments may be null.
    unsafe {
        let null = std::ptr::null_mut();
        assert_eq!(libc::openpty(&raw mut master, &raw mut slave, null, null.cast(), null.cast()), 0);
        (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    }
}

/// Runs the program with its input and its errors at a terminal where somebody types `typed`; what the terminal shows.
fn typed(two: &Two, words: &[&str], typed: &str) -> (Option<i32>, String) {
    let (mut master, slave) = terminal();
    let clone = || Stdio::from(slave.try_clone().unwrap());
    let mut command = two.scene.command(words);
    command.stdin(clone()).stderr(clone()).stdout(Stdio::null());
    master.write_all(typed.as_bytes()).unwrap();
    let code = command.status().unwrap().code();
    drop(command);
    // What was shown lies in the terminal's buffer until its last slave is closed.
    assert!(slave.as_raw_fd() >= 0);
    drop(slave);
    let mut shown = Vec::new();
    let _the_end_of_a_terminal_is_an_error = master.read_to_end(&mut shown);
    (code, String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn cancel_asks_at_a_terminal_and_only_a_yes_cancels() {
    let two = Two::new();
    let cancel = ["goal", "cancel"];
    for answer in ["\n", "n\n", "what\n", "\u{4}"] {
        let (code, shown) = typed(&two, &cancel, answer);
        assert_eq!(code, Some(2), "{answer:?}: {shown}");
        assert!(shown.contains(&format!("cancel goal {} of ", two.own)) && shown.contains("[y/N]"), "{shown}");
        assert_eq!(two.status(&two.own), "planned");
    }
    let (code, shown) = typed(&two, &cancel, "Yes\n");
    assert_eq!((code, two.status(&two.own)), (Some(0), json!("cancelled")), "{shown}");
    // What is over is not asked about.
    let (code, shown) = typed(&two, &cancel, "n\n");
    assert_eq!((code, shown.contains("[y/N]")), (Some(0), false), "{shown}");
    let (code, shown) = typed(&two, &["goal", "cancel", &two.foreign, "--yes"], "n\n");
    assert_eq!((code, shown.contains("[y/N]")), (Some(0), false), "{shown}");
    assert_eq!(two.status(&two.foreign), "cancelled");
}
