//! Worktrees and exports: what is in them, and what a tree cannot make us write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use omk::domain::fact::Branch;
use omk::domain::ids::{Attempt, AttemptRef, TreeId};
use omk::domain::order::{Place, Prepared, WorktreeOrder};
use omk::ports::Workspace;

use crate::support::git_goal::{AT, Goal, attempt, done};
use crate::support::git_repo::{GitRepo, contents, git, link, write, write_executable};
use crate::support::ordinary::was_run_as_an_ordinary_user;

fn assorted() -> GitRepo {
    let other = GitRepo::with_files(&[("x", "x\n")]);
    let repo = GitRepo::with_files(&[("src/a/b/c.rs", "c\n"), ("src-x", "x\n"), ("src/z", "z\n"), ("top", "")]);
    write_executable(&repo.root, "run.sh", "#!/bin/sh\n");
    link(&repo.root, "src/link", "../top");
    link(&repo.root, "outside", "/etc/hostname");
    repo.git(&["submodule", "--quiet", "add", other.root.to_str().unwrap(), "lib/sub"]);
    repo.commit_all("all kinds");
    repo
}

#[test]
fn a_worktree_holds_the_start_exactly_and_git_finds_it_clean() {
    let repo = assorted();
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("a");
    assert_eq!(worktree, goal.directory().join("worktrees/a.1"));
    assert_eq!(git(&worktree, &["status", "--porcelain"]), "");
    assert_eq!(git(&worktree, &["rev-parse", "HEAD"]), goal.facts.base.as_str());
    assert_eq!(git(&worktree, &["diff-files", "--raw"]), "");
    assert_eq!(fs::read_to_string(worktree.join("src/a/b/c.rs")).unwrap(), "c\n");
    assert_eq!(fs::read_link(worktree.join("src/link")).unwrap().to_str(), Some("../top"));
    assert_eq!(fs::metadata(worktree.join("run.sh")).unwrap().permissions().mode() & 0o100, 0o100);
    assert_eq!(fs::metadata(worktree.join("top")).unwrap().permissions().mode() & 0o111, 0);
    assert_eq!(fs::read_dir(worktree.join("lib/sub")).unwrap().count(), 0);
}

#[test]
fn a_worktree_can_show_an_earlier_attempts_work() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    let goal = Goal::on(&repo);
    let earlier = goal.slice("earlier", |tree| {
        write(tree, "a", "2\n");
        write(tree, "new/c", "3\n");
    });
    let start = goal.facts.base.clone();
    let order =
        WorktreeOrder { attempt: attempt("later"), start, content: Some(earlier.capture.tree.clone()), place: None };
    let worktree = done(goal.workspace.prepare(order)).unwrap().path;
    assert_eq!(git(&worktree, &["status", "--porcelain"]), "M  a\nA  new/c");
    let captured = goal.capture("later").capture.unwrap();
    assert_eq!((captured.tree, captured.paths), (earlier.capture.tree, vec!["a".to_owned(), "new/c".to_owned()]));
}

fn in_place(goal: &Goal, of: &str, name: &str, as_it_stands: bool) -> Prepared {
    let place = Place { worktree: Path::new("worktrees").join(of), as_it_stands };
    let start = goal.facts.base.clone();
    let order = WorktreeOrder { attempt: attempt(name), start, content: None, place: Some(place) };
    done(goal.workspace.prepare(order)).unwrap()
}

#[test]
fn a_worktree_is_taken_over_as_it_stands() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let first = goal.worktree("s");
    write(&first, "a", "half\n");
    fs::write(goal.directory().join("repo.git/worktrees/s.1/index.lock"), "").unwrap();
    let second = in_place(&goal, "s.1", "s", true);
    assert_eq!(second, Prepared { path: first, stood: true });
    assert_eq!(git(&second.path, &["diff", "--name-only"]), "a");
    let captured = goal.capture("s").capture.unwrap();
    assert_eq!(captured.paths, ["a"]);
}

#[test]
fn a_place_that_is_gone_half_made_or_at_another_commit_is_made_anew() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let entry = goal.directory().join("repo.git/worktrees/s.1");
    let spoil: [&dyn Fn(&Path); 4] = [
        &|worktree| fs::remove_dir_all(worktree).unwrap(),
        &|_| fs::remove_dir_all(&entry).unwrap(),
        &|worktree| fs::remove_file(worktree.join(".git")).unwrap(),
        &|_| fs::write(entry.join("HEAD"), format!("{}\n", "1".repeat(40))).unwrap(),
    ];
    for spoil in spoil {
        let worktree = in_place(&goal, "s.1", "s", false).path;
        write(&worktree, "a", "half\n");
        spoil(&worktree);
        assert_eq!(in_place(&goal, "s.1", "s", true), Prepared { path: worktree.clone(), stood: false });
        assert_eq!(git(&worktree, &["status", "--porcelain"]), "");
        assert_eq!(fs::read_to_string(worktree.join("a")).unwrap(), "1\n");
    }
}

