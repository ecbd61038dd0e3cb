//! Removing trees that are too deep, or of which something stays whatever one does.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;

use omk::adapters::removal::{remove_or_move, remove_tree};
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
