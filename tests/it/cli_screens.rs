//! What the command line shows of goals: made by hand, compared with snapshots.

use std::path::Path;

use omk::cli::context::Typist;
use omk::cli::drive::{SettledDocument, exit_code};
use omk::cli::goal::logs::{Filter, log_line};
use omk::cli::goal::proof::{self, ProofDocument};
use omk::cli::goal::status::{Seen, StatusDocument};
use omk::cli::goal::{diff, gc, list, replay, show, stop};
use omk::cli::narrative;
use omk::cli::output::style::Glyphs;
use omk::cli::output::{safe, stripped};
use omk::cli::progress::{Board, footer_lines, plain_line, scrollback, still_line};
use omk::cli::summary::End;
use omk::cli::{event, narrative::Weight};
use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::{Account, BudgetKind, Usage};
use omk::domain::change::{Change, EntryKind, FileChange, Line};
use omk::domain::control::{Holder, Stop};
use omk::domain::event::{ActorName, Event};
use omk::domain::evidence::{GateOutcome, GateScope};
use omk::domain::fact::{
    AttemptFact, Branch, BudgetFact, Fact, GateFact, GoalFact, MergeFact, PlanFact, ReviewFact, SliceFact,
    SupervisionFact,
};
use omk::domain::goal::{Drive, GoalStatus, Phase};
use omk::domain::ids::{Attempt, Batch, GateName, GoalId, SliceId};
use omk::domain::question::QuestionTopic;
use omk::domain::review::{Review, Role, Severity, Subject};
use omk::domain::task::{AcceptedPlan, AttemptOutcome, Feedback, FeedbackKind, Serialised};
use omk::domain::view::{
    CheckedClaim, GarbageOfGoal, GarbageReport, GoalSummary, GoalView, Health, Liveness, ProofCheck, ScopedGate,
    Settled,
};

use crate::support::views::{
    about, attempt, capture, charter, commit, event as record, finding, gate, gate_spec, goal, minutes,
    proof as proof_of, ready_goal, refusals, running_goal, settled, slice, spec, tree,
};

fn plain(text: &str) -> String {
    stripped(text, false)
}

fn feedback(summary: &str) -> Feedback {
    Feedback { kind: FeedbackKind::Gate, summary: summary.to_owned(), detail: String::new(), paths: Vec::new() }
}

fn gate_name(name: &str) -> GateName {
    GateName::parse(name).expect("a gate name")
}

fn typist() -> Typist {
    Typist { id: goal(), tail: "--state-dir /state".to_owned() }
}

fn holder() -> Holder {
    Holder { pid: 4021, host: "lin".to_owned(), boot_id: String::new(), version: "0.1.0".to_owned() }
}

