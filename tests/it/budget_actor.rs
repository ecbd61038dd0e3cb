//! The budget actor between a journal that takes its time and those who wait for it.

use std::sync::Arc;

use actix::{Actor, Addr, Context, Handler, System};
use omk::actors::budget::{BudgetActor, Wires};
use omk::actors::coordinator::Shell;
use omk::actors::exit_guard::ExitGuard;
use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::{Account, BudgetKind, Limits, Spender, Usage};
use omk::domain::event::{ActorName, Draft};
use omk::domain::fact::{BudgetFact, Fact, GoalFact};
use omk::domain::goal::Charter;
use omk::domain::ids::{Moment, Seq, Timestamp};
use omk::messages::budget::{Booked, Reserve, Settle, SliceExhausted, UsageSeen};
use omk::messages::goal::{BudgetOpened, Exhausted, Halt, OpenBudget};
use omk::messages::journal::{Append, Committed, Outbox};
use omk::messages::lifecycle::{Child, ChildExited, Defect};
use omk::messages::operator::AddBudget;
use omk::ports::Clock;
use omk::workflow::budget::Ledger;
use omk::workflow::budget::cashier::reason;
use tokio::sync::{mpsc, oneshot};

use crate::support::facts::{attempt, charter, slice};

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_763_700_000_000)
    }
    fn moment(&self) -> Moment {
        Moment(0)
    }
    fn slept_ms(&self) -> u64 {
        0
    }
}

/// Everybody around the budget.
struct Others {
    appends: mpsc::UnboundedSender<Append>,
    stops: mpsc::UnboundedSender<String>,
}

impl Actor for Others {
    type Context = Context<Self>;
}

impl Handler<Append> for Others {
    type Result = ();
    fn handle(&mut self, append: Append, _: &mut Context<Self>) {
        self.appends.send(append).unwrap();
    }
}

impl Handler<Exhausted> for Others {
    type Result = ();
    fn handle(&mut self, exhausted: Exhausted, _: &mut Context<Self>) {
        self.stops.send(format!("{} of {}", exhausted.budget.as_str(), exhausted.account)).unwrap();
    }
}

impl Handler<BudgetOpened> for Others {
    type Result = ();
    fn handle(&mut self, _: BudgetOpened, _: &mut Context<Self>) {
        self.stops.send("opened".to_owned()).unwrap();
    }
}

impl Handler<SliceExhausted> for Others {
    type Result = ();
    fn handle(&mut self, exhausted: SliceExhausted, _: &mut Context<Self>) {
        let Fact::Budget(BudgetFact::BudgetExhausted { budget, limit, account, .. }) = &exhausted.fact else {
            panic!("{exhausted:?}")
        };
        let reason = reason(*budget, *limit, account);
        self.stops.send(format!("{}: {reason}", exhausted.slice)).unwrap();
    }
}

impl Handler<Booked> for Others {
    type Result = ();
    fn handle(&mut self, _: Booked, _: &mut Context<Self>) {}
}

impl Handler<Defect> for Others {
    type Result = ();
    fn handle(&mut self, defect: Defect, _: &mut Context<Self>) {
        panic!("{defect:?}");
    }
}

impl Handler<ChildExited> for Others {
    type Result = ();
    fn handle(&mut self, _: ChildExited, _: &mut Context<Self>) {}
}

/// A budget actor, and what it sends.
struct Scene {
    budget: Addr<BudgetActor>,
    appended: mpsc::UnboundedReceiver<Append>,
    stopped: mpsc::UnboundedReceiver<String>,
    seq: u64,
}

impl Scene {
    /// A run over a goal of one agent at a time with these limits, and this one for slice `a`.
    fn new(limits: Limits, of_a: Limits) -> Self {
        let (appends, appended) = mpsc::unbounded_channel();
        let (stops, stopped) = mpsc::unbounded_channel();
        let others = Others { appends, stops }.start();
        let mut ledger = Ledger::default();
        let mut charter = Charter { limits, max_agents: 1, ..charter() };
        charter.proposal.slices[0].budget = of_a;
        ledger.apply(&Fact::Goal(GoalFact::GoalCreated(Box::new(charter))), None, Timestamp(0));
        let budget = BudgetActor::create(|ctx| {
            let reply_to = actix::AsyncContext::address(ctx).recipient();
            let outbox = Outbox::new(ActorName::Budget, others.clone().recipient(), reply_to);
            let wires = Wires {
                controller: others.clone().recipient(),
                opened: others.clone().recipient(),
                scheduler: others.clone().recipient(),
                booked: others.clone().recipient(),
            };
            let guard = ExitGuard::new(Child::Coordinator(ActorName::Budget), 0, others.clone().recipient());
            let shell = Shell { outbox, supervisor: others.clone().recipient(), guard };
            BudgetActor::new(ledger, Arc::new(Still), wires, shell)
        });
        budget.try_send(OpenBudget { begun: Some(Still.now()) }).unwrap();
        Self { budget, appended, stopped, seq: 1 }
    }

    /// The next append, not yet durable.
    async fn append(&mut self) -> Append {
        self.appended.recv().await.unwrap()
    }

    /// Makes an append durable.
    fn acknowledge(&mut self, append: &Append) {
        self.seq += append.drafts.len() as u64;
        append.reply_to.try_send(Committed { last: Seq(self.seq), at: Still.now() }).unwrap();
    }

    fn reserve(&self) -> oneshot::Receiver<Result<(), String>> {
        let (reply_to, answer) = oneshot::channel();
        self.budget.try_send(Reserve { attempt: attempt("a"), role: Spender::Executor, reply_to }).unwrap();
        answer
    }

