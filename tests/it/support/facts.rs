//! Sample facts: at least one of every kind, with every shape that their fields can have.
//!
//! The golden journals hold exactly these. A new kind of fact goes to the end; what is here stays as it is.

use std::path::PathBuf;

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::{BudgetKind, Limits, Usage};
use omk::domain::control::Stop;
use omk::domain::event::{ActorName, Draft};
use omk::domain::evidence::{ArtifactRef, GateOutcome, GateResult, GateScope, TestCount};
use omk::domain::fact::{
    AttemptFact, Branch, BudgetFact, Fact, GateFact, GoalFact, MergeFact, PlanFact, ReviewFact, SliceFact,
    SupervisionFact,
};
use omk::domain::goal::{
    Charter, DeliveryPolicy, Drive, GoalStatus, MergePolicy, Phase, RepositoryFacts, SandboxChoice, SandboxLevel,
    Settings,
};
use omk::domain::ids::{
    Attempt, AttemptRef, Batch, CommitId, ContentHash, Epoch, GateName, Seq, SliceId, Timestamp, TreeId,
};
use omk::domain::question::QuestionTopic;
use omk::domain::review::{Finding, Review, Role, Severity, Subject};
use omk::domain::task::{
    AcceptedPlan, AttemptOutcome, Capture, Feedback, FeedbackKind, GateCommand, GateKind, GateSpec, KeptLines,
    Proposal, Risk, Serialised, SliceSpec,
};

use crate::support::places::{goal_id, holder};

pub(crate) fn slice(name: &str) -> SliceId {
    SliceId::parse(name).expect("a slice id")
}

pub(crate) fn gate(name: &str) -> GateName {
    GateName::parse(name).expect("a gate name")
}

/// A commit of one repeated digit.
pub(crate) fn commit(digit: char) -> CommitId {
    CommitId::parse(&digit.to_string().repeat(40)).expect("a commit id")
}

/// A tree of one repeated digit.
pub(crate) fn tree(digit: char) -> TreeId {
    TreeId::parse(&digit.to_string().repeat(40)).expect("a tree id")
}

/// A hash of one repeated digit.
pub(crate) fn hash(digit: char) -> ContentHash {
    ContentHash::parse(&digit.to_string().repeat(64)).expect("a hash")
}

/// The first attempt of a slice.
pub(crate) fn attempt(name: &str) -> AttemptRef {
    AttemptRef { slice: slice(name), attempt: Attempt(1), epoch: Epoch(3) }
}

/// A fact that nothing in particular led to.
pub(crate) fn draft(actor: ActorName, fact: Fact) -> Draft {
    Draft { actor, cause: None, attempt: None, fact }
}

pub(crate) fn artifact(path: &str) -> ArtifactRef {
    ArtifactRef { path: path.to_owned(), sha256: hash('a'), bytes: 1234 }
}

pub(crate) fn capture() -> Capture {
    Capture {
        start: commit('1'),
        tree: tree('2'),
        commit: commit('3'),
        paths: vec!["src/lib.rs".to_owned(), "src/größe.rs".to_owned()],
        added: 12,
        removed: 3,
        ignored: vec!["target/x".to_owned()],
    }
}

pub(crate) fn charter() -> Charter {
    Charter {
        id: goal_id(1),
        created: Timestamp(1_763_700_000_001),
        request: "  Add a\n\t\"sample\" \u{1F600} \\ goal \u{1b}[31m".to_owned(),
        goal: "Add a \"sample\" goal".to_owned(),
        constraints: vec!["nothing else changes".to_owned()],
        assumptions: vec!["the tests are right".to_owned()],
        criteria: vec!["every required gate is green".to_owned()],
        repository: RepositoryFacts {
            root: PathBuf::from("/home/u/repo"),
            git_dir: PathBuf::from("/home/u/repo/.git"),
            base: commit('b'),
            base_tree: tree('c'),
            branch: Some("main".to_owned()),
            notes: vec!["2 changed files are left out".to_owned()],
        },
        agent: Some("cmd:./agent.sh".to_owned()),
        stand_ins: Vec::new(),
        max_agents: 4,
        role_limits: Default::default(),
        prices: Vec::new(),
        limits: Limits { time_ms: Some(60_000), tokens: Some(1_000_000), usd_micros: None },
        policy: DeliveryPolicy::DraftPr,
        merge_policy: MergePolicy::Gated,
        sandbox: SandboxChoice::Auto,
        sandbox_level: SandboxLevel::None,
        no_input: true,
        settings: Settings::default(),
        proposal: Proposal { slices: plan().slices, gates: plan().gates, source: "plan.toml".to_owned() },
    }
}

