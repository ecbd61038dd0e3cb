//! The phases of a run, and the status in which it ends.
//!
//! Pure: inputs go in, facts and intents come out. Invariant: a run ends with exactly one `GoalSettled`, after which
//! nothing is started.

mod recheck;
mod ruling;

use std::sync::Arc;

use crate::domain::budget::{Account, BudgetKind};
use crate::domain::control::{Holder, Stop};
use crate::domain::decided::Decided;
use crate::domain::evidence::GateResult;
use crate::domain::fact::{Branch, Fact, GoalFact, ReviewFact};
use crate::domain::goal::{Charter, Drive, GoalStatus, Phase};
use crate::domain::ids::{CommitId, GoalId, SliceId, TreeId};
use crate::domain::review::{Review, Role, Subject};
use crate::domain::settlement::Settlement;
use crate::domain::shortage::Shortage;
use crate::domain::task::AcceptedPlan;
use crate::workflow::goal_record::GoalRecord;
use crate::workflow::verdict::Ruling;

/// What the controller wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Have it said what is used up already.
    OpenBudget,
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
    /// See whether the base branch of the user's repository holds this commit.
    LookForMerge {
        /// The integrated commit.
        tip: CommitId,
    },
    /// Kill what runs and start nothing new.
    Halt(String),
    /// End the steps of our own as well: nobody needs what comes of them.
    Abandon,
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
    /// What a check of a `ready` goal came to that is red, until it is known whether the result is merged.
    red: Option<Ruling>,
    /// What failed of our own machinery while slices were worked on.
    fault: Option<String>,
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
            red: None,
            fault: None,
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
            self.commit(decided, Fact::Goal(GoalFact::PhaseEntered { phase }));
        }
    }

    fn goal(&self) -> Option<&GoalId> {
        self.record.charter.as_deref().map(|charter: &Charter| &charter.id)
    }

    fn command(&self, verb: &str) -> String {
        let id = self.goal().map(GoalId::as_str).unwrap_or_default();
        format!("omk goal {verb} {id}").trim_end().to_owned()
    }

    /// Ends the run. A goal that is `ready` stays so: whatever stopped a look at it is said, and not recorded.
    fn settle(&mut self, decided: &mut Decided<Intent>, ruling: Ruling) {
        if !self.over && self.is_ready() && ruling.status != GoalStatus::Ready {
            self.over = true;
            decided.intents.push(Intent::Over(ruling));
            return;
        }
        self.finish(decided, ruling);
    }

    fn finish(&mut self, decided: &mut Decided<Intent>, ruling: Ruling) {
        if self.over {
            return;
        }
        self.over = true;
        let Ruling { status, reason, next } = ruling.clone();
        self.commit(decided, Fact::Goal(GoalFact::GoalSettled { status, reason, next }));
        decided.intents.push(Intent::Over(ruling));
    }

    /// Everything is wired.
    pub fn begin(&mut self) -> Decided<Intent> {
        let mut decided = Decided::default();
        if let Some(holder) = self.holder.take() {
            let drive = self.drive;
            self.commit(&mut decided, Fact::Goal(GoalFact::RunStarted { holder, drive }));
        }
        decided.intents.push(Intent::OpenBudget);
        decided
    }

    /// What was used up before this run has been said: the run goes on, unless that stops it.
    pub fn budget_opened(&mut self) -> Decided<Intent> {
        let mut decided = Decided::default();
        if let Some(ruling) = self.stopping() {
            self.settle(&mut decided, ruling);
            return decided;
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
        if let Some(ruling) = self
            .stopping()
            .or_else(|| self.obstructed(&settlement))
            .or_else(|| self.faulted())
            .or_else(|| self.asks(&settlement))
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

    /// What makes and judges the integrated tree failed. Slices that are worked on come to rest first.
    pub fn integration_failed(&mut self, detail: String) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.fault.get_or_insert(detail);
        let executes = matches!(self.drive, Drive::UntilReady | Drive::Pass);
        if executes && self.settlement.is_none() {
            return decided;
        }
        if let Some(ruling) = self.stopping().or_else(|| self.faulted()) {
            self.settle(&mut decided, ruling);
        }
        decided
    }

    /// The deciding gates were run.
    pub fn tip_proven(&mut self, proof: Proof) -> Decided<Intent> {
        let mut decided = Decided::default();
        if let Some(ruling) = self.stopping() {
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
                let failed = Ruling::new(GoalStatus::FailedInfra, reason, vec![self.command("resume")]);
                // Of a goal that is cancelled every step of our own fails.
                let ruling = self.stopping().unwrap_or(failed);
                self.settle(&mut decided, ruling);
                return decided;
            }
        };
        let last = self.awaited == [review.role];
        self.awaited.retain(|role| *role != review.role);
        self.record.apply(&Fact::Review(ReviewFact::ReviewFinished { subject: subject.clone(), review }));
        if last {
            self.conclude(&mut decided);
        }
        decided
    }

    fn conclude(&mut self, decided: &mut Decided<Intent>) {
        let Some(proof) = self.proof.clone() else { return };
        let settlement = self.settlement.clone().unwrap_or_default();
        let ruling = self.stopping().unwrap_or_else(|| self.rule(&settlement, Some(&proof)));
        if self.is_ready() && (self.drive == Drive::Review || ruling.status != GoalStatus::Ready) {
            self.conclude_ready(decided, &proof, ruling);
        } else if self.drive == Drive::Review {
            let ruling = self.review_ruling(ruling);
            self.settle(decided, ruling);
        } else if ruling.status == GoalStatus::Ready {
            self.enter(decided, Phase::Delivery);
            decided.intents.push(Intent::Deliver { tip: proof.tip, slices: proof.slices });
        } else {
            self.settle(decided, ruling);
        }
    }

    /// The branches were made, or not, and then perhaps because the user's disk lacks something.
    pub fn delivered(&mut self, result: Result<Vec<Branch>, String>, shortage: Option<Shortage>) -> Decided<Intent> {
        let mut decided = Decided::default();
        let settlement = self.settlement.clone().unwrap_or_default();
        let ruling = match result {
            Ok(branches) => {
                self.commit(&mut decided, Fact::Goal(GoalFact::Delivered { branches }));
                self.enter(&mut decided, Phase::Proof);
                self.rule(&settlement, self.proof.clone().as_ref())
            }
            // Of a goal that is cancelled the delivery was abandoned: all of it or nothing is there.
            Err(problem) => match (self.stopping().filter(|_| self.record.stop == Some(Stop::Cancel)), shortage) {
                (Some(cancelled), _) => cancelled,
                // The check of a `ready` goal was green: what became of its branches is said, and changes nothing.
                (None, _) if self.is_ready() => {
                    let ruling = self.rule(&settlement, self.proof.clone().as_ref());
                    Ruling { reason: format!("{}; {problem}", ruling.reason), ..ruling }
                }
                (None, Some(lack)) => {
                    let reason =
                        format!("your repository cannot be written to, {lack}; nothing was delivered: {problem}");
                    Ruling::new(GoalStatus::FailedInfra, reason, vec![self.command("resume")])
                }
                (None, None) => Ruling::new(GoalStatus::NotReady, problem, vec![self.command("resume")]),
            },
        };
        self.settle(&mut decided, ruling);
        decided
    }

    /// Somebody wants the run to stop. A cancel stands, whoever wants a pause behind it.
    pub fn stop(&mut self, stop: Stop, by: String) -> Decided<Intent> {
        let mut decided = Decided::default();
        if self.over || matches!(self.record.stop, Some(before) if before == stop || before == Stop::Cancel) {
            return decided;
        }
        self.commit(&mut decided, Fact::Goal(GoalFact::StopRequested { stop, by }));
        let why = match stop {
            Stop::Pause => "pause",
            Stop::Cancel => "cancel",
        };
        decided.intents.push(Intent::Halt(why.to_owned()));
        if stop == Stop::Cancel {
            decided.intents.push(Intent::Abandon);
        }
        decided
    }

    /// A limit is used up. The fact is the budget's own and durable already. A slice's limit is the scheduler's affair.
    pub fn exhausted(&mut self, budget: BudgetKind, account: Account) -> Decided<Intent> {
        if let Account::Slice(slice) = account {
            self.record.over_budget.insert(slice, budget);
            return Decided::default();
        }
        // A look at a goal that is `ready` needs no agent.
        if self.over || self.exhausted.is_some() || self.is_ready() {
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
