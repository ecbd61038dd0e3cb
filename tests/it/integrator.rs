//! What is merged, and when.

use std::sync::Arc;

use omk::domain::evidence::GateScope;
use omk::domain::ids::Attempt;
use omk::domain::task::AcceptedPlan;
use omk::workflow::gates::GateLedger;
use omk::workflow::integrator::{Integrator, Intent};
use omk::workflow::merge_queue::{MergeQueue, Queued};

use crate::support::views::{capture, charter, gate_spec, slice, spec};

#[test]
fn a_run_that_only_looks_at_the_tip_merges_nothing_that_waits() {
    let plan = AcceptedPlan {
        slices: vec![spec("a", &[])],
        gates: vec![gate_spec("check")],
        serialised: Vec::new(),
        source: "test".to_owned(),
    };
    let mut queue = MergeQueue::new(&charter().repository);
    queue.enqueue(Queued { slice: slice("a"), attempt: Attempt(1), capture: capture(1, 0) });
    let mut looks = Integrator::new(Arc::new(plan), queue, GateLedger::default());
    let proving = looks.prove();
    assert_eq!(proving.facts, []);
    assert!(matches!(&proving.intents[..], [Intent::RunGate { scope: GateScope::Tip, .. }]), "{proving:?}");
    let tree = looks.queue().tree.clone();
    assert_eq!((tree, looks.queue().waiting.len()), (charter().repository.base_tree, 1));
}
