//! `omk goal retry`: gives a slice attempts again, and goes on with the goal.

use clap::Args;
use serde::Serialize;

use crate::app::request::{RetryRequest, TakenBy};
use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::drive;
use crate::cli::error::{Failure, misuse};
use crate::domain::goal::Drive;
use crate::domain::ids::{GoalId, SliceId};

/// `omk goal retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// The slice
    #[arg(long, value_name = "SLICE")]
    pub slice: String,
    /// Begin from the base again instead of from the last attempt's work
    #[arg(long)]
    pub fresh: bool,
    /// Tell the next attempt this
    #[arg(long, value_name = "TEXT")]
    pub hint: Option<String>,
}

/// A retry that the process took which runs the goal.
#[derive(Debug, Serialize)]
struct RetryDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    slice: &'a SliceId,
}

/// Runs the verb. A goal that a process runs goes on there; any other one goes on here.
pub fn run(context: &Context, args: &RetryArgs) -> Result<u8, Failure> {
    let id = context.goal_to_change(&args.goal)?;
    let slice = slice_id(&id, &args.slice)?;
    let request = RetryRequest { slice: slice.clone(), fresh: args.fresh, hint: args.hint.clone() };
    match context.omk.retry(&id, request)? {
        TakenBy::Journal => drive::drive_and_conclude(context, &id, Drive::UntilReady, &[]),
        TakenBy::Run => taken(context, &id, &slice),
    }
}

/// The slice gets its attempts where the goal runs.
fn taken(context: &Context, id: &GoalId, slice: &SliceId) -> Result<u8, Failure> {
    if context.output.json {
        context.output.document(&RetryDocument { schema: "omk.retry/v1", id, slice })?;
    } else {
        let follow = context.command(&format!("omk goal logs {id} --follow"));
        context.output.result(&format!("{slice} of {id} gets another attempt; the run goes on\nnext: {follow}\n"))?;
    }
    Ok(0)
}

/// A name of a slice of a goal as it was typed.
pub fn slice_id(goal: &GoalId, text: &str) -> Result<SliceId, Failure> {
    SliceId::parse(text)
        .map_err(|cause| misuse(cause.to_string(), [format!("its slices are in: omk goal status {goal}")]))
}
