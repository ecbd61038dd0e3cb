//! `omk goal pause` and `cancel`: through the process that runs the goal, or on its journal where none does.

use clap::Args;

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::drive::SettledDocument;
use crate::cli::error::{Failure, misuse};
use crate::cli::output::{safe, style, words};
use crate::domain::control::Stop;
use crate::domain::ids::GoalId;
use crate::domain::view::{GoalView, Settled, SliceState};

/// `omk goal cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// Do not ask first [a question is asked at a terminal only]
    #[arg(long)]
    pub yes: bool,
}

/// Runs `cancel`: asks first if a person is at the terminal, because nothing brings a cancelled goal back.
pub fn cancel(context: &Context, args: &CancelArgs) -> Result<u8, Failure> {
    let id = context.goal_to_change(&args.goal)?;
    if !args.yes && context.output.can_ask() {
        let view = context.omk.view(&id, None)?;
        if !view.status.is_final() && !context.output.ask(&question(&view))? {
            return Err(misuse(format!("goal {id} was not cancelled"), ["to give it up unasked: --yes".to_owned()]));
        }
    }
    stop(context, &id, Stop::Cancel)
}

/// What is asked before a goal is given up.
pub fn question(view: &GoalView) -> String {
    let merged = view.slices.iter().filter(|slice| slice.state == SliceState::Integrated).count();
    format!(
        "cancel goal {} of {} ({}, {merged} of {} slices merged)? It cannot be resumed.",
        view.id,
        safe::line(&view.charter.repository.root.display().to_string()),
        view.status,
        view.slices.len(),
    )
}

/// Runs `pause`.
pub fn pause(context: &Context, goal: &GoalArg) -> Result<u8, Failure> {
    stop(context, &context.goal_to_change(goal)?, Stop::Pause)
}

/// The goal stands as asked when it returns 0.
fn stop(context: &Context, id: &GoalId, stop: Stop) -> Result<u8, Failure> {
    let mut settled = context.omk.stop(id, stop)?;
    settled.next = context.commands(&settled.next);
    if context.output.json {
        context.output.document(&SettledDocument::of(&settled, 0))?;
    } else {
        context.output.result(&text(&settled, &settled.next))?;
    }
    Ok(0)
}

/// The goal's new state and the commands that go on.
pub fn text(settled: &Settled, next: &[String]) -> String {
    let status = style::paint(words::status_style(settled.status), settled.status.as_str());
    let mut text = format!("{status}  {}   {}\n", settled.id, safe::line(&settled.reason));
    for (index, command) in next.iter().enumerate() {
        text.push_str(&format!("{} {}\n", if index == 0 { "next:" } else { "     " }, safe::line(command)));
    }
    text
}
