//! What an attempt left, captured by content.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use omk::adapters::git::private::PrivateRepository;
use omk::domain::ids::{CommitId, TreeId};
use omk::domain::order::Captured;
use omk::domain::task::Capture;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::process::{Resource, Rlimit};

use crate::process_fates::alone;
use crate::support::git_goal::{Goal, done};
use crate::support::git_repo::{GitRepo, git, link, try_git, write, write_executable};

const NOTHING: Captured = Captured { capture: None, refused: Vec::new(), outside: Vec::new(), checkout: Vec::new() };

#[test]
fn an_untouched_worktree_captures_nothing() {
    let goal = Goal::with_files(&[("a", "1\n"), ("b/c", "1\n")]);
    let worktree = goal.worktree("s");
    fs::create_dir(worktree.join("empty")).unwrap();
    assert_eq!(goal.capture("s"), NOTHING);
}

#[test]
fn a_capture_is_a_commit_of_what_is_there() {
    let repo = GitRepo::with_files(&[("a", "1\n2\n3\n"), ("gone", "x\ny\n"), ("keep/me", "k\n"), ("tool", "t\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    write(&worktree, "a", "1\ntwo\n3\n4\n");
    fs::remove_file(worktree.join("gone")).unwrap();
    write(&worktree, "new/deep/file", "n\n");
    write_executable(&worktree, "tool", "t\n");
    link(&worktree, "new/link", "../a");
    let capture = goal.capture("s").capture.unwrap();
    let commit = capture.commit.as_str().to_owned();
    let expected = Capture {
        start: goal.facts.base.clone(),
        tree: TreeId::parse(&goal.git(&["rev-parse", &format!("{commit}^{{tree}}")])).unwrap(),
        commit: CommitId::parse(&commit).unwrap(),
        paths: ["a", "gone", "new/deep/file", "new/link", "tool"].map(str::to_owned).to_vec(),
        added: 3,
        removed: 3,
        ignored: Vec::new(),
    };
    assert_eq!(capture, expected);
    assert_eq!(
        goal.git(&["log", "-1", "--format=%P|%an|%ae|%cn|%ct|%s|%(trailers:key=Omk-Slice)", &commit]),
        format!("{}|Ada|ada@example.org|Ada|1800000000|s: work|Omk-Slice: s", goal.facts.base)
    );
    let modes = goal.git(&["ls-tree", "-r", "--format=%(objectmode) %(path)", &commit]);
    assert_eq!(modes, "100644 a\n100644 keep/me\n100644 new/deep/file\n120000 new/link\n100755 tool");
    assert_eq!(goal.file(&commit, "new/link"), "../a");
}

#[test]
fn an_edit_of_the_same_size_at_once_is_seen() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    let goal = Goal::on(&repo);
    for round in 0..20 {
        let name = format!("s{round}");
        let worktree = goal.worktree(&name);
        fs::write(worktree.join("a"), "2\n").unwrap();
        assert_eq!(goal.capture(&name).capture.unwrap().paths, ["a"]);
    }
}

#[test]
fn a_restart_forgets_the_stats_and_captures_the_same() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n"), ("c", "1\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    goal.worktree("untouched");
    write(&worktree, "b", "2\n");
    let before = goal.capture("s");
    let goal = goal.restarted();
    assert_eq!(goal.capture("s"), before);
    assert_eq!(goal.capture("untouched"), NOTHING);
}

#[test]
fn a_file_becomes_a_directory_and_a_directory_a_file() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("d/x", "1\n"), ("d/y", "1\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    fs::remove_file(worktree.join("a")).unwrap();
    write(&worktree, "a/inside", "1\n");
    fs::remove_dir_all(worktree.join("d")).unwrap();
    write(&worktree, "d", "1\n");
    let capture = goal.capture("s").capture.unwrap();
    assert_eq!(capture.paths, ["a", "a/inside", "d", "d/x", "d/y"]);
    assert_eq!(goal.paths(capture.commit.as_str()), ["a/inside", "d"]);
}

#[test]
fn what_the_worktree_says_of_itself_is_not_believed() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\r\n"), (".gitattributes", "* text=auto eol=lf\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    git(&worktree, &["update-index", "--assume-unchanged", "a"]);
    git(&worktree, &["update-index", "--skip-worktree", "b"]);
    write(&worktree, "a", "2\r\n");
    write(&worktree, "c", "3\n");
    write(&worktree, ".gitattributes", "* text=auto eol=lf export-ignore ident\n");
    git(&worktree, &["add", "c"]);
    git(&worktree, &["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "agent's own"]);
    write(&worktree, "c", "4\r\n");
    let capture = goal.capture("s").capture.unwrap();
    assert_eq!(capture.paths, [".gitattributes", "a", "c"]);
    assert_eq!(goal.git(&["cat-file", "-s", &format!("{}:a", capture.commit)]), "3");
    assert_eq!(goal.git(&["rev-parse", &format!("{}^", capture.commit)]), goal.facts.base.as_str());
}

#[test]
fn no_hook_filter_or_monitor_that_an_agent_plants_is_run() {
    let repo = GitRepo::with_files(&[("a", "1\n"), ("b", "1\n")]);
    let goal = Goal::on(&repo);
    let marker = goal.directory().join("marker");
    let trap = format!("touch {}; cat", marker.display());
    let plant = |worktree: &Path| {
        for key in
            ["core.fsmonitor", "filter.trap.clean", "filter.trap.smudge", "merge.trap.driver", "diff.trap.textconv"]
        {
            git(worktree, &["config", key, &trap]);
        }
        git(worktree, &["config", "core.hooksPath", goal.repository().join("hooks").to_str().unwrap()]);
        for hook in ["post-checkout", "pre-commit", "post-index-change", "reference-transaction", "post-merge"] {
            write_executable(&goal.repository(), &format!("hooks/{hook}"), &format!("#!/bin/sh\n{trap}\n"));
        }
        write(&goal.repository(), "info/attributes", "* filter=trap merge=trap diff=trap\n");
        write(worktree, ".gitattributes", "* filter=trap merge=trap diff=trap\n");
    };
    let first = goal.slice("first", |tree| write(tree, "b", "first\n"));
    let second = goal.slice("second", |tree| {
        plant(tree);
        let _by_the_agents_own_git = fs::remove_file(&marker);
        write(tree, "b", "second\n");
    });
    let goal = goal.restarted();
    goal.worktree("third");
    goal.merge(&[&first, &second]);
    assert!(!marker.exists());
}

#[test]
fn a_submodules_commit_stays_and_what_is_put_there_is_left_out() {
    let other = GitRepo::with_files(&[("x", "x\n")]);
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    for name in ["sub", "gone"] {
        repo.git(&["submodule", "--quiet", "add", other.root.to_str().unwrap(), name]);
    }
    repo.commit_all("submodules");
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    write(&worktree, "sub/built", "x");
    fs::remove_dir(worktree.join("gone")).unwrap();
    write(&worktree, "a", "2\n");
    let capture = goal.capture("s").capture.unwrap();
    assert_eq!((capture.paths, capture.ignored), (vec!["a".to_owned()], vec!["sub/".to_owned()]));
    let commit = capture.commit.as_str();
    assert_eq!(goal.git(&["rev-parse", &format!("{commit}:sub")]), git(&other.root, &["rev-parse", "HEAD"]));
}

/// One thing that an agent does.
#[derive(Clone, Debug)]
enum Deed {
    Write(usize, u8, bool),
    Remove(usize),
}

const PATHS: [&str; 8] = ["a", "b", "d/a", "d/b", "d/e/f", "d-x", "g/h", "g/i"];

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..PATHS.len(), 0..3u8, any::<bool>()).prop_map(|(path, content, run)| Deed::Write(path, content, run)),
        (0..PATHS.len()).prop_map(Deed::Remove),
    ]
}

