//! The facts that version 2 of the journal's schema added, every variant and every optional field both ways.

use omk::domain::agent::{AgentEnd, AgentReport};
use omk::domain::budget::{Account, BudgetKind, Checkpoint, ClockMove, Limits, Reservation, Spender, Usage};
use omk::domain::event::{ActorName, Draft};
use omk::domain::fact::{AttemptFact, BudgetFact, Fact, PlanFact, SliceFact, SupervisionFact};
use omk::domain::ids::Timestamp;
use omk::domain::refusal::{Refusal, Refusals};
use omk::domain::review::Role;
use omk::domain::supervision::{Breaker, Leftovers, ProfileQuarantine, Quarantine};
use omk::domain::task::AttemptOutcome;
use omk::domain::vitals::{ProcessSeen, Sighting, Vitals};

use crate::support::facts::{artifact, attempt, draft, plan, slice};

/// When a provider says that it takes requests again.
const LATER: Timestamp = Timestamp(1_763_703_600_000);

/// Every fact that version 1 does not know.
pub(crate) fn drafts_of_version_2() -> Vec<Draft> {
    [
        supervision(),
        limits(),
        budget(),
        sessions(),
        agents_of_slices(),
        standstill(),
        lines_of_agents(),
        refusals_of_agents(),
    ]
    .concat()
}

fn supervision() -> Vec<Draft> {
    let quarantine = Quarantine {
        slice: slice("a"),
        agent: "cmd:x".to_owned(),
        ends: 2,
        reason: "no message, output or change for 10m".to_owned(),
        successor: None,
    };
    let profile = ProfileQuarantine {
        agent: "cmd:x".to_owned(),
        slices: vec![slice("a"), slice("b")],
        reason: "its lease ran out".to_owned(),
        successor: None,
    };
    let process = ProcessSeen { pid: 7, name: "sh".to_owned(), state: 'S', cpu_ms: 12 };
    let sighting = Sighting {
        attempt: attempt("a"),
        agent: "cmd:x".to_owned(),
        quiet_ms: 300_000,
        last_event: "runs the tests".to_owned(),
        tool_call: Some("shell: cargo test".to_owned()),
        vitals: Vitals { alive: true, processes: vec![process] },
        seen_ms_ago: 0,
    };
    let bare = Sighting { tool_call: None, ..sighting.clone() };
    let one = |text: &str| vec![text.to_owned()];
    let leftovers = Leftovers {
        processes: one("17 sh"),
        worktrees: one("worktrees/a.1"),
        locks: one("repo.git/packed-refs.lock"),
        repairs: one("refs/omk/tip was made again"),
        left_alone: one(".git/index.lock is not ours"),
    };
    let scheduler = [
        Fact::Supervision(SupervisionFact::WorkerQuarantined(quarantine.clone())),
        Fact::Supervision(SupervisionFact::WorkerQuarantined(Quarantine {
            successor: Some("cmd:y".to_owned()),
            ..quarantine
        })),
        Fact::Supervision(SupervisionFact::ProfileQuarantined(profile.clone())),
        Fact::Supervision(SupervisionFact::ProfileQuarantined(ProfileQuarantine {
            successor: Some("cmd:y".to_owned()),
            ..profile
        })),
    ];
    let worker = [
        Fact::Attempt(AttemptFact::AttemptQuiet(Box::new(sighting))),
        Fact::Attempt(AttemptFact::AttemptQuiet(Box::new(bare))),
    ];
    let supervisor = [
        Fact::Supervision(SupervisionFact::LeftoversCleared(leftovers)),
        Fact::Supervision(SupervisionFact::LeftoversCleared(Leftovers::default())),
    ];
    [
        scheduler.map(|fact| draft(ActorName::Scheduler, fact)).to_vec(),
        worker.map(|fact| draft(ActorName::Worker, fact)).to_vec(),
        supervisor.map(|fact| draft(ActorName::Supervisor, fact)).to_vec(),
    ]
    .concat()
}

fn limits() -> Vec<Draft> {
    let of = attempt("a");
    let breaker = Breaker {
        provider: "kimi".to_owned(),
        agent: "kimi".to_owned(),
        until: LATER,
        stated: true,
        trips: 1,
        detail: "429".to_owned(),
    };
    let limited =
        AttemptOutcome::Limited { provider: Some("kimi".to_owned()), until: Some(LATER), detail: "429".to_owned() };
    let unstated = AttemptOutcome::Limited { provider: None, until: None, detail: "429".to_owned() };
    let report = AgentReport {
        unless_changed: None,
        end: AgentEnd::Limited { provider: None, until: Some(LATER), detail: "429".to_owned() },
        duration_ms: 5,
        usage: Usage::default(),
        log: None,
        frames: None,
        survivors: Vec::new(),
        refused: Default::default(),
    };
    let facts = [
        Fact::Attempt(AttemptFact::AgentReported { report }),
        Fact::Attempt(AttemptFact::AttemptFinished { attempt: of.clone(), outcome: limited }),
        Fact::Attempt(AttemptFact::AttemptFinished { attempt: of, outcome: unstated }),
        Fact::Supervision(SupervisionFact::BreakerOpened(breaker.clone())),
        Fact::Supervision(SupervisionFact::BreakerOpened(Breaker { stated: false, trips: 2, ..breaker })),
        Fact::Supervision(SupervisionFact::BreakerClosed { provider: "kimi".to_owned() }),
    ];
    facts.map(|fact| draft(ActorName::Scheduler, fact)).to_vec()
}