#[test]
fn of_a_slice_there_is_one_worktree_and_of_others_nothing_is_touched() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let base = goal.facts.base.clone();
    let [first, other, alike] = ["s", "t", "s-x"].map(|name| goal.worktree(name));
    let order = WorktreeOrder {
        attempt: AttemptRef { attempt: Attempt(2), ..attempt("s") },
        start: base,
        content: None,
        place: None,
    };
    let second = done(goal.workspace.prepare(order)).unwrap().path;
    assert_eq!([&first, &second, &other, &alike].map(|path| path.exists()), [false, true, true, true]);
}

#[test]
fn what_an_earlier_try_left_is_replaced() {
    if was_run_as_an_ordinary_user("git_worktree::what_an_earlier_try_left_is_replaced") {
        return;
    }
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("a");
    fs::remove_file(worktree.join(".git")).unwrap();
    write(&worktree, "left/over", "x");
    fs::set_permissions(worktree.join("left"), fs::Permissions::from_mode(0o500)).unwrap();
    assert_eq!(goal.worktree("a"), worktree);
    assert_eq!(git(&worktree, &["status", "--porcelain", "--ignored"]), "");
}

#[test]
fn a_discarded_worktree_is_gone_and_its_commits_stay() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let slice = goal.slice("a", |tree| write(tree, "a", "2\n"));
    let worktree = goal.directory().join("worktrees/a.1");
    done(goal.workspace.discard(worktree.clone())).unwrap();
    done(goal.workspace.discard(worktree.clone())).unwrap();
    assert!(!worktree.exists());
    assert!(!goal.repository().join("worktrees/a.1").exists());
    assert_eq!(goal.file(slice.capture.commit.as_str(), "a"), "2");
}

#[test]
fn only_worktrees_of_the_goal_are_discarded() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    for path in [repo.root.clone(), goal.directory().join("worktrees"), goal.directory().join("worktrees/../repo.git")]
    {
        assert!(done(goal.workspace.discard(path)).is_err());
    }
    assert!(repo.root.join("a").exists() && goal.repository().join("HEAD").exists());
}

#[test]
fn an_export_is_the_tree_without_any_git_directory() {
    let repo = assorted();
    let goal = Goal::on(&repo);
    let target = goal.directory().join("gate");
    done(goal.workspace.export(goal.facts.base_tree.clone(), target.clone())).unwrap();
    let paths: Vec<String> = contents(&target).into_keys().map(|path| path.to_str().unwrap().to_owned()).collect();
    assert_eq!(
        paths,
        [".gitmodules", "outside", "run.sh", "src/a/b/c.rs", "src/link", "src/z", "src-x", "top"].map(str::to_owned)
    );
    assert!(target.join("lib/sub").is_dir());
    let again = done(goal.workspace.export(goal.facts.base_tree.clone(), target));
    assert!(again.unwrap_err().detail.contains("not empty"));
}

