//! Goals made by hand, for tests of what is shown of them.

use std::path::PathBuf;

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::budget::{Limits, Usage};
use omk::domain::event::{ActorName, Event};
use omk::domain::evidence::{
    ArtifactRef, GateOutcome, GateResult, GateScope, JournalPosition, PROOF_PREDICATE, PROOF_RULES, ProofDigest,
    ProofPredicate, ProofSlice, ProofStatement, ProofSubject, STATEMENT_TYPE, TestCount, TestReading,
};
use omk::domain::fact::{Branch, Fact};
use omk::domain::goal::{
    Charter, DeliveryPolicy, GoalStatus, MergePolicy, Phase, RepositoryFacts, SandboxChoice, SandboxLevel, Settings,
};
use omk::domain::ids::{
    Attempt, AttemptRef, Batch, CommitId, ContentHash, Epoch, GateName, GoalId, Seq, SliceId, Timestamp, TreeId,
};
use omk::domain::refusal::{AttemptRefusals, Refusal, Refusals};
use omk::domain::review::{Finding, Review, Role, Severity};
use omk::domain::task::{Capture, GateCommand, GateKind, GateSpec, Proposal, Risk, SliceSpec, WaitingFor};
use omk::domain::view::{
    BudgetView, GoalView, IntegrationView, JournalView, QuestionView, ScopedGate, Settled, SliceDelivery, SliceState,
    SliceView,
};

/// 2026-11-21T09:00:00Z, when everything here began.
pub(crate) const START: Timestamp = Timestamp(1_795_251_600_000);

/// So many minutes later.
pub(crate) fn minutes(count: u64) -> Timestamp {
    START.plus(count * 60_000)
}

/// A commit of one repeated digit.
pub(crate) fn commit(digit: char) -> CommitId {
    CommitId::parse(&digit.to_string().repeat(40)).expect("a digit")
}

/// A tree of one repeated digit.
pub(crate) fn tree(digit: char) -> TreeId {
    TreeId::parse(&digit.to_string().repeat(40)).expect("a digit")
}

/// A hash of one repeated digit.
pub(crate) fn hash(digit: char) -> ContentHash {
    ContentHash::parse(&digit.to_string().repeat(64)).expect("a digit")
}

/// A slice's name.
pub(crate) fn slice(id: &str) -> SliceId {
    SliceId::parse(id).expect("a slice id")
}

/// The goal's name.
pub(crate) fn goal() -> GoalId {
    GoalId::parse("add-login-01k5x7p2").expect("a goal id")
}

/// An attempt of a slice.
pub(crate) fn attempt(id: &str, number: u32) -> AttemptRef {
    AttemptRef { slice: slice(id), attempt: Attempt(number), epoch: Epoch(1) }
}

/// A record of the journal, decided by `actor`, `seconds` after the start.
pub(crate) fn event(seq: u64, seconds: u64, actor: ActorName, fact: Fact) -> Event {
    Event {
        seq: Seq(seq),
        ts: START.plus(seconds * 1_000),
        actor,
        cause: None,
        attempt: None,
        fact,
        prev_hash: hash('0'),
        hash: hash('a'),
    }
}

/// The same, about an attempt.
pub(crate) fn about(attempt: AttemptRef, event: Event) -> Event {
    Event { attempt: Some(attempt), ..event }
}

/// What the goal was asked to be.
pub(crate) fn charter() -> Charter {
    Charter {
        id: goal(),
        created: START,
        request: "Add a login\n\nwith limits".to_owned(),
        goal: "Add a login with limits".to_owned(),
        constraints: vec!["the user's checkout stays untouched".to_owned()],
        assumptions: Vec::new(),
        criteria: vec!["every required gate is green on the integrated tree".to_owned()],
        repository: RepositoryFacts {
            root: PathBuf::from("/home/me/api"),
            git_dir: PathBuf::from("/home/me/api/.git"),
            base: commit('3'),
            base_tree: tree('3'),
            branch: Some("main".to_owned()),
            notes: Vec::new(),
        },
        agent: None,
        stand_ins: Vec::new(),
        max_agents: 4,
        role_limits: Default::default(),
        prices: Vec::new(),
        limits: Limits { time_ms: Some(8 * 3_600_000), tokens: None, usd_micros: Some(25_000_000) },
        policy: DeliveryPolicy::Local,
        merge_policy: MergePolicy::Disabled,
        sandbox: SandboxChoice::Auto,
        sandbox_level: SandboxLevel::None,
        no_input: false,
        settings: Settings::default(),
        proposal: Proposal { slices: Vec::new(), gates: Vec::new(), source: "plan.toml".to_owned() },
    }
}