pub(crate) fn plan() -> AcceptedPlan {
    let pattern = |text| PathPattern::parse(text).expect("a pattern");
    let bare = SliceSpec {
        id: slice("a"),
        title: "A".to_owned(),
        description: String::new(),
        after: Vec::new(),
        access: AccessSet::default(),
        risk: Risk::Medium,
        acceptance: Vec::new(),
        gates: Vec::new(),
        retries: 2,
        run: None,
        agent: None,
        budget: omk::domain::budget::Limits::default(),
    };
    let full = SliceSpec {
        id: slice("b"),
        description: "B, in full".to_owned(),
        after: vec![slice("a")],
        access: AccessSet {
            reads: vec![pattern("docs")],
            writes: vec![pattern("src/**/*.rs")],
            merges: vec![pattern("CHANGELOG.md")],
        },
        risk: Risk::High,
        acceptance: vec!["it works".to_owned()],
        gates: vec![gate("test")],
        run: Some("sh work.sh".to_owned()),
        budget: omk::domain::budget::Limits::default(),
        ..bare.clone()
    };
    let test = GateSpec {
        name: gate("test"),
        command: GateCommand::Shell("cargo test".to_owned()),
        kind: GateKind::Test,
        timeout_ms: 60_000,
        required: true,
    };
    let bench = GateSpec {
        name: gate("bench"),
        command: GateCommand::Argv(vec!["cargo".to_owned(), "bench".to_owned()]),
        kind: GateKind::Bench,
        required: false,
        ..test.clone()
    };
    AcceptedPlan {
        slices: vec![bare, full],
        gates: vec![test, bench],
        serialised: vec![Serialised { first: slice("a"), then: slice("b"), path: "docs".to_owned() }],
        source: "plan.toml".to_owned(),
    }
}

pub(crate) fn gate_result(outcome: GateOutcome) -> GateResult {
    GateResult {
        gate: gate("test"),
        kind: GateKind::Test,
        required: true,
        tree: tree('2'),
        gate_hash: hash('d'),
        env_hash: hash('e'),
        sandbox: SandboxLevel::None,
        outcome,
        duration_ms: 1500,
        cold: true,
        tests: Some(TestCount { passed: 10, failed: 1, ignored: 2 }),
        test_names: Some(artifact("artifacts/gates/1.names")),
        reading: None,
        lost_tests: vec!["it::was::here".to_owned()],
        compared: false,
        log: artifact("artifacts/gates/1.log"),
        excerpt: "assertion failed\n".to_owned(),
        survivors: vec!["77 sleep".to_owned()],
    }
}

pub(crate) fn feedback() -> Feedback {
    Feedback {
        kind: FeedbackKind::Gate,
        summary: "gate `test` is red".to_owned(),
        detail: "left: 1\nright: 2".to_owned(),
        paths: vec!["src/lib.rs".to_owned()],
    }
}

fn report(end: AgentEnd) -> AgentReport {
    AgentReport {
        unless_changed: None,
        end,
        duration_ms: 700,
        usage: Usage { input_tokens: 10, cached_tokens: 4, output_tokens: 2, usd_micros: Some(7) },
        log: Some(artifact("artifacts/agent-runs/a.1.log")),
        frames: None,
        survivors: Vec::new(),
        refused: Default::default(),
    }
}

/// Every kind of fact, the controller's first.
pub(crate) fn every_draft() -> Vec<Draft> {
    let mut drafts = controller();
    drafts.push(draft(ActorName::Planner, Fact::Plan(PlanFact::PlanAccepted(Box::new(plan())))));
    drafts.extend(scheduler());
    drafts.extend(worker());
    drafts.extend(gates_and_reviews());
    drafts.extend(integrator());
    drafts.extend(budget());
    drafts.extend(supervision());
    drafts
}

fn controller() -> Vec<Draft> {
    let mut facts = vec![
        Fact::Goal(GoalFact::GoalCreated(Box::new(charter()))),
        Fact::Goal(GoalFact::RunStarted { holder: holder(41), drive: Drive::UntilReady }),
        Fact::Goal(GoalFact::PhaseEntered { phase: Phase::VerificationDesign }),
        Fact::Goal(GoalFact::StopRequested { stop: Stop::Pause, by: "operator".to_owned() }),
        Fact::Goal(GoalFact::Delivered {
            branches: vec![Branch { name: "omk/x/integration".to_owned(), commit: commit('9') }],
        }),
    ];
    facts.extend(GoalStatus::ALL.map(|status| {
        Fact::Goal(GoalFact::GoalSettled {
            status,
            reason: format!("because it is {status}"),
            next: vec!["omk goal resume".to_owned()],
        })
    }));
    facts.into_iter().map(|fact| draft(ActorName::Controller, fact)).collect()
}

