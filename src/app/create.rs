//! A new goal: every input is checked before anything is written.

use std::panic::resume_unwind;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::adapters::git::deliver::branches_taken;
use crate::adapters::git::inspect::inspect;
use crate::adapters::git::look::Look;
use crate::adapters::sandbox;
use crate::app::Omk;
use crate::app::choice::{Chosen, Staff};
use crate::app::clock::now;
use crate::app::error::AppError;
use crate::app::event_loop::event_loop;
use crate::app::request::{GoalRequest, NewGoal};
use crate::app::surroundings::require_own_proc;
use crate::app::system::record;
use crate::domain::event::ActorName;
use crate::domain::fact::{Fact, GoalFact};
use crate::domain::goal::{Charter, GoalStatus, RepositoryFacts, SandboxChoice, SandboxLevel};
use crate::domain::ids::{GoalId, SliceId};
use crate::domain::task::{GateSpec, Proposal, SliceSpec};
use crate::ports::Journal;
use crate::store::error::StoreError;
use crate::store::journal::FileJournal;
use crate::store::layout::GoalDir;
use crate::store::lock::{GoalLock, this_process};
use crate::workflow::controller::branch_names;
use crate::workflow::gate_detection::{BaseRoot, READS, detect};
use crate::workflow::plan_file::{PlanDraft, PlanText, parse, unix_text};
use crate::workflow::planner::{GateSources, HEURISTIC, PlanRefusal, accept, gates_from, heuristic, parse_gate_flag};

/// What helps with a plan that is refused.
const FIELDS: &str = "docs/plan-format.md describes every field";

/// A request that was found sound, but for who does the work.
struct Prepared {
    repository: RepositoryFacts,
    text: String,
    draft: PlanDraft,
    proposal: Proposal,
    plan: Option<PlanText>,
}

/// A plan as it was read, and as it was written where it has a file.
#[derive(Default)]
struct Drafted {
    draft: PlanDraft,
    plan: Option<PlanText>,
}

impl Omk {
    /// Checks the request whole and creates the goal with its plan; on any error nothing was written. An agent that has
    /// to be chosen says hello meanwhile.
    pub fn create(&self, request: GoalRequest) -> Result<NewGoal, AppError> {
        require_own_proc()?;
        let drafted = self.draft(&request)?;
        let stop = CancellationToken::new();
        std::thread::scope(|scope| {
            let _nobody_is_needed_after_an_error = stop.clone().drop_guard();
            let open = self.needs_a_choice(&request, &drafted.draft.slices);
            let choose = || std::thread::Builder::new().spawn_scoped(scope, || self.choose(&stop));
            let choosing = open.then(choose).transpose();
            let choosing = choosing.map_err(|error| infra(format!("no thread to ask agents: {error}")))?;
            let prepared = self.prepare(&request, drafted)?;
            let chosen = choosing.map(|choosing| choosing.join().unwrap_or_else(|panic| resume_unwind(panic)));
            self.write_new(request, prepared, chosen.transpose()?)
        })
    }

    fn prepare(&self, request: &GoalRequest, drafted: Drafted) -> Result<Prepared, AppError> {
        let Drafted { mut draft, plan } = drafted;
        let repository = self.repository()?;
        let text = self.text(request, &draft)?;
        let gates = self.gates(request, &draft, &repository)?;
        let slices = match draft.slices.is_empty() {
            true => heuristic(&text, &self.config.settings),
            false => std::mem::take(&mut draft.slices),
        };
        let source = request.plan.as_ref().map_or_else(|| HEURISTIC.to_owned(), |path| path.display().to_string());
        accept(slices.clone(), gates.clone(), &source)
            .map_err(|refusal| refused(&refusal, &repository, plan.as_ref()))?;
        Ok(Prepared { repository, text, draft, proposal: Proposal { slices, gates, source }, plan })
    }

