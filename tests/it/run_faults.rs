//! What can happen to a goal from outside, on the real program: each time it goes on, or stops and says what is safe.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::git_repo::git;
use crate::support::omk::Ran;
use crate::support::orphan::{
    assert_nobody_left, assert_resumes, assert_stops, assert_whole, kill, leftovers, names, orphaned, paused,
    plan_with, resume,
};
use crate::support::scene::{GATE, Scene, slice, until};

// ---- omk dies ----

#[test]
fn an_agent_dies_with_its_omk_and_its_worktree_is_cleared_away() {
    let scene = orphaned();
    let status = scene.omk(&["goal", "status"]);
    assert!(status.stdout().contains("running (orphaned)"), "{}", status.stdout());
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
}

#[test]
fn a_private_repository_lost_with_integrated_work_stops_the_goal_and_says_what_is_safe() {
    let scene = orphaned();
    let copy = scene.place.path("copy.git");
    fs::rename(scene.goal().join("repo.git"), &copy).unwrap();
    let before = scene.sacred();
    let reason = assert_stops(&scene);
    assert!(reason.contains("the merge of `done`") && reason.contains("are safe"), "{reason}");
    assert!(reason.contains("put repo.git back from a copy"), "{reason}");
    scene.sacred().assert_as(&before);
    assert_eq!(scene.branches(), ["main"]);
    fs::remove_dir_all(scene.goal().join("repo.git")).unwrap();
    fs::rename(&copy, scene.goal().join("repo.git")).unwrap();
    assert_resumes(&scene);
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
    let mut command = scene.place.command(&["goal", "resume"]);
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

// ---- files of the goal ----

#[test]
fn a_torn_last_line_and_a_tail_of_garbage_are_cut_and_kept() {
    for tail in ["{\"v\":2,\"seq\":9", "\u{0}\u{0}garbage"] {
        let scene = orphaned();
        let journal = scene.goal().join("events.jsonl");
        let whole = fs::read(&journal).unwrap();
        fs::write(&journal, [&whole, tail.as_bytes()].concat()).unwrap();
        assert_resumes(&scene);
        assert_eq!(fs::read_to_string(scene.goal().join("events.torn.1")).unwrap(), tail);
        assert_eq!(scene.records_of("tail_cut"), [json!({"bytes": tail.len()})]);
    }
}

#[test]
fn a_flipped_byte_is_refused_with_a_copy_and_the_command_that_keeps_the_whole_lines_helps() {
    let scene = orphaned();
    let journal = scene.goal().join("events.jsonl");
    let mut bytes = fs::read(&journal).unwrap();
    let flipped = bytes.iter().rposition(|&byte| byte == b'"').unwrap() - 200;
    bytes[flipped] ^= 0x40;
    fs::write(&journal, &bytes).unwrap();
    for _ in 0..2 {
        let refused = scene.omk(&["goal", "resume"]);
        assert_eq!((refused.code(), refused.stdout()), (Some(70), String::new()));
        assert!(refused.stderr().starts_with("error:"), "nothing comes before a refusal: {}", refused.stderr());
        assert_eq!(fs::read(&journal).unwrap(), bytes);
    }
    let damaged: Vec<_> = names(&scene.goal()).into_iter().filter(|name| name.starts_with("events.damaged.")).collect();
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    assert_eq!(fs::read(scene.goal().join(&damaged[0])).unwrap(), bytes);
    let said = scene.omk(&["goal", "resume"]).stderr();
    let command = said.split("what follows them: ").nth(1).unwrap().split("; then").next().unwrap();
    assert!(std::process::Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert_resumes(&scene);
}

#[test]
fn derived_files_that_are_lost_or_damaged_are_made_again() {
    const DERIVED: [&str; 7] = [
        "goal.json",
        "task-graph.json",
        "proof.json",
        "prd.md",
        "technical-plan.md",
        "test-spec.md",
        "decisions.jsonl",
    ];
    let scene = orphaned();
    assert_resumes(&scene);
    let read = || DERIVED.map(|name| fs::read_to_string(scene.goal().join(name)).unwrap_or_default());
    let (whole, listed) = (read(), scene.omk(&["goal", "list", "--json"]).stdout());
    for content in [None, Some("garbage"), Some("")] {
        for name in DERIVED {
            let path = scene.goal().join(name);
            fs::remove_file(&path).unwrap();
            content.iter().for_each(|content| fs::write(&path, content).unwrap());
        }
        assert_eq!(scene.omk(&["goal", "list", "--json"]).stdout(), listed);
        assert_eq!(scene.json("status")["status"], "ready");
        assert_eq!(scene.omk(&["goal", "replay"]).code(), Some(0));
        assert_eq!(read(), whole);
    }
}

// ---- several goals ----

#[test]
fn every_orphan_is_taken_up_also_behind_one_that_cannot_go_on() {
    let scene = orphaned();
    let first = scene.id();
    fs::remove_dir_all(scene.goal().join("repo.git")).unwrap();
    let plan = scene.plan(
        &(slice("one", "writes = [\"one.txt\"]", &format!("{}; echo 1 > one.txt", scene.wait_for("on2", "go"))) + GATE),
    );
    let session = scene.start(&["goal", "run", "Do more", "--until-ready", "--plan", &plan]);
    scene.see("on2");
    kill(session);
    scene.make("go");
    let goals = scene.place.state().join("goals");
    let second = names(&goals).into_iter().find(|name| *name != first).unwrap();
    let adopted = scene.omk(&["goal", "resume", "--auto"]);
    assert_eq!(adopted.code(), Some(70), "{}{}", adopted.stdout(), adopted.stderr());
    let said = adopted.stdout();
    assert!(said.contains(&format!("failed_infra  {first}")) && said.contains(&format!("ready  {second}")), "{said}");
    assert!(adopted.stderr().contains("worktrees/one.1"), "{}", adopted.stderr());
    assert_eq!(git(&scene.repo.root, &["show", &format!("omk/{second}/integration:one.txt")]), "1");
    until("nobody is left", || crate::support::scene::processes_at(&goals).is_empty());
}

// ---- the file system refuses ----

/// Whether this user may mount file systems of its own; said where not.
fn may_mount() -> bool {
    let output = std::process::Command::new("unshare")
        .args(["-m", "sh", "-c", "mount -t tmpfs -o size=64k omk-test /mnt"])
        .output();
    let may = output.is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("SKIPPED: this user may not mount a file system, so a full disk and a read-only one are not tried");
    }
    may
}

/// Runs `omk` after `before` was done, in a mount namespace of its own.
fn omk_in_mounts(scene: &Scene, before: &str, words: &[&str]) -> Ran {
    let like = scene.command(words);
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", &format!("{before} && exec \"$@\""), "sh"]);
    command.arg(like.get_program()).args(like.get_args()).current_dir(&scene.repo.root).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ran(command.output().unwrap())
}

