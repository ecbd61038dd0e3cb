//! `omk goal budget-add`: adds to what a goal may spend.
//!
//! Starts nothing: a goal that ended `needs_more_budget` goes on with `resume`.

use clap::Args;
use serde::Serialize;

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::goal::run::{parse_duration, parse_usd};
use crate::cli::output::units;
use crate::domain::budget::Limits;
use crate::domain::ids::GoalId;
use crate::domain::view::Liveness;

/// `omk goal budget-add`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("more").required(true).multiple(true))]
pub struct BudgetAddArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// So much more time of runs: `90s`, `30m`, `8h`
    #[arg(long, group = "more", value_name = "DUR", value_parser = parse_duration)]
    pub time: Option<u64>,
    /// So many more tokens
    #[arg(long, group = "more", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub tokens: Option<u64>,
    /// So many more US dollars: `25`, `0.50`
    #[arg(long, group = "more", value_name = "X", value_parser = parse_usd)]
    pub usd: Option<u64>,
}

/// The limits from now on.
#[derive(Debug, Serialize)]
struct BudgetDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    limits: Limits,
    next: String,
}

/// Runs the verb.
pub fn run(context: &Context, args: &BudgetAddArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let more = Limits { time_ms: args.time, tokens: args.tokens, usd_micros: args.usd };
    let limits = context.omk.add_budget(&id, more)?;
    let next = match context.omk.liveness(&id)? {
        Liveness::NoProcess => context.command(&format!("omk goal resume {id}")),
        Liveness::Held { .. } => context.command(&format!("omk goal status {id}")),
    };
    if context.output.json {
        context.output.document(&BudgetDocument { schema: "omk.budget-add/v1", id: &id, limits, next })?;
    } else {
        context.output.result(&format!("{id} may spend {} in all\nnext: {next}\n", words(&limits)))?;
    }
    Ok(0)
}

/// The limits that there are, in words.
pub fn words(limits: &Limits) -> String {
    let time = limits.time_ms.map(units::duration);
    let tokens = limits.tokens.map(|tokens| format!("{} tokens", units::tokens(tokens)));
    let usd = limits.usd_micros.map(units::money);
    [time, tokens, usd].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
