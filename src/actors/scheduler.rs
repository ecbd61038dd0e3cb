//! The scheduler actor: offers slices to workers, judges what came of attempts, and feeds the merge queue.

mod operator;
pub mod plane;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Recipient, SpawnHandle};
use tokio::sync::oneshot;

use crate::actors::coordinator::{After, Coordinator, Shell};
use crate::actors::scheduler::operator::Speaker;
use crate::domain::decided::Decided;
use crate::domain::event::ActorName;
use crate::domain::fact::{Fact, SliceFact};
use crate::domain::goal::Charter;
use crate::domain::ids::{AttemptRef, Moment, Now, Seq};
use crate::domain::order::LeaseOver;
use crate::domain::review::Subject;
use crate::domain::task::{Assignment, Capture, GateSpec};
use crate::graph::task_graph::TaskGraph;
use crate::messages::budget::{Reopened, SliceExhausted};
use crate::messages::goal::{Execute, ExecutionSettled, Halt};
use crate::messages::journal::Committed;
use crate::messages::lifecycle::{StartWorker, StopWorker, WorkerGone};
use crate::messages::operator::TellAgent;
use crate::messages::review::{ReviewOrder, Reviewed, StartReviewers};
use crate::messages::slice::{Claim, Enqueue, Finish, Landed, QueueFailed, Renew};
use crate::messages::{Undelivered, tell};
use crate::ports::{Agents, Clock};
use crate::workflow::scheduler::{Intent, Scheduler};
use crate::workflow::slices::SliceTable;

/// The mailboxes that the scheduler sends to.
pub struct Wires {
    /// Starts and stops workers.
    pub start_worker: Recipient<StartWorker>,
    /// Kills what works on an attempt.
    pub stop_worker: Recipient<StopWorker>,
    /// Tells the agent of an attempt what the operator says.
    pub tell_agent: Recipient<TellAgent>,
    /// Starts reviewers.
    pub start_reviewers: Recipient<StartReviewers>,
    /// The scheduler itself, for their reports.
    pub reviewed: Recipient<Reviewed>,
    /// Is told which slices get attempts again.
    pub reopened: Recipient<Reopened>,
    /// Takes accepted slices.
    pub integrator: Recipient<Enqueue>,
    /// Is told when all is at rest.
    pub controller: Recipient<ExecutionSettled>,
}

/// Who waits for the end of an attempt to be durable.
type Finisher = oneshot::Sender<Result<(), LeaseOver>>;
/// Who waits for a claim to be durable.
type Claimant = oneshot::Sender<Result<Assignment, LeaseOver>>;

/// What a scheduler is built from.
pub struct Parts {
    /// The goal.
    pub charter: Arc<Charter>,
    /// The clock of leases.
    pub clock: Arc<dyn Clock>,
    /// Knows which agents can be told something while they work.
    pub agents: Arc<dyn Agents>,
    /// The slices as folded from the journal.
    pub slices: SliceTable,
    /// The mailboxes of the others.
    pub wires: Wires,
    /// What every coordinator has.
    pub shell: Shell<Intent>,
}

/// Offers slices, judges attempts, and feeds the merge queue.
pub struct SchedulerActor {
    charter: Arc<Charter>,
    clock: Arc<dyn Clock>,
    agents: Arc<dyn Agents>,
    /// The slices as folded from the journal, until there is a scheduler over them.
    folded: Option<SliceTable>,
    scheduler: Option<Scheduler>,
    halted: Option<String>,
    gates: Arc<Vec<GateSpec>>,
    wires: Wires,
    shell: Shell<Intent>,
    claimants: BTreeMap<AttemptRef, Claimant>,
    finishers: BTreeMap<AttemptRef, Finisher>,
    /// The operator's words that are not durable yet, by number.
    speakers: BTreeMap<u64, Speaker>,
    words: u64,
    /// The next look at the clocks, and when that is.
    look: Option<(SpawnHandle, Moment)>,
}

impl Coordinator for SchedulerActor {
    const NAME: ActorName = ActorName::Scheduler;
    type Intent = Intent;

    fn shell(&mut self) -> &mut Shell<Intent> {
        &mut self.shell
    }

