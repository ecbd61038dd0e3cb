//! `goal retry` on a goal at rest: whatever the stage in which a death left the slice, it is integrated once.

use omk::domain::event::Fact;
use omk::domain::goal::{Drive, GoalStatus};
use omk::workflow::scheduler::operator::{Again, retry_at_rest};

use super::fate::Fate;
use super::tests::{count, id, settle};
use super::{Behaviour, Ended, Scenario, World, run};

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
        assert_eq!(count(&world, |fact| matches!(fact, Fact::SliceIntegrated { .. })), 2, "{what}");
        assert_eq!(world.folded().queue.unwrap().integrated.len(), 2, "{what}");
        assert_eq!(world.tree(&world.branches()[0].commit), wanted, "{what}");
    }
}
