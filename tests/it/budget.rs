//! What is counted, set aside and stopped, without any process: the ledger, and the decisions over it.

use std::collections::{BTreeMap, BTreeSet};

use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::{
    Account, BudgetKind, Checkpoint, ClockMove, Limits, Price, Reservation, Spender, Unextendable, Usage, usd_micros,
};
use omk::domain::control::{Holder, Stop};
use omk::domain::event::{ActorName, Event};
use omk::domain::fact::{AttemptFact, BudgetFact, Fact, GoalFact, SliceFact};
use omk::domain::goal::{Charter, Drive, GoalStatus};
use omk::domain::ids::{Attempt, AttemptRef, Epoch, Moment, Seq, SliceId, Timestamp};
use omk::domain::metering::Reports;
use omk::domain::task::AttemptOutcome;
use omk::workflow::budget::cashier::{Cashier, Intent, Reading, Reported};
use omk::workflow::budget::{Ledger, Short};
use proptest::prelude::*;

use crate::support::facts::{charter, hash, slice};

const START: u64 = 1_763_700_000_000;
const DAY: u64 = 86_400_000;

fn tokens(count: u64) -> Usage {
    Usage { output_tokens: count, ..Usage::default() }
}

fn report(usage: Usage, duration_ms: u64) -> AgentReport {
    AgentReport { usage, ..AgentReport::bare(AgentEnd::Finished, duration_ms) }
}

fn try_of(name: &str, attempt: u32) -> AttemptRef {
    AttemptRef { slice: slice(name), attempt: Attempt(attempt), epoch: Epoch(u64::from(attempt)) }
}

/// A charter of slices `a` and `b` for one agent at a time.
fn bounded(limits: Limits) -> Charter {
    Charter { limits, max_agents: 1, ..charter() }
}

fn only_tokens(count: u64) -> Limits {
    Limits { tokens: Some(count), ..Limits::default() }
}

/// Lives of the budget over one journal, on clocks that the test sets.
struct Life {
    journal: Vec<Event>,
    cashier: Cashier,
    moment: u64,
    /// How far the wall clock is ahead of the steady one.
    ahead: i64,
    slept: u64,
    /// What the newest run began with.
    opened: Vec<Intent>,
}

impl Life {
    fn new(charter: Charter) -> Self {
        let now = Reading { wall: Timestamp(START), moment: Moment(0), slept_ms: 0 };
        let cashier = Cashier::new(Ledger::default(), Some(now.wall), now);
        let mut life = Self { journal: Vec::new(), cashier, moment: 0, ahead: 0, slept: 0, opened: Vec::new() };
        life.note(ActorName::Controller, Fact::Goal(GoalFact::GoalCreated(Box::new(charter))), None);
        life.begin();
        life
    }

    fn now(&self) -> Reading {
        let wall = i128::from(START) + i128::from(self.moment) + i128::from(self.ahead) + i128::from(self.slept);
        Reading { wall: Timestamp(wall as u64), moment: Moment(self.moment), slept_ms: self.slept }
    }

    fn note(&mut self, actor: ActorName, fact: Fact, attempt: Option<&AttemptRef>) {
        let seq = Seq(self.journal.len() as u64 + 1);
        let (prev_hash, hash) = (hash('a'), hash('b'));
        let ts = self.now().wall;
        self.journal.push(Event { seq, ts, actor, cause: None, attempt: attempt.cloned(), fact, prev_hash, hash });
    }

    /// A run begins over what the journal has.
    fn begin(&mut self) {
        self.begin_late(0);
    }

    /// The same, where the budget hears of its record only so many milliseconds later.
    fn begin_late(&mut self, ms: u64) {
        let (folded, begun) = (fold(&self.journal), self.now().wall);
        let holder = Holder { pid: 1, host: String::new(), boot_id: String::new(), version: String::new() };
        self.note(ActorName::Controller, Fact::Goal(GoalFact::RunStarted { holder, drive: Drive::UntilReady }), None);
        self.moment += ms;
        self.cashier = Cashier::new(folded, Some(begun), self.now());
        self.opened = self.act(None, Cashier::open);
    }

    /// Looks at the clocks as often as it wants to, for `ms` milliseconds.
    fn live(&mut self, ms: u64) {
        let end = self.moment + ms;
        while self.moment + self.cashier.look_again_ms() <= end {
            self.pass(self.cashier.look_again_ms());
        }
        self.moment = end;
    }