    fn start(&mut self, intent: Intent, after: After, _ctx: &mut Context<Self>) -> Result<(), Undelivered> {
        let cause = after.cause;
        match intent {
            Intent::StartWorker(attempt) => tell(&self.wires.start_worker, StartWorker { attempt, cause }),
            Intent::StopWorker(attempt) => tell(&self.wires.stop_worker, StopWorker { attempt }),
            Intent::Enqueue { slice, attempt, capture, gates } => {
                tell(&self.wires.integrator, Enqueue { slice, attempt, capture, gates, cause })
            }
            Intent::Review { attempt, capture, roles } => {
                let order = self.review_order(attempt, capture);
                let reply_to = self.wires.reviewed.clone();
                tell(&self.wires.start_reviewers, StartReviewers { order, roles, reply_to, cause })
            }
            Intent::Grant(assignment) => {
                let attempt = AttemptRef {
                    slice: assignment.spec.id.clone(),
                    attempt: assignment.attempt,
                    epoch: assignment.epoch,
                };
                answer(self.claimants.remove(&attempt), Ok(*assignment));
                Ok(())
            }
            Intent::Confirm(attempt) => {
                answer(self.finishers.remove(&attempt), Ok(()));
                Ok(())
            }
            Intent::Deny(attempt) => {
                answer(self.claimants.remove(&attempt), Err(LeaseOver { attempt: attempt.clone() }));
                answer(self.finishers.remove(&attempt), Err(LeaseOver { attempt: attempt.clone() }));
                Ok(())
            }
            Intent::Answer(word) => self.word_is_durable(word),
            Intent::Report(settlement) => {
                tell(&self.wires.controller, ExecutionSettled { settlement: *settlement, cause })
            }
        }
    }
}

impl SchedulerActor {
    /// A scheduler over the slices as they were folded from the journal.
    pub fn new(parts: Parts) -> Self {
        let Parts { charter, clock, agents, slices, wires, shell } = parts;
        Self {
            charter,
            clock,
            agents,
            folded: Some(slices),
            scheduler: None,
            halted: None,
            gates: Arc::default(),
            wires,
            shell,
            claimants: BTreeMap::new(),
            finishers: BTreeMap::new(),
            speakers: BTreeMap::new(),
            words: 0,
            look: None,
        }
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.now(), steady: self.clock.moment() }
    }

    /// Lets the scheduler decide and commits what it decided.
    fn decide(
        &mut self,
        cause: Option<Seq>,
        attempt: Option<&AttemptRef>,
        ctx: &mut Context<Self>,
        decision: impl FnOnce(&mut Scheduler) -> Decided<Intent>,
    ) {
        let Some(scheduler) = &mut self.scheduler else { return };
        let decided = decision(scheduler);
        let told = self.tell_reopened(&decided.facts);
        self.report(told);
        self.commit(decided, cause, attempt, ctx);
    }

    /// Says to the budget which slices get attempts again: its ledger follows the journal.
    fn tell_reopened(&self, facts: &[Fact]) -> Result<(), Undelivered> {
        let is_reopening = |fact: &&Fact| matches!(fact, Fact::Slice(SliceFact::SliceReopened { .. }));
        let mut reopened = facts.iter().filter(is_reopening);
        reopened.try_for_each(|fact| tell(&self.wires.reopened, Reopened { fact: fact.clone() }))
    }

    fn review_order(&self, attempt: AttemptRef, capture: Capture) -> ReviewOrder {
        let record = self.scheduler.as_ref().and_then(|scheduler| scheduler.table().slice(&attempt.slice));
        ReviewOrder {
            subject: Subject::Slice { slice: attempt.slice.clone(), attempt: attempt.attempt },
            access: record.map(|record| record.spec.access.clone()),
            results: Arc::new(record.map(|record| record.gate_results.clone()).unwrap_or_default()),
            gates: Arc::clone(&self.gates),
            attempt: Some(attempt),
            from: capture.start,
            to: capture.commit,
        }
    }

    /// Looks for ended leases and for providers whose time has come: a few times within the length of a lease, and
    /// when the next provider's time comes. Asking both clocks each time, it cannot be misled by one that was set
    /// meanwhile. A look that comes sooner anyway stays.
    fn look_later(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        let period_ms = (self.charter.settings.lease_ms / 4).clamp(20, 5_000);
        let due_ms = self.scheduler.as_ref().and_then(|scheduler| scheduler.provider_due_ms(now));
        let in_ms = due_ms.map_or(period_ms, |due| due.min(period_ms));
        let at = now.steady.plus(in_ms);
        if let Some((look, before)) = self.look {
            if before <= at {
                return;
            }
            ctx.cancel_future(look);
        }
        let look = ctx.run_later(Duration::from_millis(in_ms), |actor, ctx| {
            actor.look = None;
            let now = actor.now();
            actor.decide(None, None, ctx, |scheduler| scheduler.tick(now));
            actor.look_later(ctx);
        });
        self.look = Some((look, at));
    }
}

