//! Red gates and conflicts: what is named, what is kept, and how the operator goes on.

use std::fs;

use serde_json::json;

use crate::support::scene::{GATE, Scene, slice};

#[test]
fn a_gate_that_stays_red_is_named_and_a_hint_mends_it() {
    let scene = Scene::with(&[("gate.sh", "! grep -q bad one.txt 2>/dev/null || { echo bad words; exit 3; }\n")]);
    let run = "if grep -q 'say go[o]d' $OMK_TASK_FILE; then echo good > one.txt; else echo bad > one.txt; fi";
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]\nretries = 1", run) + GATE), &["--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(5), &json!("not_ready")));
    let reason = settled["reason"].as_str().unwrap();
    assert!(reason.contains("`one`") && reason.contains("check"), "{reason}");
    assert!(settled["next"][0].as_str().unwrap().contains("retry"), "{settled}");
    assert_eq!(scene.records_of("attempt_offered").len(), 2);
    assert!(scene.goal().join("failure.json").exists());

    let retried = scene.omk(&["goal", "retry", "--slice", "one", "--hint", "say good"]);
    assert_eq!(retried.code(), Some(0), "{}{}", retried.stdout(), retried.stderr());
    assert_eq!(scene.integrated("one.txt"), "good");
    assert!(!scene.goal().join("failure.json").exists());
}

#[test]
fn resume_gives_what_was_given_up_attempts_again() {
    let scene = Scene::with(&[("gate.sh", "test ! -e one.txt || grep -q good one.txt\n")]);
    let run =
        format!("if [ -e {} ]; then echo good > one.txt; else echo bad > one.txt; fi", scene.mark("mended").display());
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]\nretries = 0", &run) + GATE), &[]);
    assert_eq!(ran.code(), Some(5), "{}", ran.stdout());
    scene.make("mended");
    let resumed = scene.omk(&["goal", "resume"]);
    assert_eq!(resumed.code(), Some(0), "{}{}", resumed.stdout(), resumed.stderr());
    assert_eq!(scene.integrated("one.txt"), "good");
}

#[test]
fn what_stands_on_a_slice_that_was_given_up_is_not_done_and_the_rest_is_kept() {
    let scene = Scene::with(&[("gate.sh", "test ! -e bad.txt\n")]);
    let bad = slice("bad", "writes = [\"bad.txt\"]\nretries = 0", "echo x > bad.txt");
    let after = slice("after", "after = [\"bad\"]\nwrites = [\"after.txt\"]", "echo x > after.txt");
    let good = slice("good", "writes = [\"good.txt\"]", "echo x > good.txt");
    let ran = scene.run(&(bad + &after + &good + GATE), &["--json"]);
    assert_eq!(ran.code(), Some(5));
    let reason = ran.json()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("`bad`") && reason.contains("`after`"), "{reason}");
    let integrated: Vec<_> = scene.records_of("slice_integrated").iter().map(|it| it["slice"].clone()).collect();
    assert_eq!(integrated, [json!("good")]);
    assert_eq!(scene.branches(), ["main"]);
}

/// Two slices that change one `merges` path at once: both wait until both have begun.
fn both_at_once(scene: &Scene, one: &str, two: &str) -> String {
    let run = |me: &str, other: &str, work: &str| {
        let wait = scene.wait_for(&format!("{me}-on"), &format!("{other}-on"));
        slice(me, "merges = [\"a.txt\"]\nretries = 1", &format!("{wait}; {work}"))
    };
    run("one", "two", one) + &run("two", "one", two) + GATE
}