    fn act(
        &mut self,
        attempt: Option<&AttemptRef>,
        decision: impl FnOnce(&mut Cashier, Reading) -> omk::domain::decided::Decided<Intent>,
    ) -> Vec<Intent> {
        let now = self.now();
        let decided = decision(&mut self.cashier, now);
        decided.facts.into_iter().for_each(|fact| self.note(ActorName::Budget, fact, attempt));
        decided.intents
    }

    fn reserve(&mut self, attempt: &AttemptRef) -> Vec<Intent> {
        self.act(Some(attempt), |cashier, now| cashier.reserve(attempt, Spender::Executor, now))
    }

    fn used(&mut self, attempt: &AttemptRef, id: Option<&str>, usage: Usage) -> Vec<Intent> {
        self.used_by(attempt, id, None, usage)
    }

    fn used_by(&mut self, attempt: &AttemptRef, id: Option<&str>, model: Option<&str>, usage: Usage) -> Vec<Intent> {
        let (id, model) = (id.map(str::to_owned), model.map(str::to_owned));
        let reported = Reported { attempt: attempt.clone(), role: Spender::Executor, id, model, usage };
        self.act(Some(attempt), |cashier, now| cashier.used(reported, now))
    }

    fn settle(&mut self, attempt: &AttemptRef, told: Usage, ms: u64) -> Vec<Intent> {
        let report = report(told, ms);
        let intents = self.act(Some(attempt), |c, now| c.settle(attempt, Spender::Executor, &report, now));
        self.note(ActorName::Worker, Fact::Attempt(AttemptFact::AgentReported { report }), Some(attempt));
        intents
    }

    fn pass(&mut self, ms: u64) {
        self.moment += ms;
        self.act(None, Cashier::tick);
    }

    fn facts(&self) -> Vec<&Fact> {
        self.journal.iter().filter(|event| event.actor == ActorName::Budget).map(|event| &event.fact).collect()
    }

    fn spent(&self, account: &Account, budget: BudgetKind) -> u64 {
        self.cashier.ledger().spent(account, budget)
    }
}

fn fold(journal: &[Event]) -> Ledger {
    let mut ledger = Ledger::default();
    journal.iter().for_each(|event| ledger.follow(event));
    ledger
}

/// All that is known of tokens and money, by account.
fn sums(ledger: &Ledger) -> Vec<(Account, [u64; 4], Option<BudgetKind>)> {
    let sum = |account: &Account| {
        let spent = [BudgetKind::Tokens, BudgetKind::Usd].map(|budget| ledger.spent(account, budget));
        let held = [BudgetKind::Tokens, BudgetKind::Usd].map(|budget| ledger.set_aside(account, budget));
        (account.clone(), [spent[0], spent[1], held[0], held[1]], ledger.exhausted(account))
    };
    let all = [Account::Goal, Account::Slice(slice("a")), Account::Slice(slice("b")), Account::Role(Spender::Executor)];
    all.iter().map(sum).collect()
}

fn reserved(name: &str, tokens: u64) -> Fact {
    Fact::Budget(BudgetFact::BudgetReserved(Reservation {
        slice: slice(name),
        role: Spender::Executor,
        tokens,
        usd_micros: 0,
    }))
}

fn exhausted(account: Account, spent: u64, limit: u64) -> Fact {
    Fact::Budget(BudgetFact::BudgetExhausted { budget: BudgetKind::Tokens, spent, limit, account })
}

#[test]
fn an_attempt_holds_a_part_of_what_is_left_and_gives_back_what_it_did_not_use() {
    let mut life = Life::new(bounded(only_tokens(1_000)));
    let (a, b) = (try_of("a", 1), try_of("b", 2));
    assert_eq!(life.reserve(&a), [Intent::Grant(a.clone())]);
    assert_eq!(life.reserve(&b), [Intent::Grant(b.clone())]);
    life.used(&a, None, tokens(10));
    life.settle(&a, tokens(10), 5);
    let settled = Fact::Budget(BudgetFact::BudgetSettled { slice: slice("a"), usage: tokens(10) });
    let recorded = Fact::Budget(BudgetFact::UsageRecorded {
        slice: slice("a"),
        usage: tokens(10),
        role: Spender::Executor,
        model: None,
    });
    assert_eq!(life.facts(), [&reserved("a", 500), &reserved("b", 250), &recorded, &settled]);
    assert_eq!(life.spent(&Account::Goal, BudgetKind::Tokens), 10);
    assert_eq!(life.cashier.ledger().set_aside(&Account::Goal, BudgetKind::Tokens), 250);
}

