//! Removing trees that are too deep, that others remove too, or of which something stays whatever one does.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use omk::adapters::removal::{remove_or_move, remove_tree};
use omk::adapters::remover::{Remover, is_anything_set_aside, remove_set_aside};
use rustix::fs::{Mode, OFlags, mkdirat, openat};

#[test]
fn a_tree_is_removed_however_deep_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let top = dir.path().join("top");
    fs::create_dir(&top).expect("a directory");
    fs::write(top.join(".omk-deep.1"), "somebody's").expect("a file");
    let mut at: OwnedFd = fs::File::open(&top).expect("a directory").into();
    for level in 0..20_000 {
        mkdirat(&at, c"d", Mode::RWXU).expect("a directory");
        at = openat(&at, c"d", OFlags::DIRECTORY, Mode::empty()).expect("a directory");
        if level % 5_000 == 0 {
            mkdirat(&at, c"beside", Mode::RWXU).expect("a directory");
        }
    }
    remove_tree(&top).expect("it goes");
    assert!(!top.exists());
}

fn make_immutable(file: &Path, how: &str) -> bool {
    Command::new("chattr").arg(how).arg(file).output().is_ok_and(|it| it.status.success())
}

#[test]
fn what_cannot_be_removed_stands_aside_with_nothing_that_can() {
    let dir = tempfile::tempdir().expect("a directory");
    let (tree, aside) = (dir.path().join("tree"), dir.path().join("aside"));
    fs::create_dir_all(tree.join("deep")).expect("directories");
    for file in ["a", "deep/stays", "z"] {
        fs::write(tree.join(file), "x").expect("a file");
    }
    if !make_immutable(&tree.join("deep/stays"), "+i") {
        return eprintln!("SKIPPED: a file that cannot be removed: `chattr +i` is missing, or this user may not");
    }
    let place = remove_or_move(&tree, &aside).expect("it is out of the way");
    let moved = aside.join("tree.1");
    assert_eq!(place.as_deref(), Some(moved.as_path()));
    assert!(!tree.exists() && !moved.join("a").exists() && !moved.join("z").exists());
    assert!(make_immutable(&moved.join("deep/stays"), "-i"));
    assert_eq!(remove_or_move(&moved, &aside).expect("it goes now"), None);
}

/// A tree of many directories, three deep.
fn wide(top: &Path) {
    for number in 0..400 {
        let directory = top.join(format!("{}/{number}/in", number % 7));
        fs::create_dir_all(&directory).expect("directories");
        fs::write(directory.join("file"), "x").expect("a file");
    }
}

#[test]
fn whatever_somebody_else_removes_meanwhile_is_no_error() {
    let dir = tempfile::tempdir().expect("a directory");
    for round in 0..20 {
        let top = dir.path().join(round.to_string());
        wide(&top);
        let removed = std::thread::scope(|scope| {
            let others: Vec<_> = (0..3).map(|_| scope.spawn(|| remove_tree(&top))).collect();
            others.into_iter().map(|other| other.join().expect("no panic").map_err(|error| error.to_string())).collect()
        });
        assert_eq!((removed, top.exists()), (vec![Ok(()); 3], false));
    }
}

#[test]
fn what_is_set_aside_is_out_of_the_way_at_once_and_removed_later() {
    let dir = tempfile::tempdir().expect("a directory");
    let (remover, path) = (Remover::new(dir.path()), dir.path().join("work"));
    for _ in 0..10 {
        wide(&path);
        remover.set_aside(&path).expect("a rename");
        assert!(!path.exists());
        remover.set_aside(&path).expect("it is gone already");
    }
    crate::support::scene::until("all of it is removed", || !is_anything_set_aside(dir.path()));
}

#[test]
fn what_a_run_leaves_set_aside_is_removed_by_the_next_one_or_by_whoever_asks() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("work");
    let halted = Remover::new(dir.path());
    halted.halt();
    let leave = || {
        wide(&path);
        halted.set_aside(&path).expect("a rename");
        assert!(is_anything_set_aside(dir.path()));
    };
    leave();
    remove_set_aside(dir.path()).expect("it goes");
    assert!(!is_anything_set_aside(dir.path()));
    leave();
    let next = Remover::new(dir.path());
    wide(&path);
    next.set_aside(&path).expect("a rename");
    crate::support::scene::until("all of it is removed", || !is_anything_set_aside(dir.path()));
}