/// A slice as planned.
pub(crate) fn spec(id: &str, after: &[&str]) -> SliceSpec {
    SliceSpec {
        id: slice(id),
        title: format!("The {id}"),
        description: String::new(),
        after: after.iter().map(|id| slice(id)).collect(),
        access: AccessSet {
            reads: Vec::new(),
            writes: vec![PathPattern::parse(&format!("src/{id}.rs")).expect("a path")],
            merges: vec![PathPattern::parse("CHANGELOG.md").expect("a path")],
        },
        risk: Risk::Medium,
        acceptance: Vec::new(),
        gates: Vec::new(),
        retries: 2,
        run: None,
        agent: None,
        budget: omk::domain::budget::Limits::default(),
    }
}

/// What a slice changed.
pub(crate) fn capture(added: u64, removed: u64) -> Capture {
    Capture {
        start: commit('3'),
        tree: tree('5'),
        commit: commit('5'),
        paths: vec!["src/schema.rs".to_owned()],
        added,
        removed,
        ignored: Vec::new(),
    }
}

/// A slice that has not begun.
pub(crate) fn waiting(id: &str, after: &[&str]) -> SliceView {
    SliceView {
        spec: spec(id, after),
        kind: "slice".to_owned(),
        owner_role: "executor".to_owned(),
        state: SliceState::Waiting,
        attempt: Attempt(0),
        failures: 0,
        uncounted: 0,
        epoch: Epoch(0),
        lease_until: None,
        step: None,
        waiting_for: after
            .iter()
            .map(|id| WaitingFor {
                kind: "slice".to_owned(),
                reference: (*id).to_owned(),
                since: START,
                next: format!("starts when {id} is merged"),
            })
            .collect(),
        reason: None,
        feedback: Vec::new(),
        captured: None,
        reviews: Vec::new(),
        gate_results: Vec::new(),
        delivery: SliceDelivery {
            branch: format!("omk/{}/{id}", goal()),
            worktree: None,
            base: None,
            batch: None,
            merge: None,
        },
        refused: Vec::new(),
        usage: Usage::default(),
        started: None,
        ended: None,
    }
}

/// What an agent was refused: 24 acts, of which two differ and are listed.
pub(crate) fn refusals() -> Refusals {
    let of = |act: &str, reason: &str, times| Refusal { act: act.to_owned(), reason: reason.to_owned(), times };
    let list = ArtifactRef { path: "artifacts/policy/schema.1.jsonl".to_owned(), sha256: hash('d'), bytes: 900 };
    let first = vec![
        of("writing other.txt", "other.txt is outside of this slice's write set (src)", 1),
        of("`git push \u{1b}[31m`", "commands that begin with `git push` are not allowed here", 3),
    ];
    Refusals { count: 24, first, list: Some(list) }
}

/// A slice in its second attempt, at its gates.
pub(crate) fn running(id: &str) -> SliceView {
    SliceView {
        state: SliceState::Running,
        attempt: Attempt(2),
        failures: 1,
        step: Some("gates".to_owned()),
        refused: refused(),
        started: Some(minutes(2)),
        waiting_for: Vec::new(),
        ..waiting(id, &[])
    }
}

