//! `omk goal`: one file per verb.

pub mod answer;
pub mod budget;
pub mod budget_add;
pub mod diff;
pub mod gc;
pub mod list;
pub mod logs;
pub mod pass;
pub mod plan;
pub mod proof;
pub mod replay;
pub mod resume;
pub mod retry;
pub mod run;
pub mod show;
pub mod status;
pub mod steer;
pub mod stop;
pub mod why;

use clap::Subcommand;

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::domain::goal::Drive;

/// What to do with goals.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Create a goal and work on it
    Run(Box<run::RunArgs>),
    /// Create a goal's plan; nothing is executed
    Plan(plan::PlanArgs),
    /// Make one pass: dispatch what is ready, collect, gate, merge
    Execute(GoalArg),
    /// Run the gates on the goal's current tree
    Verify(GoalArg),
    /// Have the six reviewers look at the goal's current tree
    Review(GoalArg),
    /// List the goals of this repository, the newest first
    List(list::ListArgs),
    /// Show where a goal stands, what it waits for, and the next step
    Status(status::StatusArgs),
    /// Show why a goal or a slice does not move, what happens next, and which command helps
    Why(why::WhyArgs),
    /// Show the full state of a goal
    Show(show::ShowArgs),
    /// Show the proof of a goal, or check it again
    Proof(proof::ProofArgs),
    /// Show the timeline of a goal and the state folded from its journal
    Replay(replay::ReplayArgs),
    /// Show what each actor decided, and why
    Logs(logs::LogsArgs),
    /// Show what a goal or a slice changed
    Diff(diff::DiffArgs),
    /// Pause a goal, wherever it runs
    Pause(GoalArg),
    /// Go on with a goal
    Resume(resume::ResumeArgs),
    /// Give a goal up, wherever it runs
    Cancel(stop::CancelArgs),
    /// Give a slice another attempt, and go on
    Retry(retry::RetryArgs),
    /// Tell the agent at work on a slice something
    Steer(steer::SteerArgs),
    /// Answer a question that a slice waits on
    Answer(answer::AnswerArgs),
    /// Answer a question with yes
    Approve(answer::VerdictArgs),
    /// Answer a question with no
    Deny(answer::VerdictArgs),
    /// Show what a goal may spend and has spent, per slice and role
    Budget(budget::BudgetArgs),
    /// Add to what a goal may spend
    BudgetAdd(budget_add::BudgetAddArgs),
    /// Remove worktrees, private repositories and build directories that no goal needs
    Gc(gc::GcArgs),
}

/// Runs a verb; returns the exit code.
pub fn run(context: &Context, verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::Run(args) => run::run(context, &args),
        Verb::Plan(args) => plan::run(context, &args),
        Verb::Execute(goal) => pass::run(context, &goal, Drive::Pass),
        Verb::Verify(goal) => pass::run(context, &goal, Drive::Verify),
        Verb::Review(goal) => pass::run(context, &goal, Drive::Review),
        Verb::List(args) => list::run(context, &args),
        Verb::Status(args) => status::run(context, &args),
        Verb::Why(args) => why::run(context, &args),
        Verb::Show(args) => show::run(context, &args),
        Verb::Proof(args) => proof::run(context, &args),
        Verb::Replay(args) => replay::run(context, &args),
        Verb::Logs(args) => logs::run(context, &args),
        Verb::Diff(args) => diff::run(context, &args),
        Verb::Pause(goal) => stop::pause(context, &goal),
        Verb::Resume(args) => resume::run(context, &args),
        Verb::Cancel(args) => stop::cancel(context, &args),
        Verb::Retry(args) => retry::run(context, &args),
        Verb::Steer(args) => steer::run(context, &args),
        Verb::Answer(args) => answer::run(context, &args),
        Verb::Approve(args) => answer::run(context, &args.into_answer(true)),
        Verb::Deny(args) => answer::run(context, &args.into_answer(false)),
        Verb::Budget(args) => budget::run(context, &args),
        Verb::BudgetAdd(args) => budget_add::run(context, &args),
        Verb::Gc(args) => gc::run(context, &args),
    }
}
