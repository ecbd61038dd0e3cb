//! The dialect of `cmd:<command>`: any program, through `sh -c`, in the slice's worktree.
//!
//! Owns how its first word is looked up before anything is spent, and where a relative one is looked for: where `omk`
//! was invoked, never in the worktree.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// What makes a word more than a plain name, so that only the shell can say what it runs.
const SHELL_SYNTAX: &[char] =
    &['$', '`', '"', '\'', '\\', '(', ')', '{', '}', '[', ']', '*', '?', ';', '&', '|', '<', '>', '~', '!', '#', '\n'];
/// What the shell runs without looking for a file.
const BUILT_IN: &[&str] = &[
    ":", ".", "cd", "command", "eval", "exec", "exit", "export", "if", "case", "for", "while", "until", "read", "set",
    "shift", "test", "time", "trap", "true", "false", "type", "ulimit", "umask", "unset", "wait", "echo", "printf",
];

/// The line that `sh -c` gets: the command, whose first word is made absolute where it is a path relative to `cwd`.
pub(super) fn command_line(command: &str, cwd: &Path) -> String {
    match first_word(command) {
        Some(word) if is_relative_path(word) => match cwd.join(word).to_str() {
            Some(absolute) => command.replacen(word, &quote(absolute), 1),
            None => command.to_owned(),
        },
        Some(_) | None => command.to_owned(),
    }
}

/// A command as words, without a shell; the first one is made absolute where it is a path relative to `cwd`.
pub(super) fn words(command: &[String], cwd: &Path) -> Vec<OsString> {
    let mut words: Vec<OsString> = command.iter().map(OsString::from).collect();
    if let (Some(program), Some(first)) = (command.first().filter(|word| is_relative_path(word)), words.first_mut()) {
        *first = cwd.join(program).into();
    }
    words
}

/// Whether the command's first word can be run; `Err` has the cause in one sentence.
pub(super) fn probe(command: &str, cwd: &Path, path: Option<&OsStr>) -> Result<(), String> {
    located(command, cwd, path).map(drop)
}

/// The program that the command's first word names; `None` where only a shell can tell.
pub(super) fn located(command: &str, cwd: &Path, path: Option<&OsStr>) -> Result<Option<PathBuf>, String> {
    let Some(word) = first_word(command).filter(|word| !BUILT_IN.contains(word)) else { return Ok(None) };
    if word.contains('/') {
        let file = cwd.join(word);
        return match runnable(&file) {
            Ok(()) => Ok(Some(file)),
            Err(problem) => Err(format!("agent command `{word}` {problem}")),
        };
    }
    let directories: Vec<PathBuf> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let files: Vec<_> = directories.iter().map(|dir| dir.join(word)).collect();
    let found: Vec<_> = files.iter().map(|file| runnable(file)).collect();
    if let Some(place) = found.iter().position(Result::is_ok) {
        return Ok(files.into_iter().nth(place));
    }
    match found.into_iter().flat_map(Result::err).find(|problem| problem.contains("executable")) {
        Some(problem) => Err(format!("agent command `{word}` {problem}")),
        None => Err(format!("agent command `{word}` is not found in PATH; install it, or give its path")),
    }
}

/// The word that names the program: behind `NAME=value` assignments. `None` where only a shell can tell.
fn first_word(command: &str) -> Option<&str> {
    for word in command.split_ascii_whitespace() {
        if word.contains(SHELL_SYNTAX) {
            return None;
        }
        if !is_assignment(word) {
            return Some(word);
        }
    }
    None
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

fn is_relative_path(word: &str) -> bool {
    word.contains('/') && !word.starts_with('/')
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A program and its arguments as a line that a shell reads back as the same words.
pub(super) fn shell_line(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let word = |word: &String| match !word.is_empty() && word.chars().all(plain) {
        true => word.clone(),
        false => quote(word),
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn runnable(file: &Path) -> Result<(), String> {
    match std::fs::metadata(file) {
        Err(error) => Err(format!("is not there: {}: {error}", file.display())),
        Ok(metadata) if !metadata.is_file() => Err(format!("is no file: {}", file.display())),
        Ok(_) if access(file, Access::EXEC_OK).is_err() => {
            Err(format!("is not executable: {0}; try chmod +x {0}", file.display()))
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_is_behind_assignments_and_free_of_shell_syntax() {
        assert_eq!(first_word("A=1 B_2=x agent --fast"), Some("agent"));
        assert_eq!(first_word("A='1 2' agent"), None);
        assert_eq!(first_word("$HOME/agent"), None);
        assert_eq!(first_word("(cd x)"), None);
        assert_eq!(first_word("A=1"), None);
    }

    #[test]
    fn a_relative_program_is_the_one_where_omk_was_invoked() {
        let line = |command| command_line(command, Path::new("/it's/here"));
        assert_eq!(line("A=1 ./agent.sh x"), r"A=1 '/it'\''s/here/./agent.sh' x");
        assert_eq!(line("agent.sh ./x"), "agent.sh ./x");
        assert_eq!(line("/bin/agent"), "/bin/agent");
    }

    #[test]
    fn a_command_that_is_shown_can_be_given_to_a_shell() {
        let line = |argv: &[&str]| shell_line(&argv.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(line(&["kimi", "acp", "--dir=/a/b"]), "kimi acp --dir=/a/b");
        assert_eq!(line(&["sh", "-c", "python3 /tmp/x.py auth"]), "sh -c 'python3 /tmp/x.py auth'");
        assert_eq!(line(&["sh", "-c", "echo it's $A", ""]), r"sh -c 'echo it'\''s $A' ''");
    }

    #[test]
    fn a_command_that_is_not_there_is_found_out_without_running_it() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("plain"), "").expect("a file");
        let said = |command: &str| probe(command, dir.path(), Some(OsStr::new("/usr/bin:/bin"))).err();
        let here = dir.path().display();
        assert_eq!(said("sh -c true"), None);
        assert_eq!(said("X=1 exec anything"), None);
        assert_eq!(
            said("omk-no-such-agent"),
            Some("agent command `omk-no-such-agent` is not found in PATH; install it, or give its path".into())
        );
        assert_eq!(
            said("./plain"),
            Some(format!("agent command `./plain` is not executable: {here}/./plain; try chmod +x {here}/./plain"))
        );
        assert_eq!(
            said("./gone"),
            Some(format!("agent command `./gone` is not there: {here}/./gone: No such file or directory (os error 2)"))
        );
    }
}