/// A record of every kind, in the order of a plausible run.
fn history() -> Vec<Event> {
    use ActorName::{
        Budget, Controller, Integrator, Journal, Operator, Planner, Reviewer, Scheduler, Supervisor, Worker,
    };
    let plan = AcceptedPlan {
        slices: vec![spec("schema", &[]), spec("tokens", &["schema"])],
        gates: vec![gate_spec("fmt"), gate_spec("test")],
        serialised: vec![Serialised {
            first: slice("schema"),
            then: slice("tokens"),
            path: "src/schema.rs".to_owned(),
        }],
        source: "plan.toml".to_owned(),
    };
    let worker = |fact| (Worker, fact);
    let facts = vec![
        (Controller, Fact::Goal(GoalFact::GoalCreated(Box::new(charter())))),
        (Planner, Fact::Plan(PlanFact::PlanAccepted(Box::new(plan)))),
        (Controller, Fact::Goal(GoalFact::RunStarted { holder: holder(), drive: Drive::UntilReady })),
        (Controller, Fact::Goal(GoalFact::PhaseEntered { phase: Phase::Execution })),
        (
            Controller,
            Fact::Gate(GateFact::GateFinished {
                scope: GateScope::Base,
                result: Box::new(gate("test", GateOutcome::Green)),
            }),
        ),
        (
            Scheduler,
            Fact::Attempt(AttemptFact::AttemptOffered {
                attempt: attempt("schema", 1),
                start: commit('3'),
                content: None,
                agent: "script".to_owned(),
            }),
        ),
        (
            Scheduler,
            Fact::Attempt(AttemptFact::AttemptClaimed { attempt: attempt("schema", 1), lease_until: minutes(2) }),
        ),
        worker(Fact::Attempt(AttemptFact::WorktreePrepared { path: "worktrees/schema.1".into() })),
        (
            Scheduler,
            Fact::Budget(BudgetFact::UsageRecorded {
                slice: slice("schema"),
                usage: Usage { usd_micros: Some(220_000), ..Usage::default() },
                role: Default::default(),
                model: None,
            }),
        ),
        worker(Fact::Attempt(AttemptFact::AgentReported {
            report: AgentReport {
                unless_changed: None,
                end: AgentEnd::Failed { detail: "exit 1: \u{1b}[31mboom".to_owned() },
                duration_ms: 6_100,
                usage: Usage::default(),
                log: None,
                frames: None,
                survivors: vec!["4411 cargo".to_owned()],
                refused: Box::new(refusals()),
            },
        })),
        worker(Fact::Attempt(AttemptFact::SliceCaptured { capture: capture(212, 8) })),
        worker(Fact::Gate(GateFact::GateFinished {
            scope: GateScope::Attempt { slice: slice("schema"), attempt: Attempt(1) },
            result: Box::new(gate("test", GateOutcome::Red { exit: 101 })),
        })),
        (
            Scheduler,
            Fact::Attempt(AttemptFact::AttemptFinished {
                attempt: attempt("schema", 1),
                outcome: AttemptOutcome::Rejected { feedback: feedback("gate test is red: 2 failed") },
            }),
        ),
        (
            Scheduler,
            Fact::Attempt(AttemptFact::LateResultDropped {
                attempt: attempt("schema", 1),
                detail: "epoch 1 is over".to_owned(),
            }),
        ),
        (
            Scheduler,
            Fact::Attempt(AttemptFact::AttemptFinished {
                attempt: attempt("schema", 2),
                outcome: AttemptOutcome::Passed,
            }),
        ),
        (
            Reviewer(Role::Code),
            Fact::Review(ReviewFact::ReviewFinished {
                subject: Subject::Slice { slice: slice("schema"), attempt: Attempt(2) },
                review: Review::of(Role::Code, "3 files".to_owned(), vec![finding(Severity::High)]),
            }),
        ),
        (
            Reviewer(Role::Performance),
            Fact::Review(ReviewFact::ReviewFinished {
                subject: Subject::Goal { tree: tree('e') },
                review: Review::not_applicable(Role::Performance, "no bench gate"),
            }),
        ),
        (
            Scheduler,
            Fact::Slice(SliceFact::SliceReturned {
                slice: slice("schema"),
                attempt: Attempt(2),
                feedback: feedback("code: 1 finding"),
            }),
        ),
        (Scheduler, Fact::Slice(SliceFact::SliceAccepted { slice: slice("schema"), attempt: Attempt(3) })),
        (
            Integrator,
            Fact::Merge(MergeFact::BatchFormed {
                batch: Batch(1),
                onto: commit('3'),
                slices: vec![slice("schema"), slice("tokens")],
            }),
        ),
        (
            Integrator,
            Fact::Merge(MergeFact::MergeConflicted {
                slice: slice("tokens"),
                attempt: Attempt(1),
                batch: Batch(1),
                onto: commit('3'),
                with: vec![slice("schema")],
                paths: vec!["CHANGELOG.md".to_owned()],
                evidence: Vec::new(),
                keep: Vec::new(),
                feedback: feedback("it conflicts with `schema` in CHANGELOG.md"),
            }),
        ),
        (
            Integrator,
            Fact::Gate(GateFact::GateFinished {
                scope: GateScope::Batch { batch: Batch(1) },
                result: Box::new(gate("fmt", GateOutcome::TimedOut)),
            }),
        ),
        (
            Integrator,
            Fact::Gate(GateFact::FlakeSeen {
                scope: GateScope::Batch { batch: Batch(1) },
                gate: gate_name("test"),
                tree: tree('e'),
            }),
        ),
        (Integrator, Fact::Gate(GateFact::RedBefore { batch: Batch(1), gate: gate_name("test"), onto: commit('3') })),
        (
            Integrator,
            Fact::Merge(MergeFact::SliceBlamed {
                slice: slice("tokens"),
                attempt: Attempt(1),
                batch: Batch(1),
                gate: gate_name("test"),
                feedback: feedback("gate `test` turns red"),
            }),
        ),
        (
            Integrator,
            Fact::Merge(MergeFact::SliceIntegrated {
                slice: slice("schema"),
                attempt: Attempt(3),
                batch: Batch(1),
                merge: commit('9'),
                tree: tree('9'),
            }),
        ),
        (
            Scheduler,
            Fact::Slice(SliceFact::QuestionAsked {
                id: "a1".to_owned(),
                slice: slice("tokens"),
                text: "may I add `governor`?".to_owned(),
                about: QuestionTopic::Agents,
            }),
        ),
        (Operator, Fact::Slice(SliceFact::QuestionAnswered { id: "a1".to_owned(), answer: "yes".to_owned() })),
        (
            Scheduler,
            Fact::Slice(SliceFact::SliceGivenUp {
                slice: slice("tokens"),
                reason: "3 of 3 attempts failed".to_owned(),
            }),
        ),
        (
            Operator,
            Fact::Slice(SliceFact::SliceReopened {
                slice: slice("tokens"),
                fresh: true,
                hint: Some("use std".to_owned()),
            }),
        ),
        (Operator, Fact::Budget(BudgetFact::LimitsSet { limits: charter().limits, account: Default::default() })),
        (
            Budget,
            Fact::Budget(BudgetFact::BudgetNoticed {
                budget: BudgetKind::Time,
                spent: 240_000,
                limit: 360_000,
                account: Default::default(),
            }),
        ),
        (
            Budget,
            Fact::Budget(BudgetFact::BudgetExhausted {
                budget: BudgetKind::Usd,
                spent: 25_100_000,
                limit: 25_000_000,
                account: Default::default(),
            }),
        ),
        (
            Supervisor,
            Fact::Supervision(SupervisionFact::ActorRestarted {
                child: Scheduler,
                cause: "panic: index out of bounds".to_owned(),
            }),
        ),
        (
            Supervisor,
            Fact::Supervision(SupervisionFact::RestartsExceeded { child: Scheduler, cause: "panic".to_owned() }),
        ),
        (Journal, Fact::Supervision(SupervisionFact::TailCut { bytes: 17 })),
        (Operator, Fact::Goal(GoalFact::StopRequested { stop: Stop::Pause, by: "pid 4100".to_owned() })),
        (
            Controller,
            Fact::Goal(GoalFact::Delivered {
                branches: vec![Branch { name: "omk/x/integration".to_owned(), commit: commit('e') }],
            }),
        ),
        (
            Controller,
            Fact::Goal(GoalFact::GoalSettled {
                status: GoalStatus::Ready,
                reason: "proven".to_owned(),
                next: Vec::new(),
            }),
        ),
    ];
    let numbered = facts.into_iter().zip(1..).map(|((actor, fact), seq)| {
        let event = record(seq, seq * 7, actor, fact);
        if actor == Worker { about(attempt("schema", 1), event) } else { event }
    });
    numbered.collect()
}

