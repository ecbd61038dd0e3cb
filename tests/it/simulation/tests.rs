//! What the whole program does, behaviour by behaviour, and under any seed and any death.

use std::sync::Arc;

use omk::domain::budget::{Account, BudgetKind, Limits};
use omk::domain::control::Stop;
use omk::domain::event::{ActorName, Draft, Event};
use omk::domain::fact::{AttemptFact, BudgetFact, Fact, GateFact, MergeFact, SliceFact, SupervisionFact};
use omk::domain::goal::{Drive, GoalStatus};
use omk::domain::ids::{Attempt, SliceId};
use omk::domain::task::UnchangedReason;
use omk::messages::lifecycle::RunOver;
use omk::workflow::slices::Stage;
use omk::workflow::state::GoalState;

use super::clocks::{DAY, Move};
use super::invariants::check;
use super::{Act, Behaviour, Ended, Scenario, World, run, run_with};

pub(crate) fn settle(world: &Arc<World>, drive: Drive) -> RunOver {
    match run(world, drive) {
        Ended::Settled(over) => {
            check(world);
            over
        }
        Ended::Died => panic!("nobody let it die"),
    }
}

pub(crate) fn count(world: &World, wanted: impl Fn(&Fact) -> bool) -> usize {
    world.events().iter().filter(|event| wanted(&event.fact)).count()
}

pub(crate) fn id(slice: &str) -> SliceId {
    SliceId::parse(slice).unwrap()
}

#[test]
fn slices_in_a_diamond_are_integrated_and_delivered() {
    let world = World::new(Scenario::of(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])]));
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::Ready, "{}\n{}", over.reason, world.narrative());
    let names: Vec<_> = world.branches().iter().map(|branch| branch.name.clone()).collect();
    let wanted = ["integration", "a", "b", "c", "d"].map(|name| format!("omk/sim-00000000/{name}"));
    let mut sorted = names.clone();
    sorted.sort();
    let mut expected = wanted.to_vec();
    expected.sort();
    assert_eq!(sorted, expected);
    assert_eq!(world.most_working(), 2, "b and c work at the same time");
}

#[test]
fn a_red_gate_sends_the_attempt_back_with_its_output() {
    let scenario = Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Break, Behaviour::Succeed]);
    let world = World::new(scenario);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    let state = GoalState::replay(&world.events());
    let record = state.slices.slice(&id("a")).unwrap();
    assert_eq!(record.attempt, Attempt(2));
    assert_eq!(record.feedback[0].summary, "gate `test` is red (exit 1)");
    assert_eq!(record.feedback[0].detail, "1 failed");
}

#[test]
fn a_blocking_review_sends_the_attempt_back() {
    let world = World::new(Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Leak, Behaviour::Succeed]));
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Slice(SliceFact::SliceReturned { .. }))), 1);
}

#[test]
fn a_slice_that_never_passes_is_given_up_and_the_others_land() {
    let scenario = Scenario::of(&[("a", &[]), ("b", &[])]).with("b", &[Behaviour::Break]);
    let world = World::new(scenario);
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::NotReady);
    assert!(over.reason.contains("slice `b` was given up: 3 attempts failed"), "{}", over.reason);
    let state = GoalState::replay(&world.events());
    assert!(matches!(state.slices.slice(&id("a")).unwrap().stage, Stage::Integrated { .. }));
    assert!(world.branches().is_empty(), "nothing is delivered short of ready");
}

#[test]
fn a_trespass_is_no_work() {
    let scenario = Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Trespass, Behaviour::Succeed]);
    let world = World::new(scenario);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    let state = GoalState::replay(&world.events());
    let told: Vec<_> = state.slices.slice(&id("a")).unwrap().feedback.iter().map(|f| f.summary.clone()).collect();
    assert_eq!(told, ["it changed paths outside its writes and merges: elsewhere.txt"]);
}

#[test]
fn two_slices_that_are_red_only_together_are_told_apart_by_bisection() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])]);
    scenario.max_agents = 4;
    let scenario =
        scenario.with("b", &[Behaviour::BreakTogether]).with("d", &[Behaviour::BreakTogether, Behaviour::Succeed]);
    let world = World::new(scenario);
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::Ready, "{}\n{}", over.reason, world.narrative());
    let blamed: Vec<_> = world
        .events()
        .iter()
        .filter_map(|event| match &event.fact {
            Fact::Merge(MergeFact::SliceBlamed { slice, .. }) => Some(slice.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(blamed.len(), 1, "{blamed:?}");
}

#[test]
fn slices_that_share_a_file_conflict_once_and_both_sides_survive() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[])]);
    scenario.max_agents = 2;
    let world = World::new(scenario.with("a", &[Behaviour::Share]).with("b", &[Behaviour::Share]));
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::Ready, "{}", over.reason);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Merge(MergeFact::MergeConflicted { .. }))), 1);
    let shared = world.file(&world.branches()[0].commit, "shared.txt").unwrap();
    assert!(shared.contains("a\n") && shared.contains("b\n"), "{shared}");
}