    fn write_new(&self, request: GoalRequest, prepared: Prepared, chosen: Option<Chosen>) -> Result<NewGoal, AppError> {
        let Prepared { repository, text, draft, mut proposal, plan } = prepared;
        let idle = plan.as_ref().map(|plan| without_a_path(&proposal.slices, plan)).unwrap_or_default();
        let Staff { agent, stand_ins } = self.staff(&request, &mut proposal.slices, chosen.as_ref(), plan.as_ref())?;
        let charter = Charter {
            id: GoalId::coined(&text, now()),
            created: now(),
            goal: text.split_whitespace().collect::<Vec<_>>().join(" "),
            request: text,
            constraints: draft.constraints,
            assumptions: draft.assumptions,
            criteria: criteria(draft.acceptance),
            repository,
            agent,
            stand_ins,
            max_agents: request.max_agents.or(self.config.max_agents).unwrap_or_else(processors).max(1),
            limits: request.limits,
            role_limits: self.config.role_limits.clone(),
            prices: self.config.prices.clone(),
            policy: request.policy,
            merge_policy: request.merge_policy,
            sandbox: request.sandbox,
            sandbox_level: sandbox::probe(),
            no_input: request.no_input,
            settings: self.config.settings.clone(),
            proposal,
        };
        let mut created = self.write(charter)?;
        created.notes.extend(idle);
        created.notes.extend(chosen.map(|chosen| chosen.note()));
        Ok(created)
    }

    fn repository(&self) -> Result<RepositoryFacts, AppError> {
        inspect(&self.start()).map_err(|refusal| usage(refusal.to_string(), &[&refusal.help()]))
    }

    fn draft(&self, request: &GoalRequest) -> Result<Drafted, AppError> {
        let Some(path) = &request.plan else { return Ok(Drafted::default()) };
        let whole = self.place.cwd.join(path);
        let text = std::fs::read_to_string(&whole).map_err(|error| {
            let message = format!("the plan file {} cannot be read: {error}", path.display());
            usage(message, &["`omk goal plan GOAL` prints a plan to start from"])
        })?;
        let name = path.display().to_string();
        let text = unix_text(&text);
        let draft = parse(&text, &name, &self.config.settings).map_err(|error| usage(error.to_string(), &[FIELDS]))?;
        Ok(Drafted { draft, plan: Some(PlanText { name, text }) })
    }

    fn text(&self, request: &GoalRequest, draft: &PlanDraft) -> Result<String, AppError> {
        let given = [Some(request.text.clone()), draft.goal.clone()].into_iter().flatten();
        let text = given.map(|text| text.trim().to_owned()).find(|text| !text.is_empty());
        text.ok_or_else(|| usage("the goal is empty", &["say what is to be done: omk goal run \"Add …\""]))
    }

    fn gates(
        &self,
        request: &GoalRequest,
        draft: &PlanDraft,
        repository: &RepositoryFacts,
    ) -> Result<Vec<GateSpec>, AppError> {
        let settings = &self.config.settings;
        let flags: Result<Vec<_>, _> = request.gates.iter().map(|text| parse_gate_flag(text, settings)).collect();
        let sources = GateSources {
            flags: flags.map_err(|error| usage(error.to_string(), &[]))?,
            plan: draft.gates.clone(),
            configuration: self.config.gates.clone(),
            detected: self.detected(repository)?,
        };
        Ok(gates_from(sources))
    }

    fn detected(&self, repository: &RepositoryFacts) -> Result<Vec<GateSpec>, AppError> {
        let root = Look::at(&repository.git_dir).and_then(|look| look.root(&repository.base_tree, &READS));
        let root = root.map_err(|fault| infra(fault.to_string()))?;
        let read = |name: &str| root.texts.get(name).cloned();
        Ok(detect(&BaseRoot { entries: &root.entries, read: &read }, &self.config.settings))
    }

    /// Writes the first record. The directory goes again where that fails.
    fn write(&self, mut charter: Charter) -> Result<NewGoal, AppError> {
        let dir = loop {
            let slices: Vec<_> = charter.proposal.slices.iter().map(|spec| spec.id.clone()).collect();
            self.refuse_taken(&charter, &slices)?;
            match self.state.create_goal(&charter.id) {
                Ok(dir) => break dir,
                Err(StoreError::Taken { .. }) => {
                    charter.created = charter.created.plus(1);
                    charter.id = GoalId::coined(&charter.request, charter.created);
                }
                Err(error) => return Err(error.into()),
            }
        };
        let notes = notes(&charter);
        let id = charter.id.clone();
        if let Err(error) = begin_journal(dir.clone(), charter) {
            // The error is what counts; a directory that stays has no journal and is passed over.
            drop(std::fs::remove_dir_all(dir.path()));
            return Err(error);
        }
        Ok(NewGoal { id, notes })
    }

