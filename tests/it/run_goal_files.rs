//! Files of a goal's directory under the real program: replaced while it runs, or no files at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::omk::Ran;
use crate::support::orphan::{assert_nobody_left, assert_resumes, names, paused, running};
use crate::support::scene::{GATE, Scene, Session, slice};

/// Lets the agent go on and returns what the run says at its end.
fn ended(scene: &Scene, mut session: Session) -> String {
    scene.make("go");
    assert_eq!(session.code(), Some(70), "{}{}", session.stdout(), session.stderr());
    assert_nobody_left(scene);
    session.stdout() + &session.stderr()
}

fn records(journal: &Path) -> Vec<Value> {
    fs::read_to_string(journal).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The journal that a run has saved goes on from all that the run recorded.
fn goes_on_with_the_saved_records(scene: &Scene, known: &[Value]) {
    let (journal, saved) = (scene.goal().join("events.jsonl"), scene.goal().join("events.recovered.jsonl"));
    let recovered = records(&saved);
    assert_eq!(recovered[..known.len()], *known);
    assert_eq!(recovered.last().unwrap()["data"]["status"], "failed_infra");
    fs::rename(saved, journal).unwrap();
    assert_eq!(scene.json("status")["status"], "failed_infra");
    assert_resumes(scene);
}

#[test]
fn a_journal_that_is_replaced_by_rename_ends_the_run_which_saves_its_own() {
    let (scene, session) = running();
    let journal = scene.goal().join("events.jsonl");
    let known = records(&journal);
    let other = scene.goal().join("sed4711");
    let older: String = fs::read_to_string(&journal).unwrap().split_inclusive('\n').take(2).collect();
    fs::write(&other, &older).unwrap();
    fs::rename(&other, &journal).unwrap();
    let said = ended(&scene, session);
    assert!(said.contains("was replaced by another file while the run wrote it"), "{said}");
    assert!(said.contains("events.recovered.jsonl has all"), "{said}");
    let there = fs::read_to_string(&journal).unwrap();
    assert_eq!(there.strip_prefix(&older).map(|end| end.lines().count()), Some(1), "only the end of the run is added");
    let status = scene.json("status");
    assert_eq!(status["status"], "failed_infra");
    assert!(status["reason"].as_str().unwrap().contains("events.recovered.jsonl has all"), "{status}");
    goes_on_with_the_saved_records(&scene, &known);
}

#[test]
fn a_journal_that_is_deleted_under_a_run_is_saved() {
    let (scene, session) = running();
    let journal = scene.goal().join("events.jsonl");
    let known = records(&journal);
    fs::remove_file(&journal).unwrap();
    let said = ended(&scene, session);
    assert!(said.contains("was deleted while the run wrote it"), "{said}");
    assert!(!journal.exists());
    goes_on_with_the_saved_records(&scene, &known);
}

#[test]
fn a_journal_that_somebody_else_appends_to_is_left_and_saved_as_it_was() {
    let (scene, session) = running();
    let journal = scene.goal().join("events.jsonl");
    let known = records(&journal);
    fs::write(&journal, fs::read_to_string(&journal).unwrap() + "{}\n").unwrap();
    let said = ended(&scene, session);
    assert!(said.contains("was changed by another program while the run wrote it"), "{said}");
    goes_on_with_the_saved_records(&scene, &known);
}

#[test]
fn a_journal_that_is_emptied_in_place_ends_the_run_in_words() {
    let (scene, session) = running();
    fs::write(scene.goal().join("events.jsonl"), "").unwrap();
    let said = ended(&scene, session);
    assert!(said.contains("records could not be saved"), "{said}");
    assert_eq!(fs::read(scene.goal().join("events.jsonl")).unwrap(), b"");
}

#[test]
fn a_goal_whose_directory_is_moved_ends_and_goes_on_where_it_was() {
    let (scene, mut session) = running();
    let (here, away) = (scene.goal(), scene.place.path("away"));
    fs::rename(&here, &away).unwrap();
    scene.make("go");
    assert_eq!(session.code(), Some(70), "{}{}", session.stdout(), session.stderr());
    let said = session.stdout() + &session.stderr();
    assert!(said.contains("was moved with the goal's directory"), "{said}");
    assert!(said.contains(away.join("events.jsonl").to_str().unwrap()), "{said}");
    drop(fs::remove_dir_all(&here));
    fs::rename(&away, &here).unwrap();
    assert_nobody_left(&scene);
    assert_resumes(&scene);
}

// ---- what is no file ----

/// Runs a verb to its end; fails the test where that never comes.
fn ends(scene: &Scene, words: &[&str]) -> Ran {
    let command = scene.command(words);
    let mut limited = Command::new("timeout");
    limited.args(["--signal=KILL", "60"]).arg(command.get_program()).args(command.get_args());
    limited.current_dir(&scene.repo.root).env_clear();
    limited.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = Ran(limited.stdin(std::process::Stdio::null()).output().unwrap());
    assert!(!matches!(ran.code(), None | Some(137)), "{words:?} hangs: {}{}", ran.stdout(), ran.stderr());
    ran
}

/// Makes something that is not a file at a path.
type Make<'a> = &'a dyn Fn(&Path);

#[test]
fn a_file_of_a_goal_that_is_none_hangs_nobody_and_says_what_it_is() {
    let kinds: [(&str, Make<'_>); 3] = [
        ("a FIFO", &|path| {
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap()
        }),
        ("a directory", &|path| fs::create_dir(path).unwrap()),
        ("a symbolic link", &|path| symlink("/dev/zero", path).unwrap()),
    ];
    let scene = paused();
    let goal = scene.goal();
    for file in ["events.jsonl", "lock", "goal.json", "proof.json", "control.sock", "ballast", "repo.git/HEAD"] {
        for (kind, make) in kinds {
            let (path, kept) = (goal.join(file), scene.place.path("kept"));
            drop(fs::rename(&path, &kept));
            make(&path);
            let listed = ends(&scene, &["goal", "list"]);
            let collected = ends(&scene, &["goal", "gc"]);
            for verb in [&["goal", "status"][..], &["goal", "why"], &["goal", "logs"], &["goal", "proof", "--verify"]] {
                ends(&scene, verb);
            }
            if file == "events.jsonl" {
                let adopted = ends(&scene, &["goal", "resume", "--auto"]);
                for ran in [listed, collected, adopted] {
                    assert!(ran.stderr().contains(&format!("it is {kind}, not a file")), "{}", ran.stderr());
                }
                assert_eq!(ends(&scene, &["goal", "resume", scene.id().as_str()]).code(), Some(70));
            }
            match fs::symlink_metadata(&path).unwrap().is_dir() {
                true => fs::remove_dir(&path).unwrap(),
                false => fs::remove_file(&path).unwrap(),
            }
            drop(fs::rename(&kept, &path));
        }
    }
    for (file, (_, make)) in
        ["goal.json", "proof.json", "control.sock", "repo.git/HEAD"].into_iter().zip(kinds.iter().cycle())
    {
        drop(fs::remove_file(goal.join(file)));
        make(&goal.join(file));
    }
    assert_resumes(&scene);
}

/// A `gc` of a goal that is `ready`, killed at one of these calls on a file; `None`, said, without strace.
fn gc_killed(scene: &Scene, file: &Path, calls: &str) -> Option<()> {
    let like = scene.command(&["goal", "gc"]);
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P"]).arg(file);
    command.arg("-e").arg(format!("inject={calls}:signal=KILL"));
    command.arg(like.get_program()).args(like.get_args()).current_dir(&scene.repo.root).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let killed = command.output();
    if killed.is_err() {
        eprintln!("SKIPPED: there is no strace, so no `gc` is killed at its work");
    }
    killed.ok().map(drop)
}

fn ready() -> Scene {
    let scene = Scene::new();
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    scene
}

/// The next `gc` does all that the killed one was to do.
fn assert_collects(scene: &Scene) {
    let collected = scene.omk(&["goal", "gc", "--json"]);
    assert_eq!(collected.code(), Some(0), "{}{}", collected.stdout(), collected.stderr());
    assert_eq!(collected.json()["problems"], Value::Null, "{}", collected.stdout());
    assert_eq!(scene.repo.git(&["for-each-ref", "refs/omk"]), "");
    assert!(!scene.goal().join("repo.git").exists());
    let left = names(&scene.repo.root.join(".git")).into_iter().filter(|name| name.starts_with("packed-refs."));
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_killed_gc_keeps_no_later_one_from_its_work() {
    let scene = ready();
    let refs = scene.repo.root.join(".git/refs/omk").join(scene.id());
    let Some(()) = gc_killed(&scene, &refs.join("base"), "unlink,unlinkat") else { return };
    assert_eq!(names(&refs), ["base", "base.lock"]);
    assert_collects(&scene);
}

#[test]
fn a_gc_killed_at_packed_refs_leaves_a_lock_that_the_next_one_knows_and_others_are_left() {
    let scene = ready();
    scene.repo.git(&["pack-refs", "--all"]);
    let lock = scene.repo.root.join(".git/packed-refs.lock");
    fs::write(&lock, "the user's").unwrap();
    let refused = scene.omk(&["goal", "gc"]);
    assert_eq!(refused.code(), Some(70), "{}", refused.stdout());
    assert!(refused.stderr().contains("packed-refs.lock exists: git is at work"), "{}", refused.stderr());
    assert_eq!(fs::read_to_string(&lock).unwrap(), "the user's");
    fs::remove_file(&lock).unwrap();
    let Some(()) = gc_killed(&scene, &lock, "rename,renameat,renameat2") else { return };
    assert!(lock.exists());
    assert_collects(&scene);
    scene.repo.git(&["pack-refs", "--all"]);
    assert!(scene.branches().len() > 1, "the delivered branches stay");
}
