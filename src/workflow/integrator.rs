//! How accepted slices become integrated history: batches, their gates, flakes, bisection; and the deciding gates.
//!
//! Pure: inputs and the time go in, facts and intents come out. Invariants: one batch at a time; a slice is
//! integrated only with a tree on which every required gate was green, or was red already before the batch; the order
//! of the merges is the plan's.

use std::sync::Arc;

use crate::domain::decided::Decided;
use crate::domain::evidence::{GateOutcome, GateResult, GateScope};
use crate::domain::fact::{Fact, GateFact, MergeFact};
use crate::domain::ids::{Batch, CommitId, SliceId, TreeId};
use crate::domain::task::{AcceptedPlan, Feedback, FeedbackKind, GateSpec, KeptLines};
use crate::workflow::gate_words::{counts_failures, ran_no_test, without_tests};
use crate::workflow::gates::GateLedger;
use crate::workflow::judgement::{Doubt, Judgement, MergedSlice};
use crate::workflow::merge_queue::{MergeQueue, Queued};

/// What the integrator wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Merge these onto `onto`, in this order; for a conflict, collect the evidence.
    Merge {
        /// The batch.
        batch: Batch,
        /// What they are merged onto.
        onto: CommitId,
        /// The slices.
        inputs: Vec<Queued>,
    },
    /// Run a gate on a tree.
    RunGate {
        /// On whose behalf.
        scope: GateScope,
        /// The gate.
        gate: GateSpec,
        /// The tree.
        tree: TreeId,
    },
    /// Tell the scheduler of a fact about an enqueued slice, or of a gate's verdict on the base or on a batch.
    Tell(Fact),
    /// Every gate was run on the base.
    ReportBase(Vec<GateResult>),
    /// Every gate was run on the tip, or a stop came between.
    ReportTip(Vec<GateResult>),
}

/// A slice that could not be merged, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictedSlice {
    /// The slice.
    pub queued: Queued,
    /// What it was merged onto.
    pub onto: CommitId,
    /// The paths.
    pub paths: Vec<String>,
    /// Both sides and their base.
    pub evidence: Vec<crate::domain::evidence::ArtifactRef>,
    /// What others added there since the slice started.
    pub added: Vec<(String, Vec<String>)>,
    /// Both sides in words, bounded.
    pub detail: String,
}

/// What came of merging a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// Those that merged, in order; each tree holds all before it.
    pub merged: Vec<MergedSlice>,
    /// Those that did not.
    pub conflicted: Vec<ConflictedSlice>,
}

/// What is going on.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Work {
    Idle,
    Merging(Batch),
    Judging(Judgement),
    /// The deciding gates: the place of the one that runs, and whether it runs for the second time.
    Proving {
        place: usize,
        again: bool,
        results: Vec<GateResult>,
    },
}

/// The integrator's state.
#[derive(Debug)]
pub struct Integrator {
    plan: Arc<AcceptedPlan>,
    // durable: folded from the journal
    queue: MergeQueue,
    ledger: GateLedger,
    // ephemeral
    work: Work,
    base_place: Option<usize>,
    prove: bool,
    /// Whether what waits in the queue is merged.
    merges: bool,
    halted: bool,
}

impl Integrator {
    /// An integrator whose queue and ledger were folded from the journal.
    pub fn new(plan: Arc<AcceptedPlan>, queue: MergeQueue, ledger: GateLedger) -> Self {
        Self { plan, queue, ledger, work: Work::Idle, base_place: None, prove: false, merges: false, halted: false }
    }

    /// The queue as it stands.
    pub fn queue(&self) -> &MergeQueue {
        &self.queue
    }

    /// The verdicts as they stand.
    pub fn ledger(&self) -> &GateLedger {
        &self.ledger
    }

    fn required(&self) -> impl Iterator<Item = &GateSpec> {
        self.plan.gates.iter().filter(|gate| gate.required)
    }