/// What a gate may have done to its tree: every way must be undone by the next refresh.
fn ravage(tree: &Path) {
    let times = fs::metadata(tree.join("src/z")).unwrap().modified().unwrap();
    fs::write(tree.join("src/z"), "Z\n").unwrap();
    fs::File::options().write(true).open(tree.join("src/z")).unwrap().set_modified(times).unwrap();
    fs::remove_file(tree.join("top")).unwrap();
    fs::set_permissions(tree.join("src-x"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(tree.join("src/link")).unwrap();
    fs::rename(tree.join("src/a"), tree.join("moved")).unwrap();
    std::os::unix::fs::symlink(tree.join("moved"), tree.join("src/a")).unwrap();
    fs::create_dir_all(tree.join("made/deep")).unwrap();
    fs::write(tree.join("made/deep/file"), "").unwrap();
    fs::write(tree.join("lib/sub/file"), "").unwrap();
    fs::set_permissions(tree.join("made/deep"), fs::Permissions::from_mode(0o500)).unwrap();
}

#[test]
fn a_refreshed_directory_is_the_tree_whatever_was_done_to_it() {
    if was_run_as_an_ordinary_user("git_worktree::a_refreshed_directory_is_the_tree_whatever_was_done_to_it") {
        return;
    }
    let repo = assorted();
    let goal = Goal::on(&repo);
    let changed = goal.slice("s", |tree| {
        write(tree, "src/z", "other\n");
        write(tree, "src/new/file", "new\n");
        fs::remove_file(tree.join("src/a/b/c.rs")).unwrap();
    });
    let (base, other) = (goal.facts.base_tree.clone(), changed.capture.tree);
    let (kept, fresh) = (goal.directory().join("kept"), goal.directory().join("fresh"));
    for tree in [&base, &base, &other, &base, &other] {
        done(goal.workspace.refresh(tree.clone(), kept.clone())).unwrap();
        done(goal.workspace.export(tree.clone(), fresh.clone())).unwrap();
        assert_eq!(contents(&kept), contents(&fresh));
        let mode = |root: &Path| fs::metadata(root.join("src-x")).unwrap().permissions().mode();
        assert_eq!(mode(&kept), mode(&fresh));
        assert!(kept.join("lib/sub").is_dir() && !kept.join("made").exists());
        fs::remove_dir_all(&fresh).unwrap();
        if kept.join("src/a").is_dir() {
            ravage(&kept);
        }
    }
}

#[test]
fn a_refresh_leaves_alone_what_nobody_touched() {
    let repo = assorted();
    let goal = Goal::on(&repo);
    let kept = goal.directory().join("kept");
    let inode = || fs::metadata(kept.join("src/z")).map(|file| std::os::unix::fs::MetadataExt::ino(&file)).unwrap();
    done(goal.workspace.refresh(goal.facts.base_tree.clone(), kept.clone())).unwrap();
    let before = inode();
    done(goal.workspace.refresh(goal.facts.base_tree.clone(), kept.clone())).unwrap();
    assert_eq!(inode(), before);
}

#[test]
fn a_tree_cannot_make_us_write_through_a_link() {
    let repo = GitRepo::with_files(&[("d/f", "evil\n")]);
    let goal = Goal::on(&repo);
    let outside = goal.directory().join("outside");
    fs::create_dir(&outside).unwrap();
    let target_file = repo.beside("target");
    fs::write(&target_file, outside.to_str().unwrap()).unwrap();
    let blob = repo.git(&["hash-object", "-w", target_file.to_str().unwrap()]);
    let tree = repo.git(&["rev-parse", "HEAD:d"]);
    let id =
        |hex: &str| (0..20).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect::<Vec<_>>();
    let bytes = [b"120000 d\0".to_vec(), id(&blob), b"40000 d\0".to_vec(), id(&tree)].concat();
    fs::write(&target_file, bytes).unwrap();
    let twice = repo.git(&["hash-object", "-t", "tree", "--literally", "-w", target_file.to_str().unwrap()]);
    let export = goal.workspace.export(TreeId::parse(&twice).unwrap(), goal.directory().join("gate"));
    assert!(done(export).is_err());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn many_worktrees_can_be_made_at_once() {
    let repo = assorted();
    let goal = Goal::on(&repo);
    let orders = (0..24).map(|n| WorktreeOrder {
        attempt: attempt(&format!("s{n}")),
        start: goal.facts.base.clone(),
        content: None,
        place: None,
    });
    let effects: Vec<_> = orders.map(|order| goal.workspace.prepare(order)).collect();
    for worktree in done(futures_util::future::join_all(effects)) {
        assert_eq!(git(&worktree.unwrap().path, &["status", "--porcelain"]), "");
    }
}

#[test]
fn a_worktree_that_is_given_up_while_the_next_one_is_made_costs_neither() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("d/b", "1\n")]);
    let goal = Goal::on(&repo);
    let order = |number| WorktreeOrder {
        attempt: AttemptRef { attempt: Attempt(number), ..attempt("s") },
        start: goal.facts.base.clone(),
        content: None,
        place: None,
    };
    let mut before = done(goal.workspace.prepare(order(1))).unwrap().path;
    for number in 2..20 {
        for directory in 0..300 {
            write(&before, &format!("left/{directory}/file"), "x");
        }
        let (given_up, next) = std::thread::scope(|scope| {
            let given_up = scope.spawn(|| done(goal.workspace.discard(before.clone())));
            let next = scope.spawn(|| done(goal.workspace.prepare(order(number))));
            (given_up.join().unwrap(), next.join().unwrap())
        });
        let next = next.unwrap().path;
        assert_eq!((given_up, before.exists()), (Ok(()), false));
        assert_eq!(next, goal.directory().join(format!("worktrees/s.{number}")));
        assert_eq!(git(&next, &["status", "--porcelain"]), "");
        before = next;
    }
}

#[test]
fn an_abandoned_workspace_begins_nothing_and_leaves_nothing_half_done() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let slice = goal.slice("s", |tree| write(tree, "a", "2\n"));
    let standing = goal.worktree("t");
    goal.workspace.abandon();
    let base = goal.facts.base.clone();
    let order = WorktreeOrder { attempt: attempt("u"), start: base.clone(), content: None, place: None };
    let branch = Branch { name: "omk/goal-1/s".to_owned(), commit: slice.capture.commit.clone() };
    let failed = [
        done(goal.workspace.prepare(order)).is_err(),
        done(goal.workspace.merge(base, vec![slice], AT)).is_err(),
        done(goal.workspace.export(goal.facts.base_tree.clone(), goal.directory().join("gate"))).is_err(),
        done(goal.workspace.deliver(vec![branch])).is_err(),
    ];
    assert_eq!(failed, [true; 4]);
    assert_eq!(repo.git(&["for-each-ref", "refs/heads/omk"]), "");
    // What is in use is given up all the same, and the next run finds everything as it should be.
    done(goal.workspace.discard(standing.clone())).unwrap();
    assert!(!standing.exists());
    let goal = goal.restarted();
    assert_eq!(git(&goal.worktree("u"), &["status", "--porcelain"]), "");
}
