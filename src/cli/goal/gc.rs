//! `omk goal gc`: removes what no goal needs.

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::goal::list;
use crate::cli::output::{safe, units};
use crate::domain::goal::GoalStatus;
use crate::domain::view::GarbageReport;

/// `omk goal gc`.
#[derive(Debug, Args)]
pub struct GcArgs {
    /// Of the goals of every repository
    #[arg(long)]
    pub all: bool,
    /// Only of goals that ended at least this long ago: `12h`, `30d` [default: all that are at rest]
    #[arg(long, value_name = "DUR", value_parser = crate::cli::goal::run::parse_duration)]
    pub older_than: Option<u64>,
    /// Say what would go, remove nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Debug, Serialize)]
struct GarbageDocument<'a> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a GarbageReport,
}

/// Runs the verb.
pub fn run(context: &Context, args: &GcArgs) -> Result<u8, Failure> {
    let scope = context.omk.scope_to_change(args.all)?;
    list::say_unread(context, &mut context.omk.list(&scope)?.left_out);
    let report = context.omk.collect_garbage(&scope, args.older_than.unwrap_or(0), args.dry_run)?;
    if context.output.json {
        context.output.document(&GarbageDocument { schema: "omk.gc/v1", report: &report })?;
    } else {
        context.output.result(&text(&report))?;
    }
    report.problems.iter().for_each(|problem| context.output.complain(&format!("{}\n", safe::line(problem))));
    Ok(if report.problems.is_empty() { 0 } else { GoalStatus::FailedInfra.exit_code() })
}

/// The report: a block per goal, the sum last.
pub fn text(report: &GarbageReport) -> String {
    let mut text = String::new();
    for goal in &report.goals {
        text.push_str(&format!("{}   {}\n", goal.id, units::bytes(goal.bytes)));
        for removed in &goal.removed {
            text.push_str(&format!("  {}\n", safe::line(removed)));
        }
    }
    let verb = if report.dry_run { "would free" } else { "freed" };
    let bytes: u64 = report.goals.iter().map(|goal| goal.bytes).sum();
    text + &format!("{verb} {} of {}\n", units::bytes(bytes), units::counted(report.goals.len(), "goal"))
}
