//! `omk goal run`: creates a goal and drives it, or plans it and proves the scaffold.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::app::config::MOST_AGENTS;
use crate::app::request::{GoalRequest, NewGoal};
use crate::cli::context::Context;
use crate::cli::drive;
use crate::cli::error::{Failure, misuse};
use crate::cli::output::safe;
use crate::domain::budget::{Limits, usd_micros};
use crate::domain::goal::{DeliveryPolicy, Drive, MergePolicy, SandboxChoice};
use crate::domain::ids::GoalId;

/// `omk goal run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What is to be achieved
    #[arg(value_name = "GOAL", allow_hyphen_values = true, value_parser = parse_goal)]
    pub goal: String,
    /// Go on until the goal is `ready` or something stops it; without, plan, run the gates on the base, stop
    #[arg(long)]
    pub until_ready: bool,
    /// Read slices and gates from this file (TOML, or JSON with the same fields)
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Who works on slices without a `run` or an agent of their own: `kimi`, `claude`, `codex`, `opencode`, `gemini`,
    /// `acp:COMMAND`, `cmd:COMMAND`; given again, who stands in, in this order [default: the first that is installed and
    /// answers]
    #[arg(long = "agent", value_name = "NAME")]
    pub agents: Vec<String>,
    /// Work on at most this many slices at once [default: the processors, between 2 and 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_AGENTS)))]
    pub max_agents: Option<u32>,
    /// Stop with `needs_more_budget` after this much time of runs: `90s`, `30m`, `8h`
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub budget_time: Option<u64>,
    /// Stop with `needs_more_budget` after so many tokens, input and output, as agents report them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub budget_tokens: Option<u64>,
    /// Stop with `needs_more_budget` after so many US dollars, as agents report them: `25`, `0.50`
    #[arg(long, value_name = "X", value_parser = parse_usd)]
    pub budget_usd: Option<u64>,
    /// What happens to the result beyond local branches; this version delivers `local` only
    #[arg(long, value_enum, default_value_t)]
    pub policy: Policy,
    /// Who may merge the result; this version knows `disabled` only
    #[arg(long, value_enum, default_value_t)]
    pub merge_policy: MergeBy,
    /// Accepted; every slice always has a worktree of its own
    #[arg(long)]
    pub slice_execution: bool,
    /// Refused: this version opens no pull request that a protected branch could guard
    #[arg(long)]
    pub enforce_protection: bool,
    /// Accepted; no model plans in this version
    #[arg(long)]
    pub no_llm_planner: bool,
    /// Accepted; no model plans in this version
    #[arg(long, value_name = "N", default_value_t = 8000)]
    pub planner_token_budget: u64,
    /// A required gate beside those of the plan; can be given several times
    #[arg(long = "gate", value_name = "NAME=CMD")]
    pub gates: Vec<String>,
    /// Accepted; agents and gates run unconfined in this version, and run, status and proof say so
    #[arg(long, value_enum, default_value_t)]
    pub sandbox: Sandbox,
    /// Nobody answers: a question goes back to the agent, which is told to decide by itself
    #[arg(long)]
    pub no_input: bool,
    /// Go on in the background and return at once
    #[arg(long, requires = "until_ready")]
    pub detach: bool,
}

/// `--policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// Local branches only
    #[default]
    Local,
    /// Not in this version
    DraftPr,
    /// Not in this version
    AutoPr,
}

/// `--merge-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MergeBy {
    /// Nobody, through omk
    #[default]
    Disabled,
    /// Not in this version
    Manual,
    /// Not in this version
    Gated,
}

/// `--sandbox`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sandbox {
    /// The strongest level there is: none, in this version
    #[default]
    Auto,
    /// None
    Off,
}

/// A goal that goes on in the background.
#[derive(Debug, Serialize)]
struct DetachedDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    pid: u32,
    notes: &'a [String],
}