#[test]
fn nothing_is_set_aside_where_nothing_is_limited() {
    let mut life = Life::new(bounded(Limits { time_ms: Some(60_000), ..Limits::default() }));
    let a = try_of("a", 1);
    assert_eq!(life.reserve(&a), [Intent::Grant(a.clone())]);
    life.settle(&a, Usage::default(), 5);
    assert_eq!(life.facts(), Vec::<&Fact>::new());
}

#[test]
fn use_beyond_a_reservation_tops_it_up_until_the_limit_stops_it() {
    let mut life = Life::new(bounded(only_tokens(100)));
    let a = try_of("a", 1);
    life.reserve(&a);
    assert_eq!(life.used(&a, None, tokens(60)), []);
    let stop = Short { account: Account::Goal, budget: BudgetKind::Tokens, spent: 120, limit: 100 };
    assert_eq!(life.used(&a, None, tokens(60)), [Intent::Stop(stop)]);
    let used = Fact::Budget(BudgetFact::UsageRecorded {
        slice: slice("a"),
        usage: tokens(60),
        role: Spender::Executor,
        model: None,
    });
    let said = [
        &reserved("a", 50),
        &used,
        &reserved("a", 10 + 20),
        &used,
        &exhausted(Account::Goal, 120, 100),
        &Fact::Budget(BudgetFact::BudgetCheckpointed(Checkpoint { time_ms: 0 })),
    ];
    assert_eq!(life.facts(), said);
    // Whoever comes now is refused, and nothing is said twice.
    let b = try_of("b", 2);
    let short = Short { account: Account::Goal, budget: BudgetKind::Tokens, spent: 120, limit: 100 };
    let reason = "the goal's budget of 100 tokens is used up".to_owned();
    assert_eq!(life.reserve(&b), [Intent::Stop(short), Intent::Deny(b, reason)]);
    assert_eq!(life.facts().len(), 6);
}