#[test]
fn every_fact_has_its_sentence() {
    let lines: String = history().iter().filter_map(|event| log_line(event, &typist())).collect();
    insta::assert_snapshot!(plain(&lines));
}

#[test]
fn a_record_of_use_says_nothing() {
    let silent: Vec<u64> =
        history().iter().filter(|event| narrative::narrate(event).is_none()).map(|e| e.seq.0).collect();
    assert_eq!(silent, [9]);
}

#[test]
fn a_run_off_a_terminal_prints_a_line_per_transition() {
    let mut board = Board::of(&GoalView { slices: Vec::new(), ..running_goal() });
    let mut text = String::new();
    for event in history() {
        board.apply(&event);
        if let Some(line) = narrative::narrate(&event).filter(|line| line.weight == Weight::Main) {
            text.push_str(&plain_line(&event, &line, &board, &typist()));
        }
    }
    insta::assert_snapshot!(plain(&text));
}

#[test]
fn a_run_on_a_terminal_scrolls_as_cargo_does() {
    let mut board = Board::of(&GoalView { slices: Vec::new(), ..running_goal() });
    let mut text = String::new();
    for event in history() {
        board.apply(&event);
        if let Some(line) = narrative::narrate(&event).filter(|line| line.weight == Weight::Main) {
            text.push_str(&scrollback(&event, &line, &board, &typist()));
        }
    }
    insta::assert_snapshot!(plain(&text));
}