/// Answers somebody who waits; one that has gone away needs no answer.
fn answer<T>(waiting: Option<oneshot::Sender<T>>, value: T) {
    if let Some(waiting) = waiting {
        drop(waiting.send(value));
    }
}

impl Actor for SchedulerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look_later(ctx);
    }
}

impl Handler<Execute> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, order: Execute, ctx: &mut Context<Self>) {
        let Some(folded) = self.folded.take() else { return };
        let now = self.now();
        let graph = match TaskGraph::of(&order.plan) {
            Ok(graph) => Arc::new(graph),
            Err(errors) => {
                return self.defect(format!("an accepted plan is no graph: {errors:?}"));
            }
        };
        let table = if folded.is_empty() { SliceTable::planned(&order.plan, now.wall) } else { folded };
        self.gates = Arc::new(order.plan.gates.clone());
        let mut scheduler = Scheduler::new(Arc::clone(&self.charter), graph, table);
        if let Some(why) = &self.halted {
            scheduler.halt(why, now);
        }
        self.scheduler = Some(scheduler);
        self.decide(order.cause, None, ctx, |scheduler| scheduler.begin(order.drive, now));
        self.look_later(ctx);
    }
}

impl Handler<Halt> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, halt: Halt, ctx: &mut Context<Self>) {
        let now = self.now();
        self.halted = Some(halt.why.clone());
        self.decide(halt.cause, None, ctx, |scheduler| scheduler.halt(&halt.why, now));
    }
}

impl Handler<Claim> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, claim: Claim, ctx: &mut Context<Self>) {
        let (now, attempt) = (self.now(), claim.attempt);
        self.claimants.insert(attempt.clone(), claim.reply_to);
        self.decide(None, Some(&attempt), ctx, |scheduler| scheduler.claim(&attempt, now));
    }
}

impl Handler<Renew> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, renew: Renew, ctx: &mut Context<Self>) {
        let now = self.now();
        let holds = self.scheduler.as_mut().is_some_and(|scheduler| scheduler.renew(&renew.attempt, now.steady));
        let Renew { attempt, answered, reply_to } = renew;
        if holds && answered {
            self.decide(None, None, ctx, |scheduler| scheduler.answered(&attempt, now));
        }
        answer(Some(reply_to), if holds { Ok(()) } else { Err(LeaseOver { attempt }) });
    }
}

impl Handler<Finish> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, finish: Finish, ctx: &mut Context<Self>) {
        let now = self.now();
        let Finish { attempt, end, reply_to } = finish;
        self.finishers.insert(attempt.clone(), reply_to);
        self.decide(None, Some(&attempt), ctx, |scheduler| scheduler.finish(&attempt, end, now));
        self.look_later(ctx);
    }
}

impl Handler<WorkerGone> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, gone: WorkerGone, ctx: &mut Context<Self>) {
        let now = self.now();
        self.decide(None, Some(&gone.attempt), ctx, |scheduler| {
            scheduler.worker_gone(&gone.attempt, gone.crash.as_deref(), now)
        });
    }
}

impl Handler<Reviewed> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, reviewed: Reviewed, ctx: &mut Context<Self>) {
        let now = self.now();
        let Subject::Slice { slice, attempt } = reviewed.subject else { return };
        self.decide(reviewed.cause, None, ctx, |scheduler| match reviewed.result {
            Ok(review) => scheduler.reviewed(&slice, attempt, review, now),
            Err(detail) => scheduler.review_failed(&detail, now),
        });
    }
}

impl Handler<Landed> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, landed: Landed, ctx: &mut Context<Self>) {
        let now = self.now();
        self.decide(landed.cause, None, ctx, |scheduler| scheduler.landed(&landed.fact, now));
    }
}

impl Handler<QueueFailed> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, failed: QueueFailed, ctx: &mut Context<Self>) {
        let now = self.now();
        self.decide(None, None, ctx, |scheduler| scheduler.queue_failed(&failed.detail, now));
    }
}

impl Handler<Committed> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, committed: Committed, ctx: &mut Context<Self>) {
        self.acknowledge(committed, ctx);
    }
}

impl Handler<SliceExhausted> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, exhausted: SliceExhausted, ctx: &mut Context<Self>) {
        let now = self.now();
        let SliceExhausted { slice, fact, cause } = exhausted;
        self.decide(cause, None, ctx, |scheduler| scheduler.budget_used_up(&slice, &fact, now));
    }
}
