//! The prompt: what an agent is told to do, from a template that a user can replace.
//!
//! Everything in it is bounded. The template gets data only: it cannot read files or run anything, and it is stopped
//! when it does not end.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use rustix::fs::OFlags;
use serde::Serialize;
use thiserror::Error;

use crate::domain::access::PathPattern;
use crate::domain::agent::AgentTask;
use crate::domain::task::{AgentSession, Feedback, FeedbackKind, GateKind, GateSpec, KeptLines, Neighbour, Risk};
use crate::process::output::Bounded;
use crate::process::sanitise::sanitise;

/// The template of those who bring none.
const BUILT_IN: &str = include_str!("prompt.jinja");
/// What a session that goes on is told.
const RESUMED: &str = include_str!("resumed.jinja");
/// Where a repository says how it wants to be worked on; the first that is there.
const CONVENTIONS: &[&str] = &["AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md"];
/// How much of that is quoted, in bytes.
const LONGEST_CONVENTIONS: usize = 24 * 1024;
/// How much of one piece of feedback is quoted, in bytes.
const LONGEST_DETAIL: usize = 8 * 1024;
/// How much of a gate's command is quoted, in bytes.
const LONGEST_COMMAND: usize = 4 * 1024;
/// The most pieces of feedback that are quoted, the newest ones. What the operator said is quoted whatever came behind it.
const MOST_FEEDBACK: usize = 4;
/// The longest prompt, in bytes.
const LONGEST: usize = 200 * 1024;
/// How many steps a template may take.
const FUEL: u64 = 200_000;

/// A template that makes no prompt.
#[derive(Debug, Error)]
pub enum PromptError {
    /// The user's template cannot be read.
    #[error("read the prompt template {path}: {problem}; docs/agents.md describes it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        problem: std::io::Error,
    },
    /// The template is wrong.
    #[error("make a prompt of the template {name}: {problem}; docs/agents.md describes it")]
    Template {
        /// The file, or `built-in`.
        name: String,
        /// What is wrong, with the line.
        problem: String,
    },
}

/// What a template gets.
#[derive(Serialize)]
struct Context<'a> {
    goal: &'a str,
    criteria: &'a [String],
    constraints: &'a [String],
    slice: &'a str,
    title: &'a str,
    description: &'a str,
    acceptance: &'a [String],
    reads: Vec<&'a str>,
    writes: Vec<&'a str>,
    merges: Vec<&'a str>,
    gates: Vec<&'a str>,
    high_risk: bool,
    attempt: u32,
    continued: bool,
    feedback: Vec<Told>,
    keep: &'a [KeptLines],
    plan: Plan<'a>,
    tests: Vec<Test<'a>>,
    conventions: Option<Conventions>,
    worktree: String,
}

/// What the template of a resumed session gets.
#[derive(Serialize)]
struct Resumed<'a> {
    cut_off: bool,
    #[serde(flatten)]
    task: Context<'a>,
}

#[derive(Serialize)]
struct Told {
    kind: FeedbackKind,
    summary: String,
    detail: String,
    paths: Vec<String>,
}

/// The slice's place in the plan.
#[derive(Serialize)]
struct Plan<'a> {
    after: Vec<Other<'a>>,
    beside: Vec<Other<'a>>,
    before: Vec<Other<'a>>,
}

/// Another slice. Every field is there, empty or not: a template is strict.
#[derive(Serialize)]
struct Other<'a> {
    id: &'a str,
    title: &'a str,
    writes: Vec<&'a str>,
    merges: Vec<&'a str>,
}

/// A gate that judges the slice.
#[derive(Serialize)]
struct Test<'a> {
    name: &'a str,
    command: String,
    kind: GateKind,
}

#[derive(Serialize)]
struct Conventions {
    file: &'static str,
    text: String,
}

/// The prompt of a task. Reads the worktree's conventions and the user's template: blocks.
pub fn prompt(task: &AgentTask, template: Option<&Path>) -> Result<String, PromptError> {
    render_by(template, BUILT_IN, &context(task, &task.assignment.feedback))
}

/// What is said first in a session that knows the task already: why it goes on, what it was not told yet, and what it
/// must keep. Reads like [`prompt`]: blocks.
pub fn resumed_prompt(
    task: &AgentTask,
    session: &AgentSession,
    template: Option<&Path>,
) -> Result<String, PromptError> {
    let feedback = &task.assignment.feedback;
    let news = &feedback[feedback.len().saturating_sub(session.news as usize)..];
    render_by(template, RESUMED, &Resumed { cut_off: session.cut_off, task: context(task, news) })
}

