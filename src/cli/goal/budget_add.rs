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
use crate::domain::budget::{Account, Limits, Spender};
use crate::domain::ids::{GoalId, SliceId};
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
    /// For this slice's own budget instead of the goal's
    #[arg(long, value_name = "SLICE", value_parser = SliceId::parse, conflicts_with = "role")]
    pub slice: Option<SliceId>,
    /// For this role's own budget instead of the goal's
    #[arg(long, value_name = "ROLE", value_parser = Spender::parse)]
    pub role: Option<Spender>,
}

/// The limits from now on.
#[derive(Debug, Serialize)]
struct BudgetDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a Account>,
    limits: Limits,
    next: String,
}

/// Runs the verb.
pub fn run(context: &Context, args: &BudgetAddArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let more = Limits { time_ms: args.time, tokens: args.tokens, usd_micros: args.usd };
    let account = account(args);
    let limits = match &account {
        Account::Goal => context.omk.add_budget(&id, more)?,
        Account::Slice(_) | Account::Role(_) => context.omk.add_budget_to(&id, &account, more)?,
    };
    let next = match context.omk.liveness(&id)? {
        Liveness::NoProcess => context.command(&format!("omk goal resume {id}")),
        Liveness::Held { .. } => context.command(&format!("omk goal status {id}")),
    };
    if context.output.json {
        let account = Some(&account).filter(|account| !account.is_goal());
        context.output.document(&BudgetDocument { schema: "omk.budget-add/v1", id: &id, account, limits, next })?;
    } else {
        let whose = match &account {
            Account::Goal => id.to_string(),
            Account::Slice(_) | Account::Role(_) => format!("{account} of {id}"),
        };
        context.output.result(&format!("{whose} may spend {} in all\nnext: {next}\n", units::limits(&limits)))?;
    }
    Ok(0)
}

fn account(args: &BudgetAddArgs) -> Account {
    match (&args.slice, args.role) {
        (Some(slice), _) => Account::Slice(slice.clone()),
        (None, Some(role)) => Account::Role(role),
        (None, None) => Account::Goal,
    }
}