fn budget() -> Vec<Draft> {
    let usage = Usage { input_tokens: 9, cached_tokens: 4, output_tokens: 2, usd_micros: Some(11) };
    let reservation = Reservation { slice: slice("a"), role: Spender::Executor, tokens: 500, usd_micros: 0 };
    let facts = [
        Fact::Budget(BudgetFact::BudgetReserved(reservation.clone())),
        Fact::Budget(BudgetFact::BudgetReserved(Reservation {
            role: Spender::Reviewer(Role::Security),
            ..reservation
        })),
        Fact::Budget(BudgetFact::BudgetSettled { slice: slice("a"), usage }),
        Fact::Budget(BudgetFact::UsageRecorded {
            slice: slice("a"),
            usage,
            role: Spender::Planner,
            model: Some("m-1".to_owned()),
        }),
        Fact::Budget(BudgetFact::BudgetNoticed {
            budget: BudgetKind::Tokens,
            spent: 4,
            limit: 5,
            account: Account::Slice(slice("a")),
        }),
        Fact::Budget(BudgetFact::BudgetExhausted {
            budget: BudgetKind::Usd,
            spent: 5,
            limit: 5,
            account: Account::Role(Spender::Reviewer(Role::Code)),
        }),
        Fact::Budget(BudgetFact::BudgetCheckpointed(Checkpoint { time_ms: 61_000 })),
        Fact::Budget(BudgetFact::ClockMoved(ClockMove { slept_ms: 3_600_000, jumped_ms: -86_400_000 })),
        Fact::Budget(BudgetFact::LimitsSet {
            limits: Limits { tokens: Some(7), ..Limits::default() },
            account: Account::Role(Spender::Reviewer(Role::Test)),
        }),
    ];
    facts.map(|fact| draft(ActorName::Budget, fact)).to_vec()
}

fn sessions() -> Vec<Draft> {
    vec![
        draft(ActorName::Worker, Fact::Attempt(AttemptFact::SessionOpened { id: "session-1".to_owned() })),
        draft(
            ActorName::Scheduler,
            Fact::Slice(SliceFact::SliceSteered { slice: slice("a"), text: "use the other crate".to_owned() }),
        ),
    ]
}

fn agents_of_slices() -> Vec<Draft> {
    let mut plan = plan();
    plan.slices[0].agent = Some("kimi".to_owned());
    vec![draft(ActorName::Planner, Fact::Plan(PlanFact::PlanAccepted(Box::new(plan))))]
}

fn standstill() -> Vec<Draft> {
    let report = AgentReport {
        unless_changed: None,
        end: AgentEnd::Lapsed,
        duration_ms: 61_000,
        usage: Usage::default(),
        log: None,
        frames: None,
        survivors: Vec::new(),
        refused: Default::default(),
    };
    vec![draft(ActorName::Worker, Fact::Attempt(AttemptFact::AgentReported { report }))]
}

fn lines_of_agents() -> Vec<Draft> {
    let report = AgentReport {
        unless_changed: None,
        end: AgentEnd::Finished,
        duration_ms: 6,
        usage: Usage::default(),
        log: Some(artifact("artifacts/agent-runs/a.1.log")),
        frames: Some(artifact("artifacts/agent-runs/a.1.frames.jsonl")),
        survivors: Vec::new(),
        refused: Default::default(),
    };
    vec![draft(ActorName::Worker, Fact::Attempt(AttemptFact::AgentReported { report }))]
}

fn refusals_of_agents() -> Vec<Draft> {
    let of = |act: &str, times| Refusal { act: act.to_owned(), reason: "it is denied".to_owned(), times };
    let refused = Refusals {
        count: 24,
        first: vec![of("`git push`", 3), of("writing other.txt", 1)],
        list: Some(artifact("artifacts/policy/a.1.jsonl")),
    };
    let unkept = Refusals { list: None, ..refused.clone() };
    let report = |refused| AgentReport { refused: Box::new(refused), ..AgentReport::bare(AgentEnd::Finished, 7) };
    [refused, unkept]
        .map(|refused| draft(ActorName::Worker, Fact::Attempt(AttemptFact::AgentReported { report: report(refused) })))
        .to_vec()
}