/// Renders the user's template, or the built-in one of those who bring none.
fn render_by(template: Option<&Path>, built_in: &str, context: &impl Serialize) -> Result<String, PromptError> {
    let Some(path) = template else { return render("built-in", built_in, context) };
    let source =
        std::fs::read_to_string(path).map_err(|problem| PromptError::Unreadable { path: path.to_owned(), problem })?;
    render(&path.display().to_string(), &source, context)
}

fn render(name: &str, source: &str, context: &impl Serialize) -> Result<String, PromptError> {
    let mut environment = Environment::new();
    // Blocks on lines of their own leave no empty lines.
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    // A prompt is plain text, whatever its template's file is called.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_test("glob", is_glob);
    let rendered =
        environment.template_from_named_str(name, source).and_then(|template| template.render(Serde(context)));
    let text = rendered.map_err(|error| PromptError::Template {
        name: name.to_owned(),
        problem: match (error.line(), error.detail()) {
            (Some(line), Some(detail)) => format!("line {line}: {}: {detail}", error.kind()),
            (Some(line), None) => format!("line {line}: {}", error.kind()),
            (None, _) => error.to_string(),
        },
    })?;
    Ok(bounded(text.trim().as_bytes(), LONGEST))
}

/// Whether a path of an access set has wildcards; one without means what lies below it as well.
fn is_glob(pattern: &str) -> bool {
    PathPattern::parse(pattern).is_ok_and(|pattern| !pattern.is_literal())
}

fn context<'a>(task: &'a AgentTask, feedback: &'a [Feedback]) -> Context<'a> {
    let spec = &task.assignment.spec;
    let around = &task.assignment.around;
    Context {
        goal: &task.goal_text,
        criteria: &task.criteria,
        constraints: &task.constraints,
        slice: spec.id.as_str(),
        title: &spec.title,
        description: &spec.description,
        acceptance: &spec.acceptance,
        reads: names(&spec.access.reads),
        writes: names(&spec.access.writes),
        merges: names(&spec.access.merges),
        gates: spec.gates.iter().map(|gate| gate.as_str()).collect(),
        high_risk: spec.risk == Risk::High,
        attempt: task.assignment.attempt.0,
        continued: task.assignment.holds_earlier_work(),
        feedback: quoted(feedback),
        keep: &task.assignment.keep,
        plan: Plan { after: others(&around.after), beside: others(&around.beside), before: others(&around.before) },
        tests: around.gates.iter().map(test).collect(),
        conventions: conventions(&task.worktree),
        worktree: task.worktree.display().to_string(),
    }
}

fn names(patterns: &[PathPattern]) -> Vec<&str> {
    patterns.iter().map(PathPattern::as_str).collect()
}

fn others(slices: &[Neighbour]) -> Vec<Other<'_>> {
    slices.iter().map(other).collect()
}

fn other(slice: &Neighbour) -> Other<'_> {
    let Neighbour { id, title, writes, merges } = slice;
    Other { id: id.as_str(), title, writes: names(writes), merges: names(merges) }
}

fn test(gate: &GateSpec) -> Test<'_> {
    let command = bounded(gate.command.to_string().as_bytes(), LONGEST_COMMAND);
    Test { name: gate.name.as_str(), command, kind: gate.kind }
}

/// The newest pieces, and everything that the operator said.
fn quoted(feedback: &[Feedback]) -> Vec<Told> {
    let older = feedback.len().saturating_sub(MOST_FEEDBACK);
    let stays = |(at, one): &(usize, &Feedback)| *at >= older || one.kind == FeedbackKind::Operator;
    feedback.iter().enumerate().filter(stays).map(|(_, one)| told(one)).collect()
}

fn told(feedback: &Feedback) -> Told {
    let Feedback { kind, summary, detail, paths } = feedback.without_secrets();
    Told { kind, summary, detail: bounded(detail.as_bytes(), LONGEST_DETAIL), paths }
}

/// What the worktree says of itself. A link is not followed: it could lead anywhere.
fn conventions(worktree: &Path) -> Option<Conventions> {
    CONVENTIONS.iter().find_map(|file| {
        let no_links = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let found = File::options().read(true).custom_flags(no_links).open(worktree.join(file)).ok()?;
        let mut bytes = Vec::new();
        let limit = LONGEST_CONVENTIONS as u64 + 1;
        found.take(limit).read_to_end(&mut bytes).ok().filter(|_| !bytes.is_empty())?;
        let cut = bytes.len() > LONGEST_CONVENTIONS;
        let mut text = sanitise(&bytes[..bytes.len().min(LONGEST_CONVENTIONS)]);
        if cut {
            text.push_str("\n[... the rest is in the file ...]");
        }
        Some(Conventions { file, text })
    })
}

/// The beginning and the end of a text, of `limit` bytes together.
fn bounded(bytes: &[u8], limit: usize) -> String {
    let mut kept = Bounded::new(limit / 2, limit / 2);
    kept.push(bytes);
    sanitise(&kept.finish())
}