/// Runs the verb.
pub fn run(context: &Context, args: &RunArgs) -> Result<u8, Failure> {
    refuse_what_would_mislead(args)?;
    let goal = context.omk.create(request(args))?;
    if args.detach {
        return detach(context, &goal);
    }
    let how = if args.until_ready { Drive::UntilReady } else { Drive::Scaffold };
    drive::drive_and_conclude(context, &goal.id, how, &goal.notes)
}

fn refuse_what_would_mislead(args: &RunArgs) -> Result<(), Failure> {
    let option = match (args.policy, args.merge_policy, args.enforce_protection) {
        (Policy::DraftPr, ..) => "--policy draft-pr",
        (Policy::AutoPr, ..) => "--policy auto-pr",
        (Policy::Local, MergeBy::Manual, _) => "--merge-policy manual",
        (Policy::Local, MergeBy::Gated, _) => "--merge-policy gated",
        (Policy::Local, MergeBy::Disabled, true) => "--enforce-protection",
        (Policy::Local, MergeBy::Disabled, false) => return Ok(()),
    };
    Err(misuse(
        format!("{option} cannot be kept: this version delivers local branches only"),
        ["leave the option out; at `ready` the branch omk/<goal>/integration is yours to push and merge".to_owned()],
    ))
}

fn request(args: &RunArgs) -> GoalRequest {
    GoalRequest {
        text: args.goal.clone(),
        plan: args.plan.clone(),
        agents: args.agents.clone(),
        max_agents: args.max_agents,
        limits: Limits { time_ms: args.budget_time, tokens: args.budget_tokens, usd_micros: args.budget_usd },
        policy: DeliveryPolicy::Local,
        merge_policy: MergePolicy::Disabled,
        gates: args.gates.clone(),
        sandbox: match args.sandbox {
            Sandbox::Auto => SandboxChoice::Auto,
            Sandbox::Off => SandboxChoice::Off,
        },
        no_input: args.no_input,
    }
}

fn detach(context: &Context, goal: &NewGoal) -> Result<u8, Failure> {
    let pid = context.omk.detach(&goal.id, Drive::UntilReady)?;
    if context.output.json {
        let schema = "omk.detached/v1";
        context.output.document(&DetachedDocument { schema, id: &goal.id, pid, notes: &goal.notes })?;
        return Ok(0);
    }
    for note in &goal.notes {
        context.output.note(&format!("note: {}\n", safe::line(note)));
    }
    let follow = context.command(&format!("omk goal logs {} --follow", goal.id));
    let status = context.command(&format!("omk goal status {}", goal.id));
    context.output.result(&format!("{} goes on in process {pid}\nnext: {follow}\n      {status}\n", goal.id))?;
    Ok(0)
}

/// A goal's text. It may begin with a bullet (`- …`), not with what looks like an option.
pub fn parse_goal(text: &str) -> Result<String, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some('-'), Some(second)) if !second.is_whitespace() => {
            Err("it looks like an option, and there is none of that name".to_owned())
        }
        _ => Ok(text.to_owned()),
    }
}

/// A duration such as `90s` or `1h 30m`, in milliseconds, at least one.
pub fn parse_duration(text: &str) -> Result<u64, String> {
    let duration = humantime::parse_duration(text).map_err(|cause| format!("{cause}; write it as 90s, 30m or 8h"))?;
    match u64::try_from(duration.as_millis()) {
        Ok(0) => Err("it is zero; write it as 90s, 30m or 8h".to_owned()),
        Ok(ms) => Ok(ms),
        Err(_) => Err("it is longer than this program can count".to_owned()),
    }
}

/// An amount of US dollars such as `25` or `$0.50`, in millionths.
pub fn parse_usd(text: &str) -> Result<u64, String> {
    match usd_micros(text) {
        Some(0) => Err("it is zero".to_owned()),
        Some(micros) => Ok(micros),
        None => Err("it is no amount of US dollars; write it as 25 or 0.50".to_owned()),
    }
}