#[test]
fn a_merged_path_takes_both_changes() {
    let scene = Scene::new();
    let plan = both_at_once(&scene, "sed -i '1i one' a.txt", "echo two >> a.txt");
    let ran = scene.run(&plan, &["--max-agents", "2"]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(scene.integrated("a.txt"), "one\nalpha\nbeta\ngamma\ntwo");
}

#[test]
fn a_conflict_gets_another_attempt_on_top_of_the_integrated_state() {
    let scene = Scene::new();
    let plan = both_at_once(&scene, "echo one >> a.txt", "echo two >> a.txt");
    let ran = scene.run(&plan, &["--max-agents", "2"]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let text = scene.integrated("a.txt");
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["alpha", "beta", "gamma", "one", "two"]);
    assert_eq!(scene.records_of("merge_conflicted").len(), 1);
}

#[test]
fn a_true_conflict_names_both_slices_and_keeps_the_evidence() {
    let scene = Scene::new();
    let plan = both_at_once(&scene, "echo one > a.txt", "echo two > a.txt");
    let ran = scene.run(&plan, &["--max-agents", "2", "--json"]);
    let settled = ran.json();
    assert_eq!((ran.code(), &settled["status"]), (Some(5), &json!("not_ready")), "{settled}");
    let reason = settled["reason"].as_str().unwrap();
    assert!(reason.contains("`one`") && reason.contains("`two`") && reason.contains("a.txt"), "{reason}");
    let evidence = fs::read_dir(scene.goal().join("artifacts/integration")).unwrap();
    let mut contents: Vec<_> = evidence.map(|it| fs::read_to_string(it.unwrap().path()).unwrap()).collect();
    contents.sort();
    contents.dedup();
    assert_eq!(contents, ["alpha\nbeta\ngamma\n", "one\n", "two\n"]);
    assert_eq!(scene.records_of("slice_integrated").len(), 1);
    assert_eq!(scene.branches(), ["main"]);
}

#[test]
fn a_second_attempt_may_not_drop_what_the_other_added() {
    let scene = Scene::new();
    // The second attempt starts with both on the table, and throws the other's line away.
    let work = |me: &str| format!("grep -v -e one -e two a.txt > t; mv t a.txt; echo {me} >> a.txt");
    let ran = scene.run(&both_at_once(&scene, &work("one"), &work("two")), &["--max-agents", "2", "--json"]);
    assert_eq!(ran.code(), Some(5), "{}", ran.json());
    assert_eq!(scene.records_of("slice_integrated").len(), 1);
}

#[test]
fn a_batch_that_is_red_together_is_bisected_to_the_slice_that_breaks_it() {
    // Each alone is green; `left` and `right` together are not.
    let gate = "if [ -e left.txt ] && [ -e right.txt ] && ! grep -q mended right.txt; then echo clash; exit 1; fi\n";
    let scene = Scene::with(&[("gate.sh", gate)]);
    let run = |me: &str, other: &str, work: &str| {
        let wait = scene.wait_for(&format!("{me}-on"), &format!("{other}-on"));
        slice(me, &format!("writes = [\"{me}.txt\"]"), &format!("{wait}; {work}"))
    };
    let left = run("left", "right", "echo x > left.txt");
    let right = run("right", "left", "if [ -e left.txt ]; then echo mended > right.txt; else echo x > right.txt; fi");
    let also = slice("also", "writes = [\"also.txt\"]", "echo x > also.txt");
    let ran = scene.run(&(also + &left + &right + GATE), &["--max-agents", "3"]);
    let blamed: Vec<_> = scene.records_of("slice_blamed").iter().map(|it| it["slice"].clone()).collect();
    if blamed == [json!("left")] {
        // `right` landed first by itself: `left` cannot mend the clash and is named.
        assert_eq!(ran.code(), Some(5), "{}", ran.stdout());
        return;
    }
    assert_eq!(blamed, [json!("right")], "{}", ran.stderr());
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(scene.integrated("right.txt"), "mended");
}

#[test]
fn a_gate_that_is_red_once_is_a_flake_and_nobody_is_blamed() {
    let scene = Scene::new();
    let flaky = scene.mark("flaked").display().to_string();
    // Red on the batch once: by then both files are there, on the attempts only one is.
    scene.repo.write(
        "gate.sh",
        &format!("if [ -e one.txt ] && [ -e two.txt ] && [ ! -e {flaky} ]; then touch {flaky}; exit 1; fi\n"),
    );
    scene.repo.commit_all("flaky");
    let slices = ["one", "two"].map(|id| slice(id, &format!("writes = [\"{id}.txt\"]"), &format!("echo x > {id}.txt")));
    let ran = scene.run(&(slices.concat() + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!((scene.records_of("flake_seen").len(), scene.records_of("slice_blamed").len()), (1, 0));
    assert!(ran.stdout().contains("note"), "{}", ran.stdout());
}

#[test]
fn attempts_that_leave_many_directories_are_lost_to_their_gate_alone() {
    let scene = Scene::with(&[("gate.sh", "exit 1\n")]);
    let work = "i=0; while [ $i -lt 300 ]; do mkdir -p target/$i/in; : > target/$i/in/file; i=$((i+1)); done; \
                date +%s%N > one.txt; echo target/ > .gitignore";
    let plan = slice("one", "writes = [\"one.txt\", \"target/**\", \".gitignore\"]\nretries = 8", work) + GATE;
    let ran = scene.run(&plan, &[]);
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
    let ends: Vec<_> = scene.records_of("attempt_finished").iter().map(|end| end["outcome"]["kind"].clone()).collect();
    assert_eq!(ends, vec!["rejected"; 9]);
    let places: std::collections::BTreeSet<_> =
        scene.records_of("worktree_prepared").iter().map(|made| made["path"].to_string()).collect();
    assert_eq!(places.len(), 9, "each attempt has a place of its own");
    let left = |name: &str| std::fs::read_dir(scene.goal().join(name)).into_iter().flatten().count();
    assert_eq!((left("worktrees"), left("discarded"), left("repo.git/worktrees")), (0, 0, 0));
}

#[test]
fn a_file_of_terabytes_fails_its_attempt_and_holds_nobody_up() {
    let scene = Scene::new();
    let cases = [
        ("truncate -s 4T stray", "it changed paths outside its writes and merges: stray"),
        ("truncate -s 4T one.txt", "a changed file may have 512 MiB (`max_file_size`, $OMK_MAX_FILE_SIZE)"),
    ];
    for (work, said) in cases {
        let place = scene.place.path(&work.replace(' ', "-"));
        let plan = slice("one", "writes = [\"one.txt\"]\nretries = 0", work) + GATE;
        let ran = scene.run(&plan, &["--state-dir", place.to_str().unwrap()]);
        assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
        assert!(ran.stderr().contains(said), "{}", ran.stderr());
    }
}
