//! `omk goal execute`, `verify` and `review`: one bounded run of the controller.

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::drive;
use crate::cli::error::Failure;
use crate::domain::goal::Drive;

/// Drives the goal as far as `how` goes.
pub fn run(context: &Context, goal: &GoalArg, how: Drive) -> Result<u8, Failure> {
    let id = context.goal_to_change(goal)?;
    drive::drive_and_conclude(context, &id, how, &[])
}
