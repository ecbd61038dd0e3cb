//! Drives a goal in this process while it is shown, and says how it came back.
//!
//! What `run`, `resume`, `execute`, `verify`, `review`, `retry` and the demo have in common.

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::goal::stop;
use crate::cli::output::{safe, style, words};
use crate::cli::progress::Progress;
use crate::cli::summary;
use crate::domain::goal::{Drive, GoalStatus};
use crate::domain::ids::GoalId;
use crate::domain::view::{GoalView, Settled};

/// How a goal came back, as `--json` says it.
#[derive(Debug, Serialize)]
pub struct SettledDocument<'a> {
    schema: &'static str,
    #[serde(flatten)]
    settled: &'a Settled,
    exit: u8,
}

impl<'a> SettledDocument<'a> {
    /// The document, schema `omk.settled/v1`.
    pub fn of(settled: &'a Settled, exit: u8) -> Self {
        Self { schema: "omk.settled/v1", settled, exit }
    }
}

/// Drives a goal until it settles, showing it; says on stderr first where it works and under which conditions.
pub fn drive(context: &Context, id: &GoalId, how: Drive, notes: &[String]) -> Result<Settled, Failure> {
    let taken = context.omk.take_up(id, how)?;
    let view = taken.view()?;
    context.output.note(&opening(context, &view, notes));
    let progress = Progress::start(context.output, context.typist(id), &view)?;
    let settled = taken.drive(progress.sink());
    progress.finish();
    Ok(with_way_on(settled?))
}

/// Drives a goal and shows the end of it; returns the exit code.
pub fn drive_and_conclude(context: &Context, id: &GoalId, how: Drive, notes: &[String]) -> Result<u8, Failure> {
    let settled = drive(context, id, how, notes)?;
    let exit = conclude(context, &settled)?;
    let _told_already = context.omk.tidy(id);
    Ok(exit)
}

/// Shows how a goal came back; returns the exit code.
pub fn conclude(context: &Context, settled: &Settled) -> Result<u8, Failure> {
    let exit = exit_code(settled);
    if settled.status == GoalStatus::Ready
        && let Some(moved) = context.omk.base_moved(&settled.id)
    {
        context.output.note(&format!("{} {}\n", style::paint(style::WARN, "note:"), safe::line(&moved)));
    }
    match show_end(context, settled, exit) {
        // The signal says why nobody reads: a pipe or a terminal that closed. Somebody may still hear this.
        Err(Failure::Output(_)) if settled.signal.is_some() => {
            context.output.complain(&stop::text(settled, &context.commands(&settled.next)));
            Ok(exit)
        }
        shown => shown.map(|()| exit),
    }
}

fn show_end(context: &Context, settled: &Settled, exit: u8) -> Result<(), Failure> {
    if context.output.json {
        let typed = Settled { next: context.commands(&settled.next), ..settled.clone() };
        return context.output.document(&SettledDocument::of(&typed, exit));
    }
    let view = match context.omk.view(&settled.id, None) {
        // The journal itself is what failed: the reason says more than an error about the file would.
        Err(_) if settled.status == GoalStatus::FailedInfra => {
            return context.output.result(&stop::text(settled, &context.commands(&settled.next)));
        }
        view => view?,
    };
    let proof = context.omk.proof(&settled.id).ok();
    let directory = context.omk.goal_dir(&settled.id);
    let next = context.commands(&settled.next);
    let end = summary::End { settled, view: &view, proof: proof.as_ref(), directory: &directory, next: &next };
    context.output.result(&end.text())
}

/// The exit code of a command that drove a goal: 128 and the signal that ended it, else of what kept a check from a
/// verdict, else of the goal's status.
pub fn exit_code(settled: &Settled) -> u8 {
    match settled.signal {
        Some(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        None => settled.obstacle.unwrap_or(settled.status).exit_code(),
    }
}

/// A run that a signal ended always says how to go on.
fn with_way_on(mut settled: Settled) -> Settled {
    if settled.next.is_empty()
        && settled.obstacle.is_none()
        && (settled.status == GoalStatus::Paused || settled.signal.is_some())
    {
        settled.next.push(format!("omk goal resume {}", settled.id));
    }
    settled
}

/// What is said before a goal is driven: its name, its base, its log, its confinement, notes.
fn opening(context: &Context, view: &GoalView, notes: &[String]) -> String {
    let repository = &view.charter.repository;
    let branch = repository.branch.as_deref().unwrap_or("detached HEAD");
    let mut text = format!(
        "omk {}  goal {}  {} @ {} {}\n",
        env!("CARGO_PKG_VERSION"),
        style::paint(style::HEAD, view.id.as_str()),
        safe::line(&repository.root.display().to_string()),
        safe::line(branch),
        repository.base.short(),
    );
    text.push_str(&format!("log  {}\n", safe::line(&context.omk.goal_dir(&view.id).display().to_string())));
    // A new goal's notes say it already.
    if !notes.iter().any(|note| note.starts_with("sandbox ")) {
        text.push_str(&format!("sandbox {}\n", words::sandbox(view.charter.sandbox_level)));
    }
    for note in notes {
        text.push_str(&format!("{} {}\n", style::paint(style::WARN, "note:"), safe::line(note)));
    }
    text
}