#[test]
fn an_attempt_after_a_conflict_that_drops_the_other_side_never_lands() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[])]);
    scenario.max_agents = 2;
    let world = World::new(scenario.with("a", &[Behaviour::Clobber]).with("b", &[Behaviour::Clobber]));
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::NotReady);
    assert!(over.reason.contains("`a`") && over.reason.contains("`b`"), "{}", over.reason);
}

#[test]
fn a_hung_agent_ends_at_its_deadline_and_the_next_attempt_goes_on() {
    let world = World::new(Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Hang, Behaviour::Succeed]));
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
}

#[test]
fn a_question_blocks_on_a_human_and_the_answer_goes_on() {
    let world = World::new(Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Ask, Behaviour::Succeed]));
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::BlockedOnHuman);
    assert!(over.next[0].contains("a1"), "{:?}", over.next);
    let answered = Fact::Slice(SliceFact::QuestionAnswered { id: "a1".into(), answer: "left".into() });
    let at = world.events().last().unwrap().ts;
    world.write(at, vec![Draft { actor: ActorName::Operator, cause: None, attempt: None, fact: answered }]);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
}

fn answer(world: &World, question: &str, answer: &str) {
    let answered = Fact::Slice(SliceFact::QuestionAnswered { id: question.into(), answer: answer.into() });
    let at = world.events().last().unwrap().ts;
    world.write(at, vec![Draft { actor: ActorName::Operator, cause: None, attempt: None, fact: answered }]);
}

#[test]
fn an_attempt_that_changed_nothing_asks_at_once_and_a_yes_completes_its_slice() {
    let scenario = Scenario::of(&[("a", &[]), ("b", &["a"])]).with("a", &[Behaviour::Lie]);
    let world = World::new(scenario);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::BlockedOnHuman);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Attempt(AttemptFact::AttemptOffered { .. }))), 1);
    answer(&world, "a1", "no: write it");
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::BlockedOnHuman, "the next attempt asks again");
    answer(&world, "a2", "yes");
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    let state = GoalState::replay(&world.events());
    let why = UnchangedReason::Answered;
    assert_eq!(state.slices.slice(&id("a")).unwrap().stage, Stage::Unchanged { why });
    assert!(matches!(state.slices.slice(&id("b")).unwrap().stage, Stage::Integrated { .. }));
}

#[test]
fn a_goal_that_changed_nothing_is_not_ready() {
    let world = World::new(Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Lie]));
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::BlockedOnHuman);
    answer(&world, "a1", "yes");
    let over = settle(&world, Drive::UntilReady);
    assert_eq!((over.status, over.reason.as_str()), (GoalStatus::NotReady, "nothing changed"));
}

#[test]
fn words_for_agents_at_work_reach_them_once_and_every_later_task() {
    let scenario = Scenario::of(&[("a", &[]), ("b", &["a"])]).with("a", &[Behaviour::Break, Behaviour::Succeed]);
    let world = World::new(scenario);
    let acts = (1..60).map(|record| (record, Act::Steer)).collect();
    let Ended::Settled(over) = run_with(&world, Drive::UntilReady, acts) else { panic!("nobody let it die") };
    check(&world);
    assert_eq!(over.status, GoalStatus::Ready, "{}", over.reason);
    let said = count(&world, |fact| matches!(fact, Fact::Slice(SliceFact::SliceSteered { .. })));
    let heard = world.lock().heard.len();
    assert!(heard > 0 && said > heard, "{said} were said and {heard} heard: the others came with a task, or too late");
}

#[test]
fn a_missing_agent_blocks_on_something_external_at_once() {
    let world = World::new(Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &[Behaviour::Missing]));
    let over = settle(&world, Drive::UntilReady);
    assert_eq!((over.status, over.reason.as_str()), (GoalStatus::BlockedOnExternal, "not installed"));
}

