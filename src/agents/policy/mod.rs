//! What an agent may do before it is done, as far as its protocol lets us see it: pure.
//!
//! Judges single acts (a write, a command, a tool call) against the slice's write set and the user's rules. It keeps
//! honest agents on the path and tells them why; it is no containment. What it cannot see is found when the worktree
//! is captured. Reasons are written for the model that reads them.

mod asking;
mod command;
mod directory;
mod judgement;
mod path;
mod programs;
mod rules;
mod shell;
mod tables;
#[cfg(test)]
mod verdicts;

use std::path::{Component, Path, PathBuf};

pub use self::judgement::Judgement;
pub use self::rules::{CommandRules, Otherwise, Unattended};

use self::asking::grants;
use self::command::Judge;
use self::directory::Directory;
use self::path::{Place, names_git, normal, place};
use crate::domain::access::{AccessSet, PathPattern};
use crate::domain::task::{Feedback, FeedbackKind};

/// A tool call, as far as a protocol shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// What sort of call: `edit`, `execute`, `read`, …; empty where unknown.
    pub kind: String,
    /// The command line that it runs.
    pub command: Option<String>,
    /// The directory that it runs in, absolute or relative to the worktree; `None` where the agent does not say: some
    /// keep a shell from one call to the next.
    pub cwd: Option<PathBuf>,
    /// The paths that it touches, absolute or relative to the worktree, symbolic links resolved by the caller.
    pub paths: Vec<PathBuf>,
}

/// What one slice's agent may do.
#[derive(Clone, Debug)]
pub struct Policy {
    worktree: PathBuf,
    access: AccessSet,
    rules: CommandRules,
    granted: Vec<String>,
}

impl Policy {
    /// The policy of an attempt in `worktree`, an absolute path without symbolic links. What the operator has
    /// answered before (`allow <words>`, or yes to a question of ours) is granted.
    pub fn new(worktree: PathBuf, access: AccessSet, rules: CommandRules, feedback: &[Feedback]) -> Self {
        let said = feedback.iter().filter(|one| one.kind == FeedbackKind::Operator);
        Self { worktree, access, rules, granted: said.flat_map(grants).collect() }
    }

    /// Whether a file may be written, created or removed.
    pub fn write(&self, path: &Path) -> Judgement {
        match place(&self.worktree, path) {
            Place::Inside(path) if self.access.permits_change(&path) => Judgement::Allow,
            Place::Inside(path) => refuse(format!(
                "{path} is outside of this slice's write set ({}). {}Make the change within it, or leave it and say so.",
                self.write_set(),
                self.misreading(&path)
            )),
            Place::Git => refuse(
                "version control is not yours to change: leave .git alone and do not commit; your edits are captured \
                 as they are in the worktree."
                    .to_owned(),
            ),
            Place::Outside => refuse(format!(
                "{} is outside of the worktree {}. Write only within it.",
                path.display(),
                self.worktree.display()
            )),
        }
    }

    /// Whether a file may be read through us. Other ways to read are not ours to judge.
    pub fn read(&self, path: &Path) -> Judgement {
        match place(&self.worktree, path) {
            Place::Inside(_) | Place::Git => Judgement::Allow,
            Place::Outside => refuse(format!(
                "{} is outside of the worktree {}; files elsewhere are not served, read them with a command.",
                path.display(),
                self.worktree.display()
            )),
        }
    }

    /// Whether a command line may run, in a directory that is absolute or relative to the worktree, where it is known.
    pub fn command(&self, line: &str, cwd: Option<&Path>) -> Judgement {
        let redirect = |target: &str, directory: &Directory| self.redirect(target, directory);
        let judge = Judge { rules: &self.rules, granted: &self.granted, redirect: &redirect };
        let directory = cwd.map_or(Directory::Unknown, |cwd| Directory::Known(cwd.to_owned()));
        match (judge.judge(line, directory), self.rules.unattended) {
            (Judgement::Ask { .. }, Unattended::Refuse) if self.rules.nobody_answers => refuse(
                "only a person may allow this, and nobody is there to ask. Do it another way, or leave it and say so."
                    .to_owned(),
            ),
            (Judgement::Ask { .. }, Unattended::Allow) if self.rules.nobody_answers => Judgement::Allow,
            (judged, Unattended::Refuse | Unattended::Allow | Unattended::Ask) => judged,
        }
    }