fn perform(worktree: &Path, deed: &Deed) {
    match *deed {
        Deed::Write(path, content, run) => {
            write(worktree, PATHS[path], &format!("{content}\n"));
            let mode = if run { 0o755 } else { 0o644 };
            fs::set_permissions(worktree.join(PATHS[path]), fs::Permissions::from_mode(mode)).unwrap();
        }
        Deed::Remove(path) => drop(fs::remove_file(worktree.join(PATHS[path]))),
    }
}

#[test]
fn a_capture_is_the_tree_that_git_would_write() {
    let goal = Goal::with_files(&[("a", "0\n"), ("d/a", "0\n"), ("d/e/f", "0\n"), ("g/h", "0\n")]);
    let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
    let deeds = proptest::collection::vec(deed(), 1..8);
    let judged = TestRunner::new(config).run(&deeds, |deeds| {
        let worktree = goal.worktree("s");
        deeds.iter().for_each(|deed| perform(&worktree, deed));
        let captured = goal.capture("s").capture.map_or(goal.facts.base_tree.clone(), |capture| capture.tree);
        git(&worktree, &["add", "-A"]);
        prop_assert_eq!(captured.as_str(), git(&worktree, &["write-tree"]));
        Ok(())
    });
    judged.unwrap();
}

#[test]
fn whoever_prunes_nothing_that_was_captured_is_lost() {
    let goal = Goal::with_files(&[("a", "1\n")]);
    let repository = goal.repository();
    let one = goal.slice("one", |tree| write(tree, "a", "2\n"));
    let worktree = goal.worktree("two");
    for words in [&["prune", "--expire=now"][..], &["gc", "--prune=now"], &["repack", "-a", "-d"]] {
        try_git(&worktree, words);
        try_git(&repository, words);
    }
    assert_eq!(goal.file(one.capture.commit.as_str(), "a"), "2");
    write(&worktree, "a", "3\n");
    assert_eq!(git(&worktree, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "more"]), "");
}