/// A slice that is merged.
pub(crate) fn merged(id: &str) -> SliceView {
    let view = waiting(id, &[]);
    SliceView {
        state: SliceState::Integrated,
        attempt: Attempt(1),
        captured: Some(capture(212, 8)),
        delivery: SliceDelivery { batch: Some(Batch(1)), merge: Some(commit('9')), ..view.delivery.clone() },
        started: Some(minutes(1)),
        ended: Some(minutes(19)),
        ..view
    }
}

/// A slice without a further attempt.
pub(crate) fn given_up(id: &str) -> SliceView {
    SliceView {
        state: SliceState::GivenUp,
        attempt: Attempt(3),
        failures: 3,
        reason: Some("gate test was red in every attempt".to_owned()),
        started: Some(minutes(1)),
        ended: Some(minutes(30)),
        ..waiting(id, &[])
    }
}

/// A gate as frozen.
pub(crate) fn gate_spec(name: &str) -> GateSpec {
    GateSpec {
        name: GateName::parse(name).expect("a gate name"),
        command: GateCommand::Shell(format!("make {name}")),
        kind: GateKind::Test,
        timeout_ms: 300_000,
        required: true,
    }
}

/// A gate's verdict.
pub(crate) fn gate(name: &str, outcome: GateOutcome) -> GateResult {
    GateResult {
        gate: GateName::parse(name).expect("a gate name"),
        kind: GateKind::Test,
        required: true,
        tree: tree('e'),
        gate_hash: hash('1'),
        env_hash: hash('2'),
        sandbox: SandboxLevel::None,
        tests: (name == "test").then(|| TestCount {
            passed: 412,
            failed: if outcome.is_green() { 0 } else { 2 },
            ignored: 0,
        }),
        outcome,
        duration_ms: 70_400,
        cold: true,
        test_names: None,
        reading: (name == "test").then_some(TestReading::Counted),
        lost_tests: Vec::new(),
        compared: true,
        log: ArtifactRef { path: format!("artifacts/gates/tip.{name}.log"), sha256: hash('4'), bytes: 2_048 },
        excerpt: String::new(),
        survivors: Vec::new(),
    }
}

/// The six reviews: five passed, one with a finding, and performance has nothing to judge.
pub(crate) fn reviews() -> Vec<Review> {
    Role::ALL
        .into_iter()
        .map(|role| match role {
            Role::Performance => Review::not_applicable(role, "the plan has no bench gate"),
            Role::Code => Review::of(role, "3 files, 212 added lines".to_owned(), vec![finding(Severity::Medium)]),
            Role::Architect | Role::Test | Role::Security | Role::AntiSlop => {
                Review::of(role, "3 files, 212 added lines".to_owned(), Vec::new())
            }
        })
        .collect()
}

/// A finding of the code reviewer.
pub(crate) fn finding(severity: Severity) -> Finding {
    Finding {
        rule: "code.debug_leftover".to_owned(),
        severity,
        path: "src/schema.rs".to_owned(),
        line: Some(88),
        message: "left over from debugging: `dbg!(`".to_owned(),
    }
}

/// A goal in the middle of its work.
pub(crate) fn running_goal() -> GoalView {
    GoalView {
        schema: "omk.goal/v1".to_owned(),
        id: goal(),
        status: GoalStatus::Running,
        phase: Phase::Execution,
        reason: "slices are being worked on".to_owned(),
        next: vec![format!("omk goal logs {} --follow", goal())],
        charter: charter(),
        plan_source: "plan.toml".to_owned(),
        slices: vec![merged("schema"), running("tokens"), waiting("e2e", &["schema", "tokens"]), given_up("docs")],
        gates: vec![gate_spec("fmt"), gate_spec("test")],
        serialised: Vec::new(),
        gate_results: vec![ScopedGate { scope: GateScope::Base, result: gate("test", GateOutcome::Green) }],
        reviews: Vec::new(),
        integration: IntegrationView { tip: commit('9'), tree: tree('9'), batches: 1, added: 212, removed: 8 },
        budget: BudgetView {
            limits: charter().limits,
            time_ms: 42 * 60_000,
            usage: Usage {
                input_tokens: 1_600_000,
                cached_tokens: 1_200_000,
                output_tokens: 300_000,
                usd_micros: Some(6_120_000),
            },
            usd_complete: true,
            unreported: 0,
            lost: Limits::default(),
            exhausted: None,
        },
        questions: vec![QuestionView {
            id: "a1".to_owned(),
            slice: slice("tokens"),
            text: "may I add the crate `governor`?".to_owned(),
            since: minutes(40),
        }],
        branches: Vec::new(),
        notes: Vec::new(),
        runs: 1,
        journal: JournalView { seq: Seq(41), hash: hash('a') },
        updated: minutes(42),
    }
}

