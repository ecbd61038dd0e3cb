//! The phases of a run, and the status in which it ends.
//!
//! Pure: inputs go in, facts and intents come out. Invariant: a run ends with exactly one `GoalSettled`, after which
//! nothing is started.

use std::sync::Arc;

use crate::domain::budget::{Account, BudgetKind};
use crate::domain::control::{Holder, Stop, stopper};
use crate::domain::decided::Decided;
use crate::domain::event::{Branch, Fact};
use crate::domain::evidence::GateResult;
use crate::domain::goal::{Charter, Drive, GoalStatus, Phase};
use crate::domain::ids::{CommitId, GoalId, SliceId, TreeId};
use crate::domain::question::answer_command;
use crate::domain::review::{Review, Role, Subject, Verdict};
use crate::domain::settlement::{Obstruction, Settlement};
use crate::domain::task::AcceptedPlan;
use crate::workflow::goal_record::GoalRecord;
use crate::workflow::verdict::{Evidence, Ruling, judge};

/// What the controller wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Have the plan made.
    MakePlan,
    /// Have the gates run on the base.
    MeasureBase(Arc<AcceptedPlan>),
    /// Have the slices worked on.
    Execute(Arc<AcceptedPlan>),
    /// Have every gate run, cold, on the tip; or only have told what is known of it.
    ProveTip(Arc<AcceptedPlan>, TipGates),
    /// Let these roles look at the whole change.
    ReviewGoal {
        /// The integrated commit.
        tip: CommitId,
        /// Its tree.
        tree: TreeId,
        /// Who looks.
        roles: Vec<Role>,
        /// The deciding gates.
        results: Vec<GateResult>,
    },
    /// Make the branches in the user's repository.
    Deliver {
        /// The integrated commit.
        tip: CommitId,
        /// The slices in it, and what each captured.
        slices: Vec<(SliceId, CommitId)>,
    },
    /// Kill what runs and start nothing new.
    Halt(String),
    /// The run is over.
    Over(Ruling),
}

/// Which verdicts on the tip are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TipGates {
    /// New ones, cold.
    Run,
    /// Those that there are.
    Known,
}

/// The controller's state.
#[derive(Debug)]
pub struct Controller {
    // durable: folded from the journal
    record: GoalRecord,
    // ephemeral
    drive: Drive,
    /// The process that begins a run; `None` where a run goes on under rebuilt actors.
    holder: Option<Holder>,
    base_measured: bool,
    settlement: Option<Settlement>,
    proof: Option<Proof>,
    /// Who has not reported on the whole change in this run. An earlier run's reports on the same tree do not count.
    awaited: Vec<Role>,
    exhausted: Option<(BudgetKind, Account)>,
    /// Why the journal takes little more.
    distress: Option<String>,
    over: bool,
}

/// The deciding gates and what they were run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The integrated commit.
    pub tip: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// The slices in it, and what each captured.
    pub slices: Vec<(SliceId, CommitId)>,
    /// The verdicts on that tree.
    pub results: Vec<GateResult>,
}

impl Controller {
    /// A controller whose record was folded from the journal.
    pub fn new(record: GoalRecord, drive: Drive, holder: Option<Holder>) -> Self {
        Self {
            record,
            drive,
            holder,
            base_measured: false,
            settlement: None,
            proof: None,
            awaited: Vec::new(),
            exhausted: None,
            distress: None,
            over: false,
        }
    }

    /// The goal as it stands.
    pub fn record(&self) -> &GoalRecord {
        &self.record
    }

    fn commit(&mut self, decided: &mut Decided<Intent>, fact: Fact) {
        self.record.apply(&fact);
        decided.facts.push(fact);
    }

    fn enter(&mut self, decided: &mut Decided<Intent>, phase: Phase) {
        if self.record.phase != Some(phase) {
            self.commit(decided, Fact::PhaseEntered { phase });
        }
    }

    fn goal(&self) -> Option<&GoalId> {
        self.record.charter.as_deref().map(|charter: &Charter| &charter.id)
    }

    fn command(&self, verb: &str) -> String {
        let id = self.goal().map(GoalId::as_str).unwrap_or_default();
        format!("omk goal {verb} {id}").trim_end().to_owned()
    }

    fn settle(&mut self, decided: &mut Decided<Intent>, ruling: Ruling) {
        if self.over {
            return;
        }
        self.over = true;
        let Ruling { status, reason, next } = ruling.clone();
        if self.record.status == Some(GoalStatus::Ready) && status != GoalStatus::Ready {
            // `ready` is final: a later look says what it sees and changes nothing.
            decided.intents.push(Intent::Over(ruling));
            return;
        }
        self.commit(decided, Fact::GoalSettled { status, reason, next });
        decided.intents.push(Intent::Over(ruling));
    }