fn scheduler() -> Vec<Draft> {
    let of = attempt("a");
    let (id, number) = (of.slice.clone(), of.attempt);
    let mut facts = vec![
        Fact::Attempt(AttemptFact::AttemptOffered {
            attempt: of.clone(),
            start: commit('1'),
            content: None,
            agent: "script".to_owned(),
        }),
        Fact::Attempt(AttemptFact::AttemptOffered {
            attempt: of.clone(),
            start: commit('1'),
            content: Some(tree('4')),
            agent: "cmd:x".to_owned(),
        }),
        Fact::Attempt(AttemptFact::AttemptClaimed { attempt: of.clone(), lease_until: Timestamp(1_763_700_060_000) }),
        Fact::Attempt(AttemptFact::LateResultDropped { attempt: of.clone(), detail: "it had passed".to_owned() }),
        Fact::Slice(SliceFact::SliceAccepted { slice: id.clone(), attempt: number }),
        Fact::Slice(SliceFact::SliceReturned { slice: id.clone(), attempt: number, feedback: feedback() }),
        Fact::Slice(SliceFact::SliceGivenUp { slice: id.clone(), reason: "no attempts are left".to_owned() }),
        Fact::Slice(SliceFact::SliceReopened {
            slice: id.clone(),
            fresh: true,
            hint: Some("try the other door".to_owned()),
        }),
        Fact::Slice(SliceFact::SliceReopened { slice: id.clone(), fresh: false, hint: None }),
        Fact::Slice(SliceFact::QuestionAsked {
            id: "a1".to_owned(),
            slice: id,
            text: "Which colour?".to_owned(),
            about: QuestionTopic::Agents,
        }),
        Fact::Slice(SliceFact::QuestionAnswered { id: "a1".to_owned(), answer: "blue".to_owned() }),
    ];
    let outcomes = [
        AttemptOutcome::Passed,
        AttemptOutcome::Rejected { feedback: feedback() },
        AttemptOutcome::Asked { question: "Which colour?".to_owned() },
        AttemptOutcome::Unavailable { detail: "not installed".to_owned() },
        AttemptOutcome::Interrupted { by: "pause".to_owned() },
        AttemptOutcome::Expired { detail: "lease".to_owned() },
        AttemptOutcome::Errored { detail: "disk".to_owned() },
    ];
    facts.extend(outcomes.map(|outcome| Fact::Attempt(AttemptFact::AttemptFinished { attempt: of.clone(), outcome })));
    let drafted = facts.into_iter().map(|fact| draft(ActorName::Scheduler, fact));
    drafted.map(|draft| Draft { cause: Some(Seq(2)), ..draft }).collect()
}

fn worker() -> Vec<Draft> {
    let ends = [
        AgentEnd::Finished,
        AgentEnd::Asked { question: "Which colour?".to_owned() },
        AgentEnd::Failed { detail: "exit status 1".to_owned() },
        AgentEnd::Unavailable { detail: "not logged in".to_owned() },
        AgentEnd::TimedOut,
        AgentEnd::Stopped,
    ];
    let mut facts = vec![
        Fact::Attempt(AttemptFact::WorktreePrepared { path: PathBuf::from("worktrees/a.1") }),
        Fact::Attempt(AttemptFact::SliceCaptured { capture: capture() }),
    ];
    facts.extend(ends.map(|end| Fact::Attempt(AttemptFact::AgentReported { report: report(end) })));
    let drafted = facts.into_iter().map(|fact| draft(ActorName::Worker, fact));
    drafted.map(|draft| Draft { cause: Some(Seq(3)), attempt: Some(attempt("a")), ..draft }).collect()
}