#[test]
fn a_spent_time_budget_stops_a_hung_agent() {
    let mut scenario = Scenario::of(&[("a", &[])]).with("a", &[Behaviour::Hang]);
    scenario.time_limit_ms = Some(30_000);
    let world = World::new(scenario);
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::NeedsMoreBudget, "{}", over.reason);
    let state = GoalState::replay(&world.events());
    assert!(state.budget.time_ms() < 40_000, "{}", state.budget.time_ms());
}

#[test]
fn a_pause_at_any_record_can_be_resumed_to_the_same_tree() {
    let scenario =
        || Scenario::of(&[("a", &[]), ("b", &["a"]), ("c", &[])]).with("c", &[Behaviour::Break, Behaviour::Succeed]);
    let undisturbed = World::new(scenario());
    settle(&undisturbed, Drive::UntilReady);
    let wanted = undisturbed.tree(&undisturbed.branches()[0].commit);
    for at in 2..undisturbed.events().len() {
        let world = World::new(scenario());
        let acts = vec![(at, Act::Stop(Stop::Pause))];
        let Ended::Settled(over) = run_with(&world, Drive::UntilReady, acts) else { panic!("died") };
        check(&world);
        assert!(matches!(over.status, GoalStatus::Paused | GoalStatus::Ready), "{at}: {over:?}");
        if over.status == GoalStatus::Paused {
            assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
        }
        assert_eq!(world.tree(&world.branches()[0].commit), wanted, "paused at {at}");
    }
}

#[test]
fn one_pass_works_on_what_was_ready_and_stops() {
    let world = World::new(Scenario::of(&[("a", &[]), ("b", &["a"])]));
    assert_eq!(settle(&world, Drive::Pass).status, GoalStatus::Planned);
    let state = GoalState::replay(&world.events());
    assert!(matches!(state.slices.slice(&id("a")).unwrap().stage, Stage::Integrated { .. }));
    assert_eq!(state.slices.slice(&id("b")).unwrap().attempt, Attempt(0));
    assert_eq!(settle(&world, Drive::Pass).status, GoalStatus::Ready);
}

#[test]
fn a_scaffold_runs_the_gates_on_the_base_and_starts_no_agent() {
    let world = World::new(Scenario::of(&[("a", &[])]));
    assert_eq!(settle(&world, Drive::Scaffold).status, GoalStatus::Planned);
    assert_eq!(world.most_working(), 0);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Gate(GateFact::GateFinished { .. }))), 1);
}

#[test]
fn verifying_a_ready_goal_changes_nothing_but_the_evidence() {
    let world = World::new(Scenario::of(&[("a", &[])]));
    settle(&world, Drive::UntilReady);
    let before = world.branches();
    assert_eq!(settle(&world, Drive::Verify).status, GoalStatus::Ready);
    assert_eq!(world.branches(), before);
}

#[test]
fn a_clock_that_jumps_and_a_machine_that_sleeps_end_no_attempt_and_spend_no_time() {
    for at in [500, 12_000, 25_000] {
        for what in [Move::Set(DAY), Move::Set(-DAY), Move::Sleep(DAY as u64)] {
            let mut scenario = Scenario::of(&[("a", &[]), ("b", &["a"])]).with("a", &[Behaviour::Spend(30)]);
            scenario.time_limit_ms = Some(300_000);
            scenario.moves = vec![(at, what)];
            let world = World::new(scenario);
            let over = settle(&world, Drive::UntilReady);
            assert_eq!(over.status, GoalStatus::Ready, "{what:?} at {at}: {over:?}");
            assert_eq!(
                count(&world, |fact| matches!(fact, Fact::Attempt(AttemptFact::AttemptOffered { .. }))),
                2,
                "{what:?} at {at}"
            );
            let spent = world.folded().budget.time_ms();
            assert!((30_000..90_000).contains(&spent), "{what:?} at {at}: {spent} ms");
        }
    }
}

#[test]
fn a_pause_waits_for_an_agent_that_comes_late_and_drops_what_it_says() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &[Behaviour::Late, Behaviour::Succeed]);
    scenario.max_agents = 1;
    let world = World::new(scenario);
    let acts = vec![(11, Act::Stop(Stop::Pause))];
    let Ended::Settled(over) = run_with(&world, Drive::UntilReady, acts) else { panic!("died") };
    check(&world);
    assert_eq!(over.status, GoalStatus::Paused);
    assert!(world.lock().working.is_empty());
    assert_eq!(
        count(&world, |fact| matches!(fact, Fact::Attempt(AttemptFact::SliceCaptured { .. }))),
        0,
        "{}",
        world.narrative()
    );
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
}

