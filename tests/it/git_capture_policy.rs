//! What a capture leaves out, and what it refuses.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use omk::domain::access::AccessSet;
use omk::domain::order::{CaptureLimits, Captured, Uncapturable};

use crate::support::git_goal::{Goal, patterns};
use crate::support::git_repo::{GitRepo, git, link, write};

fn refused(prepare: impl FnOnce(&Path)) -> Vec<(String, String)> {
    let goal = Goal::with_files(&[("a", "1\n"), ("d/x", "1\n")]);
    prepare(&goal.worktree("s"));
    let Captured { capture, refused, outside, checkout: _ } = goal.capture("s");
    assert_eq!((capture, outside), (None, Vec::new()));
    refused.into_iter().map(|Uncapturable { path, problem }| (path, problem)).collect()
}

fn one(path: &str, problem: &str) -> Vec<(String, String)> {
    vec![(path.to_owned(), problem.to_owned())]
}

#[test]
fn the_bases_ignore_rules_apply_and_not_the_worktrees() {
    let repo = GitRepo::with_files(&[
        (".gitignore", "target/\n*.log\n!keep.log\n/only-root\n"),
        ("sub/.gitignore", "*.tmp\n!*.log\n"),
        ("a", "1\n"),
    ]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    write(&worktree, ".gitignore", "a.txt\n");
    for path in ["target/debug/x", "x.log", "keep.log", "only-root", "sub/only-root", "sub/y.log", "sub/z.tmp", "a.txt"]
    {
        write(&worktree, path, "x\n");
    }
    let capture = goal.capture("s").capture.unwrap();
    assert_eq!(capture.paths, [".gitignore", "a.txt", "keep.log", "sub/only-root", "sub/y.log"]);
    assert_eq!(capture.ignored, ["only-root", "sub/z.tmp", "target/", "x.log"]);
}

#[test]
fn tracked_files_are_captured_whatever_the_rules_say() {
    let repo = GitRepo::with_files(&[("build/kept", "1\n"), ("x.log", "1\n")]);
    repo.write(".gitignore", "build/\n*.log\n");
    repo.commit_all("ignore them now");
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    write(&worktree, "build/kept", "2\n");
    write(&worktree, "build/other", "2\n");
    fs::remove_file(worktree.join("x.log")).unwrap();
    let capture = goal.capture("s").capture.unwrap();
    assert_eq!(capture.paths, ["build/kept", "x.log"]);
    assert_eq!(capture.ignored, ["build/other"]);
}

#[test]
fn writes_that_name_an_ignored_path_to_the_letter_lift_the_rule() {
    let repo = GitRepo::with_files(&[(".gitignore", "target/\n*.log\n"), ("a", "1\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    for path in ["target/out/wanted", "target/out/other", "target/else/x", "x.log", "y.log"] {
        write(&worktree, path, "x\n");
    }
    let access = AccessSet { writes: patterns(&["target/out/wanted", "x.log", "*.log"]), ..AccessSet::default() };
    let capture = goal.capture_with("s", &goal.facts.base, access).capture.unwrap();
    assert_eq!(capture.paths, ["target/out/wanted", "x.log"]);
    assert_eq!(capture.ignored, ["target/else/", "target/out/other", "y.log"]);
}

#[test]
fn the_list_of_what_is_left_out_is_bounded() {
    let goal = Goal::with_files(&[(".gitignore", "*.log\n"), ("a", "1\n")]);
    let worktree = goal.worktree("s");
    (0..150).for_each(|n| write(&worktree, &format!("{n:03}.log"), "x"));
    write(&worktree, "a", "2\n");
    let ignored = goal.capture("s").capture.unwrap().ignored;
    assert_eq!((ignored.len(), ignored[99].as_str()), (100, "099.log"));
}

#[test]
fn a_nested_repository_is_refused() {
    assert_eq!(refused(|tree| drop(git(tree, &["init", "-q", "d/inner"]))), one("d/inner", "a nested repository"));
    assert_eq!(refused(|tree| write(tree, "d/.git", "gitdir: /x\n")), one("d", "a nested repository"));
}

#[test]
fn a_nested_repository_in_an_ignored_directory_is_left_out() {
    let goal = Goal::with_files(&[(".gitignore", "vendor/\n"), ("a", "1\n")]);
    let worktree = goal.worktree("s");
    git(&worktree, &["init", "-q", "vendor/inner"]);
    write(&worktree, "a", "2\n");
    assert_eq!(goal.capture("s").capture.unwrap().ignored, ["vendor/"]);
}

#[test]
fn links_that_lead_out_are_refused() {
    let absolute = "a symbolic link to an absolute path";
    assert_eq!(refused(|tree| link(tree, "d/l", "/etc/passwd")), one("d/l", absolute));
    let out = "a symbolic link that leads out of the tree";
    assert_eq!(refused(|tree| link(tree, "d/l", "../../x")), one("d/l", out));
    assert_eq!(refused(|tree| link(tree, "l", ".git/config")), one("l", "a symbolic link into git's own directory"));
}

#[test]
fn an_escaping_link_of_the_base_stays_as_it_is() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    link(&repo.root, "out", "/etc/hostname");
    repo.commit_all("link");
    let goal = Goal::on(&repo).restarted();
    let worktree = goal.worktree("s");
    write(&worktree, "a", "2\n");
    assert_eq!(goal.capture("s").capture.unwrap().paths, ["a"]);
}

#[test]
fn every_other_spelling_of_dot_git_is_refused() {
    for name in [".GIT", "git~1", ".git.", "d/.Git"] {
        let problem = "its name is a spelling of `.git`";
        assert_eq!(refused(|tree| write(tree, name, "x")), one(name, problem), "{name}");
    }
}

#[test]
fn names_that_cannot_be_shown_are_refused_and_shown_escaped() {
    let control = "its name holds a control character";
    assert_eq!(refused(|tree| write(tree, "d/a\nb\u{1b}[31m", "x")), one("d/a\\nb\\u{1b}[31m", control));
    let not_text = refused(|tree| fs::write(tree.join(OsStr::from_bytes(b"\xff")), "x").unwrap());
    assert_eq!(not_text, one("\u{fffd}", "its name is not UTF-8"));
}

#[test]
fn fifos_and_sockets_are_refused_and_do_not_block() {
    let special = "a fifo, a socket or a device";
    let fifo = refused(|tree| {
        fs::remove_file(tree.join("a")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, tree.join("a"), rustix::fs::Mode::RUSR).unwrap();
    });
    assert_eq!(fifo, one("a", special));
    assert_eq!(refused(|tree| drop(UnixListener::bind(tree.join("s")).unwrap())), one("s", special));
}

#[test]
fn a_directory_that_became_a_link_is_not_followed() {
    let goal = Goal::with_files(&[("d/x", "1\n"), ("e/x", "2\n")]);
    let worktree = goal.worktree("s");
    fs::remove_dir_all(worktree.join("d")).unwrap();
    link(&worktree, "d", "e");
    let capture = goal.capture("s").capture.unwrap();
    assert_eq!(capture.paths, ["d", "d/x"]);
    assert_eq!(goal.paths(capture.commit.as_str()), ["d", "e/x"]);
}

const MADE: &str = "git would take this directory for a repository and obey its configuration";
const CHANGED: &str = "it changes the configuration of a bare repository, which git would obey";

/// Files that make a bare repository of a directory.
fn bare(tree: &Path, at: &str) {
    for (name, content) in [("HEAD", "ref: refs/heads/main\n"), ("objects/info/x", ""), ("refs/heads/main", "")] {
        write(tree, &format!("{at}{name}"), content);
    }
    write(tree, &format!("{at}config"), "[core]\n\tbare = true\n\tfsmonitor = \"touch /tmp/ran; false\"\n");
}

#[test]
fn a_directory_that_is_a_bare_repository_is_refused_at_any_depth() {
    assert_eq!(refused(|tree| bare(tree, "d/fixtures/x.git/")), one("d/fixtures/x.git", MADE));
    assert_eq!(refused(|tree| bare(tree, "")), one(".", MADE));
}

#[test]
fn a_bare_repository_counts_in_every_spelling() {
    let spelled = |tree: &Path| {
        for name in ["X/head", "x/Objects/y", "x/refs\u{200c}/heads/y"] {
            write(tree, name, "ref: refs/heads/main\n");
        }
    };
    assert_eq!(refused(spelled).iter().map(|(_, problem)| problem.as_str()).collect::<Vec<_>>(), [MADE, MADE]);
    let pointing = |tree: &Path| {
        write(tree, "w/HEAD", "ref: refs/heads/main\n");
        write(tree, "w/commondir", "../.git\n");
    };
    assert_eq!(refused(pointing), one("w", MADE));
    let linked = |tree: &Path| {
        write(tree, "w/HEAD", "ref: refs/heads/main\n");
        link(tree, "w/objects", "../d");
        link(tree, "w/refs", "../d");
    };
    assert_eq!(refused(linked), one("w", MADE));
}

#[test]
fn parts_of_a_repository_alone_are_files_like_others() {
    let goal = Goal::with_files(&[("a", "1\n")]);
    let worktree = goal.worktree("s");
    ["x/HEAD", "x/objects/a", "y/refs/a", "y/objects/b"].iter().for_each(|path| write(&worktree, path, "1\n"));
    assert_eq!(goal.capture("s").capture.unwrap().paths, ["x/HEAD", "x/objects/a", "y/objects/b", "y/refs/a"]);
}

#[test]
fn a_bare_repository_of_the_base_stays_as_it_is() {
    let repo = GitRepo::with_files(&[("a", "1\n")]);
    bare(&repo.root, "t/x.git/");
    repo.commit_all("a fixture");
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    write(&worktree, "a", "2\n");
    write(&worktree, "t/x.git/refs/heads/other", "1\n");
    assert_eq!(goal.capture("s").capture.unwrap().paths, ["a", "t/x.git/refs/heads/other"]);
    write(&worktree, "t/x.git/config", "[core]\n\tfsmonitor = id\n");
    let found = goal.capture("s");
    let problem = CHANGED.to_owned();
    assert_eq!(found.refused, [Uncapturable { path: "t/x.git/config".to_owned(), problem }]);
}

#[test]
fn submodule_settings_that_run_something_are_refused_by_name() {
    let modules = |lines: &str| format!("[submodule \"m\"]\n\tpath = m\n{lines}");
    for (lines, problem) in [
        ("\turl = ext::sh -c id\n", "its url names a transport that runs a program (`<transport>::`)"),
        ("\turl = -u./x\n", "its url begins with `-`, which git takes for an option"),
        ("\turl = file:///srv/x\n", "its url names files of this machine"),
        ("\tupdate = !id\n", "`update = !…` runs a command"),
        ("\turl = a\n[submodule \"m\"] update = \"!id\"\n", "`update = !…` runs a command"),
    ] {
        let found = refused(|tree| write(tree, ".gitmodules", &modules(lines)));
        assert_eq!(found, one(".gitmodules", &format!("submodule `m`: {problem}")), "{lines}");
    }
    let out = "submodule `../x`: its name leads out of git's directory";
    assert_eq!(
        refused(|tree| write(tree, ".gitmodules", "[submodule \"../x\"]\n\turl = a\n")),
        one(".gitmodules", out)
    );
    let unread = "git cannot read this `.gitmodules`";
    assert_eq!(refused(|tree| write(tree, ".GitModules", "[submodule\n")), one(".GitModules", unread));
    let linked = "git does not read `.gitmodules` through a symbolic link";
    assert_eq!(refused(|tree| link(tree, ".gitmodules", "a")), one(".gitmodules", linked));
}

#[test]
fn what_gitmodules_of_the_base_say_already_stays() {
    let repo = GitRepo::with_files(&[(".gitmodules", "[submodule \"m\"]\n\turl = file:///srv/m\n"), ("a", "1\n")]);
    let goal = Goal::on(&repo);
    let worktree = goal.worktree("s");
    write(&worktree, ".gitmodules", "[submodule \"m\"]\n\turl = file:///srv/m\n\tbranch = main\n");
    assert_eq!(goal.capture("s").capture.unwrap().paths, [".gitmodules"]);
}

#[test]
fn a_new_name_that_holds_a_secret_is_refused() {
    let secret = "its name holds what looks like a secret";
    let name = "d/ghp_0123456789abcdefghij0123456789abcdef.txt";
    assert_eq!(refused(|tree| write(tree, name, "x")), one(name, secret));
    let goal = Goal::with_files(&[("a", "1\n")]);
    let worktree = goal.worktree("s");
    let plain =
        ["docs/sk-learn-example-notes.md", "docs/token=usage.md", "npm_config_registry.txt", "password-reset.md"];
    plain.iter().for_each(|path| write(&worktree, path, "x"));
    assert_eq!(goal.capture("s").refused, []);
}

/// A file of so many bytes that takes no room.
fn sparse(path: &Path, bytes: u64) {
    fs::File::create(path).unwrap().set_len(bytes).unwrap();
}

fn rights(patterns_of: &[&str]) -> AccessSet {
    AccessSet { writes: patterns(patterns_of), ..AccessSet::default() }
}

#[test]
fn what_the_slice_may_not_change_is_named_and_not_read() {
    let goal = Goal::with_files(&[("a", "1\n"), ("b", "1\n"), ("c", "1\n"), ("same", "1\n"), ("gone", "1\n")]);
    let worktree = goal.worktree("s");
    write(&worktree, "a", "2\n");
    sparse(&worktree.join("huge"), 4 << 40);
    sparse(&worktree.join("b"), 4 << 40);
    write(&worktree, "c", "2\n");
    write(&worktree, "same", "1\n");
    fs::remove_file(worktree.join("gone")).unwrap();
    let captured = goal.capture_with("s", &goal.facts.base, rights(&["a"]));
    let outside = ["b", "c", "gone", "huge"].map(str::to_owned).to_vec();
    assert_eq!(captured, Captured { capture: None, refused: Vec::new(), outside, checkout: Vec::new() });
}

#[test]
fn files_over_a_limit_are_refused_by_its_name_and_not_read() {
    let mut goal = Goal::with_files(&[("a", "1\n"), ("b", "1\n")]);
    goal.limits = CaptureLimits { file: 8 << 20, attempt: 12 << 20 };
    let worktree = goal.worktree("s");
    sparse(&worktree.join("a"), 4 << 40);
    let refused =
        |goal: &Goal| goal.capture("s").refused.into_iter().map(|it| (it.path, it.problem)).collect::<Vec<_>>();
    let file = "it has 4 TiB, and a changed file may have 8 MiB (`max_file_size`, $OMK_MAX_FILE_SIZE)";
    assert_eq!(refused(&goal), one("a", file));

    write(&worktree, "a", "1\n");
    sparse(&worktree.join("b"), 8 << 20);
    assert_eq!(goal.capture("s").capture.unwrap().paths, ["b"]);
    sparse(&worktree.join("c"), 5 << 20);
    let refused = refused(&goal);
    let all = "with it the changed files of the attempt have more than 12 MiB in all (`max_attempt_size`, \
               $OMK_MAX_ATTEMPT_SIZE)";
    assert!(refused == one("b", all) || refused == one("c", all), "{refused:?}");
    goal.limits = CaptureLimits { file: 8 << 20, attempt: 13 << 20 };
    assert_eq!(goal.capture("s").capture.unwrap().paths, ["b", "c"]);
}
