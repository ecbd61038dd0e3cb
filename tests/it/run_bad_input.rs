//! Input that cannot be used: one clear error, the documented exit code, and nothing is written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::git_repo::{GitRepo, contents, git};
use crate::support::omk::{Place, Ran};
use crate::support::scene::{GATE, Scene, slice};

/// What a refused command said; fails unless it exits with `code`, says `words`, helps, and wrote nothing.
fn refused(scene: &Scene, words: &[&str], code: i32, said: &[&str]) -> Ran {
    let before = scene.everything();
    let ran = scene.omk(words);
    assert_eq!(ran.code(), Some(code), "{}{}", ran.stdout(), ran.stderr());
    scene.everything().assert_as(&before);
    says(&ran, said);
    ran
}

fn says(ran: &Ran, said: &[&str]) {
    let text = ran.stderr();
    assert!(text.starts_with("error: "), "{text}");
    assert_eq!(text.matches("error: ").count(), 1, "{text}");
    said.iter().for_each(|part| assert!(text.contains(part), "`{part}` is missing in: {text}"));
}

fn refused_plan(plan: &str, said: &[&str]) {
    let scene = Scene::new();
    let path = scene.plan(plan);
    refused(&scene, &["goal", "run", "Do it", "--until-ready", "--plan", &path], 2, said);
}

fn plan_of(slices: &[&str]) -> String {
    slices.concat() + GATE
}

/// Runs a sound plan on a directory that is no repository to work on; nothing may be written there.
fn refused_place(directory: &Path, said: &[&str]) {
    let place = Place::new();
    let plan = place.path("plan.toml");
    fs::write(&plan, slice("one", "writes = [\"one.txt\"]", "true") + GATE).unwrap();
    let before: BTreeMap<PathBuf, Vec<u8>> = contents(directory);
    let words = ["goal", "run", "Do it", "--until-ready", "-C", directory.to_str().unwrap(), "--plan"];
    let ran = place.run(&[&words[..], &[plan.to_str().unwrap()]].concat());
    assert_eq!(ran.code(), Some(2), "{}{}", ran.stdout(), ran.stderr());
    says(&ran, said);
    assert!(ran.stderr().contains("help: "), "{}", ran.stderr());
    assert_eq!(contents(directory), before);
    assert!(!place.state().join("goals").exists());
}

#[test]
fn a_directory_without_a_repository() {
    let directory = tempfile::tempdir().unwrap();
    refused_place(directory.path(), &["repository", directory.path().to_str().unwrap()]);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let scene = Scene::new();
    refused(&scene, &["goal", "run", "Do it", "-C", "/no/such/place"], 2, &["/no/such/place", "help: "]);
}

#[test]
fn a_bare_repository() {
    let repo = GitRepo::with_files(&[("a", "a")]);
    let bare = repo.root.with_file_name("bare.git");
    git(&repo.root, &["clone", "-q", "--bare", ".", bare.to_str().expect("a path in UTF-8")]);
    refused_place(&bare, &["bare"]);
}

#[test]
fn a_repository_without_a_commit() {
    refused_place(&GitRepo::empty().root, &["commit"]);
}

#[test]
fn a_repository_with_sha256() {
    let repo = GitRepo::initialised(&["-b", "main", "--object-format=sha256"]);
    repo.write("a", "a");
    repo.commit_all("a");
    refused_place(&repo.root, &["SHA-256"]);
}

#[test]
fn a_plan_that_is_not_there() {
    let scene = Scene::new();
    let words = ["goal", "run", "Do it", "--plan", "gone.toml"];
    refused(&scene, &words, 2, &["gone.toml", "No such file", "help: "]);
}

#[test]
fn a_plan_that_is_no_toml_is_refused_with_line_and_column() {
    refused_plan("[[slices]]\nid = \"one\nwrites = []\n", &["plan.toml:2:", "help: "]);
}

#[test]
fn a_plan_that_is_no_json_is_refused_with_line_and_column() {
    let scene = Scene::new();
    let path = scene.place.path("plan.json");
    fs::write(&path, "{\"slices\": [\n  {\"id\": }\n]}").unwrap();
    let words = ["goal", "run", "Do it", "--plan", path.to_str().unwrap()];
    refused(&scene, &words, 2, &["plan.json:2:", "help: "]);
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    refused_plan(
        &plan_of(&[&slice("one", "wirtes = [\"x\"]", "true")]),
        &["plan.toml:3:", "wirtes", "`writes`", "help: "],
    );
}

#[test]
fn two_slices_of_one_id() {
    let one = slice("one", "writes = [\"a\"]", "true");
    refused_plan(&plan_of(&[&one, &one]), &["error: ", "plan.toml:6:6: slice id `one`", "help: "]);
}

#[test]
fn a_dependency_on_a_slice_that_is_not_there() {
    let plan = plan_of(&[&slice("one", "after = [\"tow\"]", "true")]);
    refused_plan(&plan, &["plan.toml:3:10: slice `one`", "`tow`", "help: "]);
}

