//! `omk goal plan`: creates a goal with its plan, executes nothing, prints the plan as `--plan` reads it.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::app::request::GoalRequest;
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::goal::run::parse_goal;
use crate::cli::output::safe;
use crate::domain::budget::Limits;
use crate::domain::goal::{DeliveryPolicy, GoalStatus, MergePolicy, SandboxChoice};
use crate::domain::ids::GoalId;
use crate::domain::task::{GateSpec, Serialised, SliceSpec};

/// `omk goal plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What is to be achieved
    #[arg(value_name = "GOAL", allow_hyphen_values = true, value_parser = parse_goal)]
    pub goal: String,
    /// Read slices and gates from this file (TOML, or JSON with the same fields)
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Who works on slices without a `run` or an agent of their own, as `omk goal run` takes it; given again, who stands in
    #[arg(long = "agent", value_name = "NAME")]
    pub agents: Vec<String>,
    /// A required gate beside those of the plan; can be given several times
    #[arg(long = "gate", value_name = "NAME=CMD")]
    pub gates: Vec<String>,
    /// Accepted; no model plans in this version
    #[arg(long)]
    pub no_llm_planner: bool,
}

/// A plan as `--json` shows it.
#[derive(Debug, Serialize)]
struct PlanDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    status: GoalStatus,
    slices: Vec<&'a SliceSpec>,
    gates: &'a [GateSpec],
    serialised: &'a [Serialised],
    /// The plan in the format that `--plan` reads.
    plan: String,
    notes: &'a [String],
}

/// Runs the verb.
pub fn run(context: &Context, args: &PlanArgs) -> Result<u8, Failure> {
    let goal = context.omk.create(request(args))?;
    context.omk.plan(&goal.id)?;
    let plan = context.omk.plan_text(&goal.id)?;
    if context.output.json {
        let view = context.omk.view(&goal.id, None)?;
        context.output.document(&PlanDocument {
            schema: "omk.goal.plan/v1",
            id: &goal.id,
            status: view.status,
            slices: view.slices.iter().map(|slice| &slice.spec).collect(),
            gates: &view.gates,
            serialised: &view.serialised,
            plan,
            notes: &goal.notes,
        })?;
        return Ok(0);
    }
    for note in &goal.notes {
        context.output.note(&format!("note: {}\n", safe::line(note)));
    }
    let next = context.command(&format!("omk goal resume {}", goal.id));
    context.output.note(&format!("planned  {}\nnext: {next}\n", goal.id));
    context.output.exact(&plan)?;
    Ok(0)
}

fn request(args: &PlanArgs) -> GoalRequest {
    GoalRequest {
        text: args.goal.clone(),
        plan: args.plan.clone(),
        agents: args.agents.clone(),
        max_agents: None,
        limits: Limits::default(),
        policy: DeliveryPolicy::Local,
        merge_policy: MergePolicy::Disabled,
        gates: args.gates.clone(),
        sandbox: SandboxChoice::Auto,
        no_input: false,
    }
}