#[test]
fn a_soft_notice_comes_once_at_two_thirds_and_again_for_a_raised_limit() {
    let mut life = Life::new(bounded(only_tokens(90)));
    let a = try_of("a", 1);
    life.reserve(&a);
    let notices = |life: &Life| {
        let all = life.facts().into_iter().filter_map(|fact| match fact {
            Fact::Budget(BudgetFact::BudgetNoticed { spent, limit, .. }) => Some((*spent, *limit)),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    life.used(&a, None, tokens(59));
    assert_eq!(notices(&life), []);
    life.used(&a, None, tokens(1));
    life.used(&a, None, tokens(5));
    assert_eq!(notices(&life), [(60, 90)]);
    let more = life.act(None, |cashier, now| cashier.extend(&Account::Goal, &only_tokens(10), now).unwrap());
    assert_eq!(more, [Intent::Answer(only_tokens(100))]);
    life.used(&a, None, tokens(5));
    assert_eq!(notices(&life), [(60, 90), (70, 100)]);
}

#[test]
fn a_slice_and_a_role_have_limits_of_their_own() {
    let mut charter = bounded(Limits::default());
    charter.proposal.slices[0].budget = only_tokens(10);
    charter.role_limits = BTreeMap::from([(Spender::Executor, only_tokens(25))]);
    let mut life = Life::new(charter);
    let (a, b) = (try_of("a", 1), try_of("b", 2));
    life.reserve(&a);
    let stop = |account, spent, limit| Intent::Stop(Short { account, budget: BudgetKind::Tokens, spent, limit });
    assert_eq!(life.used(&a, None, tokens(12)), [stop(Account::Slice(slice("a")), 12, 10)]);
    life.settle(&a, tokens(12), 5);
    life.reserve(&b);
    assert_eq!(life.used(&b, None, tokens(20)), [stop(Account::Role(Spender::Executor), 32, 25)]);
    assert_eq!(life.spent(&Account::Slice(slice("b")), BudgetKind::Tokens), 20);
}

#[test]
fn what_has_no_limit_and_what_cannot_be_counted_is_not_added_to() {
    let have = Limits { time_ms: None, tokens: Some(u64::MAX - 6), usd_micros: Some(5) };
    let add = |time_ms, tokens| have.extended_by(&Limits { time_ms, tokens, usd_micros: Some(1) });
    assert_eq!(add(None, Some(6)), Ok(Limits { time_ms: None, tokens: Some(u64::MAX), usd_micros: Some(6) }));
    assert_eq!(add(None, Some(7)), Err(Unextendable::TooMuch(BudgetKind::Tokens)));
    assert_eq!(add(Some(1), None), Err(Unextendable::Unlimited(BudgetKind::Time)));
}

#[test]
fn of_a_slice_that_is_reopened_without_more_it_is_said_again_that_its_budget_is_used_up() {
    let mut charter = bounded(Limits::default());
    charter.proposal.slices[0].budget = only_tokens(10);
    let mut life = Life::new(charter);
    let a = try_of("a", 1);
    life.reserve(&a);
    life.used(&a, None, tokens(12));
    life.settle(&a, tokens(12), 5);
    let (now, reopened) =
        (life.now(), Fact::Slice(SliceFact::SliceReopened { slice: slice("a"), fresh: false, hint: None }));
    life.cashier.reopened(&reopened, now);
    life.note(ActorName::Scheduler, reopened, None);
    life.reserve(&try_of("a", 2));
    assert_eq!(fold(&life.journal).exhausted(&Account::Slice(slice("a"))), Some(BudgetKind::Tokens));
}

#[test]
fn what_a_dead_attempt_held_counts_as_spent() {
    let mut life = Life::new(bounded(only_tokens(1_000)));
    let a = try_of("a", 1);
    life.reserve(&a);
    life.used(&a, None, tokens(100));
    life.begin();
    let lost = [Account::Goal, Account::Slice(slice("a")), Account::Role(Spender::Executor)];
    for account in lost {
        assert_eq!(life.spent(&account, BudgetKind::Tokens), 500, "{account}");
    }
    assert_eq!(life.cashier.ledger().set_aside(&Account::Goal, BudgetKind::Tokens), 0);
    assert_eq!(sums(&fold(&life.journal)), sums(life.cashier.ledger()));
}

#[test]
fn the_last_word_of_an_agent_counts_what_its_reports_left_out_and_nothing_twice() {
    let mut life = Life::new(bounded(only_tokens(1_000)));
    let a = try_of("a", 1);
    life.reserve(&a);
    life.used(&a, Some("m1"), tokens(30));
    life.settle(&a, tokens(50), 5);
    // A report that was on its way when the agent ended is part of what its last word counted.
    life.used(&a, Some("m2"), tokens(20));
    assert_eq!(life.spent(&Account::Goal, BudgetKind::Tokens), 50);
}

#[test]
fn a_message_that_is_reported_again_adds_only_what_it_has_more_of() {
    let mut reports = Reports::default();
    let of = |input_tokens, output_tokens| Usage { input_tokens, output_tokens, ..Usage::default() };
    reports.take(Some("m1"), &of(100, 5));
    reports.take(Some("m1"), &of(100, 9));
    reports.take(Some("m2"), &of(1, 1));
    reports.take(Some("m1"), &of(90, 8));
    reports.take(None, &of(2, 2));
    reports.take(None, &of(2, 2));
    assert_eq!(reports.total(), of(105, 14));
}

#[test]
fn money_is_what_the_table_says_to_the_last_millionth_and_unknown_where_it_says_nothing() {
    let price = Price {
        model: "m-1".to_owned(),
        input_micros: 3_000_000,
        cached_micros: 300_000,
        output_micros: 50_000,
        as_of: "2026-11-01".to_owned(),
    };
    let charter = Charter { prices: vec![price], ..bounded(Limits::default()) };
    let mut life = Life::new(charter);
    let a = try_of("a", 1);
    life.reserve(&a);
    // A twentieth of a millionth each: only the sum has a price.
    for _ in 0..30 {
        life.used_by(&a, None, Some("m-1"), tokens(1));
    }
    assert_eq!(life.spent(&Account::Goal, BudgetKind::Usd), 1);
    let usage = Usage { input_tokens: 1_000, cached_tokens: 400, ..Usage::default() };
    life.used_by(&a, None, Some("m-1"), usage);
    assert_eq!(life.spent(&Account::Goal, BudgetKind::Usd), 1 + 600 * 3 + 120);
    assert!(life.cashier.ledger().is_priced());
    life.used_by(&a, None, Some("m-2"), tokens(5));
    assert_eq!(life.cashier.ledger().usage().usd_micros, Some(1_921));
    assert!(!life.cashier.ledger().is_priced());
}

#[test]
fn an_amount_of_money_is_read_exactly() {
    assert_eq!(usd_micros("$0.000001"), Some(1));
    assert_eq!(usd_micros("25"), Some(25_000_000));
    for wrong in ["", ".5", "-1", "1e3", "0.0000001", "1,5", "$", "NaN"] {
        assert_eq!(usd_micros(wrong), None, "{wrong}");
    }
}

#[test]
fn time_is_that_of_runs_whatever_the_wall_clock_does() {
    let mut life = Life::new(bounded(Limits { time_ms: Some(3_600_000), ..Limits::default() }));
    life.pass(10_000);
    life.ahead = 86_400_000;
    life.pass(5_000);
    life.slept = 7_200_000;
    life.pass(5_000);
    life.ahead = -86_400_000;
    life.pass(5_000);
    let moved = |slept_ms, jumped_ms| Fact::Budget(BudgetFact::ClockMoved(ClockMove { slept_ms, jumped_ms }));
    let at = |time_ms| Fact::Budget(BudgetFact::BudgetCheckpointed(Checkpoint { time_ms }));
    let said = [
        &at(10_000),
        &moved(0, 86_400_000),
        &at(15_000),
        &moved(7_200_000, 0),
        &at(20_000),
        &moved(0, -172_800_000),
        &at(25_000),
    ];
    assert_eq!(life.facts(), said);
    assert_eq!(fold(&life.journal).time_ms(), 25_000);
}

#[test]
fn a_run_that_dies_counts_for_what_it_lasted_and_little_more() {
    let mut life = Life::new(bounded(Limits::default()));
    life.live(1_000);
    for lasted in [0, 300, 900, 4_000, 20_500, 154_000, 3_600_000] {
        let before = fold(&life.journal).time_ms();
        life.live(lasted);
        life.moment += DAY;
        life.begin();
        let counted = fold(&life.journal).time_ms() - before;
        assert!((lasted..=lasted + (lasted / 10).max(1_000)).contains(&counted), "{counted} for {lasted}");
        assert_eq!(life.cashier.ledger().time_ms(), before + counted);
    }
}

#[test]
fn a_budget_of_time_ends_however_often_its_runs_are_killed() {
    for lasted in [200, 900, 4_000] {
        let mut life = Life::new(bounded(Limits { time_ms: Some(10_000), ..Limits::default() }));
        let mut runs = 0;
        while life.opened == [Intent::Open] {
            life.live(lasted);
            life.moment += DAY;
            life.begin();
            runs += 1;
            assert!(runs * lasted <= 12_000, "{runs} runs of {lasted} ms");
        }
        let stop = |intent: &Intent| matches!(intent, Intent::Stop(Short { budget: BudgetKind::Time, .. }));
        assert!(stop(&life.opened[0]), "{:?}", life.opened);
    }
}

#[test]
fn the_time_is_written_down_often_at_first_and_once_a_minute_in_the_end() {
    let mut life = Life::new(bounded(Limits::default()));
    life.live(10_000);
    assert_eq!(life.facts().len(), 10);
    life.live(DAY - 10_000);
    let before = life.facts().len();
    assert!(before < 1_500, "{before} in a day");
    life.live(DAY);
    assert_eq!(life.facts().len() - before, 1_440);
}

#[test]
fn what_is_written_of_a_dead_run_makes_it_no_longer() {
    let mut life = Life::new(bounded(Limits::default()));
    life.live(30_000);
    let reason = "its captured work is lost".to_owned();
    life.moment += DAY;
    life.note(ActorName::Scheduler, Fact::Slice(SliceFact::SliceGivenUp { slice: slice("a"), reason }), None);
    life.note(
        ActorName::Operator,
        Fact::Budget(BudgetFact::LimitsSet { limits: Limits::default(), account: Account::Goal }),
        None,
    );
    life.begin();
    assert!((30_000..=33_500).contains(&fold(&life.journal).time_ms()), "{}", fold(&life.journal).time_ms());
    // A command that settles it comes to the same.
    life.live(30_000);
    let before = fold(&life.journal).time_ms();
    life.moment += DAY;
    let (status, reason, next) = (GoalStatus::Paused, String::new(), Vec::new());
    life.note(ActorName::Operator, Fact::Goal(GoalFact::GoalSettled { status, reason, next }), None);
    assert!((before..=before + 3_000).contains(&fold(&life.journal).time_ms()));
}

#[test]
fn from_the_moment_at_which_a_run_is_told_to_stop_no_time_is_taken_and_nothing_is_used_up() {
    let limits = Limits { time_ms: Some(3_000), tokens: Some(100), usd_micros: None };
    let mut life = Life::new(bounded(limits));
    let a = try_of("a", 1);
    life.reserve(&a);
    life.live(1_500);
    let (stop, by) = (Stop::Pause, "somebody".to_owned());
    life.note(ActorName::Controller, Fact::Goal(GoalFact::StopRequested { stop, by }), None);
    assert_eq!(life.act(None, Cashier::close), []);
    life.live(4_000);
    // What the agent still reports counts; that it is too much is said by the next run.
    assert_eq!(life.used(&a, None, tokens(120)), []);
    assert_eq!(life.settle(&a, tokens(120), 5_500), []);
    let (status, reason, next) = (GoalStatus::Paused, String::new(), Vec::new());
    life.note(ActorName::Controller, Fact::Goal(GoalFact::GoalSettled { status, reason, next }), None);
    let said = life.facts();
    let loud = |fact: &&&Fact| {
        matches!(
            fact,
            Fact::Budget(BudgetFact::BudgetNoticed { .. }) | Fact::Budget(BudgetFact::BudgetExhausted { .. })
        )
    };
    assert_eq!(said.iter().find(loud), None);
    assert_eq!([life.cashier.ledger().time_ms(), fold(&life.journal).time_ms()], [1_500, 1_500]);
    life.moment += DAY;
    life.begin();
    let short = Short { account: Account::Goal, budget: BudgetKind::Tokens, spent: 120, limit: 100 };
    assert_eq!(life.opened, [Intent::Stop(short), Intent::Open]);
    assert_eq!(fold(&life.journal).exhausted(&Account::Goal), Some(BudgetKind::Tokens));
}

#[test]
fn the_time_of_a_run_goes_on_after_its_last_record_whoever_wrote_that() {
    let mut life = Life::new(bounded(Limits::default()));
    life.live(5_500);
    life.moment += 100;
    life.note(
        ActorName::Operator,
        Fact::Budget(BudgetFact::LimitsSet { limits: Limits::default(), account: Account::Goal }),
        None,
    );
    life.moment += 200;
    let mut seen = fold(&life.journal);
    seen.goes_on(life.now().wall);
    assert_eq!(seen.time_ms(), 5_800);
}

#[test]
fn a_step_of_the_clock_adds_no_more_than_a_run_may_be_silent() {
    let mut life = Life::new(bounded(Limits::default()));
    life.live(150_000);
    let before = fold(&life.journal).time_ms();
    life.ahead = DAY as i64;
    life.note(
        ActorName::Worker,
        Fact::Attempt(AttemptFact::WorktreePrepared { path: "worktrees/b.1".into() }),
        Some(&try_of("b", 2)),
    );
    assert!(fold(&life.journal).time_ms() <= before + 15_000);
}

#[test]
fn journals_without_checkpoints_last_from_the_start_of_a_run_to_its_last_record() {
    let mut life = Life::new(bounded(Limits::default()));
    life.moment += 3_600_000;
    let (status, reason, next) = (GoalStatus::Paused, String::new(), Vec::new());
    life.note(ActorName::Controller, Fact::Goal(GoalFact::GoalSettled { status, reason, next }), None);
    life.moment += 1_000_000;
    life.begin();
    life.moment += 500;
    life.note(
        ActorName::Controller,
        Fact::Goal(GoalFact::PhaseEntered { phase: omk::domain::goal::Phase::Review }),
        None,
    );
    assert_eq!(fold(&life.journal).time_ms(), 3_600_500);
}

#[test]
fn a_slice_lasts_as_long_as_its_agents_work() {
    let mut charter = bounded(Limits::default());
    charter.proposal.slices[0].budget = Limits { time_ms: Some(1_000), ..Limits::default() };
    let mut life = Life::new(charter);
    let a = try_of("a", 1);
    life.pass(5_000);
    assert_eq!(life.cashier.look_again_ms(), 333, "it may begin before the next look");
    life.reserve(&a);
    life.moment += 600;
    life.settle(&a, Usage::default(), 600);
    assert_eq!(life.spent(&Account::Slice(slice("a")), BudgetKind::Time), 600);
    let again = try_of("a", 2);
    life.reserve(&again);
    life.moment += 400;
    let stop = Short { account: Account::Slice(slice("a")), budget: BudgetKind::Time, spent: 1_000, limit: 1_000 };
    assert_eq!(life.act(None, Cashier::tick), [Intent::Stop(stop)]);
    assert_eq!(life.cashier.look_again_ms(), 1_000, "there is no limit to look for, only the time to write down");
}

/// A run that died 2.7 s after the agent of an attempt at slice `a` began, and the attempt.
fn died_at_work() -> (Life, AttemptRef) {
    let mut life = Life::new(bounded(Limits::default()));
    let a = try_of("a", 1);
    life.live(1_000);
    life.note(
        ActorName::Worker,
        Fact::Attempt(AttemptFact::WorktreePrepared { path: "worktrees/a.1".into() }),
        Some(&a),
    );
    life.reserve(&a);
    life.live(2_700);
    (life, a)
}

/// How long agents worked on slice `a`, by the journal and by the run under way.
fn worked(life: &Life) -> [u64; 2] {
    let on_a = |ledger: &Ledger| ledger.spent(&Account::Slice(slice("a")), BudgetKind::Time);
    [on_a(&fold(&life.journal)), on_a(life.cashier.ledger())]
}

#[test]
fn how_long_a_dead_agent_worked_does_not_depend_on_when_the_budget_hears_of_the_next_run() {
    let (mut life, _) = died_at_work();
    life.begin_late(250);
    assert_eq!(worked(&life), [2_700; 2]);
}

#[test]
fn what_a_dead_agent_worked_counts_where_its_attempt_is_closed_before_the_next_run_begins() {
    let (mut life, attempt) = died_at_work();
    let outcome = AttemptOutcome::Interrupted { by: "the end of the run before".to_owned() };
    life.note(ActorName::Operator, Fact::Attempt(AttemptFact::AttemptFinished { attempt, outcome }), None);
    life.moment += DAY;
    life.begin();
    assert_eq!(worked(&life), [2_700; 2]);
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Reserve(bool),
    Use(bool, Option<u8>, u64, Option<u64>),
    Settle(bool, u64),
    Pass(u64),
    Extend(u64),
    Die,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<bool>().prop_map(Step::Reserve),
        6 => (any::<bool>(), prop::option::of(0..4_u8), 0..80_u64, prop::option::of(0..50_u64))
            .prop_map(|(who, id, tokens, usd)| Step::Use(who, id, tokens, usd)),
        2 => (any::<bool>(), 0..200_u64).prop_map(|(who, more)| Step::Settle(who, more)),
        1 => (0..90_000_u64).prop_map(Step::Pass),
        1 => (1..200_u64).prop_map(Step::Extend),
        1 => Just(Step::Die),
    ]
}

/// What was truly used: by attempt, the greatest report of each message, and the reports without an id.
#[derive(Default)]
struct Truth {
    messages: BTreeMap<(AttemptRef, u8), u64>,
    others: BTreeMap<AttemptRef, u64>,
    told: BTreeMap<AttemptRef, u64>,
}

impl Truth {
    fn of(&self, attempt: &AttemptRef) -> u64 {
        let said: u64 = self.messages.iter().filter(|((of, _), _)| of == attempt).map(|(_, count)| count).sum();
        let said = said + self.others.get(attempt).copied().unwrap_or(0);
        said.max(self.told.get(attempt).copied().unwrap_or(0))
    }

    fn total(&self) -> u64 {
        let keys = self.messages.keys().map(|(of, _)| of).chain(self.others.keys()).chain(self.told.keys());
        keys.collect::<BTreeSet<_>>().into_iter().map(|attempt| self.of(attempt)).sum()
    }
}

/// A life and the truth that it is held against.
struct World {
    life: Life,
    truth: Truth,
    working: BTreeMap<SliceId, AttemptRef>,
    attempts: u32,
}

impl World {
    fn take(&mut self, step: &Step) {
        let name = |first: bool| if first { "a" } else { "b" };
        match step {
            Step::Reserve(first) if !self.working.contains_key(&slice(name(*first))) => {
                self.attempts += 1;
                let attempt = try_of(name(*first), self.attempts);
                if self.life.reserve(&attempt).contains(&Intent::Grant(attempt.clone())) {
                    self.working.insert(attempt.slice.clone(), attempt);
                }
            }
            Step::Use(first, id, count, usd) => self.report(name(*first), *id, *count, *usd),
            Step::Settle(first, more) => {
                let Some(attempt) = self.working.remove(&slice(name(*first))) else { return };
                let told = self.truth.of(&attempt) + more / 2;
                self.truth.told.insert(attempt.clone(), told);
                self.life.settle(&attempt, tokens(told), *more);
            }
            Step::Pass(ms) => self.life.pass(*ms),
            Step::Extend(more) => {
                let more = only_tokens(*more);
                let now = self.life.now();
                let Ok(decided) = self.life.cashier.extend(&Account::Goal, &more, now) else { return };
                decided.facts.into_iter().for_each(|fact| self.life.note(ActorName::Operator, fact, None));
            }
            Step::Die => {
                self.working.clear();
                self.life.begin();
            }
            Step::Reserve(_) => {}
        }
    }

    fn report(&mut self, name: &str, id: Option<u8>, count: u64, usd: Option<u64>) {
        let Some(attempt) = self.working.get(&slice(name)).cloned() else { return };
        match id {
            Some(id) => {
                let known = self.truth.messages.entry((attempt.clone(), id)).or_default();
                *known = (*known).max(count);
            }
            None => *self.truth.others.entry(attempt.clone()).or_default() += count,
        }
        let id = id.map(|id| id.to_string());
        self.life.used(&attempt, id.as_deref(), Usage { usd_micros: usd, ..tokens(count) });
    }

    /// What holds after every step.
    fn check(&self, from: usize) -> Result<(), TestCaseError> {
        let ledger = self.life.cashier.ledger();
        prop_assert_eq!(ledger.usage().tokens(), self.truth.total(), "counted once");
        prop_assert_eq!(sums(&fold(&self.life.journal)), sums(ledger), "replay");
        for event in &self.life.journal[from..] {
            let Fact::Budget(BudgetFact::BudgetReserved(held)) = &event.fact else { continue };
            for account in [Account::Goal, Account::Slice(held.slice.clone()), Account::Role(held.role)] {
                for (budget, amount) in [(BudgetKind::Tokens, held.tokens), (BudgetKind::Usd, held.usd_micros)] {
                    if amount == 0 {
                        continue;
                    }
                    let gone = ledger.spent(&account, budget) + ledger.set_aside(&account, budget);
                    let limit = budget.of(&ledger.limits_of(&account)).unwrap_or(u64::MAX);
                    prop_assert!(gone <= limit, "{gone} of {limit} {budget:?} of {account}");
                }
            }
        }
        Ok(())
    }
}

/// How often an account is said to be used up, between two occasions to say it again.
fn said_twice(journal: &[Event]) -> Option<Account> {
    let mut said = BTreeSet::new();
    for event in journal {
        match &event.fact {
            Fact::Budget(BudgetFact::LimitsSet { account, .. }) => drop(said.remove(account)),
            Fact::Goal(GoalFact::RunStarted { .. }) => said.retain(|account| matches!(account, Account::Slice(_))),
            Fact::Budget(BudgetFact::BudgetExhausted { account, .. }) if !said.insert(account.clone()) => {
                return Some(account.clone());
            }
            _ => {}
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_is_counted_once_set_aside_within_the_limits_and_said_once(
        limit in prop::option::of(1..2_000_u64),
        usd in prop::option::of(1..500_u64),
        of_slice in prop::option::of(1..400_u64),
        of_role in prop::option::of(1..1_500_u64),
        agents in 1..4_u32,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let limits = Limits { tokens: limit, usd_micros: usd, time_ms: None };
        let mut charter = Charter { max_agents: agents, ..bounded(limits) };
        charter.proposal.slices[0].budget = Limits { tokens: of_slice, ..Limits::default() };
        charter.role_limits = BTreeMap::from([(Spender::Executor, Limits { tokens: of_role, ..Limits::default() })]);
        let (life, truth) = (Life::new(charter), Truth::default());
        let mut world = World { life, truth, working: BTreeMap::new(), attempts: 0 };
        for step in &steps {
            let from = world.life.journal.len();
            world.take(step);
            world.check(from)?;
        }
        prop_assert_eq!(said_twice(&world.life.journal), None);
        // A fold that stops anywhere and goes on is the fold of the whole.
        let half = world.life.journal.len() / 2;
        let mut ledger = fold(&world.life.journal[..half]);
        world.life.journal[half..].iter().for_each(|event| ledger.follow(event));
        prop_assert_eq!(ledger, fold(&world.life.journal));
    }
}