fn refused() -> Vec<AttemptRefusals> {
    vec![AttemptRefusals { attempt: Attempt(1), refused: refusals() }]
}

/// A goal that is proven and delivered.
pub(crate) fn ready_goal() -> GoalView {
    let branch = |name: &str, commit: CommitId| Branch { name: format!("omk/{}/{name}", goal()), commit };
    let tip = |name: &str| ScopedGate { scope: GateScope::Tip, result: gate(name, GateOutcome::Green) };
    GoalView {
        status: GoalStatus::Ready,
        phase: Phase::Proof,
        reason: "every gate and review passed on the integrated tree".to_owned(),
        next: vec![format!("git merge omk/{}/integration", goal()), format!("omk goal proof {}", goal())],
        slices: vec![
            merged("schema"),
            SliceView { attempt: Attempt(2), failures: 1, refused: refused(), ..merged("tokens") },
        ],
        gate_results: vec![tip("fmt"), tip("test")],
        reviews: reviews(),
        integration: IntegrationView { tip: commit('e'), tree: tree('e'), batches: 2, added: 424, removed: 16 },
        questions: Vec::new(),
        branches: vec![branch("integration", commit('e')), branch("schema", commit('5'))],
        notes: vec!["gate test was red and then green on one tree: a flake".to_owned()],
        ..running_goal()
    }
}

/// How a goal of this view came back.
pub(crate) fn settled(view: &GoalView) -> Settled {
    Settled {
        id: view.id.clone(),
        status: view.status,
        reason: view.reason.clone(),
        next: view.next.clone(),
        signal: None,
        obstacle: None,
    }
}

/// The proof of a goal of this view.
pub(crate) fn proof(view: &GoalView) -> ProofStatement {
    let branch = view.branches.first().map(|branch| branch.name.clone());
    ProofStatement {
        statement_type: STATEMENT_TYPE.to_owned(),
        subject: vec![ProofSubject {
            name: branch.clone().unwrap_or_else(|| view.id.to_string()),
            digest: ProofDigest { git_commit: view.integration.tip.clone(), git_tree: view.integration.tree.clone() },
        }],
        predicate_type: PROOF_PREDICATE.to_owned(),
        predicate: ProofPredicate {
            goal: view.id.clone(),
            request: view.charter.goal.clone(),
            status: view.status.as_str().to_owned(),
            reason: view.reason.clone(),
            base: commit('3'),
            head: view.integration.tip.clone(),
            tree: view.integration.tree.clone(),
            branch,
            repo: "/home/me/api".to_owned(),
            sandbox: SandboxLevel::None,
            gates: view.gate_results.iter().map(|gate| gate.result.clone()).collect(),
            slices: view.slices.iter().map(proof_slice).collect(),
            reviews: view.reviews.clone(),
            gaps: vec!["agents and gates ran unconfined".to_owned()],
            journal: JournalPosition { seq: view.journal.seq, hash: view.journal.hash.clone() },
            at: view.updated,
            rules: PROOF_RULES,
        },
    }
}

fn proof_slice(view: &SliceView) -> ProofSlice {
    ProofSlice {
        id: view.spec.id.clone(),
        title: view.spec.title.clone(),
        state: view.state.as_str().to_owned(),
        attempts: view.attempt.0,
        refused: view.refused.iter().map(|of| of.refused.count).sum(),
        commit: view.captured.as_ref().map(|capture| capture.commit.clone()),
        merge: view.delivery.merge.clone(),
        reason: view.reason.clone(),
    }
}