#[test]
fn a_dependency_on_itself() {
    let plan = plan_of(&[&slice("one", "after = [\"one\"]", "true")]);
    refused_plan(&plan, &["plan.toml:3:10: slice `one`", "itself", "help: "]);
}

#[test]
fn a_cycle_is_named_in_order() {
    let slices = [("a", "c"), ("b", "a"), ("c", "b")];
    let slices = slices.map(|(id, after)| slice(id, &format!("after = [\"{after}\"]"), "true"));
    refused_plan(&plan_of(&slices.each_ref().map(String::as_str)), &["plan.toml:3:10: ", "a -> c -> b -> a", "help: "]);
}

#[test]
fn unordered_slices_that_write_one_path() {
    let slices = ["one", "two"].map(|id| slice(id, "writes = [\"src/x.rs\"]", "true"));
    let said = ["plan.toml:7:11: slice `one`", "`two`", "src/x.rs", "help: "];
    refused_plan(&plan_of(&slices.each_ref().map(String::as_str)), &said);
}

#[test]
fn a_gate_that_is_not_there() {
    let plan = plan_of(&[&slice("one", "gates = [\"check\", \"chek\"]", "true")]);
    refused_plan(&plan, &["plan.toml:3:19: slice `one`", "did you mean `check`?", "help: "]);
}

#[test]
fn everything_that_is_wrong_between_slices_has_its_own_line_and_place() {
    let slices = [slice("one", "after = [\"x1\"]", "true"), slice("two", "after = [\"one\", \"x2\"]", "true")];
    let plan = plan_of(&slices.each_ref().map(String::as_str));
    refused_plan(&plan, &["plan.toml:3:10: slice `one`", "plan.toml:7:17: slice `two`"]);
}

#[test]
fn the_place_in_a_plan_of_json() {
    let scene = Scene::new();
    let path = scene.place.path("plan.json");
    fs::write(&path, "{\"slices\": [\n  {\"id\": \"one\",\n   \"after\": [\"tow\"]}]}").unwrap();
    let words = ["goal", "run", "Do it", "--plan", path.to_str().unwrap()];
    refused(&scene, &words, 2, &["plan.json:3:14: slice `one`", "`tow`", "help: "]);
}

#[test]
fn an_agent_of_a_slice_that_nobody_knows() {
    let slice = "[[slices]]\nid = \"one\"\nagent = \"clod\"\nwrites = [\"x\"]\n";
    refused_plan(&plan_of(&[slice]), &["plan.toml:3:9: slice `one`: agent `clod` is not known", "help: "]);
}

#[test]
fn a_path_that_leaves_the_repository() {
    for path in ["../x", "src/../../x", "/etc/passwd"] {
        refused_plan(&plan_of(&[&slice("one", &format!("writes = [\"{path}\"]"), "true")]), &["plan.toml:3:", path]);
    }
}

#[test]
fn a_goal_without_words() {
    let scene = Scene::new();
    for goal in ["", " \n\t"] {
        refused(&scene, &["goal", "run", goal, "--gate", "t=true"], 2, &["the goal is empty", "help: "]);
    }
}

#[test]
fn an_option_that_is_typed_wrong_is_no_goal() {
    let scene = Scene::new();
    for words in
        [&["goal", "run", "--until-redy"][..], &["goal", "run", "Do it", "--until-redy"], &["goal", "plan", "-x"]]
    {
        let typed = words.last().copied().unwrap();
        refused(&scene, words, 2, &[typed]);
    }
}

#[test]
fn an_agent_that_nobody_knows() {
    let scene = Scene::new();
    let words = ["goal", "run", "Do it", "--until-ready", "--gate", "t=true", "--agent", "clod"];
    refused(&scene, &words, 2, &["clod", "help: "]);
}

#[test]
fn an_agent_that_is_not_installed_blocks_at_once() {
    let scene = Scene::new();
    let words = ["goal", "run", "Do it", "--until-ready", "--gate", "t=true", "--agent", "cmd:omk-no-such-agent -x"];
    refused(&scene, &words, 4, &["omk-no-such-agent", "not found in PATH", "status: blocked_on_external", "help: "]);
}

#[test]
fn an_agent_that_is_not_executable_blocks_at_once() {
    let scene = Scene::new();
    let agent = scene.place.path("agent.sh");
    fs::write(&agent, "#!/bin/sh\n").unwrap();
    let agent = format!("cmd:{}", agent.display());
    let words = ["goal", "run", "Do it", "--until-ready", "--gate", "t=true", "--agent", &agent];
    refused(&scene, &words, 4, &["agent.sh", "is not executable", "status: blocked_on_external"]);
}

#[test]
fn a_change_that_nothing_could_prove() {
    let scene = Scene::new();
    let path = scene.plan(&slice("one", "writes = [\"one.txt\"]", "true"));
    let words = ["goal", "run", "Do it", "--until-ready", "--plan", &path];
    refused(&scene, &words, 3, &["no required gate", "--gate", "status: blocked_on_human", "help: "]);
}

