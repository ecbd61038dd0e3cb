//! Delivery into the user's repository, what stays untouched there, and what is removed in the end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use omk::adapters::git::deliver::branches_taken;
use omk::adapters::git::private::{Release, release};
use omk::domain::fact::Branch;
use omk::domain::ids::CommitId;
use omk::ports::Workspace;

use crate::support::git_goal::{Goal, clean, done};
use crate::support::git_repo::{GitRepo, git, write, write_executable};

fn branch(name: &str, commit: &CommitId) -> Branch {
    Branch { name: format!("omk/goal-1/{name}"), commit: commit.clone() }
}

/// A goal with one merged slice, and its branches.
fn worked(root: &Path) -> (Goal, Vec<Branch>) {
    let goal = Goal::at(root);
    let slice = goal.slice("s", |tree| write(tree, "a", "2\n"));
    let tip = clean(&goal.merge(&[&slice])[0]).0;
    let branches = vec![branch("integration", &tip), branch("s", &slice.capture.commit)];
    (goal, branches)
}

fn new_files(before: &BTreeSet<PathBuf>, after: &BTreeSet<PathBuf>) -> Vec<String> {
    let plain = |path: &PathBuf| match path.to_str().unwrap() {
        pack if pack.starts_with(".git/objects/pack/") => pack.rsplit('.').next().unwrap().to_owned(),
        other => other.to_owned(),
    };
    after.difference(before).map(plain).collect()
}

#[test]
fn delivery_creates_the_branches_and_changes_nothing_else() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    let marker = repo.beside("marker");
    for hook in ["reference-transaction", "post-checkout", "update", "post-update", "pre-push"] {
        let script = format!("#!/bin/sh\ntouch {}\n", marker.display());
        write_executable(&repo.root, &format!(".git/hooks/{hook}"), &script);
    }
    write(&repo.root, "b", "dirty\n");
    let before = repo.contents();
    let (goal, branches) = worked(&repo.root);
    done(goal.workspace.deliver(branches.clone())).unwrap();
    let after = repo.contents();
    assert!(before.iter().all(|(path, content)| after.get(path) == Some(content)));
    assert_eq!(
        new_files(&before.into_keys().collect(), &after.into_keys().collect()),
        [
            ".git/logs/refs/heads/omk/goal-1/integration",
            ".git/logs/refs/heads/omk/goal-1/s",
            "idx",
            "pack",
            ".git/refs/heads/omk/goal-1/integration",
            ".git/refs/heads/omk/goal-1/s",
            ".git/refs/omk/goal-1/base",
        ]
    );
    assert!(!marker.exists());
    fs::remove_dir_all(goal.directory()).unwrap();
    repo.git(&["fsck", "--strict"]);
    for Branch { name, commit } in &branches {
        assert_eq!(repo.git(&["rev-parse", name]), commit.as_str());
    }
    assert_eq!(repo.git(&["show", "omk/goal-1/integration:a"]), "2");
    assert_eq!(repo.git(&["reflog", "--format=%gs", "omk/goal-1/s"]), "omk: delivered by goal-1");
}

#[test]
fn delivering_again_is_no_error() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let (goal, branches) = worked(&repo.root);
    done(goal.workspace.deliver(branches[1..].to_vec())).unwrap();
    done(goal.workspace.deliver(branches.clone())).unwrap();
    let before = repo.contents();
    done(goal.workspace.deliver(branches)).unwrap();
    assert_eq!(repo.contents(), before);
}

#[test]
fn a_branch_that_names_another_commit_stops_all_of_it() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let (goal, branches) = worked(&repo.root);
    repo.git(&["branch", "omk/goal-1/s"]);
    let before = repo.contents();
    let fault = done(goal.workspace.deliver(branches)).unwrap_err();
    assert_eq!(fault.what, "create the branch omk/goal-1/s");
    assert!(fault.detail.contains(goal.facts.base.as_str()), "{fault}");
    assert_eq!(repo.contents(), before);
}

