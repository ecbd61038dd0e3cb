//! `omk demo`: makes a small repository, drives a goal on it to `ready`, and leaves everything for inspection.
//!
//! Only what the demo's agent knows is an example (`demo/repository/agent`); the machinery is the real one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::app::error::AppError;
use crate::app::request::GoalRequest;
use crate::cli::args::{Common, DemoArgs};
use crate::cli::context::{Context, quoted};
use crate::cli::drive;
use crate::cli::error::{Failure, misuse};
use crate::cli::output::Output;
use crate::domain::budget::Limits;
use crate::domain::goal::{DeliveryPolicy, Drive, GoalStatus, MergePolicy, SandboxChoice};
use crate::domain::view::Settled;

const GOAL: &str = "Teach the library measures: lengths, weights, temperatures, and a program to convert them";
const PLAN: &str = include_str!("../../demo/plan.toml");
/// What its gates need and this program does not bring along.
const TOOL: &str = "cargo";
/// Three slices begin at once, whatever the machine.
const AGENTS: u32 = 3;

/// Declares the files of the demo's repository: the path there, the path below `demo/repository` here.
macro_rules! repository {
    ($($path:literal = $source:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../demo/repository/", $source)))),*]
    };
}

const FILES: [(&str, &str); 15] = repository![
    ".gitignore" = "gitignore.txt",
    "CHANGELOG.md" = "CHANGELOG.md",
    "Cargo.lock" = "Cargo.lock",
    "Cargo.toml" = "Cargo.toml.txt",
    "README.md" = "README.md",
    "agent/announce.sh" = "agent/announce.sh",
    "agent/guide.sh" = "agent/guide.sh",
    "agent/length.sh" = "agent/length.sh",
    "agent/program.sh" = "agent/program.sh",
    "agent/quantity.sh" = "agent/quantity.sh",
    "agent/temperature.sh" = "agent/temperature.sh",
    "agent/weight.sh" = "agent/weight.sh",
    "check/style.sh" = "check/style.sh",
    "src/lib.rs" = "src/lib.rs",
    "src/number.rs" = "src/number.rs",
];

/// Where the demo lies.
#[derive(Debug)]
struct Stage {
    root: PathBuf,
    repository: PathBuf,
    plan: PathBuf,
    state: PathBuf,
}

/// The end of the demo, as `--json` shows it.
#[derive(Debug, Serialize)]
struct DemoDocument<'a> {
    schema: &'static str,
    repository: &'a Path,
    plan: &'a Path,
    state_dir: &'a Path,
    proof: PathBuf,
    settled: &'a Settled,
    exit: u8,
}

/// Runs the demo; returns the exit code of its goal.
pub fn run(common: &Common, output: Output, options: &DemoArgs) -> Result<u8, Failure> {
    Context::open(common, output)?.omk.require_tool(TOOL)?;
    let stage = Stage::set(common, options)?;
    let place = Common { state_dir: Some(stage.state.clone()), repo: Some(stage.repository.clone()), ..common.clone() };
    let context = Context::open(&place, output)?;
    context.omk.seed_repository(&stage.repository, &FILES)?;
    output.note(&format!(
        "A demo: a small Rust library in {} learns measures, by the plan {}.\n\n",
        stage.repository.display(),
        stage.plan.display()
    ));
    let goal = context.omk.create(request(&stage))?;
    let settled = drive::drive(&context, &goal.id, Drive::UntilReady, &goal.notes)?;
    let exit = finish(&context, &stage, &settled)?;
    let _told_already = context.omk.tidy(&goal.id);
    Ok(exit)
}

fn request(stage: &Stage) -> GoalRequest {
    GoalRequest {
        text: GOAL.to_owned(),
        plan: Some(stage.plan.clone()),
        agents: Vec::new(),
        max_agents: Some(AGENTS),
        limits: Limits::default(),
        policy: DeliveryPolicy::Local,
        merge_policy: MergePolicy::Disabled,
        gates: Vec::new(),
        sandbox: SandboxChoice::Auto,
        no_input: true,
    }
}

fn finish(context: &Context, stage: &Stage, settled: &Settled) -> Result<u8, Failure> {
    let exit = drive::exit_code(settled);
    if context.output.json {
        context.output.document(&DemoDocument {
            schema: "omk.demo/v1",
            repository: &stage.repository,
            plan: &stage.plan,
            state_dir: &stage.state,
            proof: context.omk.goal_dir(&settled.id).join("proof.json"),
            settled: &Settled { next: context.commands(&settled.next), ..settled.clone() },
            exit,
        })?;
        return Ok(exit);
    }
    drive::conclude(context, settled)?;
    context.output.result(&stage.farewell(context, settled))?;
    Ok(exit)
}

impl Stage {
    /// Makes the directories and writes the plan.
    fn set(common: &Common, options: &DemoArgs) -> Result<Self, Failure> {
        let root = match &options.keep {
            Some(dir) => fresh(dir)?,
            None => tempfile::Builder::new()
                .prefix("omk-demo-")
                .tempdir()
                .map_err(|cause| unmade("temporary", &cause))?
                .keep(),
        };
        let stage = Self {
            repository: root.join("measures"),
            plan: root.join("plan.toml"),
            state: common.state_dir.clone().unwrap_or_else(|| root.join("state")),
            root,
        };
        fs::write(&stage.plan, PLAN).map_err(|cause| unmade(&stage.root.display().to_string(), &cause))?;
        Ok(stage)
    }

    /// Where everything lies, and what to look at.
    fn farewell(&self, context: &Context, settled: &Settled) -> String {
        let repository = quoted(&self.repository.display().to_string());
        let mut look = vec![context.command(&format!("omk goal logs {}", settled.id))];
        let mut text = format!("\nrepository  {}\n", self.repository.display());
        // Only `ready` has branches, all its slices, and a proof that holds.
        if settled.status == GoalStatus::Ready {
            let proof = context.omk.goal_dir(&settled.id).join("proof.json");
            text.push_str(&format!("proof       {}\n", proof.display()));
            look.insert(0, format!("git -C {repository} log --graph --oneline omk/{}/integration", settled.id));
            look.push(context.command(&format!("omk goal diff {} --slice temperature", settled.id)));
            look.push(context.command(&format!("omk goal proof {} --verify", settled.id)));
        }
        for (index, command) in look.iter().enumerate() {
            text.push_str(&format!("{:<12}{command}\n", if index == 0 { "look at" } else { "" }));
        }
        text + &format!("remove with rm -r {}\n", quoted(&self.root.display().to_string()))
    }
}

/// A directory that the demo may fill, as an absolute path.
fn fresh(dir: &Path) -> Result<PathBuf, Failure> {
    let shown = dir.display().to_string();
    fs::create_dir_all(dir).map_err(|cause| unmade(&shown, &cause))?;
    let mut entries = fs::read_dir(dir).map_err(|cause| unmade(&shown, &cause))?;
    if entries.next().is_some() {
        return Err(misuse(
            format!("{shown} is not empty"),
            ["give --keep a directory that is new or empty".to_owned()],
        ));
    }
    dir.canonicalize().map_err(|cause| unmade(&shown, &cause))
}

fn unmade(dir: &str, cause: &io::Error) -> Failure {
    let help = vec!["name a directory that can be written to: omk demo --keep DIR".to_owned()];
    Failure::App(AppError::Infra { message: format!("failed to make the demo's directory ({dir}): {cause}"), help })
}
