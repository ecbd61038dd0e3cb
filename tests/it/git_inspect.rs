//! Which repositories a goal can run on, and what is said of them.

use std::fs;
use std::path::PathBuf;

use omk::adapters::git::inspect::inspect;
use omk::adapters::git::refusal::Refusal;
use omk::domain::goal::RepositoryFacts;
use omk::domain::ids::{CommitId, TreeId};

use crate::support::git_goal::Goal;
use crate::support::git_repo::{GitRepo, git, try_git, write};

fn notes(repo: &GitRepo) -> Vec<String> {
    inspect(&repo.root).unwrap().notes
}

#[test]
fn a_repository_is_found_from_any_directory_of_it() {
    let repo = GitRepo::with_files(&[("src/deep/lib.rs", "x\n")]);
    let expected = RepositoryFacts {
        root: repo.root.clone(),
        git_dir: repo.root.join(".git"),
        base: CommitId::parse(&repo.git(&["rev-parse", "HEAD"])).unwrap(),
        base_tree: TreeId::parse(&repo.git(&["rev-parse", "HEAD^{tree}"])).unwrap(),
        branch: Some("main".to_owned()),
        notes: Vec::new(),
    };
    assert_eq!(inspect(&repo.root.join("src/deep")), Ok(expected));
}

#[test]
fn what_is_no_repository_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_path_buf();
    assert_eq!(inspect(&path), Err(Refusal::NotARepository { path }));
    let path = directory.path().join("absent");
    assert_eq!(inspect(&path), Err(Refusal::NotARepository { path }));
}

#[test]
fn a_bare_repository_is_refused() {
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    let bare = repo.beside("bare.git");
    repo.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    assert_eq!(inspect(&bare), Err(Refusal::Bare { path: bare }));
}

#[test]
fn a_repository_without_a_commit_is_refused() {
    let repo = GitRepo::empty();
    assert!(matches!(inspect(&repo.root), Err(Refusal::NoCommit { .. })));
}

#[test]
fn sha256_and_reftable_are_refused_by_name() {
    let repo = GitRepo::initialised(&["--object-format=sha256"]);
    assert_eq!(inspect(&repo.root), Err(Refusal::Sha256 { path: repo.root.join(".git") }));
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    let migrated = try_git(&repo.root, &["refs", "migrate", "--ref-format=reftable"]);
    if !migrated.status.success() {
        repo.git(&["config", "core.repositoryformatversion", "1"]);
        repo.git(&["config", "extensions.refStorage", "reftable"]);
    }
    assert_eq!(inspect(&repo.root), Err(Refusal::Reftable { path: repo.root.join(".git") }));
}

#[test]
fn another_owners_repository_is_refused_with_the_command_that_trusts_it() {
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    if std::os::unix::fs::chown(&repo.root, Some(12_345), None).is_err() {
        return; // only root can give a directory away
    }
    std::os::unix::fs::chown(repo.root.join(".git"), Some(12_345), None).unwrap();
    let refusal = inspect(&repo.root).unwrap_err();
    assert!(matches!(refusal, Refusal::ForeignOwner { .. }), "{refusal:?}");
    assert!(refusal.help().contains("git config --global --add safe.directory"));
}

#[test]
fn a_partial_clone_is_refused_until_the_commands_that_complete_it_have_run() {
    let origin = GitRepo::with_files(&[("a", "a\n"), ("b", "b\n")]);
    origin.git(&["config", "uploadpack.allowFilter", "true"]);
    let clone = origin.beside("partial");
    let url = format!("file://{}", origin.root.display());
    origin.git(&["clone", "-q", "--filter=blob:none", &url, clone.to_str().unwrap()]);
    let refusal = inspect(&clone).unwrap_err();
    assert_eq!(refusal, Refusal::PartialClone { path: clone.join(".git"), remote: "origin".to_owned() });
    let help = refusal.help();
    for command in help.split('`').nth(1).unwrap().split([';', '&']).map(str::trim).filter(|c| !c.is_empty()) {
        let args: Vec<&str> = command.split(' ').skip(1).collect();
        let _extension_may_be_absent = try_git(&clone, &args);
    }
    assert!(inspect(&clone).is_ok(), "{help}");
}

#[test]
fn a_tree_with_paths_that_are_not_safe_to_write_is_refused() {
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    let blob = repo.git(&["rev-parse", "HEAD:a"]);
    let input = repo.beside("tree");
    for name in [".GIT", "..", ".git"] {
        let mut bytes = format!("100644 {name}\0").into_bytes();
        bytes.extend((0..20).map(|at| u8::from_str_radix(&blob[at * 2..at * 2 + 2], 16).unwrap()));
        fs::write(&input, bytes).unwrap();
        let file = input.to_str().unwrap();
        let tree = repo.git(&["hash-object", "-t", "tree", "--literally", "-w", file]);
        let commit = repo.git(&["commit-tree", "-m", "unsafe", &tree]);
        repo.git(&["update-ref", "HEAD", &commit]);
        assert!(matches!(inspect(&repo.root), Err(Refusal::UnsafeTree { .. })), "{name}");
    }
}