#[test]
fn the_footer_shows_who_works_who_asks_and_who_waits() {
    let board = Board::of(&running_goal());
    let unicode = footer_lines(&board, minutes(54), Glyphs::UNICODE).join("\n");
    let ascii = footer_lines(&board, minutes(54), Glyphs::ASCII).join("\n");
    insta::assert_snapshot!(plain(&format!("{unicode}\n\n{ascii}")));
}

#[test]
fn the_footer_has_at_most_eight_lines() {
    let view = running_goal();
    let slices = (0..40).map(|n| crate::support::views::waiting(&format!("s{n}"), &[])).collect();
    let board = Board::of(&GoalView { slices, ..view });
    assert_eq!(footer_lines(&board, minutes(50), Glyphs::ASCII).len(), 8);
}

#[test]
fn a_quiet_run_says_that_it_goes_on() {
    insta::assert_snapshot!(still_line(&Board::of(&running_goal()), minutes(76)));
}

fn summary(view: &GoalView, settled: &Settled) -> String {
    let proof = proof_of(view);
    let directory = Path::new("/state/goals/add-login-01k5x7p2");
    plain(&End { settled, view, proof: Some(&proof), directory, next: &settled.next }.text())
}

#[test]
fn the_summary_of_a_ready_goal_says_what_was_integrated_and_what_proves_it() {
    let view = ready_goal();
    insta::assert_snapshot!(summary(&view, &settled(&view)));
}

#[test]
fn the_summary_of_a_goal_that_is_not_ready_begins_with_what_is_in_the_way() {
    let red = ScopedGate { scope: GateScope::Tip, result: gate("test", GateOutcome::Red { exit: 101 }) };
    let view = GoalView {
        status: GoalStatus::NotReady,
        reason: "docs was given up and gate test is red".to_owned(),
        next: vec!["omk goal retry add-login-01k5x7p2 --slice docs".to_owned()],
        gate_results: vec![red],
        ..running_goal()
    };
    insta::assert_snapshot!(summary(&view, &settled(&view)));
}

#[test]
fn a_run_ended_by_a_signal_exits_with_128_and_the_signal() {
    let view = GoalView { status: GoalStatus::Paused, ..running_goal() };
    let stopped = |signal| exit_code(&Settled { signal, ..settled(&view) });
    assert_eq!([stopped(Some(2)), stopped(Some(15)), stopped(None)], [130, 143, 6]);
}

#[test]
fn the_status_says_why_each_slice_waits_and_what_comes_next() {
    let view = running_goal();
    let process = Liveness::Held { holder: holder(), health: Health::Well };
    let seen = Seen { view: &view, process: &process, typist: &typist(), next: &view.next, now: minutes(42) };
    insta::assert_snapshot!(plain(&seen.text(Glyphs::UNICODE)));
}

#[test]
fn a_goal_that_says_running_without_a_process_is_orphaned() {
    let view = running_goal();
    let seen = Seen { view: &view, process: &Liveness::NoProcess, typist: &typist(), next: &[], now: minutes(42) };
    assert!(plain(&seen.text(Glyphs::ASCII)).contains("running (orphaned)"));
    let document = serde_json::to_value(StatusDocument::of(&view, &Liveness::NoProcess)).expect("JSON");
    assert_eq!(document["orphaned"], true);
}