#[test]
fn a_branch_that_stands_in_the_way_stops_it_too() {
    for (blocking, packed) in [("omk", false), ("omk", true), ("omk/goal-1/s/below", true)] {
        let repo = GitRepo::with_files(&[("a", "1\n")]);
        let (goal, branches) = worked(&repo.root);
        repo.git(&["branch", blocking]);
        if packed {
            repo.git(&["pack-refs", "--all"]);
        }
        let fault = done(goal.workspace.deliver(branches)).unwrap_err();
        assert!(fault.detail.contains(&format!("the branch {blocking} stands in its way")), "{fault}");
        assert_eq!(repo.git(&["branch", "--list", "omk*", "--format=%(refname:short)"]), blocking);
    }
}

#[test]
fn taken_names_are_known_beforehand() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let names = ["omk/goal-1/integration", "omk/goal-1/s"].map(str::to_owned);
    let git_dir = repo.root.join(".git");
    assert_eq!(branches_taken(&git_dir, &names), Ok(Vec::new()));
    repo.git(&["branch", "omk/goal-1/s/x"]);
    repo.git(&["branch", "omk/goal-1/integration"]);
    repo.git(&["branch", "omk/goal-2/integration"]);
    let taken = ["omk/goal-1/integration", "omk/goal-1/s/x"].map(str::to_owned).to_vec();
    assert_eq!(branches_taken(&git_dir, &names), Ok(taken));
}

#[test]
fn linked_shallow_and_borrowing_repositories_are_worked_on_and_delivered_to() {
    let origin = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    write(&origin.root, "b", "2\n");
    origin.commit_all("second");
    let linked = origin.beside("linked");
    origin.git(&["worktree", "add", "-q", "-b", "topic", linked.to_str().unwrap()]);
    let shallow = origin.beside("shallow");
    origin.git(&["clone", "-q", "--depth=1", &format!("file://{}", origin.root.display()), shallow.to_str().unwrap()]);
    let borrowing = origin.beside("borrowing");
    origin.git(&["clone", "-q", "--shared", ".", origin.beside("between").to_str().unwrap()]);
    origin.git(&["clone", "-q", "--shared", "../between", borrowing.to_str().unwrap()]);
    fs::write(borrowing.join(".git/objects/info/alternates"), "../../../between/.git/objects\n").unwrap();
    fs::write(origin.beside("between/.git/objects/info/alternates"), "../../../user/.git/objects\n").unwrap();
    for checkout in [linked, shallow, borrowing] {
        let (goal, branches) = worked(&checkout);
        let reached = goal.workspace.unreachable(branches[0].commit.clone(), vec![branches[1].commit.clone()]);
        assert_eq!(done(reached), Ok(Vec::new()));
        done(goal.workspace.deliver(branches)).unwrap();
        assert_eq!(git(&checkout, &["show", "omk/goal-1/integration:a"]), "2", "{}", checkout.display());
        git(&checkout, &["fsck", "--connectivity-only"]);
        release(&released(&goal, Vec::new())).unwrap();
        git(&checkout, &["update-ref", "-d", "refs/heads/omk/goal-1/integration"]);
        git(&checkout, &["update-ref", "-d", "refs/heads/omk/goal-1/s"]);
    }
}

#[test]
fn the_base_survives_the_users_garbage_collection() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    let goal = Goal::on(&repo);
    repo.write("a", "other\n");
    repo.git(&["commit", "-qa", "--amend", "-m", "rewritten"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    repo.git(&["gc", "-q", "--prune=now"]);
    let goal = goal.restarted();
    let slice = goal.slice("s", |tree| write(tree, "a", "2\n"));
    assert_eq!(goal.file(slice.capture.commit.as_str(), "b"), "1");
}

#[test]
fn what_cannot_be_reached_from_the_head_is_named() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    let before = CommitId::parse(&repo.git(&["rev-parse", "HEAD"])).unwrap();
    repo.write("b", "2\n");
    repo.commit_all("second");
    let goal = Goal::on(&repo);
    let merged = goal.slice("merged", |tree| write(tree, "a", "2\n")).clone();
    let lost = goal.slice("lost", |tree| write(tree, "b", "3\n"));
    let tip = clean(&goal.merge(&[&merged])[0]).0;
    let absent = CommitId::parse(&"1".repeat(40)).unwrap();
    let all = vec![merged.capture.commit, lost.capture.commit.clone(), before, tip.clone(), absent.clone()];
    assert_eq!(done(goal.workspace.unreachable(tip, all)), Ok(vec![lost.capture.commit, absent]));
}