    /// Merges from here on, beginning with what an earlier run left in the queue.
    pub fn begin(&mut self) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.merges = true;
        self.advance(&mut decided);
        decided
    }

    /// Runs the gates on the base that were not run there yet, and once more those that were red there: what is red
    /// once may be a flake.
    pub fn measure_base(&mut self, base: &TreeId) -> Decided<Intent> {
        self.next_on_base(0, base)
    }

    fn next_on_base(&mut self, from: usize, base: &TreeId) -> Decided<Intent> {
        let missing = (from..self.plan.gates.len()).find(|&at| self.ledger.is_open_on_base(&self.plan.gates[at].name));
        self.base_place = missing;
        match missing {
            Some(place) if !self.halted => Decided::intent(Intent::RunGate {
                scope: GateScope::Base,
                gate: self.plan.gates[place].clone(),
                tree: base.clone(),
            }),
            Some(_) | None => {
                let known = self.plan.gates.iter().filter_map(|gate| self.ledger.on_base(&gate.name).cloned());
                Decided::intent(Intent::ReportBase(known.collect()))
            }
        }
    }

    /// An accepted attempt comes in.
    /// Its gates' verdicts are the worker's facts, durable already; they count for the same tree after a merge.
    pub fn enqueue(&mut self, queued: Queued, gates: Vec<GateResult>) -> Decided<Intent> {
        let mut decided = Decided::default();
        for result in gates {
            let scope = GateScope::Attempt { slice: queued.slice.clone(), attempt: queued.attempt };
            self.ledger.apply(&Fact::Gate(GateFact::GateFinished { scope, result: Box::new(result) }));
        }
        self.queue.enqueue(queued);
        self.advance(&mut decided);
        decided
    }

    /// Runs every gate, cold, on the tip, as soon as no batch is under way.
    pub fn prove(&mut self) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.prove = true;
        self.advance(&mut decided);
        decided
    }

    /// Starts nothing new from here on.
    pub fn halt(&mut self) -> Decided<Intent> {
        self.halted = true;
        match &self.work {
            Work::Idle if self.prove => self.report_tip(Vec::new()),
            Work::Idle | Work::Merging(_) | Work::Judging(_) | Work::Proving { .. } => Decided::default(),
        }
    }

    /// The verdicts that are known of the tip.
    pub fn known_of_tip(&self) -> Vec<GateResult> {
        let on_tip = self.plan.gates.iter().filter_map(|gate| self.ledger.on_tip(&gate.name));
        on_tip.filter(|result| result.tree == self.queue.tree).cloned().collect()
    }

    fn report_tip(&mut self, results: Vec<GateResult>) -> Decided<Intent> {
        self.prove = false;
        self.work = Work::Idle;
        Decided::intent(Intent::ReportTip(results))
    }

    fn advance(&mut self, decided: &mut Decided<Intent>) {
        if self.work != Work::Idle || self.halted {
            return;
        }
        if self.merges && !self.queue.waiting.is_empty() {
            self.form_batch(decided);
        } else if self.prove {
            self.work = Work::Proving { place: 0, again: false, results: Vec::new() };
            self.run_next_proof(decided);
        }
    }

    fn form_batch(&mut self, decided: &mut Decided<Intent>) {
        let place = |slice: &SliceId| self.plan.slices.iter().position(|spec| spec.id == *slice);
        let mut inputs = self.queue.waiting.clone();
        inputs.sort_by_key(|queued| place(&queued.slice));
        let batch = self.queue.batches.next();
        let onto = self.queue.tip.clone();
        let slices = inputs.iter().map(|queued| queued.slice.clone()).collect();
        self.record(decided, Fact::Merge(MergeFact::BatchFormed { batch, onto: onto.clone(), slices }));
        self.work = Work::Merging(batch);
        decided.intents.push(Intent::Merge { batch, onto, inputs });
    }

    fn record(&mut self, decided: &mut Decided<Intent>, fact: Fact) {
        self.queue.apply(&fact, None);
        self.ledger.apply(&fact);
        decided.facts.push(fact);
    }

    /// The batch was merged.
    pub fn merged(&mut self, report: MergeReport) -> Decided<Intent> {
        let mut decided = Decided::default();
        let Work::Merging(batch) = self.work else { return decided };
        if self.halted {
            self.work = Work::Idle;
            return decided;
        }
        let integrating: Vec<_> = report.merged.iter().map(|merged| merged.queued.clone()).collect();
        for conflict in report.conflicted {
            let fact = self.conflict_fact(batch, conflict, &integrating);
            self.record(&mut decided, fact.clone());
            decided.intents.push(Intent::Tell(fact));
        }
        if report.merged.is_empty() {
            self.work = Work::Idle;
            self.advance(&mut decided);
            return decided;
        }
        let judgement = Judgement {
            batch,
            onto_tree: self.queue.tree.clone(),
            onto: self.queue.tip.clone(),
            merged: report.merged,
            gate: 0,
            doubt: Doubt::None,
            red: String::new(),
        };
        self.judge(judgement, &mut decided);
        decided
    }

    /// Names the other sides: those integrated since the slice started, or merged before it in this batch.
    fn conflict_fact(&self, batch: Batch, conflict: ConflictedSlice, integrating: &[Queued]) -> Fact {
        let ConflictedSlice { queued, onto, paths, evidence, added, detail } = conflict;
        let touches = |capture: &crate::domain::task::Capture| capture.paths.iter().any(|path| paths.contains(path));
        let depended = &self.plan.slices.iter().find(|spec| spec.id == queued.slice).map(|spec| spec.after.clone());
        let is_other = |slice: &SliceId| *slice != queued.slice && !depended.iter().flatten().any(|id| id == slice);
        let before = self.queue.integrated.iter().map(|done| (&done.slice, &done.capture));
        let beside = integrating.iter().map(|other| (&other.slice, &other.capture));
        let with: Vec<SliceId> = before
            .chain(beside)
            .filter(|(slice, capture)| is_other(slice) && touches(capture))
            .map(|(slice, _)| slice.clone())
            .collect();
        let keep = added
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(path, lines)| KeptLines { path, from: with.clone(), lines })
            .collect();
        let others: Vec<_> = with.iter().map(|slice| format!("`{slice}`")).collect();
        let summary = format!("it conflicts with {} in {}", others.join(", "), paths.join(", "));
        let feedback = Feedback { kind: FeedbackKind::Conflict, summary, detail, paths: paths.clone() };
        let Queued { slice, attempt, .. } = queued;
        Fact::Merge(MergeFact::MergeConflicted { slice, attempt, batch, onto, with, paths, evidence, keep, feedback })
    }

    /// Runs the next thing that the judgement needs to know, or lands the batch.
    fn judge(&mut self, mut judgement: Judgement, decided: &mut Decided<Intent>) {
        let required: Vec<_> = self.required().cloned().collect();
        while let Some(gate) = required.get(judgement.gate) {
            let Some(tree) = judgement.probe() else { break };
            let asks_again = judgement.doubt == Doubt::Flake;
            match self.ledger.verdict(&gate.name, &tree).filter(|_| !asks_again) {
                Some(green) if judgement.doubt != Doubt::None => {
                    self.weigh(&mut judgement, gate, green, decided);
                    if self.blame(&judgement, gate, decided) {
                        return;
                    }
                }
                Some(true) => judgement.gate += 1,
                Some(false) | None => {
                    let scope = GateScope::Batch { batch: judgement.batch };
                    decided.intents.push(Intent::RunGate { scope, gate: gate.clone(), tree });
                    self.work = Work::Judging(judgement);
                    return;
                }
            }
        }
        self.land(judgement, decided);
    }

    fn weigh(&mut self, judgement: &mut Judgement, gate: &GateSpec, green: bool, decided: &mut Decided<Intent>) {
        if let Some(fact) = judgement.weigh(&gate.name, green) {
            self.record(decided, fact);
        }
    }

    /// Sends the slice back that bisection has found, if it has; the others form the next batch.
    fn blame(&mut self, judgement: &Judgement, gate: &GateSpec, decided: &mut Decided<Intent>) -> bool {
        let Some(culprit) = judgement.culprit() else { return false };
        let (slice, attempt) = (culprit.queued.slice.clone(), culprit.queued.attempt);
        let feedback = Feedback {
            kind: FeedbackKind::Gate,
            summary: format!("gate `{}` turns red when it is merged", gate.name),
            detail: format!("{}\nIts work is in commit {}.", judgement.red, culprit.queued.capture.commit),
            paths: Vec::new(),
        };
        let fact = Fact::Merge(MergeFact::SliceBlamed {
            slice,
            attempt,
            batch: judgement.batch,
            gate: gate.name.clone(),
            feedback,
        });
        self.record(decided, fact.clone());
        decided.intents.push(Intent::Tell(fact));
        self.work = Work::Idle;
        self.advance(decided);
        true
    }

    fn land(&mut self, judgement: Judgement, decided: &mut Decided<Intent>) {
        for merged in judgement.merged {
            let MergedSlice { queued, merge, tree } = merged;
            let Queued { slice, attempt, .. } = queued;
            let fact = Fact::Merge(MergeFact::SliceIntegrated { slice, attempt, batch: judgement.batch, merge, tree });
            self.record(decided, fact.clone());
            decided.intents.push(Intent::Tell(fact));
        }
        self.work = Work::Idle;
        self.advance(decided);
    }

    /// A gate ended.
    pub fn gated(&mut self, scope: &GateScope, result: GateResult) -> Decided<Intent> {
        let mut decided = Decided::default();
        let fact = Fact::Gate(GateFact::GateFinished { scope: scope.clone(), result: Box::new(result.clone()) });
        self.record(&mut decided, fact.clone());
        if matches!(scope, GateScope::Base | GateScope::Batch { .. }) {
            decided.intents.push(Intent::Tell(fact));
        }
        match scope {
            GateScope::Base => self.base_gated(&result, &mut decided),
            GateScope::Batch { .. } => self.batch_gated(&result, &mut decided),
            GateScope::Tip => self.tip_gated(result, &mut decided),
            GateScope::Attempt { .. } => {}
        }
        decided
    }

    fn base_gated(&mut self, result: &GateResult, decided: &mut Decided<Intent>) {
        let stopped = result.outcome == GateOutcome::Stopped;
        let again = self.ledger.is_open_on_base(&result.gate) && !stopped;
        let from = self.base_place.map_or(self.plan.gates.len(), |place| place + usize::from(!again));
        if result.outcome.is_green() && self.ledger.flaky_on(&result.gate) == Some(&result.tree) {
            let (scope, gate, tree) = (GateScope::Base, result.gate.clone(), result.tree.clone());
            self.record(decided, Fact::Gate(GateFact::FlakeSeen { scope, gate, tree }));
        }
        self.halted |= stopped;
        decided.then(self.next_on_base(from, &result.tree));
    }

    fn batch_gated(&mut self, result: &GateResult, decided: &mut Decided<Intent>) {
        let Work::Judging(mut judgement) = std::mem::replace(&mut self.work, Work::Idle) else { return };
        if result.outcome == GateOutcome::Stopped || self.halted {
            return;
        }
        let Some(gate) = self.required().nth(judgement.gate).cloned() else { return };
        if !result.passes() {
            judgement.red = format!("{}\n{}", outcome_phrase(&gate, result), result.excerpt);
        }
        self.weigh(&mut judgement, &gate, result.passes(), decided);
        if !self.blame(&judgement, &gate, decided) {
            self.judge(judgement, decided);
        }
    }

    fn tip_gated(&mut self, result: GateResult, decided: &mut Decided<Intent>) {
        let Work::Proving { place, again, mut results } = std::mem::replace(&mut self.work, Work::Idle) else { return };
        let stopped = result.outcome == GateOutcome::Stopped;
        let red_once = !result.passes() && result.required && !again && !stopped;
        if again && result.passes() {
            let fact = Fact::Gate(GateFact::FlakeSeen {
                scope: GateScope::Tip,
                gate: result.gate.clone(),
                tree: result.tree.clone(),
            });
            self.record(decided, fact);
        }
        if stopped || self.halted {
            decided.then(self.report_tip(results));
        } else if red_once {
            self.work = Work::Proving { place, again: true, results };
            self.run_next_proof(decided);
        } else {
            results.push(result);
            self.work = Work::Proving { place: place + 1, again: false, results };
            self.run_next_proof(decided);
        }
    }

    fn run_next_proof(&mut self, decided: &mut Decided<Intent>) {
        let Work::Proving { place, results, .. } = &self.work else { return };
        match self.plan.gates.get(*place) {
            Some(gate) => decided.intents.push(Intent::RunGate {
                scope: GateScope::Tip,
                gate: gate.clone(),
                tree: self.queue.tree.clone(),
            }),
            None => {
                let results = results.clone();
                decided.then(self.report_tip(results));
            }
        }
    }
}

fn outcome_phrase(gate: &GateSpec, result: &GateResult) -> String {
    match &result.outcome {
        GateOutcome::Green if result.lost_tests.is_empty() => format!("gate `{}` is green", gate.name),
        GateOutcome::Green => without_tests(&result.gate, &result.lost_tests),
        GateOutcome::TestsFailed { failed } => counts_failures(&gate.name, *failed),
        GateOutcome::NoTests => ran_no_test(&gate.name),
        GateOutcome::Red { exit } => format!("gate `{}` is red: exit {exit}", gate.name),
        GateOutcome::TimedOut => format!("gate `{}` is red: no end within {} ms", gate.name, gate.timeout_ms),
        GateOutcome::Unstartable { detail } => format!("gate `{}` could not be started: {detail}", gate.name),
        GateOutcome::Stopped => format!("gate `{}` was stopped", gate.name),
    }
}