fn gates_and_reviews() -> Vec<Draft> {
    let (id, number) = (slice("a"), Attempt(1));
    let runs = [
        (GateScope::Base, GateOutcome::Green),
        (GateScope::Attempt { slice: id.clone(), attempt: number }, GateOutcome::Red { exit: 101 }),
        (GateScope::Batch { batch: Batch(1) }, GateOutcome::TimedOut),
        (GateScope::Tip, GateOutcome::Unstartable { detail: "no such program".to_owned() }),
        (GateScope::Tip, GateOutcome::Stopped),
    ];
    let finding = Finding {
        rule: "security.secret".to_owned(),
        severity: Severity::High,
        path: "src/lib.rs".to_owned(),
        line: Some(7),
        message: "a token".to_owned(),
    };
    let of_file = Finding { severity: Severity::Info, line: None, ..finding.clone() };
    let reviews = [
        (Subject::Slice { slice: id, attempt: number }, Review::of(Role::Security, "1 file".to_owned(), vec![finding])),
        (Subject::Goal { tree: tree('5') }, Review::of(Role::Code, "1 file".to_owned(), vec![of_file])),
        (Subject::Goal { tree: tree('5') }, Review::not_applicable(Role::Performance, "no bench gate")),
    ];
    let gates = runs.map(|(scope, outcome)| {
        draft(
            ActorName::Integrator,
            Fact::Gate(GateFact::GateFinished { scope, result: Box::new(gate_result(outcome)) }),
        )
    });
    let reviews = reviews.map(|(subject, review)| {
        draft(ActorName::Reviewer(review.role), Fact::Review(ReviewFact::ReviewFinished { subject, review }))
    });
    gates.into_iter().chain(reviews).collect()
}

fn integrator() -> Vec<Draft> {
    let (id, number, batch) = (slice("a"), Attempt(1), Batch(1));
    let facts = [
        Fact::Merge(MergeFact::BatchFormed { batch, onto: commit('1'), slices: vec![id.clone(), slice("b")] }),
        Fact::Merge(MergeFact::MergeConflicted {
            slice: id.clone(),
            attempt: number,
            batch,
            onto: commit('1'),
            with: vec![slice("b")],
            paths: vec!["CHANGELOG.md".to_owned()],
            evidence: vec![artifact("artifacts/integration/1.a.0.ours")],
            keep: vec![KeptLines {
                path: "CHANGELOG.md".to_owned(),
                from: vec![slice("b")],
                lines: vec!["- b".to_owned()],
            }],
            feedback: feedback(),
        }),
        Fact::Gate(GateFact::FlakeSeen { scope: GateScope::Batch { batch }, gate: gate("test"), tree: tree('5') }),
        Fact::Gate(GateFact::RedBefore { batch, gate: gate("test"), onto: commit('1') }),
        Fact::Merge(MergeFact::SliceBlamed {
            slice: id.clone(),
            attempt: number,
            batch,
            gate: gate("test"),
            feedback: feedback(),
        }),
        Fact::Merge(MergeFact::SliceIntegrated {
            slice: id,
            attempt: number,
            batch,
            merge: commit('6'),
            tree: tree('5'),
        }),
    ];
    facts.map(|fact| draft(ActorName::Integrator, fact)).into()
}

fn budget() -> Vec<Draft> {
    let facts = [
        Fact::Budget(BudgetFact::LimitsSet {
            limits: Limits { time_ms: None, tokens: Some(5), usd_micros: Some(2_500_000) },
            account: Default::default(),
        }),
        Fact::Budget(BudgetFact::UsageRecorded {
            slice: slice("a"),
            usage: Usage::default(),
            role: Default::default(),
            model: None,
        }),
        Fact::Budget(BudgetFact::BudgetNoticed {
            budget: BudgetKind::Tokens,
            spent: 4,
            limit: 5,
            account: Default::default(),
        }),
        Fact::Budget(BudgetFact::BudgetExhausted {
            budget: BudgetKind::Usd,
            spent: 5,
            limit: 5,
            account: Default::default(),
        }),
    ];
    facts.map(|fact| draft(ActorName::Budget, fact)).into()
}

fn supervision() -> Vec<Draft> {
    vec![
        draft(
            ActorName::Supervisor,
            Fact::Supervision(SupervisionFact::ActorRestarted {
                child: ActorName::Scheduler,
                cause: "it panicked".to_owned(),
            }),
        ),
        draft(
            ActorName::Supervisor,
            Fact::Supervision(SupervisionFact::RestartsExceeded {
                child: ActorName::Reviewer(Role::AntiSlop),
                cause: "it panicked".to_owned(),
            }),
        ),
        draft(ActorName::Journal, Fact::Supervision(SupervisionFact::TailCut { bytes: 17 })),
        draft(
            ActorName::Operator,
            Fact::Goal(GoalFact::StopRequested { stop: Stop::Cancel, by: "operator".to_owned() }),
        ),
    ]
}