fn summaries() -> Vec<GoalSummary> {
    let one = |id: &str, status, orphaned, needs: &str| GoalSummary {
        id: GoalId::parse(id).expect("a goal id"),
        status,
        orphaned,
        created: minutes(0),
        updated: minutes(42),
        integrated: 1,
        slices: 9,
        tokens: 0,
        usd_micros: (!orphaned).then_some(6_120_000),
        usd_complete: true,
        needs: needs.to_owned(),
        repository: format!("/home/me/{}", if orphaned { "web" } else { "api" }).into(),
        git_dir: "/home/me/api/.git".into(),
    };
    vec![
        one("add-login-01k5x7p2", GoalStatus::Running, false, "answer a1"),
        one("port-cli-to-clap-01k5x000", GoalStatus::BlockedOnHuman, false, "credentials\u{1b}[2J for staging"),
        one("fix-flaky-io-01k4zzzz", GoalStatus::Running, true, ""),
    ]
}

#[test]
fn the_list_is_a_table() {
    insta::assert_snapshot!(plain(&list::text(&summaries(), false, minutes(42))));
    insta::assert_snapshot!("list-all", plain(&list::text(&summaries(), true, minutes(42))));
}

#[test]
fn an_empty_list_says_how_to_begin() {
    let begin = "   begin one: omk goal run \"...\" --until-ready\n";
    assert_eq!(list::text(&[], true, minutes(0)), format!("no goals{begin}"));
    assert_eq!(list::text(&[], false, minutes(0)), format!("no goals of this repository{begin}"));
}

#[test]
fn show_tells_the_full_state_in_text_and_markdown() {
    insta::assert_snapshot!("show-text", plain(&show::text(&ready_goal(), false)));
    insta::assert_snapshot!("show-markdown", show::markdown(&running_goal()));
}

#[test]
fn the_proof_is_shown_in_text_and_markdown() {
    let statement = proof_of(&ready_goal());
    insta::assert_snapshot!("proof-text", plain(&proof::text(&statement)));
    insta::assert_snapshot!("proof-markdown", proof::markdown(&statement.predicate));
}

#[test]
fn a_checked_proof_shows_every_claim_and_that_nobody_signed_it() {
    let claim =
        |claim: &str, holds, detail: &str| CheckedClaim { claim: claim.to_owned(), holds, detail: detail.to_owned() };
    let check = ProofCheck {
        schema: "omk.proof-check/v1".to_owned(),
        holds: false,
        signature: "unsigned".to_owned(),
        checks: vec![
            claim("journal", true, "41 records, the chain is whole"),
            claim("rerun.test", false, "red (exit 101)"),
        ],
    };
    insta::assert_snapshot!(plain(&proof::check_text(&check)));
}

#[test]
fn the_timeline_shows_every_record() {
    let lines = plain(&replay::timeline(&history()));
    assert_eq!(lines.lines().count(), history().len());
    insta::assert_snapshot!(lines.lines().take(10).collect::<Vec<_>>().join("\n"));
}

#[test]
fn logs_are_filtered_by_actor_slice_and_moment() {
    let seqs = |filter: Filter| history().iter().filter(|e| filter.admits(e)).map(|e| e.seq.0).collect::<Vec<_>>();
    assert_eq!(seqs(Filter { actor: Some("reviewer".to_owned()), ..Filter::default() }), [16, 17]);
    assert_eq!(seqs(Filter { actor: Some("reviewer.code".to_owned()), ..Filter::default() }), [16]);
    assert_eq!(seqs(Filter { slice: Some(slice("tokens")), ..Filter::default() }), [20, 21, 25, 27, 29, 30]);
    assert_eq!(seqs(Filter { from: Some(minutes(4)), ..Filter::default() }), [35, 36, 37, 38, 39]);
}

