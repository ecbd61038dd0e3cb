//! `omk goal list` where a goal's files are not as they were left.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support::scene::{GATE, Scene, slice};

/// A `ready` goal.
fn ready() -> Scene {
    let scene = Scene::new();
    let ran = scene.run(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE), &[]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    scene
}

/// Changes a letter in the third line of the goal's journal, as an editor would.
fn damage(scene: &Scene) {
    let path = scene.goal().join("events.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let third = lines[2].replacen("\"actor\"", "\"acter\"", 1);
    assert_ne!(third, lines[2]);
    fs::write(&path, [&lines[..2], &[third.as_str()], &lines[3..]].concat().concat()).unwrap();
    let later = SystemTime::now() + Duration::from_secs(2);
    File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
}

/// What `list --json` shows and says of the only goal, which it leaves out.
fn left_out(scene: &Scene) -> (Value, String) {
    let ran = scene.omk(&["goal", "list", "--json"]);
    assert_eq!((ran.code(), &ran.json()["goals"]), (Some(0), &json!([])), "{}", ran.stderr());
    assert_eq!(ran.json()["left_out"].as_array().unwrap().len(), 1, "{}", ran.stdout());
    (ran.json()["left_out"][0].clone(), ran.stderr())
}

#[test]
fn a_goal_whose_journal_is_damaged_is_left_out_with_the_line_and_the_command_that_helps() {
    let scene = ready();
    damage(&scene);
    let id = scene.id();
    let (found, said) = left_out(&scene);
    assert_eq!(found["id"], json!(id));
    assert!(said.contains(&format!("note: {id} is left out: ")) && said.contains("damaged in line 3"), "{said}");
    assert!(said.contains(&format!(" && omk goal resume {id}\n")), "{said}");
    assert!(scene.omk(&["goal", "list", "-q"]).stderr().contains(&id), "a partial list looks whole");

    for words in [&["goal", "resume", "--auto"][..], &["goal", "gc"]] {
        let ran = scene.omk(words);
        assert!(ran.stderr().starts_with(&format!("note: {id} is left out: ")), "{words:?}: {}", ran.stderr());
    }

    fs::remove_file(scene.goal().join("goal.json")).unwrap();
    assert_eq!(left_out(&scene), (found, said));
}

#[test]
fn the_help_for_a_damaged_journal_can_be_typed_as_it_is() {
    let scene = ready();
    damage(&scene);
    let said = scene.omk(&["goal", "list"]).stderr();
    let command = said.lines().find_map(|line| line.split_once("do again what follows them: ")).unwrap().1;
    let omk = std::path::Path::new(env!("CARGO_BIN_EXE_omk")).parent().unwrap();
    let path = format!("{}:{}", omk.display(), std::env::var("PATH").unwrap());
    let shell = scene.command(&[]);
    let mut typed = std::process::Command::new("sh");
    typed.args(["-c", command]).env_clear().envs(shell.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = typed.env("PATH", path).current_dir(&scene.repo.root).output().unwrap();
    assert!(String::from_utf8_lossy(&ran.stdout).contains(&scene.id()), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(scene.json("list")["left_out"], json!([]));
}

#[test]
fn the_help_for_a_damaged_journal_names_the_state_directory_where_a_flag_did() {
    let scene = ready();
    damage(&scene);
    let (id, state) = (scene.id(), scene.place.state());
    let state = state.to_str().unwrap();
    for words in [&["goal", "list"][..], &["goal", "status"]] {
        let ran = scene.omk(&[words, &["--state-dir", state]].concat());
        let command = format!(" && omk --state-dir {state} goal resume {id}\n");
        assert!(ran.stderr().contains(&command), "{words:?}: {}", ran.stderr());
    }
}

#[test]
fn a_goal_whose_journal_is_gone_is_left_out_and_one_that_was_never_recorded_is_nobodys() {
    let scene = ready();
    let unborn = scene.place.state().join("goals/later-zzzzzzzz");
    fs::create_dir(&unborn).unwrap();
    fs::write(unborn.join("events.jsonl"), "{\"v\":2").unwrap();
    let whole = scene.omk(&["goal", "list", "--json"]);
    assert_eq!((whole.json()["goals"].as_array().unwrap().len(), &whole.json()["left_out"]), (1, &json!([])));
    assert_eq!(whole.stderr(), "");

    fs::remove_dir_all(&unborn).unwrap();
    fs::remove_file(scene.goal().join("events.jsonl")).unwrap();
    let (found, _) = left_out(&scene);
    assert!(found["problem"].as_str().unwrap().ends_with("events.jsonl is gone or empty"), "{found}");
}

#[test]
fn a_copied_state_directory_is_listed_as_the_original() {
    let scene = ready();
    let before = scene.json("list");
    let later = SystemTime::now() + Duration::from_secs(2);
    let journal = File::options().append(true).open(scene.goal().join("events.jsonl")).unwrap();
    journal.set_modified(later).unwrap();
    assert_eq!(scene.json("list"), before);
}