#[test]
fn a_state_directory_that_turned_read_only_is_read_and_not_taken_up() {
    if !may_mount() {
        return;
    }
    let scene = orphaned();
    let state = scene.place.state();
    let read_only =
        format!("mount --bind {state} {state} && mount -o remount,ro,bind {state}", state = state.display());
    let omk = |words: &[&str]| omk_in_mounts(&scene, &read_only, words);
    for verb in ["status", "show", "logs", "replay", "list", "diff"] {
        let ran = omk(&["goal", verb]);
        assert_eq!(ran.code(), Some(0), "{verb}: {}", ran.stderr());
    }
    let refused = omk(&["goal", "resume"]);
    assert_eq!(refused.code(), Some(70), "{}", refused.stderr());
    assert!(refused.stderr().contains("cannot be written; nothing was changed"), "{}", refused.stderr());
    let plan = scene.plan(&plan_with("true"));
    let refused = omk(&["goal", "run", "Do it", "--plan", &plan]);
    assert_eq!(refused.code(), Some(2), "{}", refused.stderr());
    assert!(refused.stderr().contains("the state directory"), "{}", refused.stderr());
    assert_nobody_left(&scene);
    assert_resumes(&scene);
}

#[test]
fn a_full_disk_ends_the_run_in_words_and_with_room_the_goal_goes_on() {
    if !may_mount() {
        return;
    }
    let scene = Scene::new();
    let state = scene.place.state();
    fs::create_dir_all(&state).unwrap();
    let kept = scene.place.path("kept");
    let fill = "head -c 20000000 /dev/zero > $OMK_STATE_DIR/fill 2>/dev/null; echo slow > slow.txt";
    let plan = scene.plan(&plan_with(&fill.replace("$OMK_STATE_DIR", state.to_str().unwrap())));
    // What was on the full disk is kept, and goes on on one with room.
    let small = format!("mount -t tmpfs -o size=6m omk-test {}", state.display());
    let script = format!(
        "{small} && {{ \"$@\"; code=$?; rm -f {state}/fill; cp -a {state} {kept}; exit $code; }}; exit 99; true",
        state = state.display(),
        kept = kept.display()
    );
    let like = scene.command(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    let mut command = std::process::Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]);
    command.arg(like.get_program()).args(like.get_args()).current_dir(&scene.repo.root).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = Ran(command.output().unwrap());
    // Whether the agent is blamed or the journal hits the end of the disk first is a matter of pages.
    assert!(matches!(ran.code(), Some(5 | 70)), "{}{}", ran.stdout(), ran.stderr());
    let said = ran.stdout() + &ran.stderr();
    assert!(said.to_lowercase().contains("full") || said.contains("No space left"), "{said}");
    fs::remove_dir(&state).unwrap();
    fs::rename(&kept, &state).unwrap();
    let journal = fs::read_to_string(scene.goal().join("events.jsonl")).unwrap();
    assert!(journal.contains("\"type\":\"slice_integrated\""), "{journal}");
    let fixed = scene.omk(&["goal", "resume"]);
    drop(fs::remove_file(state.join("fill")));
    assert_eq!(fixed.code(), Some(0), "{}{}", fixed.stdout(), fixed.stderr());
    assert_whole(&scene);
}