#[test]
fn an_agent_that_comes_late_holds_its_permit_until_it_is_gone() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &[Behaviour::Late, Behaviour::Succeed]);
    scenario.max_agents = 1;
    let world = World::new(scenario);
    // That nothing is offered while its process lives is checked at every record.
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
    assert_eq!(world.most_working(), 1);
}

#[test]
fn a_provider_that_refuses_uses_up_no_attempt_and_the_run_goes_on_by_itself() {
    for (stated, least_ms) in [(Some(600_000), 600_000), (None, 30_000)] {
        let refusals = vec![Behaviour::Limited(stated); 5];
        let behaviours = [refusals.as_slice(), &[Behaviour::Succeed]].concat();
        let world = World::new(Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &behaviours));
        let over = settle(&world, Drive::UntilReady);
        assert_eq!(over.status, GoalStatus::Ready, "{stated:?}: {over:?}\n{}", world.narrative());
        assert!(
            count(&world, |fact| matches!(fact, Fact::Supervision(SupervisionFact::BreakerOpened(_)))) > 0,
            "{stated:?}"
        );
        assert!(world.lock().clocks.steady_ms() >= least_ms, "{stated:?}");
    }
}

#[test]
fn a_spent_budget_of_tokens_stops_the_agents_and_more_of_it_goes_on() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &[Behaviour::Spend(20)]);
    scenario.token_limit = Some(10_500);
    let world = World::new(scenario);
    let over = settle(&world, Drive::UntilReady);
    assert_eq!(over.status, GoalStatus::NeedsMoreBudget, "{over:?}");
    let limits = Limits { tokens: Some(60_000), ..Limits::default() };
    world.say(vec![Fact::Budget(BudgetFact::LimitsSet { limits, account: Account::Goal })]);
    assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
}

#[test]
fn a_run_with_its_budget_used_up_starts_nothing() {
    let mut scenario = Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &[Behaviour::Spend(20)]);
    scenario.token_limit = Some(10_500);
    let world = World::new(scenario);
    settle(&world, Drive::UntilReady);
    let offers = |world: &World| count(world, |fact| matches!(fact, Fact::Attempt(AttemptFact::AttemptOffered { .. })));
    let before = offers(&world);
    let over = settle(&world, Drive::UntilReady);
    check(&world);
    assert_eq!((over.status, over.reason.as_str()), (GoalStatus::NeedsMoreBudget, "the budget of tokens is used up"));
    assert_eq!(offers(&world), before, "{}", world.narrative());
    assert_eq!(world.folded().budget.exhausted(&Account::Goal), Some(BudgetKind::Tokens));
}

#[test]
fn a_provider_is_asked_again_at_the_time_that_it_states() {
    for stated in [1_300, 7_700, 61_300] {
        let scenario =
            Scenario::of(&[("a", &[]), ("b", &[])]).with("a", &[Behaviour::Limited(Some(stated)), Behaviour::Succeed]);
        let world = World::new(scenario);
        assert_eq!(settle(&world, Drive::UntilReady).status, GoalStatus::Ready);
        let events = world.events();
        let opened = events.iter().find_map(|event| match &event.fact {
            Fact::Supervision(SupervisionFact::BreakerOpened(breaker)) => Some((event.seq, breaker.until)),
            _ => None,
        });
        let (seq, until) = opened.unwrap();
        let again = |event: &&Event| {
            event.seq > seq
                && matches!(&event.fact, Fact::Attempt(AttemptFact::AttemptOffered { attempt, .. }) if attempt.slice == id("a"))
        };
        let late = events.iter().find(again).unwrap().ts.since(until);
        assert!(late < 200, "{late} ms after a time that was {stated} ms away");
    }
}

#[test]
fn a_question_is_answered_while_another_slice_goes_on() {
    let scenario = Scenario::of(&[("a", &[]), ("b", &[]), ("c", &["b"])])
        .with("a", &[Behaviour::Ask, Behaviour::Succeed])
        .with("b", &[Behaviour::Spend(60)]);
    let world = World::new(scenario);
    let acts = (8..60).map(|at| (at, Act::Answer)).collect();
    let Ended::Settled(over) = run_with(&world, Drive::UntilReady, acts) else { panic!("died") };
    check(&world);
    assert_eq!(over.status, GoalStatus::Ready, "{over:?}");
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Slice(SliceFact::QuestionAnswered { .. }))), 1);
}