    /// Whether a tool call may go on.
    pub fn tool(&self, call: &ToolCall) -> Judgement {
        if let Some(line) = &call.command {
            return self.command(line, call.cwd.as_deref());
        }
        let judge: &dyn Fn(&PathBuf) -> Judgement = match call.kind.as_str() {
            "read" | "search" | "think" | "fetch" | "switch_mode" => &|_| Judgement::Allow,
            _ => &|path| self.write(path),
        };
        call.paths.iter().map(judge).fold(Judgement::Allow, Judgement::and)
    }

    /// A command's output goes to a file. Within the worktree the capture judges what is left there.
    fn redirect(&self, target: &str, directory: &Directory) -> Judgement {
        if target.is_empty() || target.contains(['$', '`', '*']) {
            return Judgement::Allow;
        }
        let path = match directory {
            _ if target.starts_with(['/', '~']) => PathBuf::from(target),
            Directory::Known(directory) => directory.join(target),
            // It may well lead to where it may.
            Directory::Unknown if names_git(Path::new(target)) => return self.write(&Path::new(".git").join(target)),
            Directory::Unknown => return Judgement::Allow,
        };
        match place(&self.worktree, &path) {
            // Where the worktree is in such a place itself, what is beside it may be another one.
            Place::Outside if is_scratch(&path) && !(climbs(&path) && is_scratch(&self.worktree)) => Judgement::Allow,
            Place::Inside(_) => Judgement::Allow,
            Place::Git | Place::Outside => self.write(&path),
        }
    }

    /// Says how a pattern is meant that a reader could take to cover `path`.
    fn misreading(&self, path: &str) -> String {
        let wild = |text: &str| {
            let (first, last) = text.find(['*', '?', '[', '{']).zip(text.rfind(['*', '?', ']', '}']))?;
            let around = path.starts_with(&text[..first]) && path.ends_with(&text[last + 1..]);
            (around && text.contains('*')).then(|| {
                format!(
                    "In `{text}` a lone `*` stays within one component of a path: it covers nothing that lies deeper. "
                )
            })
        };
        let patterns = self.access.writes.iter().chain(&self.access.merges);
        patterns.map(PathPattern::as_str).find_map(wild).unwrap_or_default()
    }

    fn write_set(&self) -> String {
        let names = |patterns: &[PathPattern]| patterns.iter().map(PathPattern::as_str).collect::<Vec<_>>().join(", ");
        match (self.access.writes.is_empty(), self.access.merges.is_empty()) {
            (true, true) => "nothing".to_owned(),
            (false, true) => names(&self.access.writes),
            (true, false) => names(&self.access.merges),
            (false, false) => format!("{}, {}", names(&self.access.writes), names(&self.access.merges)),
        }
    }
}

/// Whether whatever is left there is nobody's.
fn is_scratch(path: &Path) -> bool {
    let names = normal(path).filter(|_| path.is_absolute()).unwrap_or_default();
    matches!(names.as_slice(), ["tmp" | "dev", ..] | ["var", "tmp", ..])
}

fn climbs(path: &Path) -> bool {
    path.components().any(|component| component == Component::ParentDir)
}