fn released(goal: &Goal, branches: Vec<Branch>) -> Release {
    Release { goal: Goal::id(), git_dir: goal.facts.git_dir.clone(), branches }
}

#[test]
fn releasing_a_goal_leaves_the_repository_as_it_was() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let before = repo.contents();
    let (goal, branches) = worked(&repo.root);
    done(goal.workspace.deliver(branches.clone())).unwrap();
    let order = released(&goal, branches);
    assert_eq!(release(&order), Ok(Vec::new()));
    assert_eq!(release(&order), Ok(Vec::new()));
    let mut after = repo.contents();
    after.retain(|path, _| !path.starts_with(".git/objects/pack"));
    assert_eq!(after, before);
}

#[test]
fn releasing_keeps_branches_that_moved_on_or_are_checked_out() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let (goal, branches) = worked(&repo.root);
    done(goal.workspace.deliver(branches.clone())).unwrap();
    repo.git(&["checkout", "-q", "omk/goal-1/integration"]);
    repo.git(&["branch", "-f", "omk/goal-1/s", "main"]);
    let stayed = ["omk/goal-1/integration", "omk/goal-1/s"].map(str::to_owned).to_vec();
    assert_eq!(release(&released(&goal, branches)), Ok(stayed));
}

#[test]
fn objects_that_a_loss_of_power_emptied_are_removed_and_their_commits_named() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let slice = goal.slice("s", |tree| write(tree, "a", "2\n"));
    let whole = goal.slice("whole", |tree| write(tree, "a", "3\n"));
    let blob = goal.git(&["rev-parse", &format!("{}:a", slice.capture.commit)]);
    let file = goal.repository().join("objects").join(&blob[..2]).join(&blob[2..]);
    fs::remove_file(&file).unwrap();
    fs::write(&file, "").unwrap();
    fs::write(goal.repository().join("omk-boot"), "another boot").unwrap();
    let goal = goal.restarted();
    let commits = vec![slice.capture.commit.clone(), whole.capture.commit];
    assert_eq!(done(goal.workspace.broken(commits.clone())), Ok(vec![slice.capture.commit.clone()]));
    let again = goal.slice("s", |tree| write(tree, "a", "2\n"));
    assert_eq!(again.capture.commit, slice.capture.commit);
    assert_eq!(done(goal.workspace.broken(commits)), Ok(Vec::new()));
}

#[test]
fn a_half_made_private_repository_is_made_anew() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    fs::rename(goal.repository(), goal.directory().join("repo.git.making")).unwrap();
    fs::remove_file(goal.directory().join("repo.git.making/HEAD")).unwrap();
    let goal = goal.restarted();
    assert!(!goal.directory().join("repo.git.making").exists());
    goal.slice("s", |tree| write(tree, "a", "2\n"));
}

#[test]
fn a_large_file_is_delivered_as_it_is() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let content: String = (0..1_200_000).map(|n| format!("{n}\n")).collect();
    let slice = goal.slice("s", |tree| write(tree, "large", &content));
    let branch = Branch { name: "omk/goal-1/s".to_owned(), commit: slice.capture.commit };
    done(goal.workspace.deliver(vec![branch])).unwrap();
    let delivered = std::process::Command::new("git")
        .args(["cat-file", "blob", "omk/goal-1/s:large"])
        .current_dir(&repo.root)
        .output()
        .unwrap();
    assert!(delivered.stdout == content.as_bytes());
    assert_eq!(repo.git(&["fsck", "--strict"]), "");
}