#[test]
fn a_base_ref_that_a_loss_of_power_emptied_is_made_again() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    let goal = Goal::on(&repo);
    let file = repo.root.join(".git/refs/omk/goal-1/base");
    for damage in ["", "\0\0\0", "12ab"] {
        fs::write(&file, damage).unwrap();
        let _taken_up = PrivateRepository::create(&goal.directory(), &Goal::id(), &goal.facts).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap().trim(), goal.facts.base.as_str());
    }
}

#[test]
fn the_content_of_a_large_file_is_never_in_memory_as_a_whole() {
    if !alone("git_capture::the_content_of_a_large_file_is_never_in_memory_as_a_whole") {
        return;
    }
    let goal = Goal::with_files(&[("a", "1\n")]);
    let worktree = goal.worktree("s");
    let mut noise = 1_u64;
    let mut file = fs::File::create(worktree.join("large")).unwrap();
    for _ in 0..96 {
        let piece = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (noise >> 56) as u8
        });
        std::io::Write::write_all(&mut file, &piece.take(1 << 20).collect::<Vec<_>>()).unwrap();
    }
    // Memory of our own beyond this is refused by the system, and ends the process. What is mapped from a file is not.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let data = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap().trim().trim_end_matches(" kB");
    let most = data.parse::<u64>().unwrap() * 1024 + (48 << 20);
    rustix::process::setrlimit(Resource::Data, Rlimit { current: Some(most), maximum: Some(1 << 40) }).unwrap();
    let capture = goal.capture("s").capture.unwrap();
    let gate = goal.directory().join("gate");
    done(goal.workspace.export(capture.tree, gate.clone())).unwrap();
    rustix::process::setrlimit(Resource::Data, Rlimit { current: None, maximum: Some(1 << 40) }).ok();
    let [original, copy] = [&worktree, &gate].map(|tree| fs::File::open(tree.join("large")).unwrap());
    let bytes = |file| std::io::Read::bytes(std::io::BufReader::new(file)).map(Result::unwrap);
    assert!(bytes(original).eq(bytes(copy)));
}
