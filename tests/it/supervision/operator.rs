//! What the operator says while a run is under way.

use omk::domain::event::Fact;
use omk::domain::goal::Charter;
use omk::domain::task::{AttemptOutcome, FeedbackKind};
use omk::workflow::scheduler::Scheduler;
use omk::workflow::slices::Stage;

use super::{Bench, one_agent, stale};
use crate::support::views::slice;

#[test]
fn an_answer_goes_on_in_the_same_run_and_a_wrong_one_is_refused() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    let refused = bench.scheduler.answer("a9", "blue", bench.now);
    assert_eq!(refused, Err("there is no open question `a9`".to_owned()));
    let said = bench.scheduler.answer("a1", "blue", bench.now);
    assert_eq!(said, Ok(Fact::QuestionAnswered { id: "a1".to_owned(), answer: "blue".to_owned() }));
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.offered(), ["a.1 one", "b.1 one", "a.2 one"]);
}

#[test]
fn a_retry_is_refused_where_it_makes_no_sense_and_goes_on_where_it_does() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    let retry =
        |bench: &mut Bench, id: &str| bench.scheduler.retry(&slice(id), true, Some("try".to_owned()), bench.now);
    assert_eq!(retry(&mut bench, "nope"), Err("there is no slice `nope`".to_owned()));
    assert_eq!(retry(&mut bench, "a"), Err("slice `a` is being worked on".to_owned()));
    for _ in 0..2 {
        bench.end("a", stale());
    }
    bench.reason("a");
    let reopened = Fact::SliceReopened { slice: slice("a"), fresh: true, hint: Some("try".to_owned()) };
    assert_eq!(retry(&mut bench, "a"), Ok(reopened));
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.stage("a"), Stage::Offered);
}

#[test]
fn a_run_that_has_told_its_end_takes_no_more_words() {
    let mut bench = Bench::new(&["a"], one_agent());
    bench.end("a", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    assert_eq!(bench.reported(), Some(None));
    let refused = bench.scheduler.answer("a1", "blue", bench.now).unwrap_err();
    assert!(refused.contains("coming to its end"), "{refused}");
}

#[test]
fn where_nobody_answers_a_question_goes_back_but_for_that_of_the_last_attempt() {
    let mut bench = Bench::new(&["a"], Charter { no_input: true, ..one_agent() });
    let ask = || AttemptOutcome::Asked { question: "which colour?".to_owned() };
    bench.end("a", ask());
    bench.end("a", ask());
    let told = &bench.scheduler.table().slice(&slice("a")).unwrap().feedback[1];
    let summary = "nobody answers questions in this run: decide yourself and say what you assumed";
    assert_eq!(
        (told.kind, told.summary.as_str(), told.detail.as_str()),
        (FeedbackKind::Operator, summary, "which colour?")
    );
    bench.end("a", ask());
    assert!(matches!(bench.stage("a"), Stage::Asking { .. }));
}