    fn refuse_taken(&self, charter: &Charter, slices: &[SliceId]) -> Result<(), AppError> {
        let names = branch_names(&charter.id, slices);
        let taken = branches_taken(&charter.repository.git_dir, &names).map_err(|fault| infra(fault.to_string()))?;
        match taken.first() {
            None => Ok(()),
            Some(branch) => Err(usage(
                format!("branch `{branch}` of {} stands in the way", charter.repository.root.display()),
                &[&format!("rename it: git branch -m {branch} …")],
            )),
        }
    }
}

fn begin_journal(dir: GoalDir, charter: Charter) -> Result<(), AppError> {
    let lock = GoalLock::acquire(dir, &this_process())?;
    let journal: Arc<dyn Journal> = Arc::new(FileJournal::create(lock)?);
    let created = Fact::Goal(GoalFact::GoalCreated(Box::new(charter)));
    let planned = "created; nothing was executed yet".to_owned();
    let settled = Fact::Goal(GoalFact::GoalSettled { status: GoalStatus::Planned, reason: planned, next: Vec::new() });
    block_on(record(&journal, [created, settled], ActorName::Controller))??;
    Ok(())
}

/// Waits for an effect outside of a run.
pub(super) fn block_on<T>(effect: impl Future<Output = T>) -> Result<T, AppError> {
    Ok(event_loop().map_err(|error| infra(format!("no event loop: {error}")))?.block_on(effect))
}

/// A plan that the graph refuses is wrong input; one without a gate needs a person's decision.
fn refused(refusal: &PlanRefusal, repository: &RepositoryFacts, plan: Option<&PlanText>) -> AppError {
    match (refusal, plan) {
        (PlanRefusal::Graph(errors), Some(plan)) => {
            let lines = errors.iter().map(|error| format!("{}: {error}", plan.place_of(error)));
            usage(lines.collect::<Vec<_>>().join("\n"), &[FIELDS])
        }
        (PlanRefusal::Graph(_), None) => usage(format!("the plan cannot be used: {refusal}"), &[]),
        (PlanRefusal::NoGates, _) => AppError::Blocked {
            status: GoalStatus::BlockedOnHuman,
            message: format!("no required gate could prove a change of {}", repository.root.display()),
            help: vec![
                "name one: --gate test='make test'".to_owned(),
                "or give the plan a [[gates]] table, or your configuration a [[gates]] of its own".to_owned(),
            ],
        },
    }
}

fn criteria(mut stated: Vec<String>) -> Vec<String> {
    stated.push("every required gate is green on the integrated tree".to_owned());
    stated.push("no reviewer blocks".to_owned());
    stated
}

fn processors() -> u32 {
    let count = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    u32::try_from(count).unwrap_or(8).clamp(2, 8)
}

/// Slices whose agent may change nothing at all: no mistake where it only checks something, else every attempt is spent.
fn without_a_path(slices: &[SliceSpec], plan: &PlanText) -> Vec<String> {
    let may_change = |slice: &SliceSpec| !slice.access.writes.is_empty() || !slice.access.merges.is_empty();
    let idle = slices.iter().filter(|slice| slice.run.is_none() && !may_change(slice));
    let note = |slice: &SliceSpec| {
        let (place, id) = (plan.place_of_slice(&slice.id), &slice.id);
        format!("{place}: slice `{id}` has neither `writes` nor `merges`: its agent may change nothing")
    };
    idle.map(note).collect()
}

fn notes(charter: &Charter) -> Vec<String> {
    let mut notes = charter.repository.notes.clone();
    if charter.sandbox_level == SandboxLevel::None {
        let asked = match charter.sandbox {
            SandboxChoice::Auto => "this version has no confinement",
            SandboxChoice::Off => "as asked for",
        };
        notes.push(format!("sandbox none: agents and gates run unconfined ({asked})"));
    }
    notes
}

pub(super) fn usage(message: impl Into<String>, help: &[&str]) -> AppError {
    AppError::Usage { message: message.into(), help: help.iter().map(|line| (*line).to_owned()).collect() }
}

pub(super) fn infra(message: impl Into<String>) -> AppError {
    AppError::Infra { message: message.into(), help: Vec::new() }
}
