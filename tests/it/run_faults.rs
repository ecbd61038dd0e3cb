//! What can happen to a goal from outside, on the real program: each time it goes on, or stops and says what is safe.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use omk::domain::event::{Draft, Event};
use omk::domain::fact::{Fact, GoalFact};
use omk::store::codec::{encode, genesis, position_of};
use omk::store::replay::replay;
use rustix::process::{Pid, Signal, kill_process};

use serde_json::{Value, json};

use crate::support::git_repo::git;
use crate::support::orphan::{
    assert_nobody_left, assert_resumes, assert_stops, assert_whole, kill, leftovers, names, orphaned, paused,
    plan_with, resume, running,
};
use crate::support::scene::{GATE, Scene, Session, slice, until};

// ---- omk dies ----

#[test]
fn an_agent_dies_with_its_omk_and_its_worktree_is_cleared_away() {
    let scene = orphaned();
    let status = scene.omk(&["goal", "status"]);
    assert!(status.stdout().contains("running (orphaned)"), "{}", status.stdout());
    let (resume, said) = (format!("omk goal resume {}", scene.id()), scene.json("status"));
    assert_eq!(said["next"], json!([resume]));
    assert!(said["reason"].as_str().unwrap().starts_with("its process died"), "{said}");
    let listed = scene.omk(&["goal", "list", "--json"]).json();
    assert_eq!(listed["goals"][0]["needs"], json!(resume), "{listed}");
    let resumed = assert_resumes(&scene);
    assert_eq!(leftovers(&scene), json!({"worktrees": ["worktrees/slow.1"]}));
    assert!(resumed.stderr().contains("worktrees/slow.1"), "{}", resumed.stderr());
}

#[test]
fn a_goal_that_was_paused_left_nothing_and_nothing_is_said() {
    let scene = paused();
    let resumed = assert_resumes(&scene);
    assert_eq!(leftovers(&scene), Value::Null, "{}", resumed.stderr());
}

/// A goal killed while the gate of `slow` runs, whose work is captured.
fn killed_in_its_gate() -> Scene {
    let scene = Scene::new();
    let wait = scene.wait_for("gate-on", "go");
    scene.repo.write("gate.sh", &format!("if [ -e slow.txt ]; then {wait}; fi\n"));
    scene.repo.commit_all("a gate that waits");
    let session = scene.start_plan(&plan_with("echo slow > slow.txt; echo . >> ../../ran"), &[]);
    scene.see("gate-on");
    kill(session);
    assert_nobody_left(&scene);
    scene
}

#[test]
fn a_gate_dies_with_its_omk_and_the_captured_work_is_taken_up() {
    let scene = killed_in_its_gate();
    assert_resumes(&scene);
    assert_eq!(fs::read_to_string(scene.goal().join("ran")).unwrap(), ".\n", "the agent ran again");
}

#[test]
fn a_goal_goes_on_after_omk_and_all_its_keepers_were_killed_at_once() {
    let (scene, session) = running();
    kill_with_keepers(session);
    assert_resumes(&scene);
}

