//! `omk goal steer`: tells the agent at work on a slice something.

use clap::Args;
use serde::Serialize;

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::error::{Failure, misuse};
use crate::cli::goal::retry::slice_id;
use crate::domain::control::Told;
use crate::domain::ids::{GoalId, SliceId};

/// The longest text, in bytes: what of a piece of feedback is quoted to a later attempt.
const LONGEST: usize = 8 * 1024;

/// `omk goal steer`.
#[derive(Debug, Args)]
pub struct SteerArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// The slice
    #[arg(long, value_name = "SLICE")]
    pub slice: String,
    /// What its agent is told
    #[arg(long, value_name = "TEXT")]
    pub text: String,
}

/// Words that were taken.
#[derive(Debug, Serialize)]
struct SteerDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    slice: &'a SliceId,
    told: Told,
}

/// Runs the verb.
pub fn run(context: &Context, args: &SteerArgs) -> Result<u8, Failure> {
    let id = context.goal_to_change(&args.goal)?;
    let slice = slice_id(&id, &args.slice)?;
    let text = words(&args.text)?;
    let told = context.omk.steer(&id, &slice, text)?;
    if context.output.json {
        context.output.document(&SteerDocument { schema: "omk.steer/v1", id: &id, slice: &slice, told })?;
        return Ok(0);
    }
    let said = match told {
        Told::Agent => format!("the agent at work on {slice} of {id} is told"),
        Told::NextAttempt => {
            format!("the agent of {slice} of {id} had just ended: a further attempt is told, where one follows")
        }
    };
    let follow = context.command(&format!("omk goal logs {id} --slice {slice} --follow"));
    context.output.result(&format!("{said}\nnext: {follow}\n"))?;
    Ok(0)
}

fn words(text: &str) -> Result<&str, Failure> {
    match text.trim() {
        "" => Err(misuse("there is nothing to say: `--text` is empty", [])),
        text if text.len() > LONGEST => {
            let help = "put it into a file that the agent can read, and name that".to_owned();
            Err(misuse(format!("`--text` has {} bytes; at most {LONGEST} are told", text.len()), [help]))
        }
        text => Ok(text),
    }
}
