//! Merging slices: spliced where they do not meet, by merge-ort where they do, and never silently.

use std::fs;
use std::path::Path;

use omk::domain::change::{Change, EntryKind, FileChange, Line};
use omk::domain::ids::SliceId;
use omk::domain::order::{ConflictPath, Merged};
use omk::domain::task::KeptLines;
use omk::ports::Workspace;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::git_goal::{AT, Goal, clean, done};
use crate::support::git_repo::{try_git, write};

const POEM: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

fn bytes(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

fn conflict_of(merged: &Merged) -> &[ConflictPath] {
    match merged {
        Merged::Conflict { paths, .. } => paths,
        Merged::Clean { .. } => panic!("{merged:?}"),
    }
}

#[test]
fn slices_that_do_not_meet_are_merged_in_order() {
    let goal = Goal::with_files(&[("a", "1\n"), ("d/b", "1\n"), ("d/c", "1\n")]);
    let one = goal.slice("one", |tree| write(tree, "a", "2\n"));
    let two = goal.slice("two", |tree| write(tree, "d/b", "2\n"));
    let three = goal.slice("three", |tree| fs::remove_file(tree.join("d/c")).unwrap());
    let merged = goal.merge(&[&one, &two, &three]);
    let tips: Vec<_> = merged.iter().map(clean).collect();
    let (tip, tree) = &tips[2];
    assert_eq!(goal.git(&["rev-parse", &format!("{tip}^{{tree}}")]), tree.as_str());
    assert_eq!(
        goal.git(&["log", "--first-parent", "--format=%P %s", &format!("{}..{tip}", goal.facts.base)]),
        format!(
            "{} {} merge three\n{} {} merge two\n{} {} merge one",
            tips[1].0, three.capture.commit, tips[0].0, two.capture.commit, goal.facts.base, one.capture.commit
        )
    );
    assert_eq!((goal.file(tip.as_str(), "a"), goal.file(tip.as_str(), "d/b")), ("2".to_owned(), "2".to_owned()));
    assert_eq!(goal.paths(tip.as_str()), ["a", "d/b"]);
    assert_eq!(goal.merge(&[&one, &two, &three]), merged);
}

#[test]
fn changes_of_one_file_in_different_places_are_merged() {
    let goal = Goal::with_files(&[("poem", POEM)]);
    let one = goal.slice("one", |tree| write(tree, "poem", &POEM.replace('2', "two")));
    let two = goal.slice("two", |tree| write(tree, "poem", &POEM.replace('8', "eight")));
    let merged = goal.merge(&[&one, &two]);
    let expected = POEM.replace('2', "two").replace('8', "eight");
    assert_eq!(goal.file(clean(&merged[1]).0.as_str(), "poem"), expected.trim_end());
}

#[test]
fn a_conflict_shows_all_sides_and_leaves_the_tip_to_the_next() {
    let goal = Goal::with_files(&[("poem", POEM), ("other", "1\n")]);
    let (ours, theirs) = (POEM.replace('5', "ours"), POEM.replace('5', "theirs"));
    let one = goal.slice("one", |tree| write(tree, "poem", &ours));
    let two = goal.slice("two", |tree| write(tree, "poem", &theirs));
    let three = goal.slice("three", |tree| write(tree, "other", "3\n"));
    let merged = goal.merge(&[&one, &two, &three]);
    let tip = clean(&merged[0]).0;
    let paths =
        vec![ConflictPath { path: "poem".to_owned(), base: bytes(POEM), ours: bytes(&ours), theirs: bytes(&theirs) }];
    assert_eq!(merged[1], Merged::Conflict { onto: tip.clone(), paths });
    let last = clean(&merged[2]).0;
    assert_eq!(goal.git(&["rev-parse", &format!("{last}^1")]), tip.as_str());
    assert_eq!(goal.file(last.as_str(), "poem"), ours.trim_end());
}

#[test]
fn deleting_what_another_modifies_is_a_conflict() {
    let goal = Goal::with_files(&[("a", POEM), ("b", "1\n")]);
    let one = goal.slice("one", |tree| fs::remove_file(tree.join("a")).unwrap());
    let changed = POEM.replace('5', "five");
    let two = goal.slice("two", |tree| write(tree, "a", &changed));
    let merged = goal.merge(&[&one, &two]);
    let expected = ConflictPath { path: "a".to_owned(), base: bytes(POEM), ours: None, theirs: bytes(&changed) };
    assert_eq!(conflict_of(&merged[1]), [expected]);
}

#[test]
fn a_change_follows_a_renamed_file() {
    let goal = Goal::with_files(&[("old", POEM), ("b", "1\n")]);
    let one = goal.slice("one", |tree| fs::rename(tree.join("old"), tree.join("new")).unwrap());
    let two = goal.slice("two", |tree| write(tree, "old", &POEM.replace('5', "five")));
    let three = goal.slice("three", |tree| write(tree, "new", "mine\n"));
    let merged = goal.merge(&[&one, &two, &three]);
    let tip = clean(&merged[1]).0;
    assert_eq!(goal.paths(tip.as_str()), ["b", "new"]);
    assert_eq!(goal.file(tip.as_str(), "new"), POEM.replace('5', "five").trim_end());
    assert_eq!(conflict_of(&merged[2]).iter().map(|path| path.path.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[test]
fn a_file_where_another_makes_a_directory_is_a_conflict() {
    let goal = Goal::with_files(&[("a", "1\n")]);
    let one = goal.slice("one", |tree| write(tree, "x", "file\n"));
    let two = goal.slice("two", |tree| write(tree, "x/y", "below\n"));
    let merged = goal.merge(&[&one, &two]);
    let expected = ConflictPath { path: "x".to_owned(), base: None, ours: bytes("file\n"), theirs: None };
    assert_eq!(conflict_of(&merged[1]), [expected]);
    let merged = goal.merge(&[&two, &one]);
    let expected = ConflictPath { path: "x".to_owned(), base: None, ours: None, theirs: bytes("file\n") };
    assert_eq!(conflict_of(&merged[1]), [expected]);
}

#[test]
fn two_new_files_of_one_name_conflict_unless_they_are_the_same() {
    let goal = Goal::with_files(&[("a", "1\n")]);
    let one = goal.slice("one", |tree| write(tree, "x", "one\n"));
    let same = goal.slice("same", |tree| write(tree, "x", "one\n"));
    let other = goal.slice("other", |tree| write(tree, "x", "other\n"));
    let merged = goal.merge(&[&one, &same, &other]);
    assert_eq!(clean(&merged[0]).1, clean(&merged[1]).1);
    let expected = ConflictPath { path: "x".to_owned(), base: None, ours: bytes("one\n"), theirs: bytes("other\n") };
    assert_eq!(conflict_of(&merged[2]), [expected]);
}

#[test]
fn attributes_of_a_slice_cannot_hide_a_conflict() {
    for attributes in ["* merge=union\n", "* merge=ours\n", "* -merge\n", "* merge=binary\n"] {
        let goal = Goal::with_files(&[("poem", POEM)]);
        let trap = goal.slice("trap", |tree| write(tree, ".gitattributes", attributes));
        let place = |tree: &Path, word: &str| write(tree, "poem", &POEM.replace('5', word));
        let one = goal.slice("one", |tree| place(tree, "one"));
        let two = goal.slice("two", |tree| {
            place(tree, "two");
            write(tree, ".gitattributes", attributes);
        });
        let merged = goal.merge(&[&trap, &one, &two]);
        assert_eq!(conflict_of(&merged[2]).len(), 1, "{attributes}");
        let apart = goal.slice("apart", |tree| write(tree, "poem", &POEM.replace('1', "apart")));
        clean(&goal.merge(&[&trap, &one, &apart])[2]);
    }
}

#[test]
fn a_slice_that_starts_later_is_merged_from_its_own_start() {
    let goal = Goal::with_files(&[("poem", POEM), ("a", "1\n")]);
    let one = goal.slice("one", |tree| write(tree, "poem", &POEM.replace('5', "five")));
    let tip = clean(&goal.merge(&[&one])[0]).0;
    let two = goal.slice_at("two", &tip, |tree| write(tree, "poem", &POEM.replace('5', "FIVE")));
    let three = goal.slice("three", |tree| write(tree, "a", "3\n"));
    let merged = done(goal.workspace.merge(tip, vec![three, two], AT)).unwrap();
    let last = clean(&merged[1]).0;
    assert_eq!(goal.file(last.as_str(), "poem"), POEM.replace('5', "FIVE").trim_end());
    assert_eq!(goal.file(last.as_str(), "a"), "3");
}

#[test]
fn a_change_is_given_line_by_line() {
    let goal = Goal::with_files(&[("a", "1\n2\n3\n"), ("bin", "x")]);
    let slice = goal.slice("s", |tree| {
        write(tree, "a", "1\ntwo\r\n3\nfour");
        fs::write(tree.join("bin"), b"\0\0").unwrap();
        std::os::unix::fs::symlink("a", tree.join("link")).unwrap();
    });
    let line = |number, text: &str| Line { number, text: text.to_owned() };
    let file = |path: &str, before, after| FileChange {
        path: path.to_owned(),
        before,
        after,
        binary: false,
        added: Vec::new(),
        removed: Vec::new(),
        link_target: None,
    };
    let expected = Change {
        files: vec![
            FileChange {
                added: vec![line(2, "two"), line(4, "four")],
                removed: vec![line(2, "2")],
                ..file("a", Some(EntryKind::File), Some(EntryKind::File))
            },
            FileChange { binary: true, ..file("bin", Some(EntryKind::File), Some(EntryKind::File)) },
            FileChange { link_target: Some("a".to_owned()), ..file("link", None, Some(EntryKind::Symlink)) },
        ],
    };
    let change = done(goal.workspace.change(goal.facts.base.clone(), slice.capture.commit)).unwrap();
    assert_eq!(*change, expected);
}

#[test]
fn lines_that_were_added_are_missed_when_they_are_gone() {
    let goal = Goal::with_files(&[("log", "a\n")]);
    let one = goal.slice("one", |tree| write(tree, "log", "a\nx\nx\ny\n"));
    let lines = done(goal.workspace.added_lines(goal.facts.base.clone(), one.capture.commit.clone(), "log".to_owned()));
    assert_eq!(lines, Ok(vec!["x".to_owned(), "x".to_owned(), "y".to_owned()]));
    let two = goal.slice("two", |tree| write(tree, "log", "a\nx\nz\n"));
    let from = vec![SliceId::parse("one").unwrap()];
    let kept = vec![KeptLines { path: "log".to_owned(), from: from.clone(), lines: lines.unwrap() }];
    let missing = done(goal.workspace.missing_lines(two.capture.commit, kept.clone())).unwrap();
    let lost = KeptLines { path: "log".to_owned(), from, lines: vec!["x".to_owned(), "y".to_owned()] };
    assert_eq!(missing, [lost]);
    assert_eq!(done(goal.workspace.missing_lines(one.capture.commit, kept)).unwrap(), []);
}

const PATHS: [&str; 6] = ["a", "b", "d/a", "d/b", "e", "e/f"];

/// Which paths a slice writes, and which it removes.
fn deeds() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    proptest::collection::vec((0..PATHS.len(), proptest::option::of(0..3u8)), 1..3)
}

fn perform(tree: &Path, deeds: &[(usize, Option<u8>)], slice: &str) {
    for (path, content) in deeds {
        let path = PATHS[*path];
        match content {
            Some(_) if path == "e/f" && tree.join("e").is_file() => {}
            Some(_) if path == "e" && tree.join("e").is_dir() => {}
            Some(content) => write(tree, path, &POEM.replace(char::from(b'2' + content * 3), "changed")),
            None => drop(fs::remove_file(tree.join(path))),
        }
    }
    write(tree, &format!("by/{slice}"), "so that each changes something\n");
}

#[test]
fn a_merge_is_what_the_reference_makes_of_it() {
    let goal = Goal::with_files(&[("a", POEM), ("b", POEM), ("d/a", POEM), ("d/b", POEM)]);
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let judged = TestRunner::new(config).run(&(deeds(), deeds()), |(one, two)| {
        let one = goal.slice("one", |tree| perform(tree, &one, "one"));
        let two = goal.slice("two", |tree| perform(tree, &two, "two"));
        let merged = goal.merge(&[&one, &two]);
        let (first, second) = (one.capture.commit.as_str(), two.capture.commit.as_str());
        let args = ["-c", "merge.directoryRenames=false", "merge-tree", "--write-tree", first, second];
        let reference = try_git(&goal.repository(), &args);
        match &merged[1] {
            Merged::Clean { tree, .. } => {
                let expected = String::from_utf8_lossy(&reference.stdout).trim().to_owned();
                prop_assert!(reference.status.success());
                prop_assert_eq!(tree.as_str(), expected);
            }
            Merged::Conflict { .. } => prop_assert_eq!(reference.status.code(), Some(1)),
        }
        Ok(())
    });
    judged.unwrap();
}

#[test]
fn slices_that_make_a_repository_together_are_in_conflict() {
    let goal = Goal::with_files(&[("a", "1\n")]);
    let head = goal.slice("head", |tree| write(tree, "x/HEAD", "ref: refs/heads/main\n"));
    let rest = goal.slice("rest", |tree| {
        ["x/objects/a", "x/refs/b", "x/config"].iter().for_each(|path| write(tree, path, "1\n"));
    });
    let merged = goal.merge(&[&head, &rest]);
    let (first, _) = clean(&merged[0]);
    let path = ConflictPath { path: "x".to_owned(), base: None, ours: None, theirs: None };
    assert_eq!(merged[1], Merged::Conflict { onto: first, paths: vec![path] });
}
