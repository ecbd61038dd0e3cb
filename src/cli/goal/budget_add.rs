//! `omk goal budget-add`: adds to what a goal may spend.
//!
//! Starts nothing: a goal that ended `needs_more_budget` goes on with `resume`, once nothing that it needs is used up.

use clap::Args;
use serde::Serialize;

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::goal::run::{parse_duration, parse_usd};
use crate::cli::output::units;
use crate::domain::budget::{Account, BudgetKind, Limits, Spender};
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::spending::UsedUp;
use crate::domain::view::{Liveness, SliceState};

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
    /// What is used up in spite of it.
    #[serde(skip_serializing_if = "<[UsedUp]>::is_empty")]
    used_up: &'a [UsedUp],
    next: String,
}

/// Runs the verb.
pub fn run(context: &Context, args: &BudgetAddArgs) -> Result<u8, Failure> {
    let id = context.goal_to_change(&args.goal)?;
    let more = Limits { time_ms: args.time, tokens: args.tokens, usd_micros: args.usd };
    let account = account(args);
    let limits = context.omk.add_budget(&id, &account, more)?;
    let used_up = context.omk.used_up(&id)?;
    let next = context.command(&match (context.omk.liveness(&id)?, used_up.first()) {
        (Liveness::NoProcess, None) => format!("omk goal resume {id}"),
        (Liveness::NoProcess, Some(short)) => addition(&id, short),
        (Liveness::Held { .. }, _) => within_run(context, &id, &account, &used_up)?,
    });
    if context.output.json {
        let account = Some(&account).filter(|account| !account.is_goal());
        context.output.document(&BudgetDocument {
            schema: "omk.budget-add/v1",
            id: &id,
            account,
            limits,
            used_up: &used_up,
            next,
        })?;
    } else {
        let whose = match &account {
            Account::Goal => id.to_string(),
            Account::Slice(_) | Account::Role(_) => format!("{account} of {id}"),
        };
        let short = |short: &UsedUp| still_short(short, &context.command(&addition(&id, short)));
        let short: String = used_up.iter().map(short).collect();
        let limits = units::limits(&limits);
        context.output.result(&format!("{whose} may spend {limits} in all\n{short}next: {next}\n"))?;
    }
    Ok(0)
}

/// What follows while the goal runs: a slice that was given up for its budget has to be retried.
fn within_run(context: &Context, id: &GoalId, account: &Account, used_up: &[UsedUp]) -> Result<String, Failure> {
    let Account::Slice(named) = account else { return Ok(format!("omk goal status {id}")) };
    if let Some(short) = used_up.iter().find(|short| short.account == *account) {
        return Ok(addition(id, short));
    }
    let slices = context.omk.view(id, None)?.slices;
    let given_up = slices.iter().any(|slice| slice.spec.id == *named && slice.state == SliceState::GivenUp);
    Ok(if given_up { format!("omk goal retry {id} --slice {named}") } else { format!("omk goal status {id}") })
}

/// What is still used up, and the least that mends it.
fn still_short(short: &UsedUp, command: &str) -> String {
    let amount = |count: u64| match short.budget {
        BudgetKind::Time => units::duration(count),
        BudgetKind::Tokens => count.to_string(),
        BudgetKind::Usd => units::exact_money(count),
    };
    let (spent, limit) = (amount(short.spent), amount(short.limit));
    let kind = short.budget.as_str();
    format!("still used up: {kind} of {}: {spent} of {limit}; needs at least: {command}\n", short.account)
}

/// The command that adds the least that helps.
fn addition(id: &GoalId, short: &UsedUp) -> String {
    let least = match short.budget {
        BudgetKind::Time => format!("{}s", short.needs().div_ceil(1_000)),
        BudgetKind::Tokens => short.needs().to_string(),
        BudgetKind::Usd => units::exact_money(short.needs()).trim_start_matches('$').to_owned(),
    };
    format!("omk goal budget-add {id}{} --{} {least}", short.account.options(), short.budget.as_str())
}

fn account(args: &BudgetAddArgs) -> Account {
    match (&args.slice, args.role) {
        (Some(slice), _) => Account::Slice(slice.clone()),
        (None, Some(role)) => Account::Role(role),
        (None, None) => Account::Goal,
    }
}
