//! `goal retry`: on a goal at rest, whatever the stage in which a death left the slice; and where money is what is missing.

use omk::domain::budget::{Account, BudgetKind};
use omk::domain::fact::{Fact, MergeFact, SliceFact};
use omk::domain::goal::{Drive, GoalStatus};
use omk::workflow::scheduler::operator::{Again, retry_at_rest};

use super::agents::TURN;
use super::fate::Fate;
use super::invariants::check;
use super::tests::{count, id, settle};
use super::{Act, Behaviour, Ended, Scenario, World, run, run_with};

fn scenario() -> Scenario {
    Scenario::of(&[("a", &[]), ("b", &["a"])]).with("a", &[Behaviour::Share]).with("b", &[Behaviour::Share])
}

#[test]
fn a_slice_that_is_retried_at_any_rest_is_integrated_once() {
    let undisturbed = World::new(scenario());
    settle(&undisturbed, Drive::UntilReady);
    let wanted = undisturbed.tree(&undisturbed.branches()[0].commit);
    for (records, fresh) in (1..undisturbed.records()).flat_map(|records| [(records, false), (records, true)]) {
        let world = World::new(scenario());
        world.plan(Fate { die_after: Some(records), ..Fate::default() });
        assert!(matches!(run(&world, Drive::UntilReady), Ended::Died));
        let again = Again { fresh, hint: None };
        let Ok(facts) = retry_at_rest(&world.folded().slices, &id("a"), again) else { continue };
        world.say(facts);
        let over = settle(&world, Drive::UntilReady);
        let what = format!("died after {records}, fresh {fresh}: {}\n{}", over.reason, world.narrative());
        assert_eq!(over.status, GoalStatus::Ready, "{what}");
        assert_eq!(count(&world, |fact| matches!(fact, Fact::Merge(MergeFact::SliceIntegrated { .. }))), 2, "{what}");
        assert_eq!(world.folded().queue.unwrap().integrated.len(), 2, "{what}");
        assert_eq!(world.tree(&world.branches()[0].commit), wanted, "{what}");
    }
}

#[test]
fn a_slice_that_is_retried_without_more_budget_is_given_up_for_it_again() {
    let slices: [(&str, &[&str]); 2] = [("a", &[]), ("b", &[])];
    let mut scenario = Scenario::of(&slices).with("a", &[Behaviour::Spend(2)]).with("b", &[Behaviour::Spend(30)]);
    scenario.slices[0].budget.tokens = Some(TURN);
    let world = World::new(scenario);
    let Ended::Settled(over) = run_with(&world, Drive::UntilReady, vec![(28, Act::Retry)]) else { panic!("it died") };
    check(&world);
    assert_eq!(over.status, GoalStatus::NeedsMoreBudget, "{over:?}\n{}", world.narrative());
    let (reopened, given_up) = (
        count(&world, |fact| matches!(fact, Fact::Slice(SliceFact::SliceReopened { .. }))),
        count(&world, |fact| matches!(fact, Fact::Slice(SliceFact::SliceGivenUp { .. }))),
    );
    assert_eq!((reopened, given_up), (1, 2), "{}", world.narrative());
    let used_up = world.folded().budget.exhausted(&Account::Slice(id("a")));
    assert_eq!(used_up, Some(BudgetKind::Tokens), "{}", world.narrative());
}
