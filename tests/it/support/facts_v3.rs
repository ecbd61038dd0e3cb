//! The facts that version 3 of the journal's schema added, every variant and every optional field both ways.

use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::event::{ActorName, Draft};
use omk::domain::evidence::{GateOutcome, GateResult, GateScope, TestReading};
use omk::domain::fact::{AttemptFact, Fact, GateFact, MergeFact, SliceFact};
use omk::domain::question::QuestionTopic;
use omk::domain::task::{AttemptOutcome, UnchangedReason};

use crate::support::facts::{attempt, commit, draft, gate, gate_result, slice, tree};

/// Every fact that version 2 does not know.
pub(crate) fn drafts_of_version_3() -> Vec<Draft> {
    [strays(), lost_history(), verdicts(), refusals_in_words()].concat()
}

fn strays() -> Vec<Draft> {
    vec![draft(
        ActorName::Worker,
        Fact::Attempt(AttemptFact::CheckoutChanged { paths: vec!["/home/ada/app/src/lib.rs".to_owned()] }),
    )]
}

fn lost_history() -> Vec<Draft> {
    let lost = |begin_again| {
        Fact::Merge(MergeFact::IntegrationLost {
            slices: vec![slice("a"), slice("b")],
            begin_again,
            tip: commit('1'),
            tree: tree('2'),
        })
    };
    [vec![slice("b")], Vec::new()].map(|begin_again| draft(ActorName::Integrator, lost(begin_again))).into()
}

/// Slices done without a change, and what is seen in the output of gates.
fn verdicts() -> Vec<Draft> {
    let (id, number) = (slice("a"), attempt("a").attempt);
    let unchanged = |why| Fact::Slice(SliceFact::SliceUnchanged { slice: id.clone(), attempt: number, why });
    let asked = Fact::Slice(SliceFact::QuestionAsked {
        id: "a2".to_owned(),
        slice: id.clone(),
        text: "Is there nothing to do?".to_owned(),
        about: QuestionTopic::Unchanged,
    });
    let seen = |reading, outcome| {
        let result = GateResult { reading: Some(reading), compared: true, ..gate_result(outcome) };
        Fact::Gate(GateFact::GateFinished { scope: GateScope::Base, result: Box::new(result) })
    };
    let facts = [
        Fact::Attempt(AttemptFact::AttemptFinished { attempt: attempt("a"), outcome: AttemptOutcome::Unchanged }),
        asked,
        unchanged(UnchangedReason::CommandSucceeded),
        unchanged(UnchangedReason::GateMended { gate: gate("test") }),
        unchanged(UnchangedReason::Answered),
        seen(TestReading::Counted, GateOutcome::TestsFailed { failed: 2 }),
        seen(TestReading::Unnumbered, GateOutcome::NoTests),
        seen(TestReading::Unknown, GateOutcome::Green),
        seen(TestReading::NotRead, GateOutcome::Green),
    ];
    facts.into_iter().map(|fact| draft(ActorName::Scheduler, fact)).collect()
}

/// What an agent's final message reports of its provider, and an agent that our own machinery failed.
fn refusals_in_words() -> Vec<Draft> {
    let ends = [
        (AgentEnd::Finished, Some(AgentEnd::Unavailable { detail: "credit balance is too low".to_owned() })),
        (AgentEnd::Faulted { detail: "its keeper did not start".to_owned() }, None),
    ];
    let report = |(end, unless_changed): (AgentEnd, Option<AgentEnd>)| AgentReport {
        unless_changed: unless_changed.map(Box::new),
        ..AgentReport::bare(end, 9)
    };
    ends.map(|of| draft(ActorName::Worker, Fact::Attempt(AttemptFact::AgentReported { report: report(of) }))).to_vec()
}