/// Runs `omk` with its `when`-th call of this kind failing with EIO; `None` without strace.
fn with_bad_disk(scene: &Scene, inject: &str, words: &[&str]) -> Option<Ran> {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        eprintln!("SKIPPED: there is no strace, so a disk with errors is not tried");
        return None;
    }
    let like = scene.command(words);
    let mut command = std::process::Command::new("strace");
    let trace = format!("inject={inject}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &trace]);
    command.arg(like.get_program()).args(like.get_args()).current_dir(&scene.repo.root).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(Ran(command.output().unwrap()))
}

#[test]
fn a_disk_with_errors_ends_the_run_in_words_and_the_goal_goes_on_afterwards() {
    for inject in ["fdatasync:error=EIO:when=12", "fsync:error=EIO:when=2+", "renameat,renameat2:error=EIO:when=3+"] {
        let scene = Scene::new();
        let plan = scene.plan(&plan_with("echo slow > slow.txt"));
        let words = ["goal", "run", "Do it", "--until-ready", "--plan", &plan];
        let Some(ran) = with_bad_disk(&scene, inject, &words) else { return };
        let said = ran.stdout() + &ran.stderr();
        assert!(matches!(ran.code(), Some(0 | 2 | 70)), "{inject}: {:?} {said}", ran.code());
        assert!(ran.code() == Some(0) || said.contains("Input/output error"), "{inject}: {said}");
        if names(&scene.place.state().join("goals")).is_empty() {
            assert_eq!(scene.omk(&words).code(), Some(0));
        } else if ran.code() != Some(0) {
            assert_nobody_left(&scene);
            assert_resumes(&scene);
        }
        assert_whole(&scene);
    }
}