/// The `type` of a fact. Exhaustive, so that a new kind cannot be forgotten here.
pub(crate) fn kind_of(fact: &Fact) -> &'static str {
    match fact {
        Fact::Goal(GoalFact::GoalCreated(_)) => "goal_created",
        Fact::Goal(GoalFact::RunStarted { .. }) => "run_started",
        Fact::Goal(GoalFact::PhaseEntered { .. }) => "phase_entered",
        Fact::Goal(GoalFact::StopRequested { .. }) => "stop_requested",
        Fact::Goal(GoalFact::Delivered { .. }) => "delivered",
        Fact::Goal(GoalFact::GoalSettled { .. }) => "goal_settled",
        Fact::Plan(PlanFact::PlanAccepted(_)) => "plan_accepted",
        Fact::Attempt(AttemptFact::AttemptOffered { .. }) => "attempt_offered",
        Fact::Attempt(AttemptFact::AttemptClaimed { .. }) => "attempt_claimed",
        Fact::Attempt(AttemptFact::AttemptFinished { .. }) => "attempt_finished",
        Fact::Attempt(AttemptFact::LateResultDropped { .. }) => "late_result_dropped",
        Fact::Slice(SliceFact::SliceAccepted { .. }) => "slice_accepted",
        Fact::Slice(SliceFact::SliceReturned { .. }) => "slice_returned",
        Fact::Slice(SliceFact::SliceGivenUp { .. }) => "slice_given_up",
        Fact::Slice(SliceFact::SliceUnchanged { .. }) => "slice_unchanged",
        Fact::Slice(SliceFact::SliceReopened { .. }) => "slice_reopened",
        Fact::Slice(SliceFact::QuestionAsked { .. }) => "question_asked",
        Fact::Slice(SliceFact::QuestionAnswered { .. }) => "question_answered",
        Fact::Attempt(AttemptFact::WorktreePrepared { .. }) => "worktree_prepared",
        Fact::Attempt(AttemptFact::AgentReported { .. }) => "agent_reported",
        Fact::Attempt(AttemptFact::SliceCaptured { .. }) => "slice_captured",
        Fact::Attempt(AttemptFact::CheckoutChanged { .. }) => "checkout_changed",
        Fact::Gate(GateFact::GateFinished { .. }) => "gate_finished",
        Fact::Review(ReviewFact::ReviewFinished { .. }) => "review_finished",
        Fact::Merge(MergeFact::BatchFormed { .. }) => "batch_formed",
        Fact::Merge(MergeFact::MergeConflicted { .. }) => "merge_conflicted",
        Fact::Gate(GateFact::FlakeSeen { .. }) => "flake_seen",
        Fact::Gate(GateFact::RedBefore { .. }) => "red_before",
        Fact::Merge(MergeFact::IntegrationLost { .. }) => "integration_lost",
        Fact::Merge(MergeFact::SliceBlamed { .. }) => "slice_blamed",
        Fact::Merge(MergeFact::SliceIntegrated { .. }) => "slice_integrated",
        Fact::Budget(BudgetFact::LimitsSet { .. }) => "limits_set",
        Fact::Budget(BudgetFact::UsageRecorded { .. }) => "usage_recorded",
        Fact::Budget(BudgetFact::BudgetNoticed { .. }) => "budget_noticed",
        Fact::Budget(BudgetFact::BudgetExhausted { .. }) => "budget_exhausted",
        Fact::Supervision(SupervisionFact::ActorRestarted { .. }) => "actor_restarted",
        Fact::Supervision(SupervisionFact::RestartsExceeded { .. }) => "restarts_exceeded",
        Fact::Supervision(SupervisionFact::TailCut { .. }) => "tail_cut",
        Fact::Supervision(SupervisionFact::WorkerQuarantined(_)) => "worker_quarantined",
        Fact::Supervision(SupervisionFact::ProfileQuarantined(_)) => "profile_quarantined",
        Fact::Supervision(SupervisionFact::BreakerOpened(_)) => "breaker_opened",
        Fact::Supervision(SupervisionFact::BreakerClosed { .. }) => "breaker_closed",
        Fact::Attempt(AttemptFact::AttemptQuiet(_)) => "attempt_quiet",
        Fact::Slice(SliceFact::SliceSteered { .. }) => "slice_steered",
        Fact::Attempt(AttemptFact::SessionOpened { .. }) => "session_opened",
        Fact::Budget(BudgetFact::BudgetReserved(_)) => "budget_reserved",
        Fact::Budget(BudgetFact::BudgetSettled { .. }) => "budget_settled",
        Fact::Budget(BudgetFact::BudgetCheckpointed(_)) => "budget_checkpointed",
        Fact::Budget(BudgetFact::ClockMoved(_)) => "clock_moved",
        Fact::Supervision(SupervisionFact::LeftoversCleared(_)) => "leftovers_cleared",
    }
}

/// How many kinds `kind_of` knows.
pub(crate) const KINDS: usize = 50;
