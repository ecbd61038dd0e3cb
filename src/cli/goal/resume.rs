//! `omk goal resume`: goes on with one goal, or takes up every goal whose process died.

use clap::Args;

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::drive;
use crate::cli::error::{Failure, report};
use crate::cli::goal::list;
use crate::domain::goal::Drive;

/// `omk goal resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// Resume every goal of this repository that says `running` and has no process, one after the other
    #[arg(long, conflicts_with = "id")]
    pub auto: bool,
    /// With --auto: of every repository
    #[arg(long, requires = "auto")]
    pub all: bool,
}

/// Runs the verb.
pub fn run(context: &Context, args: &ResumeArgs) -> Result<u8, Failure> {
    if args.auto {
        return adopt(context, args.all);
    }
    let id = context.goal_to_change(&args.goal)?;
    drive::drive_and_conclude(context, &id, Drive::UntilReady, &[])
}

/// Drives every orphan in turn, the oldest first. Ends at a signal; else the exit code is the first that is not 0.
fn adopt(context: &Context, all: bool) -> Result<u8, Failure> {
    let scope = context.omk.scope_to_change(all)?;
    list::say_unread(context, &mut context.omk.list(&scope)?.left_out);
    let orphans = context.omk.orphans(&scope)?;
    if orphans.is_empty() {
        context.output.note("no goal has lost its process\n");
        if context.output.json {
            context.output.document(&serde_json::json!({ "schema": "omk.resume.auto/v1", "adopted": [] }))?;
        }
    }
    let mut exit = 0;
    for id in orphans {
        let driven = drive::drive(context, &id, Drive::UntilReady, &[]);
        let (code, stopped) = match driven {
            Ok(settled) => {
                let code = drive::conclude(context, &settled)?;
                (code, settled.signal.is_some() || context.omk.tidy(&id).is_some())
            }
            // One goal that cannot be taken up keeps no other from it.
            Err(failure) => (report(&failure.typed(&context.typist(&id).tail), context.output), false),
        };
        exit = if exit == 0 { code } else { exit };
        if stopped {
            return Ok(code);
        }
    }
    Ok(exit)
}
