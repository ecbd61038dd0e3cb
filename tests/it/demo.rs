//! The first command of the README, for real: the demo runs its goal to `ready`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::git_repo::write_executable;
use crate::support::omk::{Place, Ran, git};

/// Runs the demo once and returns what it printed, record by record, the closing document last.
fn records(place: &Place) -> Vec<Value> {
    let keep = place.path("demo");
    let ran = place.run(&["demo", "--json", "--keep", keep.to_str().expect("a path")]);
    assert_eq!(ran.code(), Some(0), "{}\n{}", ran.stdout(), ran.stderr());
    ran.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of_type<'a>(records: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    records.iter().filter(move |record| record["type"] == kind)
}

/// The first moment at which two slices were both being worked on, if there was one.
fn overlap(records: &[Value]) -> Option<BTreeSet<&str>> {
    let mut working = BTreeSet::new();
    for record in records {
        let slice = record["data"]["attempt"]["slice"].as_str().unwrap_or_default();
        match record["type"].as_str() {
            Some("attempt_claimed") => {
                working.insert(slice);
            }
            Some("attempt_finished") => {
                working.remove(slice);
            }
            Some(_) | None => {}
        }
        if working.len() > 1 {
            return Some(working);
        }
    }
    None
}

fn merge_parents(repository: &Path, branch: &str) -> usize {
    git(repository, &["rev-list", "--merges", "--first-parent", branch]).lines().count()
}

#[test]
fn the_demo_shows_the_point_of_the_program_and_ends_ready() {
    let place = Place::new();
    let records = records(&place);
    let end = records.last().expect("a closing document");
    assert_eq!((&end["schema"], &end["settled"]["status"]), (&Value::from("omk.demo/v1"), &Value::from("ready")));

    let integrated: Vec<&str> =
        of_type(&records, "slice_integrated").filter_map(|record| record["data"]["slice"].as_str()).collect();
    assert_eq!(integrated.iter().collect::<BTreeSet<_>>().len(), 6, "{integrated:?}");
    assert!(overlap(&records).is_some(), "no two slices were worked on at once");

    let mut rejected = BTreeMap::new();
    for record in of_type(&records, "attempt_finished").filter(|it| it["data"]["outcome"]["kind"] == "rejected") {
        let data = &record["data"];
        rejected.insert(data["attempt"]["slice"].as_str().unwrap_or_default(), &data["outcome"]["feedback"]["kind"]);
    }
    assert_eq!(rejected, BTreeMap::from([("temperature", &Value::from("gate"))]));
    assert_eq!(of_type(&records, "merge_conflicted").count(), 0);

    let tip: BTreeSet<&str> = of_type(&records, "gate_finished")
        .filter(|record| record["data"]["scope"]["kind"] == "tip")
        .filter_map(|record| record["data"]["result"]["gate"].as_str())
        .collect();
    assert_eq!(tip, BTreeSet::from(["test", "style"]));

    let repository = Path::new(end["repository"].as_str().expect("a path"));
    let branch = format!("omk/{}/integration", end["settled"]["id"].as_str().expect("an id"));
    assert_eq!(merge_parents(repository, &branch), 6);
    assert_eq!(git(repository, &["status", "--porcelain"]), "");
    assert!(Path::new(end["proof"].as_str().expect("a path")).is_file());
}

#[test]
fn a_toolchain_that_cannot_be_used_is_said_before_anything_is_made() {
    let place = Place::new();
    let script = "#!/bin/sh\necho 'error: no default toolchain is configured' >&2\nexit 1\n";
    write_executable(&place.path("bin"), "cargo", script);
    let keep = place.path("demo");
    let mut command = place.command(&["demo", "--keep", keep.to_str().expect("a path")]);
    let ran = Ran(command.env("PATH", place.path("bin")).output().expect("omk starts"));
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    assert!(ran.stderr().contains("`cargo --version` fails here: error: no default toolchain"), "{}", ran.stderr());
    assert!(!keep.exists());
}

#[test]
fn the_demo_fills_no_directory_that_holds_something() {
    let place = Place::new();
    std::fs::create_dir(place.path("full")).expect("a directory");
    std::fs::write(place.path("full/mine"), "").expect("a file");
    let ran = place.run(&["demo", "--keep", "full"]);
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    assert!(ran.stderr().contains("full is not empty"), "{}", ran.stderr());
}