fn refuse(reason: String) -> Judgement {
    Judgement::Refuse { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: CommandRules, answers: &str) -> Policy {
        let pattern = |text: &str| PathPattern::parse(text).expect("a pattern");
        let access = AccessSet { reads: vec![], writes: vec![pattern("src/parser")], merges: vec![pattern("*.md")] };
        let answer = Feedback {
            kind: FeedbackKind::Operator,
            summary: String::new(),
            detail: answers.into(),
            paths: Vec::new(),
        };
        Policy::new("/w/t".into(), access, rules, &[answer])
    }

    fn reason(judgement: Judgement) -> String {
        match judgement {
            Judgement::Refuse { reason } => reason,
            Judgement::Allow | Judgement::Ask { .. } => panic!("{judgement:?}"),
        }
    }

    #[test]
    fn writes_are_held_to_the_write_set_and_the_reason_names_it() {
        let policy = policy(CommandRules::default(), "");
        for path in ["/w/t/src/parser/mod.rs", "src/parser", "/w/t/./src/x/../parser/a", "NOTES.md"] {
            assert_eq!(policy.write(Path::new(path)), Judgement::Allow, "{path}");
        }
        assert_eq!(
            reason(policy.write(Path::new("/w/t/src/parser2"))),
            "src/parser2 is outside of this slice's write set (src/parser, *.md). Make the change within it, or leave \
             it and say so."
        );
        assert_eq!(
            reason(policy.write(Path::new("doc/NOTES.md"))),
            "doc/NOTES.md is outside of this slice's write set (src/parser, *.md). In `*.md` a lone `*` stays within one \
             component of a path: it covers nothing that lies deeper. Make the change within it, or leave it and say so."
        );
        for path in ["/w/t/../x", "../../etc/passwd", "/w/t2/src/parser", "/etc/passwd", "src/parser/../../../x"] {
            assert!(reason(policy.write(Path::new(path))).contains("outside of the worktree"), "{path}");
        }
        for path in [".git", "/w/t/.git/config", "src/parser/.GIT/x"] {
            assert!(reason(policy.write(Path::new(path))).contains("leave .git alone"), "{path}");
        }
    }

    #[test]
    fn files_outside_of_the_worktree_are_not_served() {
        let policy = policy(CommandRules::default(), "");
        assert_eq!(policy.read(Path::new("/w/t/.git")), Judgement::Allow);
        assert_eq!(policy.read(Path::new("/w/t/Cargo.toml")), Judgement::Allow);
        assert!(reason(policy.read(Path::new("/root/.ssh/id"))).contains("not served"));
    }

    #[test]
    fn a_tool_call_is_judged_by_its_command_else_by_its_paths() {
        let policy = policy(CommandRules::default(), "");
        let call = |kind: &str, command: Option<&str>, path: &str| ToolCall {
            kind: kind.into(),
            command: command.map(str::to_owned),
            cwd: Some("".into()),
            paths: vec![path.into()],
        };
        assert_eq!(policy.tool(&call("execute", Some("make"), "/etc/x")), Judgement::Allow);
        assert!(reason(policy.tool(&call("execute", Some("git push"), "src/parser"))).contains("git push"));
        assert_eq!(policy.tool(&call("read", None, "/etc/x")), Judgement::Allow);
        assert_eq!(policy.tool(&call("edit", None, "src/parser/x")), Judgement::Allow);
        assert!(reason(policy.tool(&call("other", None, "/etc/x"))).contains("outside of the worktree"));
        assert_eq!(policy.tool(&ToolCall::default()), Judgement::Allow);
    }

    #[test]
    fn a_question_waits_is_refused_or_was_answered() {
        let asked = CommandRules { asked: vec!["docker run".into()], ..CommandRules::default() };
        let question =
            "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";
        assert_eq!(
            policy(asked.clone(), "no").command("docker run x", None),
            Judgement::Ask { question: question.into() }
        );
        assert_eq!(policy(asked.clone(), "allow docker run").command("docker run x", None), Judgement::Allow);
        let alone = |unattended| CommandRules { unattended, nobody_answers: true, ..asked.clone() };
        assert!(
            reason(policy(alone(Unattended::Refuse), "").command("docker run x", None)).contains("nobody is there")
        );
        assert_eq!(policy(alone(Unattended::Allow), "").command("docker run x", None), Judgement::Allow);
        let bent = "docker run x > /etc/passwd";
        assert!(matches!(policy(alone(Unattended::Allow), "").command(bent, None), Judgement::Refuse { .. }));
        assert_eq!(
            policy(alone(Unattended::Ask), "").command("docker run x", None),
            Judgement::Ask { question: question.into() }
        );
    }
}