    fn use_up(&self, output_tokens: u64) {
        let usage = Usage { output_tokens, ..Usage::default() };
        let (attempt, role) = (attempt("a"), Spender::Executor);
        self.budget.try_send(UsageSeen { attempt, role, id: None, model: None, usage, cause: None }).unwrap();
    }
}

fn only_tokens(count: u64) -> Limits {
    Limits { tokens: Some(count), ..Limits::default() }
}

fn facts(append: &Append) -> Vec<(ActorName, &'static str)> {
    let kind = |draft: &Draft| (draft.actor, crate::support::facts::kind_of(&draft.fact));
    append.drafts.iter().map(kind).collect()
}

/// Runs a story on a paused clock.
fn play<F: Future<Output = ()>>(story: impl FnOnce() -> F + 'static) {
    let system = System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    });
    system.block_on(async move { story().await });
}

async fn settle_down() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn an_agent_starts_only_when_what_is_set_aside_for_it_is_durable() {
    play(|| async {
        let mut scene = Scene::new(only_tokens(100), Limits::default());
        let mut answer = scene.reserve();
        let append = scene.append().await;
        settle_down().await;
        assert_eq!(facts(&append), [(ActorName::Budget, "budget_reserved")]);
        assert_eq!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        scene.acknowledge(&append);
        assert_eq!(answer.await, Ok(Ok(())));
        let report = AgentReport {
            unless_changed: None,
            end: AgentEnd::Finished,
            duration_ms: 5,
            usage: Usage { output_tokens: 3, ..Usage::default() },
            log: None,
            frames: None,
            survivors: Vec::new(),
            refused: Default::default(),
        };
        scene.budget.try_send(Settle { attempt: attempt("a"), role: Spender::Executor, report }).unwrap();
        let settled = scene.append().await;
        assert_eq!(facts(&settled), [(ActorName::Budget, "usage_recorded"), (ActorName::Budget, "budget_settled")]);
    });
}

#[test]
fn a_limit_that_is_raised_meanwhile_is_the_operators_word_and_answered_once_it_is_durable() {
    play(|| async {
        let mut scene = Scene::new(only_tokens(100), Limits::default());
        let (reply_to, mut answer) = oneshot::channel();
        scene.budget.try_send(AddBudget { account: Account::Goal, more: only_tokens(50), reply_to }).unwrap();
        let append = scene.append().await;
        settle_down().await;
        assert_eq!(append.drafts[0].actor, ActorName::Operator);
        let raised = Fact::Budget(BudgetFact::LimitsSet { limits: only_tokens(150), account: Account::Goal });
        assert_eq!(append.drafts[0].fact, raised);
        assert!(answer.try_recv().is_err());
        scene.acknowledge(&append);
        assert_eq!(answer.await, Ok(Ok(only_tokens(150))));
        // What would have been too much before is not now.
        scene.use_up(90);
        assert_eq!(facts(&scene.append().await), [(ActorName::Budget, "usage_recorded")]);
    });
}

#[test]
fn more_of_what_has_no_limit_is_refused_and_changes_nothing() {
    play(|| async {
        let mut scene = Scene::new(Limits { time_ms: Some(60_000), ..Limits::default() }, Limits::default());
        let (reply_to, mut answer) = oneshot::channel();
        scene.budget.try_send(AddBudget { account: Account::Goal, more: only_tokens(50), reply_to }).unwrap();
        let refusal = "the goal has no limit of tokens, so there is nothing to add to: it goes on without".to_owned();
        settle_down().await;
        assert_eq!(answer.try_recv(), Ok(Err(refusal)));
        scene.use_up(90);
        assert_eq!(facts(&scene.append().await), [(ActorName::Budget, "usage_recorded")]);
    });
}

#[test]
fn a_limit_that_is_used_up_stops_its_slice_or_the_run_once_that_is_durable() {
    play(|| async {
        let mut scene = Scene::new(only_tokens(100), only_tokens(10));
        assert_eq!(scene.stopped.recv().await.as_deref(), Some("opened"));
        for (tokens, stops) in [
            (12, vec!["a: its budget of 10 tokens is used up", "tokens of slice `a`"]),
            (90, vec!["tokens of the goal"]),
        ] {
            scene.use_up(tokens);
            let append = scene.append().await;
            settle_down().await;
            assert!(scene.stopped.try_recv().is_err());
            assert!(append.drafts.iter().any(|draft| matches!(
                draft.fact,
                Fact::Budget(BudgetFact::BudgetExhausted { budget: BudgetKind::Tokens, .. })
            )));
            scene.acknowledge(&append);
            for stop in stops {
                assert_eq!(scene.stopped.recv().await.as_deref(), Some(stop));
            }
        }
        let refused = scene.reserve();
        assert_eq!(refused.await, Ok(Err("the goal's budget of 100 tokens is used up".to_owned())));
        assert_eq!(slice("a"), attempt("a").slice);
    });
}

#[test]
fn a_run_that_is_told_to_stop_counts_what_is_used_and_calls_nothing_used_up() {
    play(|| async {
        let mut scene = Scene::new(only_tokens(100), Limits::default());
        assert_eq!(scene.stopped.recv().await.as_deref(), Some("opened"));
        scene.budget.try_send(Halt { why: "pause".to_owned(), cause: None }).unwrap();
        scene.use_up(120);
        for said in ["budget_checkpointed", "usage_recorded"] {
            let append = scene.append().await;
            assert_eq!(facts(&append), [(ActorName::Budget, said)]);
            scene.acknowledge(&append);
        }
        settle_down().await;
        assert_eq!(scene.stopped.try_recv().ok(), None);
    });
}