#[test]
fn a_stopped_goal_says_how_to_go_on() {
    let settled = Settled {
        status: GoalStatus::Paused,
        next: vec![format!("omk goal resume {}", goal())],
        ..settled(&running_goal())
    };
    insta::assert_snapshot!(plain(&stop::text(&settled, &settled.next)));
}

fn change() -> Change {
    let line = |number, text: &str| Line { number, text: text.to_owned() };
    let file = |path: &str, binary| FileChange {
        path: path.to_owned(),
        before: None,
        after: Some(EntryKind::File),
        binary,
        added: if binary { Vec::new() } else { vec![line(1, "one"), line(2, "two")] },
        removed: Vec::new(),
        link_target: None,
    };
    Change { files: vec![file("src/\u{1b}[2Jlong name.rs", false), file("logo.png", true)] }
}

#[test]
fn a_change_is_counted_per_file() {
    insta::assert_snapshot!(plain(&diff::stat(&change())));
}

#[test]
fn a_patch_on_a_terminal_is_harmless() {
    assert_eq!(plain(&diff::colored("+a\u{1b}[2J\n-b\n\n")), "+a\\u{1b}[2J\n-b\n\n");
}

#[test]
fn garbage_is_reported_per_goal() {
    let report = GarbageReport {
        goals: vec![GarbageOfGoal { id: goal(), removed: vec!["worktrees (2)".to_owned()], bytes: 1_234_567 }],
        dry_run: true,
        problems: Vec::new(),
    };
    insta::assert_snapshot!(gc::text(&report));
}

fn keys(document: &impl serde::Serialize) -> Vec<String> {
    let json = safe::json(document);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    value.as_object().expect("an object").keys().cloned().collect()
}

#[test]
fn documents_keep_the_keys_that_scripts_rely_on() {
    let (running, ready) = (running_goal(), ready_goal());
    let status = StatusDocument::of(&running, &Liveness::NoProcess);
    let statement = proof_of(&ready);
    let settled = settled(&ready);
    let history = history();
    let record = event::document(&history[6]);
    let all = [
        ("omk.goal.status/v1", keys(&status)),
        ("omk.goal.proof/v1", keys(&ProofDocument::of(&statement.predicate, "repo.git"))),
        ("omk.settled/v1", keys(&SettledDocument::of(&settled, 0))),
        ("omk.event/v1", keys(&record)),
        ("omk.goal/v1", keys(&running)),
    ];
    let text: String = all.iter().map(|(schema, keys)| format!("{schema}: {}\n", keys.join(" "))).collect();
    insta::assert_snapshot!(text);
    let waiting = serde_json::to_value(&status).expect("JSON")["slices"][2].clone();
    insta::assert_snapshot!("status-slice", serde_json::to_string_pretty(&waiting).expect("JSON"));
}

#[test]
fn a_record_is_streamed_with_its_type_and_its_data() {
    insta::assert_snapshot!(safe::json(&event::document(&history()[6])));
}

#[test]
fn a_record_is_about_whom_it_names_and_not_about_the_attempt_that_led_to_it() {
    let budget = |account| {
        Fact::Budget(BudgetFact::BudgetNoticed { budget: BudgetKind::Tokens, spent: 70, limit: 100, account })
    };
    let by = |actor, fact| Event { attempt: Some(attempt("b", 1)), ..record(1, 0, actor, fact) };
    let told_of = |event: &Event| {
        let named: Vec<_> = event::slices(event).iter().map(|slice| slice.to_string()).collect();
        (named.join(" "), narrative::narrate(event).and_then(|line| line.slice).map(|slice| slice.to_string()))
    };
    let of_a = told_of(&by(ActorName::Budget, budget(Account::Slice(SliceId::parse("a").expect("a slice")))));
    assert_eq!(of_a, ("a".to_owned(), Some("a".to_owned())));
    assert_eq!(told_of(&by(ActorName::Budget, budget(Account::Goal))), (String::new(), None));
    let opened = Fact::Attempt(AttemptFact::SessionOpened { id: "s".to_owned() });
    assert_eq!(told_of(&by(ActorName::Worker, opened)).0, "b");
}