    /// Everything is wired.
    pub fn begin(&mut self) -> Decided<Intent> {
        let mut decided = Decided::default();
        if let Some(holder) = self.holder.take() {
            let drive = self.drive;
            self.commit(&mut decided, Fact::RunStarted { holder, drive });
        }
        match self.record.plan.clone() {
            None => {
                self.enter(&mut decided, Phase::Planning);
                decided.intents.push(Intent::MakePlan);
            }
            Some(plan) => self.planned(&plan, &mut decided),
        }
        decided
    }

    /// The planner came back.
    pub fn plan_made(&mut self, result: Result<Arc<AcceptedPlan>, String>) -> Decided<Intent> {
        let mut decided = Decided::default();
        match result {
            Ok(plan) => {
                self.record.plan = Some(Arc::clone(&plan));
                self.enter(&mut decided, Phase::Decomposition);
                self.planned(&plan, &mut decided);
            }
            Err(problem) => {
                let ruling =
                    Ruling::new(GoalStatus::BlockedOnHuman, format!("the plan cannot be used: {problem}"), vec![]);
                self.settle(&mut decided, ruling);
            }
        }
        decided
    }

    fn planned(&mut self, plan: &Arc<AcceptedPlan>, decided: &mut Decided<Intent>) {
        if let Some(ruling) = self.stopping() {
            self.settle(decided, ruling);
            return;
        }
        match self.drive {
            Drive::Scaffold => {
                self.enter(decided, Phase::VerificationDesign);
                decided.intents.push(Intent::MeasureBase(Arc::clone(plan)));
            }
            Drive::UntilReady | Drive::Pass => {
                self.enter(decided, Phase::VerificationDesign);
                decided.intents.push(Intent::MeasureBase(Arc::clone(plan)));
                self.enter(decided, Phase::Execution);
                decided.intents.push(Intent::Execute(Arc::clone(plan)));
            }
            Drive::Verify => {
                self.enter(decided, Phase::VerificationDesign);
                decided.intents.push(Intent::MeasureBase(Arc::clone(plan)));
            }
            Drive::Review => decided.intents.push(Intent::ProveTip(Arc::clone(plan), TipGates::Known)),
        }
    }

