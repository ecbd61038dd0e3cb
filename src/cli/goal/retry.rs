//! `omk goal retry`: gives a slice attempts again, and goes on with the goal.

use clap::Args;

use crate::app::request::RetryRequest;
use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::drive;
use crate::cli::error::{Failure, misuse};
use crate::domain::goal::Drive;
use crate::domain::ids::SliceId;
use crate::domain::view::Liveness;

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

/// Runs the verb. A goal that a process runs goes on there; any other one goes on here.
pub fn run(context: &Context, args: &RetryArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let slice = slice_id(&args.slice)?;
    context.omk.retry(&id, RetryRequest { slice, fresh: args.fresh, hint: args.hint.clone() })?;
    match context.omk.liveness(&id)? {
        Liveness::NoProcess => drive::drive_and_conclude(context, &id, Drive::UntilReady, &[]),
        Liveness::Held { holder } => {
            context.output.note(&format!("{id} goes on in process {}\n", holder.pid));
            Ok(0)
        }
    }
}

/// A slice's name as it was typed.
pub fn slice_id(text: &str) -> Result<SliceId, Failure> {
    SliceId::parse(text)
        .map_err(|cause| misuse(cause.to_string(), ["`omk goal status` names the slices of a goal".to_owned()]))
}