#[test]
fn a_linked_worktree_is_a_checkout() {
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    let linked = repo.beside("linked");
    repo.git(&["worktree", "add", "-q", "-b", "topic", linked.to_str().unwrap()]);
    let facts = inspect(&linked).unwrap();
    assert_eq!((facts.root, facts.git_dir, facts.branch.as_deref()), (linked, repo.root.join(".git"), Some("topic")));
    assert_eq!(facts.notes, [format!("the checkout is a linked worktree of {}/", repo.root.join(".git").display())]);
}

#[test]
fn a_detached_head_names_the_base() {
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    repo.git(&["checkout", "-q", "--detach"]);
    let facts = inspect(&repo.root).unwrap();
    assert_eq!(facts.branch, None);
    assert_eq!(facts.notes, [format!("HEAD is detached: the base is the commit {}", facts.base.short())]);
}

#[test]
fn uncommitted_work_is_counted_and_left_out() {
    let repo = GitRepo::with_files(&[("a", "a\n"), ("b", "b\n"), (".gitignore", "*.log\n")]);
    repo.write("a", "changed\n");
    repo.write("new", "new\n");
    repo.write("other/new", "new\n");
    repo.write("x.log", "ignored\n");
    let base = repo.git(&["rev-parse", "--short=7", "HEAD"]);
    let said = format!("uncommitted work is left out (1 changed file, 2 untracked paths): the base is HEAD, {base}");
    assert_eq!(notes(&repo), [said]);
}

#[test]
fn submodules_shallow_clones_lfs_and_line_ends_are_said() {
    let other = GitRepo::with_files(&[("x", "x\n")]);
    let repo = GitRepo::with_files(&[
        ("a", "a\n"),
        (".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n*.c text eol=crlf\n*.s filter=smudgy\n"),
    ]);
    repo.git(&["submodule", "--quiet", "add", other.root.to_str().unwrap(), "sub"]);
    repo.commit_all("submodule");
    let shallow = repo.beside("shallow");
    repo.git(&["clone", "-q", "--depth=1", &format!("file://{}", repo.root.display()), shallow.to_str().unwrap()]);
    assert_eq!(
        inspect(&shallow).unwrap().notes,
        [
            "the clone is shallow: history ends where it was cut",
            "1 submodule: commits stay as they are, directories are empty in worktrees and gates",
            "files in git LFS are pointers in worktrees and gates: their content is not fetched",
            "attributes ask for line-end or encoding conversion: files are handled byte for byte, as they are stored",
            "attributes ask for the filter `smudgy`: it is not run, files are as they are stored",
        ]
    );
}

#[test]
fn looking_changes_nothing_and_runs_nothing() {
    let repo = GitRepo::with_files(&[("a", "a\n"), (".gitattributes", "* filter=trap\n")]);
    let marker: PathBuf = repo.beside("marker");
    let trap = format!("touch {}; cat", marker.display());
    repo.git(&["config", "filter.trap.clean", &trap]);
    repo.git(&["config", "filter.trap.process", &trap]);
    repo.git(&["config", "core.fsmonitor", &trap]);
    repo.write("a", "b\n");
    let before = repo.contents();
    inspect(&repo.root).unwrap();
    assert_eq!(repo.contents(), before);
    assert!(!marker.exists());
}

#[test]
fn a_submodules_checkout_is_a_repository_of_its_own() {
    let other = GitRepo::with_files(&[("x", "x\n")]);
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    repo.git(&["submodule", "--quiet", "add", other.root.to_str().unwrap(), "sub"]);
    let facts = inspect(&repo.root.join("sub")).unwrap();
    assert_eq!(facts.git_dir, repo.root.join(".git/modules/sub"));
    assert_eq!(facts.base.as_str(), git(&other.root, &["rev-parse", "HEAD"]));
}

#[test]
fn an_index_of_a_kind_that_is_not_read_here_costs_only_the_count() {
    for kind in [&["update-index", "--split-index"][..], &["sparse-checkout", "init", "--cone", "--sparse-index"]] {
        let repo = GitRepo::with_files(&[("a", "a\n"), ("d/b", "b\n")]);
        repo.git(kind);
        let said = notes(&repo);
        assert!(said.is_empty() || said[0].contains("left out, and cannot be counted"), "{kind:?}: {said:?}");
    }
}

#[test]
fn a_repository_that_says_that_its_refs_are_files_is_taken_and_worked_on() {
    let repo = GitRepo::with_files(&[("a", "a\n")]);
    repo.git(&["config", "core.repositoryformatversion", "1"]);
    repo.git(&["config", "extensions.refStorage", "files"]);
    let goal = Goal::on(&repo);
    let one = goal.slice("one", |tree| write(tree, "a", "b\n"));
    assert_eq!(goal.file(one.capture.commit.as_str(), "a"), "b");
}
