//! Damaged files, and a file system that refuses, on the real program: the goal goes on, or stops and says what is safe.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::support::omk::Ran;
use crate::support::orphan::{assert_nobody_left, assert_resumes, assert_whole, names, orphaned, plan_with};
use crate::support::scene::{GATE, Scene, slice};

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
    let command = said.split("what follows them: ").nth(1).unwrap().split(" && omk").next().unwrap();
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
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

// ---- the file system refuses ----

/// Whether this user may mount file systems of its own; said where not.
fn may_mount() -> bool {
    let output = Command::new("unshare").args(["-m", "sh", "-c", "mount -t tmpfs -o size=64k omk-test /mnt"]).output();
    let may = output.is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("SKIPPED: this user may not mount a file system, so a full disk and a read-only one are not tried");
    }
    may
}

/// Runs `omk` after `before` was done, in a mount namespace of its own.
fn omk_in_mounts(scene: &Scene, before: &str, words: &[&str]) -> Ran {
    let like = scene.command(words);
    let mut command = Command::new("unshare");
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
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]);
    command.arg(like.get_program()).args(like.get_args()).current_dir(&scene.repo.root).env_clear();
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = Ran(command.output().unwrap());
    // Whether it is an attempt or the journal that meets the end of the disk first is a matter of pages; it is ours.
    assert_eq!(ran.code(), Some(70), "{}{}", ran.stdout(), ran.stderr());
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

/// Runs a shell script with a small disk mounted at `at`, which holds what was there before; `$OMK` is the program.
fn on_a_small_disk(scene: &Scene, at: &std::path::Path, script: &str) -> Ran {
    let (like, copy) = (scene.command(&[]), scene.place.path("before"));
    let mount = format!(
        "cp -a {at} {copy} && mount -t tmpfs -o size=6m omk-test {at} && cp -a {copy}/. {at} && cd {at} || exit 99\n{script}",
        at = at.display(),
        copy = copy.display(),
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &mount]).env_clear().current_dir("/").env("OMK", like.get_program());
    command.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Ran(command.output().unwrap())
}

/// A shell command that fills a disk by a file on it.
fn fill(file: &std::path::Path) -> String {
    format!("head -c 20000000 /dev/zero > {} 2>/dev/null", file.display())
}

/// What `omk goal show --json` and the journal say of each step of a script, which prints them.
fn said_of(ran: &Ran) -> (Vec<String>, Vec<String>) {
    let all = ran.stdout();
    let kinds = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok();
    let records: Vec<_> = all.lines().filter_map(kinds).collect();
    let settled = records.iter().filter(|record| record["type"] == "goal_settled");
    let ends = records.iter().filter(|record| record["type"] == "attempt_finished");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (
        settled.map(|record| text(&record["data"]["status"])).collect(),
        ends.map(|record| text(&record["data"]["outcome"]["kind"])).collect(),
    )
}

/// Runs a plan whose disk fills up, makes room, and resumes once. Returns the statuses and the ends of attempts.
fn filled_and_resumed(
    scene: &Scene,
    plan: &str,
    small: &std::path::Path,
    filler: &std::path::Path,
) -> (Vec<String>, Vec<String>) {
    let script = format!(
        "cd {user}; $OMK goal run 'Do it' --until-ready --plan {plan} >&2; code=$?; rm -f {filler}; [ $code = 70 ] || exit $code\n\
         $OMK goal resume >&2 || exit 98; cat {state}/goals/*/events.jsonl",
        user = scene.repo.root.display(),
        plan = scene.plan(plan),
        filler = filler.display(),
        state = scene.place.state().display(),
    );
    let ran = on_a_small_disk(scene, small, &script);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    said_of(&ran)
}

#[test]
fn an_agent_that_fails_on_a_full_disk_costs_one_attempt_that_counts_nothing() {
    if !may_mount() {
        return;
    }
    let scene = Scene::new();
    fs::create_dir_all(scene.place.state()).unwrap();
    let (filler, tried) = (scene.place.state().join("fill"), scene.mark("tried"));
    let work = format!(
        "if [ ! -e {tried} ]; then touch {tried}; {fill}; exit 1; fi; echo slow > slow.txt",
        tried = tried.display(),
        fill = fill(&filler)
    );
    let plan = slice("slow", "writes = [\"slow.txt\"]\nretries = 1", &work) + GATE;
    let (settled, ends) = filled_and_resumed(&scene, &plan, &scene.place.state(), &filler);
    assert_eq!(
        (settled.join(" "), ends.join(" ")),
        ("planned failed_infra ready".to_owned(), "errored passed".to_owned())
    );
}

#[test]
fn a_gate_that_is_red_on_a_full_disk_has_no_verdict() {
    if !may_mount() {
        return;
    }
    let scene = Scene::new();
    fs::create_dir_all(scene.place.state()).unwrap();
    let (filler, tried) = (scene.place.state().join("fill"), scene.mark("tried"));
    let gate = format!(
        "[ -e slow.txt ] || exit 0; if [ ! -e {tried} ]; then touch {tried}; {fill}; exit 1; fi\n",
        tried = tried.display(),
        fill = fill(&filler)
    );
    scene.repo.write("gate.sh", &gate);
    scene.repo.commit_all("a gate that needs room");
    let plan = slice("slow", "writes = [\"slow.txt\"]\nretries = 1", "echo slow > slow.txt") + GATE;
    let (settled, ends) = filled_and_resumed(&scene, &plan, &scene.place.state(), &filler);
    assert_eq!(
        (settled.join(" "), ends.join(" ")),
        ("planned failed_infra ready".to_owned(), "errored passed".to_owned())
    );
}

#[test]
fn a_full_disk_under_the_users_repository_ends_the_delivery_and_with_room_it_is_made() {
    if !may_mount() {
        return;
    }
    let scene = Scene::new();
    let filler = scene.repo.root.join(".git/fill");
    // In hexadecimal, so that no run of random characters looks like a secret.
    let work = format!("head -c 300000 /dev/urandom | od -An -v -tx1 > slow.txt; {}; true", fill(&filler));
    let plan = slice("slow", "writes = [\"slow.txt\"]\nretries = 1", &work) + GATE;
    let (settled, ends) = filled_and_resumed(&scene, &plan, &scene.repo.root, &filler);
    assert_eq!((settled.join(" "), ends.join(" ")), ("planned failed_infra ready".to_owned(), "passed".to_owned()));
}

/// Runs `omk` with its `when`-th call of this kind failing with EIO; `None` without strace.
fn with_bad_disk(scene: &Scene, inject: &str, words: &[&str]) -> Option<Ran> {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!("SKIPPED: there is no strace, so a disk with errors is not tried");
        return None;
    }
    let like = scene.command(words);
    let mut command = Command::new("strace");
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
