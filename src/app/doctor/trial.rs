//! Git, tried as a goal uses it: a repository, worktrees, commits, and a merge of two changes of one file, which is what
//! the git program is needed for.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::adapters::git::inspect::inspect;
use crate::adapters::git::program::{GitCall, GitProgram, SystemGit};
use crate::adapters::git::seed::seed;
use crate::adapters::git::workspace::GitWorkspace;
use crate::app::clock::now;
use crate::app::doctor::report::{Check, Topic, Verdict};
use crate::domain::access::{AccessSet, PathPattern};
use crate::domain::ids::{Attempt, AttemptRef, CommitId, Epoch, GoalId, SliceId};
use crate::domain::order::{CaptureLimits, CaptureOrder, Fault, MergeInput, Merged, WorktreeOrder};
use crate::ports::Workspace;

/// The oldest git that merges as goals need it.
const FLOOR: (u32, u32) = (2, 38);
/// The file that both changes are of.
const FILE: &str = "lines.txt";
/// Its content.
const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/// The git program's version, and whether it and the rest work in `dir`.
pub(super) async fn git(dir: &Path) -> Vec<Check> {
    let check = |name, verdict, found: String| Check::new(Topic::Git, name, verdict, found);
    let install = format!("install git {}.{} or later", FLOOR.0, FLOOR.1);
    let version = match version(dir) {
        Err(problem) => return vec![check("version", Verdict::Failed, problem).with_help(install)],
        Ok(text) if parse(&text).is_none_or(|version| version < FLOOR) => {
            check("version", Verdict::Failed, format!("{text}; {}.{} is the oldest that will do", FLOOR.0, FLOOR.1))
                .with_help(install)
        }
        Ok(text) => check("version", Verdict::Ok, text),
    };
    let since = Instant::now();
    let works = match tried(&dir.join("git-trial")).await {
        Ok(()) => {
            let what = "a repository, worktrees, commits and a merge";
            check("works", Verdict::Ok, format!("{what} in {}ms", since.elapsed().as_millis()))
        }
        Err(problem) => check("works", Verdict::Failed, problem),
    };
    vec![version, works]
}

fn version(dir: &Path) -> Result<String, String> {
    let call = GitCall { git_dir: dir.to_owned(), env: Vec::new(), args: vec!["version".into()] };
    let output = SystemGit::default().run(&call).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "the program `git` is not found in PATH".to_owned(),
        _ => format!("the program `git` cannot be started: {error}"),
    })?;
    let text = String::from_utf8_lossy(&output.stdout).trim().replace("git version ", "");
    if text.is_empty() { Err("the program `git` does not say its version".to_owned()) } else { Ok(text) }
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

async fn tried(dir: &Path) -> Result<(), String> {
    let repository = dir.join("repository");
    std::fs::create_dir_all(&repository).map_err(|error| error.to_string())?;
    seed(&repository, &[(FILE, LINES)], now()).map_err(|fault| fault.to_string())?;
    let facts = inspect(&repository).map_err(|refusal| refusal.to_string())?;
    let goal = GoalId::coined("doctor", now());
    let program: Arc<dyn GitProgram> = Arc::new(SystemGit::default());
    let workspace = GitWorkspace::open(dir, &goal, &facts, program).map_err(|fault| fault.to_string())?;
    let mut inputs = Vec::new();
    for (number, (line, by)) in [("1\n", "one\n"), ("9\n", "nine\n")].into_iter().enumerate() {
        let changed = LINES.replace(line, by);
        inputs.push(change(&workspace, &facts.base, number, &changed).await.map_err(|fault| fault.to_string())?);
    }
    let merged = workspace.merge(facts.base, inputs, now()).await.map_err(|fault| fault.to_string())?;
    match merged.iter().all(|merged| matches!(merged, Merged::Clean { .. })) {
        true => Ok(()),
        false => Err("two changes of one file that do not touch each other were not merged".to_owned()),
    }
}

/// One slice's work: a worktree, an edit, a commit.
async fn change(workspace: &GitWorkspace, base: &CommitId, number: usize, content: &str) -> Result<MergeInput, Fault> {
    let fault = |detail: String| Fault { what: "try git".to_owned(), detail };
    let slice = SliceId::parse(&format!("s{number}")).map_err(|error| fault(error.to_string()))?;
    let epoch = Epoch(u64::try_from(number).unwrap_or_default() + 1);
    let attempt = AttemptRef { slice: slice.clone(), attempt: Attempt(1), epoch };
    let order = WorktreeOrder { attempt: attempt.clone(), start: base.clone(), content: None, place: None };
    let worktree = workspace.prepare(order).await?.path;
    let message = "try\n".to_owned();
    std::fs::write(worktree.join(FILE), content).map_err(|error| fault(error.to_string()))?;
    let all = PathPattern::parse("**").map_err(|error| fault(error.to_string()))?;
    let order = CaptureOrder {
        attempt,
        worktree,
        start: base.clone(),
        access: AccessSet { writes: vec![all], ..AccessSet::default() },
        limits: CaptureLimits { file: u64::MAX, attempt: u64::MAX },
        message: message.clone(),
        at: now(),
    };
    let captured = workspace.capture(order).await?;
    let capture = captured.capture.ok_or_else(|| fault("an edit in a worktree was not seen".to_owned()))?;
    Ok(MergeInput { slice, attempt: Attempt(1), capture, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(parse("2.47.3"), Some((2, 47)));
        assert_eq!(parse("2.9.5.windows.1"), Some((2, 9)));
        assert_eq!(parse("nonsense"), None);
        assert!(parse("2.9.5") < Some(FLOOR) && parse("2.38.0") >= Some(FLOOR));
    }
}