    /// Every gate was run on the base.
    pub fn base_measured(&mut self, results: &[GateResult]) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.base_measured = true;
        if self.drive == Drive::Scaffold {
            let ruling = match self.stopping() {
                Some(ruling) => ruling,
                None => self.scaffold_ruling(results),
            };
            self.settle(&mut decided, ruling);
        } else {
            self.go_on(&mut decided);
        }
        decided
    }

    fn scaffold_ruling(&self, results: &[GateResult]) -> Ruling {
        let slices = self.record.plan.as_ref().map_or(0, |plan| plan.slices.len());
        let green = results.iter().filter(|result| result.outcome.is_green()).count();
        let reason = format!("planned {slices} slice(s); {green} of {} gate(s) green on the base", results.len());
        Ruling::new(GoalStatus::Planned, reason, vec![self.command("resume"), self.command("execute")])
    }

    /// Nothing runs, and nothing can be started.
    pub fn execution_settled(&mut self, settlement: Settlement) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.settlement = Some(settlement);
        self.go_on(&mut decided);
        decided
    }

    /// Goes on to the deciding gates once the slices are at rest and the base is measured.
    fn go_on(&mut self, decided: &mut Decided<Intent>) {
        let Some(settlement) = self.settlement.clone() else { return };
        if self.over || self.proof.is_some() {
            return;
        }
        if let Some(ruling) =
            self.stopping().or_else(|| self.obstructed(&settlement)).or_else(|| self.asks(&settlement))
        {
            self.settle(decided, ruling);
            return;
        }
        if self.drive == Drive::Pass && !settlement.open.is_empty() {
            let ruling = self.pass_ruling(&settlement);
            self.settle(decided, ruling);
            return;
        }
        let (true, Some(plan)) = (self.base_measured, self.record.plan.clone()) else { return };
        self.enter(decided, Phase::Integration);
        if settlement.integrated.is_empty() {
            let ruling = self.rule(&settlement, None);
            self.settle(decided, ruling);
        } else {
            decided.intents.push(Intent::ProveTip(plan, TipGates::Run));
        }
    }

    fn pass_ruling(&self, settlement: &Settlement) -> Ruling {
        let done = settlement.integrated.len();
        let all = done + settlement.open.len() + settlement.given_up.len() + settlement.asking.len();
        let reason = format!("one pass done: {done} of {all} slice(s) integrated");
        Ruling::new(GoalStatus::Planned, reason, vec![self.command("execute"), self.command("resume")])
    }

    /// The status of a run that was told to stop, or ran out of disk or budget.
    fn stopping(&self) -> Option<Ruling> {
        if let Some(stop) = self.record.stop {
            return Some(match stop {
                Stop::Cancel => {
                    Ruling::new(GoalStatus::Cancelled, "cancelled by the operator", vec![self.command("show")])
                }
                Stop::Pause => {
                    let reason = format!("paused by {}", stopper(&self.record.stop_by));
                    Ruling::new(GoalStatus::Paused, reason, vec![self.command("resume")])
                }
            });
        }
        if let Some(detail) = &self.distress {
            let reason = format!("{detail}; all that was journalled is safe: make room, then resume");
            return Some(Ruling::new(GoalStatus::FailedInfra, reason, vec![self.command("resume")]));
        }
        let (budget, account) = self.exhausted.as_ref()?;
        Some(self.over_budget(*budget, account))
    }

    fn over_budget(&self, budget: BudgetKind, account: &Account) -> Ruling {
        let name = budget.as_str();
        let whose = if account.is_goal() { String::new() } else { format!(" of {account}") };
        let reason = format!("the budget of {name}{whose} is used up");
        let add = format!("{}{} --{name} …", self.command("budget-add"), account.options());
        Ruling::new(GoalStatus::NeedsMoreBudget, reason, vec![add, self.command("resume")])
    }

    fn obstructed(&self, settlement: &Settlement) -> Option<Ruling> {
        let resume = vec![self.command("resume")];
        match settlement.obstacle.as_ref()? {
            Obstruction::AgentUnavailable(detail) => Some(Ruling::new(GoalStatus::BlockedOnExternal, detail, resume)),
            Obstruction::Fault(detail) => Some(Ruling::new(GoalStatus::FailedInfra, detail, resume)),
            Obstruction::Halted(why) => Some(Ruling::new(GoalStatus::Paused, format!("halted: {why}"), resume)),
        }
    }

    fn asks(&self, settlement: &Settlement) -> Option<Ruling> {
        let (slice, question, text) = settlement.asking.first()?;
        let id = self.goal().map(GoalId::as_str).unwrap_or_default();
        let reason = format!("slice `{slice}` asks {question}: {text}");
        let answer = answer_command(id, question, text);
        Some(Ruling::new(GoalStatus::BlockedOnHuman, reason, vec![answer, self.command("resume")]))
    }

    /// The deciding gates were run.
    pub fn tip_proven(&mut self, proof: Proof, fault: Option<String>) -> Decided<Intent> {
        let mut decided = Decided::default();
        let faulted = fault.map(|detail| Ruling::new(GoalStatus::FailedInfra, detail, vec![self.command("resume")]));
        if let Some(ruling) = self.stopping().or(faulted) {
            self.settle(&mut decided, ruling);
            return decided;
        }
        self.proof = Some(proof.clone());
        self.awaited = Role::ALL.to_vec();
        self.enter(&mut decided, Phase::Review);
        let Proof { tip, tree, results, .. } = proof;
        decided.intents.push(Intent::ReviewGoal { tip, tree, roles: Role::ALL.to_vec(), results });
        decided
    }

    /// A reviewer reported on the whole change. The fact is the reviewer's own and durable already.
    pub fn reviewed(&mut self, subject: &Subject, result: Result<Review, String>) -> Decided<Intent> {
        let mut decided = Decided::default();
        let review = match result {
            Ok(review) => review,
            Err(detail) => {
                let reason = format!("a review failed: {detail}");
                let ruling = Ruling::new(GoalStatus::FailedInfra, reason, vec![self.command("resume")]);
                self.settle(&mut decided, ruling);
                return decided;
            }
        };
        let last = self.awaited == [review.role];
        self.awaited.retain(|role| *role != review.role);
        self.record.apply(&Fact::ReviewFinished { subject: subject.clone(), review });
        if last {
            self.conclude(&mut decided);
        }
        decided
    }

    fn conclude(&mut self, decided: &mut Decided<Intent>) {
        let Some(proof) = self.proof.clone() else { return };
        let settlement = self.settlement.clone().unwrap_or_default();
        let ruling = self.stopping().unwrap_or_else(|| self.rule(&settlement, Some(&proof)));
        if self.drive == Drive::Review {
            let ruling = self.review_ruling(ruling);
            self.settle(decided, ruling);
        } else if ruling.status == GoalStatus::Ready {
            self.enter(decided, Phase::Delivery);
            decided.intents.push(Intent::Deliver { tip: proof.tip, slices: proof.slices });
        } else {
            self.settle(decided, ruling);
        }
    }

    /// A run that only reviewed leaves the goal as it was, unless a review blocks.
    fn review_ruling(&self, ruling: Ruling) -> Ruling {
        let reviews = self.record.wall.as_ref().map_or(&[][..], |(_, reviews)| reviews.as_slice());
        let blocked: Vec<_> =
            reviews.iter().filter(|r| r.verdict == Verdict::Blocked).map(|r| r.role.as_str()).collect();
        match (&self.record.before, blocked.as_slice()) {
            (Some((status, reason, next)), []) => Ruling::new(*status, reason.clone(), next.clone()),
            (None, []) => Ruling::new(GoalStatus::Planned, "reviewed", vec![self.command("resume")]),
            (_, roles) => Ruling { reason: format!("review {} blocks", roles.join(", ")), ..ruling },
        }
    }

    fn rule(&self, settlement: &Settlement, proof: Option<&Proof>) -> Ruling {
        let (Some(charter), Some(plan)) = (&self.record.charter, &self.record.plan) else {
            return Ruling::new(GoalStatus::NotReady, "there is no plan", Vec::new());
        };
        let wall = self.record.wall.as_ref().filter(|(tree, _)| proof.is_some_and(|p| p.tree == *tree));
        let ruling = judge(&Evidence {
            goal: &charter.id,
            tree: proof.map_or(&charter.repository.base_tree, |p| &p.tree),
            integrated: settlement.integrated.len(),
            given_up: &settlement.given_up,
            open: &settlement.open,
            gates: &plan.gates,
            results: proof.map_or(&[], |p| p.results.as_slice()),
            reviews: wall.map_or(&[], |(_, reviews)| reviews.as_slice()),
        });
        self.or_over_budget(ruling, settlement)
    }

    /// What is missing may be only money: then more of it is what helps.
    fn or_over_budget(&self, ruling: Ruling, settlement: &Settlement) -> Ruling {
        let short = |slice: &SliceId| Some((slice.clone(), *self.record.over_budget.get(slice)?));
        let Some((slice, budget)) = settlement.given_up.iter().find_map(|(slice, _)| short(slice)) else {
            return ruling;
        };
        match ruling.status {
            GoalStatus::NotReady => {
                let next = self.over_budget(budget, &Account::Slice(slice)).next;
                Ruling::new(GoalStatus::NeedsMoreBudget, ruling.reason, next)
            }
            _ => ruling,
        }
    }

    /// The branches were made, or not.
    pub fn delivered(&mut self, result: Result<Vec<Branch>, String>) -> Decided<Intent> {
        let mut decided = Decided::default();
        let settlement = self.settlement.clone().unwrap_or_default();
        let ruling = match result {
            Ok(branches) => {
                self.commit(&mut decided, Fact::Delivered { branches });
                self.enter(&mut decided, Phase::Proof);
                self.rule(&settlement, self.proof.clone().as_ref())
            }
            Err(problem) => Ruling::new(GoalStatus::NotReady, problem, vec![self.command("resume")]),
        };
        self.settle(&mut decided, ruling);
        decided
    }

    /// Somebody wants the run to stop.
    pub fn stop(&mut self, stop: Stop, by: String) -> Decided<Intent> {
        let mut decided = Decided::default();
        if self.over || self.record.stop == Some(stop) {
            return decided;
        }
        self.commit(&mut decided, Fact::StopRequested { stop, by });
        let why = match stop {
            Stop::Pause => "pause",
            Stop::Cancel => "cancel",
        };
        decided.intents.push(Intent::Halt(why.to_owned()));
        decided
    }

    /// A limit is used up. The fact is the budget's own and durable already. A slice's limit is the scheduler's affair.
    pub fn exhausted(&mut self, budget: BudgetKind, account: Account) -> Decided<Intent> {
        if let Account::Slice(slice) = account {
            self.record.over_budget.insert(slice, budget);
            return Decided::default();
        }
        if self.over || self.exhausted.is_some() {
            return Decided::default();
        }
        self.exhausted = Some((budget, account));
        Decided::intent(Intent::Halt("budget".to_owned()))
    }

    /// The journal takes little more: everything stops while the end of the run can still be written.
    pub fn distressed(&mut self, detail: String) -> Decided<Intent> {
        if self.over || self.distress.is_some() {
            return Decided::default();
        }
        self.distress = Some(detail);
        Decided::intent(Intent::Halt("disk".to_owned()))
    }

    /// Takes the slices as they were folded from the journal, for drives in which the scheduler does not run.
    pub fn adopt(&mut self, settlement: Settlement) {
        self.settlement = Some(settlement);
    }
}

/// The names of the branches that a goal delivers: the integration branch first.
pub fn branch_names(goal: &GoalId, slices: &[SliceId]) -> Vec<String> {
    let of_slices = slices.iter().map(|slice| format!("omk/{goal}/{slice}"));
    std::iter::once(format!("omk/{goal}/integration")).chain(of_slices).collect()
}
