//! What the operator says while a run is under way.

use omk::domain::control::Refusal;
use omk::domain::fact::{Fact, SliceFact};
use omk::domain::goal::Charter;
use omk::domain::task::{AttemptOutcome, FeedbackKind};
use omk::workflow::scheduler::operator::{Again, Steering};
use omk::workflow::scheduler::{Intent, Scheduler};
use omk::workflow::slices::Stage;

use super::{Bench, one_agent, rejected, stale};
use crate::support::views::slice;

#[test]
fn an_answer_goes_on_in_the_same_run_and_a_wrong_one_is_refused() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.end("a", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    let refused = bench.scheduler.answer("a9", "blue", bench.now);
    assert_eq!(refused, Err("there is no open question `a9`".to_owned().into()));
    let said = bench.scheduler.answer("a1", "blue", bench.now);
    assert_eq!(said, Ok(Fact::Slice(SliceFact::QuestionAnswered { id: "a1".to_owned(), answer: "blue".to_owned() })));
    bench.decide(Scheduler::go_on);
    assert_eq!(bench.offered(), ["a.1 one", "b.1 one", "a.2 one"]);
}

#[test]
fn a_retry_is_refused_where_it_makes_no_sense_and_goes_on_where_it_does() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    let again = || Again { fresh: true, hint: Some("try".to_owned()) };
    let retry = |bench: &mut Bench, id: &str| bench.scheduler.retry(&slice(id), again(), false, bench.now);
    let unknown = Refusal::new("there is no slice `nope`", ["its slices: a, b".to_owned()]);
    assert_eq!(retry(&mut bench, "nope"), Err(unknown));
    assert_eq!(retry(&mut bench, "a"), Err("slice `a` is being worked on".to_owned().into()));
    let steer = "tell its agent while it works: omk goal steer GOAL --slice a --text \"…\"";
    let steer = steer.replace("GOAL", bench.charter.id.as_str());
    let refused = bench.scheduler.retry(&slice("a"), again(), true, bench.now);
    assert_eq!(refused, Err(Refusal::new("slice `a` is being worked on", [steer])));
    for _ in 0..2 {
        bench.end("a", stale());
    }
    bench.reason("a");
    let reopened =
        Fact::Slice(SliceFact::SliceReopened { slice: slice("a"), fresh: true, hint: Some("try".to_owned()) });
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
    assert!(refused.reason.contains("coming to its end"), "{refused:?}");
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
        (FeedbackKind::Operator, summary, "you asked: which colour?")
    );
    bench.end("a", ask());
    assert!(matches!(bench.stage("a"), Stage::Asking { .. }));
}

fn steered(bench: &mut Bench, id: &str, hears: bool) -> Result<Steering, Refusal> {
    bench.scheduler.steer(&slice(id), "left", hears, bench.now)
}

#[test]
fn words_for_an_agent_at_work_are_a_fact_and_what_a_later_attempt_is_told() {
    let mut bench = Bench::new(&["a"], one_agent());
    let attempt = bench.claimed("a");
    let fact = Fact::Slice(SliceFact::SliceSteered { slice: slice("a"), text: "left".to_owned() });
    assert_eq!(steered(&mut bench, "a", true), Ok(Steering { fact: fact.clone(), at_work: Some(attempt) }));
    bench.facts.push(fact);
    let record = bench.scheduler.table().slice(&slice("a")).unwrap().clone();
    let told = &record.feedback[0];
    assert_eq!(
        (told.kind, told.summary.as_str(), told.detail.as_str()),
        (FeedbackKind::Operator, "the operator says", "left")
    );
    assert_eq!(bench.folded().slice(&slice("a")).unwrap().feedback, record.feedback);
}

#[test]
fn words_for_an_attempt_that_is_not_claimed_yet_come_with_its_task() {
    let mut bench = Bench::new(&["a"], one_agent());
    assert_eq!(steered(&mut bench, "a", true).unwrap().at_work, None);
    let attempt = bench.scheduler.table().slice(&slice("a")).unwrap().attempt_ref();
    let intents = bench.decide(|it, now| it.claim(&attempt, now));
    let [Intent::Grant(task)] = intents.as_slice() else { panic!("{intents:?}") };
    assert_eq!(task.feedback[0].detail, "left");
}

