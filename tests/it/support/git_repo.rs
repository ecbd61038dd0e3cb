//! Real git repositories in temporary directories, made by the git program in an environment of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Who commits; and nothing runs by itself behind a test's back.
const CONFIG: &str =
    "[user]\n\tname = Ada\n\temail = ada@example.org\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n";

/// Runs git in a directory, whatever comes of it.
pub(crate) fn try_git(directory: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .current_dir(directory)
        .args(args)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_ALLOW_PROTOCOL", "file")
        .env("GIT_AUTHOR_DATE", "2026-01-02T03:04:05Z")
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
        .output()
        .unwrap()
}

/// Runs git in a directory and returns what it printed; a failure fails the test.
pub(crate) fn git(directory: &Path, args: &[&str]) -> String {
    let output = try_git(directory, args);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A repository with a checkout.
pub(crate) struct GitRepo {
    _directory: TempDir,
    /// Its checkout.
    pub(crate) root: PathBuf,
}

impl GitRepo {
    /// An empty repository.
    pub(crate) fn empty() -> Self {
        Self::initialised(&["-b", "main"])
    }

    /// An empty repository made with these options of `git init`.
    pub(crate) fn initialised(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap().join("user");
        fs::create_dir(&root).unwrap();
        git(&root, &[&["init", "-q"], options].concat());
        let repo = Self { _directory: directory, root };
        let mut config = fs::OpenOptions::new().append(true).open(repo.root.join(".git/config")).unwrap();
        config.write_all(CONFIG.as_bytes()).unwrap();
        repo
    }

    /// A repository with one commit of these files.
    pub(crate) fn with_files(files: &[(&str, &str)]) -> Self {
        let repo = Self::empty();
        for (path, content) in files {
            repo.write(path, content);
        }
        repo.commit_all("start");
        repo
    }

    /// Runs git in the checkout.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(&self.root, args)
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: &str) {
        write(&self.root, path, content);
    }

    /// Commits all that is there.
    pub(crate) fn commit_all(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", message]);
    }

    /// The directory that the checkout lies in, for neighbours.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.parent().unwrap().join(name)
    }

    /// Every file below `.git` and the checkout with its content, for before and after.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        contents(&self.root)
    }
}

/// Every file below a directory with its content; links with their target.
pub(crate) fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let (kind, path) = (entry.file_type().unwrap(), entry.path());
            let relative = path.strip_prefix(root).unwrap().to_path_buf();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                found.insert(relative, fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
            } else {
                found.insert(relative, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Writes a file below a directory, with the directories on its way.
pub(crate) fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Writes an executable file below a directory.
pub(crate) fn write_executable(root: &Path, path: &str, content: &str) {
    write(root, path, content);
    fs::set_permissions(root.join(path), fs::Permissions::from_mode(0o755)).unwrap();
}

/// Makes a symbolic link below a directory.
pub(crate) fn link(root: &Path, path: &str, target: &str) {
    symlink(target, root.join(path)).unwrap();
}