#[test]
fn a_state_directory_that_cannot_be_written() {
    let scene = Scene::new();
    // A file in the way stops root as well.
    fs::write(scene.place.state(), "mine").unwrap();
    let path = scene.plan(&plan_of(&[&slice("one", "writes = [\"one.txt\"]", "true")]));
    let before = scene.repo.contents();
    let ran = scene.omk(&["goal", "run", "Do it", "--plan", &path]);
    assert!(matches!(ran.code(), Some(2 | 70)), "{:?} {}", ran.code(), ran.stderr());
    says(&ran, &[scene.place.state().to_str().unwrap()]);
    assert_eq!((fs::read(scene.place.state()).unwrap(), scene.repo.contents()), (b"mine".to_vec(), before));
}

#[test]
fn a_state_directory_without_permission() {
    let scene = Scene::new();
    fs::create_dir(scene.place.state()).unwrap();
    fs::set_permissions(scene.place.state(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(scene.place.state().join("probe"), "").is_ok() {
        // Nothing stops root here; the file in the way above stands for both.
        return;
    }
    let path = scene.plan(&plan_of(&[&slice("one", "writes = [\"one.txt\"]", "true")]));
    let ran = scene.omk(&["goal", "run", "Do it", "--plan", &path]);
    assert!(matches!(ran.code(), Some(2 | 70)), "{:?} {}", ran.code(), ran.stderr());
    says(&ran, &[scene.place.state().to_str().unwrap(), "ermission"]);
}

#[test]
fn a_goal_that_nobody_knows() {
    let scene = Scene::new();
    for words in [&["goal", "status", "nothing-here"][..], &["goal", "resume", "nothing-here"]] {
        refused(&scene, words, 2, &["nothing-here"]);
    }
    refused(&scene, &["goal", "status"], 2, &["help: "]);
}

#[test]
fn a_goal_whose_name_fits_several() {
    let scene = Scene::new();
    let path = scene.plan(&plan_of(&[&slice("one", "writes = [\"one.txt\"]", "true")]));
    for _ in 0..2 {
        let ran = scene.omk(&["goal", "plan", "Do it", "--plan", &path]);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    }
    let ids = scene.omk(&["goal", "list", "--json"]).json();
    let ids: Vec<_> =
        ids["goals"].as_array().unwrap().iter().map(|goal| goal["id"].as_str().unwrap().to_owned()).collect();
    let said: Vec<_> = ids.iter().map(String::as_str).chain(["do-it"]).collect();
    refused(&scene, &["goal", "resume", "do-it"], 2, &said);
}

#[test]
fn a_file_where_branches_would_go_is_named() {
    let scene = Scene::new();
    scene.repo.git(&["branch", "omk"]);
    let path = scene.plan(&plan_of(&[&slice("one", "writes = [\"one.txt\"]", "true")]));
    refused(
        &scene,
        &["goal", "run", "Do it", "--until-ready", "--plan", &path],
        2,
        &["`omk`", "git branch -m", "help: "],
    );
}

#[test]
fn a_branch_that_appears_while_the_goal_runs_is_never_moved() {
    let scene = Scene::new();
    let run = format!("{}; echo 1 > one.txt", scene.wait_for("on", "go"));
    let mut session = scene.start_plan(&plan_of(&[&slice("one", "writes = [\"one.txt\"]", &run)]), &[]);
    scene.see("on");
    let branch = format!("omk/{}/integration", scene.id());
    git(&scene.repo.root, &["branch", &branch]);
    let before = scene.repo.git(&["rev-parse", &branch]);
    scene.make("go");
    assert_eq!(session.code(), Some(5), "{}", session.stderr());
    assert_eq!(scene.repo.git(&["rev-parse", &branch]), before);
    assert!(session.stdout().contains(&branch), "{}", session.stdout());
}

#[test]
fn refusals_are_documents_under_json() {
    let scene = Scene::new();
    let path = scene.plan(&slice("one", "writes = [\"one.txt\"]", "true"));
    let no_gate = ["goal", "run", "Do it", "--json", "--plan", &path];
    let no_agent = ["goal", "run", "Do it", "--json", "--gate", "t=true", "--agent", "cmd:omk-no-such-agent"];
    let no_goal = ["goal", "status", "nothing-here", "--json"];
    for (words, code, kind) in [(&no_gate[..], 3, "blocked"), (&no_agent, 4, "blocked"), (&no_goal, 2, "usage")] {
        let before = scene.everything();
        let ran = scene.omk(words);
        let document = ran.json();
        assert_eq!(ran.code(), Some(code), "{document}");
        assert_eq!(ran.stdout().lines().count(), 1, "{}", ran.stdout());
        assert_eq!((&document["schema"], &document["exit"]), (&"omk.error/v1".into(), &code.into()));
        assert_eq!(document["error"]["kind"], kind);
        assert!(!document["error"]["message"].as_str().unwrap().is_empty());
        scene.everything().assert_as(&before);
    }
}