#[test]
fn words_for_nobody_are_refused_with_what_helps() {
    let mut bench = Bench::new(&["apple", "pear"], one_agent());
    let goal = bench.charter.id.clone();
    let retry = |slice: &str| format!("omk goal retry {goal} --slice {slice} --hint \"…\"");
    bench.claimed("apple");
    let meant = "there is no slice `aple`; did you mean `apple`?";
    let known = "its slices: apple, pear".to_owned();
    assert_eq!(steered(&mut bench, "aple", true), Err(Refusal::new(meant, [known])));
    let deaf = "the agent of slice `apple` (`one`) cannot be told anything while it works";
    let stop = format!("stop it and tell its next attempt: omk goal pause {goal}, then {}", retry("apple"));
    assert_eq!(steered(&mut bench, "apple", false), Err(Refusal::new(deaf, [stop])));
    bench.end("apple", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    let asks = "no agent works on slice `apple` now: it asks a1, \"which colour?\"";
    let answer = format!("answer it: omk goal answer {goal}.a1 --text \"…\"");
    assert_eq!(steered(&mut bench, "apple", true), Err(Refusal::new(asks, [answer])));
    for _ in 0..3 {
        bench.end("pear", stale());
    }
    bench.reason("pear");
    let nobody = "no agent works on slice `pear` now";
    let next = format!("tell its next attempt, which works now: {}", retry("pear"));
    assert_eq!(steered(&mut bench, "pear", true), Err(Refusal::new(nobody, [next])));
    assert!(bench.folded().iter().all(|record| record.feedback.is_empty()));
}

#[test]
fn a_session_that_goes_on_is_told_once_more_what_was_said_while_its_agent_worked() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    let news = |bench: &mut Bench| {
        let attempt = bench.scheduler.table().slice(&slice("a")).unwrap().attempt_ref();
        let intents = bench.decide(|it, now| it.claim(&attempt, now));
        let [Intent::Grant(task)] = intents.as_slice() else { panic!("{intents:?}") };
        task.session.as_ref().map(|session| session.news)
    };
    let interrupted = || AttemptOutcome::Interrupted { by: "a pause".to_owned() };
    assert_eq!(news(&mut bench), None);
    steered(&mut bench, "a", true).unwrap();
    bench.end_in_session("a", interrupted());
    assert_eq!(news(&mut bench), Some(1));
    bench.end_in_session("a", interrupted());
    assert_eq!(news(&mut bench), Some(0));
    bench.end_in_session("a", AttemptOutcome::Asked { question: "which colour?".to_owned() });
    bench.scheduler.answer("a1", "blue", bench.now).unwrap();
    bench.decide(Scheduler::go_on);
    // The attempt that was to tell it came to nothing before its agent said a word.
    assert_eq!(news(&mut bench), Some(1));
    bench.end("a", interrupted());
    assert_eq!(news(&mut bench), Some(1));
}

#[test]
fn what_the_operator_said_stays_in_every_later_task_however_much_else_was_said() {
    let mut bench = Bench::new(&["a", "b"], one_agent());
    bench.claimed("a");
    steered(&mut bench, "a", true).unwrap();
    for round in 0..8 {
        bench.end("a", rejected(FeedbackKind::Gate));
        if matches!(bench.stage("a"), Stage::GivenUp { .. }) {
            bench.scheduler.retry(&slice("a"), Again { fresh: false, hint: None }, true, bench.now).unwrap();
            bench.decide(Scheduler::go_on);
        }
        let attempt = bench.scheduler.table().slice(&slice("a")).unwrap().attempt_ref();
        let intents = bench.decide(|it, now| it.claim(&attempt, now));
        let [Intent::Grant(task)] = intents.as_slice() else { panic!("{intents:?}") };
        assert_eq!((task.feedback[0].detail.as_str(), task.feedback.len()), ("left", 7.min(round + 2)), "{round}");
    }
}