#[test]
fn a_daemon_that_outlived_its_keeper_is_found_and_killed_and_said() {
    let scene = Scene::new();
    // The agent itself dies with its keeper.
    let slow = format!("setsid sleep 1000 & {}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let session = scene.start_plan(&plan_with(&slow), &[]);
    scene.see("on");
    kill_with_keepers(session);
    fs::remove_file(scene.mark("on")).unwrap();
    let mut resumed = scene.start(&["goal", "resume"]);
    scene.see("on");
    let killed = leftovers(&scene)["processes"].as_array().cloned().unwrap_or_default();
    let names = killed.iter().filter_map(|one| one.as_str()?.split(' ').nth(1));
    assert!(names.clone().any(|name| ["sleep", "setsid", "sh"].contains(&name)), "{killed:?}");
    scene.make("go");
    assert_eq!(resumed.code(), Some(0), "{}", resumed.stderr());
    assert_whole(&scene);
}

/// Kills `omk` and its keepers so that none of them sees another die.
fn kill_with_keepers(session: Session) {
    session.signal(Signal::STOP);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", session.pid())).unwrap_or_default();
    let threads = fs::read_dir(format!("/proc/{}/task", session.pid())).unwrap().flatten();
    let of_threads = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let all = of_threads.collect::<Vec<_>>().join(" ") + &children;
    let keepers: BTreeSet<i32> = all.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert!(!keepers.is_empty(), "the agent has no keeper");
    for keeper in keepers {
        kill_process(Pid::from_raw(keeper).unwrap(), Signal::KILL).unwrap();
    }
    kill(session);
}

#[test]
fn a_goal_whose_creation_was_cut_short_is_nobodys_latest() {
    let scene = orphaned();
    let unborn = scene.place.state().join("goals/later-zzzzzzzz");
    fs::create_dir(&unborn).unwrap();
    fs::write(unborn.join("events.jsonl"), "{\"v\":2").unwrap();
    scene.make("go");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    let refused = scene.omk(&["goal", "resume", "later-zzzzzzzz"]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
    assert!(refused.stderr().contains("its creation was cut short"), "{}", refused.stderr());
    fs::remove_dir_all(&unborn).unwrap();
    assert_whole(&scene);
}

#[test]
fn a_lock_file_and_a_socket_that_hold_garbage_mean_nothing() {
    let scene = orphaned();
    fs::write(scene.goal().join("lock"), [0xff, 0x00]).unwrap();
    drop(fs::remove_file(scene.goal().join("control.sock")));
    fs::write(scene.goal().join("control.sock"), "no socket").unwrap();
    assert_resumes(&scene);
}

// ---- locks and half-made things ----

#[test]
fn what_our_own_dead_processes_left_half_made_is_removed() {
    let scene = orphaned();
    let goal = scene.goal();
    let id = scene.id();
    let made = [
        "repo.git/index.lock",
        "repo.git/HEAD.lock",
        "repo.git/packed-refs.lock",
        "repo.git/refs/heads/x.lock",
        "repo.git/objects/tmp_object_git2_a1b2",
        "repo.git/omk-making/slow.3/HEAD",
        "repo.git/worktrees/slow.9/HEAD",
        "worktrees/slow.2/half",
        ".4711-0.tmp",
        "gates/999/tree/x",
    ];
    made.iter().for_each(|path| crate::support::git_repo::write(&goal, path, ""));
    let git_dir = scene.repo.root.join(".git");
    let ours = [format!("refs/heads/omk/{id}/integration.lock"), format!("refs/omk/{id}/base.lock")];
    ours.iter().for_each(|path| crate::support::git_repo::write(&git_dir, path, ""));
    assert_resumes(&scene);
    let found = leftovers(&scene);
    let worktrees = ["slow.1", "slow.2", "slow.3", "slow.9"].map(|name| format!("worktrees/{name}"));
    assert_eq!(found["worktrees"], json!(worktrees));
    let locks: Vec<_> =
        found["locks"].as_array().unwrap().iter().map(|lock| lock.as_str().unwrap().to_owned()).collect();
    let mut expected: Vec<_> = ours.iter().map(|path| git_dir.join(path).display().to_string()).collect();
    expected
        .extend(["HEAD.lock", "index.lock", "packed-refs.lock", "refs/heads/x.lock"].map(|n| format!("repo.git/{n}")));
    assert_eq!(locks, expected);
    for path in made {
        assert!(!goal.join(path).exists(), "{path} is still there");
    }
}

#[test]
fn locks_of_the_user_are_left_alone_and_said_and_stand_in_nobodys_way() {
    let scene = orphaned();
    let locks = ["HEAD.lock", "index.lock", "packed-refs.lock"].map(|name| scene.repo.root.join(".git").join(name));
    locks.iter().for_each(|lock| fs::write(lock, "the user's").unwrap());
    let before = scene.sacred();
    assert_resumes(&scene);
    scene.sacred().assert_as(&before);
    let said = leftovers(&scene)["left_alone"].to_string();
    for lock in &locks {
        assert!(said.contains(lock.to_str().unwrap()), "{said}");
    }
}

// ---- repositories ----

#[test]
fn a_worktree_of_which_something_cannot_be_removed_holds_nobody_up() {
    let scene = Scene::new();
    let tried = scene.mark("tried");
    let run =
        format!("[ -e {0} ] || {{ : > junk; chattr +i junk && : > {0}; exit 1; }}; echo 1 > one.txt", tried.display());
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]\nretries = 1", &run) + GATE), &[]);
    if !tried.exists() {
        return eprintln!("SKIPPED: a file that cannot be removed: `chattr +i` is missing, or this user may not");
    }
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let junk = scene.goal().join("unremovable/one.1.1/junk");
    assert!(junk.exists());
    let gc = scene.omk(&["goal", "gc"]);
    assert_eq!(gc.code(), Some(70), "{}", gc.stdout());
    assert!(gc.stderr().contains("something was not removed"), "{}", gc.stderr());
    assert!(!scene.goal().join("repo.git").exists() && !scene.goal().join("gates").exists());
    assert!(Command::new("chattr").arg("-i").arg(&junk).status().unwrap().success());
    assert_eq!(scene.omk(&["goal", "gc"]).code(), Some(0));
    assert!(!scene.goal().join("unremovable").exists() && !scene.goal().join("garbage").exists());
}

#[test]
fn a_worktree_that_is_deleted_under_its_agent_costs_an_attempt() {
    let scene = Scene::new();
    let seen = scene.mark("seen");
    let work = format!(
        "if [ ! -e {seen} ]; then touch {seen}; rm -rf \"$PWD\"; exit 0; fi; echo slow > slow.txt",
        seen = seen.display()
    );
    let ran = scene.run(&plan_with(&work), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_whole(&scene);
}

#[test]
fn a_private_repository_that_nothing_depended_on_is_made_anew() {
    let scene = Scene::new();
    let wait = scene.wait_for("on", "go");
    let session =
        scene.start_plan(&(slice("one", "writes = [\"one.txt\"]", &format!("{wait}; echo 1 > one.txt")) + GATE), &[]);
    scene.see("on");
    kill(session);
    assert_nobody_left(&scene);
    fs::remove_dir_all(scene.goal().join("repo.git")).unwrap();
    fs::remove_dir_all(scene.goal().join("worktrees")).unwrap();
    let resumed = resume(&scene);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(scene.integrated("one.txt"), "1");
    assert_eq!(leftovers(&scene)["repairs"], json!(["the private repository was gone and is made anew"]));
    // At `ready` the branches hold everything.
    fs::remove_dir_all(scene.goal().join("repo.git")).unwrap();
    let verified = scene.omk(&["goal", "verify"]);
    assert_eq!(verified.code(), Some(0), "{}{}", verified.stdout(), verified.stderr());
    assert_eq!(scene.json("status")["status"], "ready");
}

/// Resumes a goal that has lost the merge of `done`, and checks that both slices are in it in the end. Returns what was
/// recorded of the loss, and how often `done` was worked on.
fn done_is_in_again(scene: &Scene) -> (Value, usize) {
    let before = scene.sacred();
    let resumed = resume(scene);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert!(resumed.stderr().contains("has lost the merges after"), "{}", resumed.stderr());
    scene.sacred().assert_as(&before);
    assert_eq!((scene.integrated("done.txt"), scene.integrated("slow.txt")), ("done".into(), "slow".into()));
    let integrated: Vec<_> = scene.records_of("slice_integrated").iter().map(|it| it["slice"].clone()).collect();
    assert_eq!(integrated, [json!("done"), json!("done"), json!("slow")]);
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(0));
    let offered = scene.records_of("attempt_offered");
    let tries = offered.iter().filter(|offer| offer["attempt"]["slice"] == "done").count();
    let [lost] = &scene.records_of("integration_lost")[..] else { panic!("one loss is recorded") };
    (lost.clone(), tries)
}

#[test]
fn integrated_work_that_is_lost_with_the_private_repository_is_recorded_and_done_again() {
    let scene = orphaned();
    fs::remove_dir_all(scene.goal().join("repo.git")).unwrap();
    let base = scene.repo.git(&["rev-parse", "HEAD", "HEAD^{tree}"]);
    let (tip, tree) = base.split_once('\n').unwrap();
    let lost = json!({"slices": ["done"], "begin_again": ["done"], "tip": tip, "tree": tree});
    assert_eq!(done_is_in_again(&scene), (lost, 2));
}

#[test]
fn a_merge_that_is_lost_while_the_work_is_there_is_made_again_without_an_agent() {
    let scene = orphaned();
    let merge = scene.records_of("slice_integrated")[0]["merge"].as_str().unwrap().to_owned();
    fs::remove_file(object(&scene, &merge)).unwrap();
    let base = scene.repo.git(&["rev-parse", "HEAD", "HEAD^{tree}"]);
    let (tip, tree) = base.split_once('\n').unwrap();
    assert_eq!(done_is_in_again(&scene), (json!({"slices": ["done"], "tip": tip, "tree": tree}), 1));
    assert_eq!(scene.records_of("slice_reopened"), [json!({"slice": "slow", "fresh": true})]);
}

#[test]
fn a_damaged_private_repository_is_mended_around_its_objects() {
    let scene = orphaned();
    let repository = scene.goal().join("repo.git");
    fs::write(repository.join("HEAD"), "garbage").unwrap();
    fs::write(repository.join("config"), [0, 159, 146, 150]).unwrap();
    fs::remove_dir_all(repository.join("refs")).unwrap();
    fs::remove_dir_all(repository.join("objects/info")).unwrap();
    assert_resumes(&scene);
    let said = leftovers(&scene)["repairs"].to_string();
    assert!(said.contains("objects/info, refs/heads, refs/tags, HEAD, config"), "{said}");
}

/// The file of a loose object of the private repository.
fn object(scene: &Scene, id: &str) -> PathBuf {
    scene.goal().join("repo.git/objects").join(&id[..2]).join(&id[2..])
}

#[test]
fn captured_work_that_is_lost_before_it_is_integrated_is_done_again() {
    let scene = killed_in_its_gate();
    let captures = scene.records_of("slice_captured");
    fs::remove_file(object(&scene, captures.last().unwrap()["capture"]["commit"].as_str().unwrap())).unwrap();
    assert_resumes(&scene);
    assert_eq!(fs::read_to_string(scene.goal().join("ran")).unwrap(), ".\n.\n");
    assert_eq!(scene.records_of("slice_reopened"), [json!({"slice": "slow", "fresh": true})]);
}

#[test]
fn objects_that_a_loss_of_power_emptied_are_removed_at_the_first_run_after_the_reboot() {
    let scene = killed_in_its_gate();
    let captures = scene.records_of("slice_captured");
    let emptied = object(&scene, captures.last().unwrap()["capture"]["tree"].as_str().unwrap());
    fs::remove_file(&emptied).unwrap();
    fs::write(&emptied, "").unwrap();
    fs::write(scene.goal().join("repo.git/omk-boot"), "another boot\n").unwrap();
    let lock = scene.goal().join("lock");
    let holder = fs::read_to_string(&lock).unwrap();
    let mut holder: Value = serde_json::from_str(&holder).unwrap();
    holder["boot_id"] = json!("00000000-0000-0000-0000-000000000000");
    fs::write(&lock, format!("{holder}\n")).unwrap();
    assert_eq!(scene.json("status")["orphaned"], true);
    assert_resumes(&scene);
    let said = leftovers(&scene)["repairs"].to_string();
    assert!(said.contains("removed 1 broken object(s)"), "{said}");
}

/// Rewrites the journal as a run on another boot of the machine would have written it.
fn of_another_boot(scene: &Scene) {
    let journal = scene.goal().join("events.jsonl");
    let (mut position, mut lines) = (genesis(), Vec::new());
    for event in replay(&fs::read(&journal).unwrap(), genesis()).unwrap().events {
        let Event { ts, actor, cause, attempt, mut fact, .. } = event;
        if let Fact::Goal(GoalFact::RunStarted { holder, .. }) = &mut fact {
            "00000000-0000-0000-0000-000000000000".clone_into(&mut holder.boot_id);
        }
        position = position_of(&encode(&position, ts, Draft { actor, cause, attempt, fact }, &mut lines).unwrap());
    }
    fs::write(journal, lines).unwrap();
}

#[test]
fn after_a_reboot_nothing_that_a_gate_had_built_is_taken_for_whole() {
    let scene = Scene::with(&[("gate.sh", "test ! -s slow.txt || test ! -e \"$CARGO_TARGET_DIR/emptied\"\n")]);
    let slow = format!("{}; echo slow > slow.txt", scene.wait_for("on", "go"));
    let session = scene.start_plan(&plan_with(&slow), &[]);
    scene.see("on");
    kill(session);
    assert_nobody_left(&scene);
    fs::write(scene.goal().join("gates/warm-check-0/target/emptied"), "").unwrap();
    of_another_boot(&scene);
    assert_resumes(&scene);
    let finished = scene.records_of("attempt_finished");
    assert_eq!(finished.last().unwrap()["attempt"]["attempt"], 2, "the first attempt after the reboot passes");
    assert_eq!(
        leftovers(&scene)["repairs"],
        json!(["left aside what gates had built before the machine was started anew"])
    );
}

#[test]
fn a_base_that_was_pruned_stops_the_goal_and_goes_on_once_it_is_fetched_back() {
    let scene = paused();
    let base = scene.repo.git(&["rev-parse", "HEAD"]);
    let copy = scene.repo.beside("copy");
    scene.repo.git(&["clone", "-q", "--bare", "--no-hardlinks", ".", copy.to_str().unwrap()]);
    scene.repo.git(&["update-ref", "-d", &format!("refs/omk/{}/base", scene.id())]);
    scene.repo.git(&["checkout", "-q", "--orphan", "other"]);
    scene.repo.git(&["commit", "-qm", "another root"]);
    scene.repo.git(&["branch", "-qD", "main"]);
    scene.repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    scene.repo.git(&["gc", "-q", "--prune=now"]);
    let reason = assert_stops(&scene);
    assert!(reason.contains(&format!("git fetch REMOTE {base}")), "{reason}");
    scene.repo.git(&["fetch", "-q", copy.to_str().unwrap(), "main"]);
    assert_resumes(&scene);
}

#[test]
fn a_repository_that_was_moved_away_stops_the_goal_until_it_is_back() {
    let scene = paused();
    let away = scene.repo.beside("away");
    fs::rename(&scene.repo.root, &away).unwrap();
    scene.make("go");
    let mut command = scene.place.command(&["goal", "resume", &scene.id()]);
    let stopped = command.current_dir(&away).output().unwrap();
    let said = String::from_utf8_lossy(&stopped.stdout).into_owned();
    assert_eq!(stopped.status.code(), Some(70), "{said}");
    assert!(said.contains("put it back where it was"), "{said}");
    fs::rename(&away, &scene.repo.root).unwrap();
    assert_resumes(&scene);
}

#[test]
fn a_base_branch_that_moves_on_meanwhile_is_said_and_the_result_begins_where_it_did() {
    let scene = paused();
    let base = scene.repo.git(&["rev-parse", "HEAD"]);
    scene.repo.write("later.txt", "later\n");
    scene.repo.commit_all("later");
    let resumed = assert_resumes(&scene);
    assert!(resumed.stderr().contains("main has moved on to"), "{}", resumed.stderr());
    assert_eq!(scene.json("proof")["base"], json!(base));
}

#[test]
fn a_base_branch_that_is_deleted_meanwhile_is_said() {
    let scene = paused();
    scene.repo.git(&["checkout", "-q", "--orphan", "other"]);
    scene.repo.git(&["commit", "-qm", "another root"]);
    scene.repo.git(&["branch", "-qD", "main"]);
    let resumed = assert_resumes(&scene);
    assert!(resumed.stderr().contains("main is gone meanwhile"), "{}", resumed.stderr());
}

// ---- several goals ----

#[test]
fn every_orphan_is_taken_up_also_behind_one_that_cannot_go_on() {
    let scene = orphaned();
    let first = scene.id();
    let other = scene.repo.git(&["commit-tree", "HEAD^{tree}", "-m", "another"]);
    scene.repo.git(&["update-ref", &format!("refs/omk/{first}/base"), &other]);
    let plan = scene.plan(
        &(slice("one", "writes = [\"one.txt\"]", &format!("{}; echo 1 > one.txt", scene.wait_for("on2", "go"))) + GATE),
    );
    let session = scene.start(&["goal", "run", "Do more", "--until-ready", "--plan", &plan]);
    scene.see("on2");
    kill(session);
    scene.make("go");
    let goals = scene.place.state().join("goals");
    let second = names(&goals).into_iter().find(|name| *name != first).unwrap();
    let nothing = Scene::new().omk(&["goal", "resume", "--auto", "--json"]);
    assert_eq!((nothing.code(), &nothing.json()["adopted"]), (Some(0), &json!([])));
    let adopted = scene.omk(&["goal", "resume", "--auto"]);
    assert_eq!(adopted.code(), Some(70), "{}{}", adopted.stdout(), adopted.stderr());
    let said = adopted.stdout();
    assert!(said.contains(&format!("failed_infra  {first}")) && said.contains(&format!("ready  {second}")), "{said}");
    assert!(adopted.stderr().contains("worktrees/one.1"), "{}", adopted.stderr());
    assert_eq!(git(&scene.repo.root, &["show", &format!("omk/{second}/integration:one.txt")]), "1");
    until("nobody is left", || crate::support::scene::processes_at(&goals).is_empty());
}
