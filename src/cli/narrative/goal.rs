//! Sentences about the goal as a whole: controller, planner, budget, supervisor, journal.

use crate::cli::narrative::{Act, FAILED, Line, NOTED, STARTED, WARNED, act};
use crate::cli::output::{style, units};
use crate::domain::budget::{Account, BudgetKind, ClockMove, Limits};
use crate::domain::control::{Holder, Stop};
use crate::domain::event::ActorName;
use crate::domain::fact::Branch;
use crate::domain::goal::{Charter, Drive, GoalStatus, Phase};
use crate::domain::supervision::{Breaker, Leftovers, ProfileQuarantine};
use crate::domain::task::AcceptedPlan;

const CREATED: Act = act("Created", "create", style::LIVE);
const PLANNED: Act = act("Planned", "plan", style::GOOD);
const PHASE: Act = act("Entered", "phase", style::DIM);
const STOPPING: Act = act("Stopping", "stop", style::WARN);
const DELIVERED: Act = act("Delivered", "deliver", style::GOOD);
const SETTLED: Act = act("Settled", "settle", style::GOOD);
const UNSETTLED: Act = act("Settled", "settle", style::WARN);
const RESTARTED: Act = act("Restarted", "restart", style::WARN);
const REPAIRED: Act = act("Repaired", "repair", style::WARN);

pub(super) fn created(charter: &Charter) -> Line {
    Line::detail(CREATED, &charter.goal)
}

pub(super) fn run_started(holder: &Holder, drive: Drive) -> Line {
    let aim = match drive {
        Drive::UntilReady => "until ready",
        Drive::Scaffold => "to prove the scaffold",
        Drive::Pass => "for one pass",
        Drive::Verify => "to run the gates",
        Drive::Review => "to review",
    };
    Line::detail(STARTED, format!("a run in process {} on {}, {aim}", holder.pid, holder.host))
}

pub(super) fn phase(phase: Phase) -> Line {
    Line::detail(PHASE, format!("phase {}", phase.as_str()))
}

pub(super) fn stopping(stop: Stop, by: &str) -> Line {
    let stop = match stop {
        Stop::Pause => "pause",
        Stop::Cancel => "cancel",
    };
    Line::main(STOPPING, format!("{stop} asked for by {by}"))
}

pub(super) fn settled(status: GoalStatus, reason: &str) -> Line {
    let act = if status == GoalStatus::Ready { SETTLED } else { UNSETTLED };
    Line::main(act, format!("{status}: {reason}"))
}

pub(super) fn delivered(branches: &[Branch]) -> Line {
    let first = branches.first().map(|branch| format!(": {} @ {}", branch.name, branch.commit.short()));
    Line::main(DELIVERED, format!("{}{}", units::counted(branches.len(), "branch"), first.unwrap_or_default()))
}

pub(super) fn planned(plan: &AcceptedPlan) -> Line {
    let edges: usize = plan.slices.iter().map(|slice| slice.after.len()).sum();
    let gates: Vec<&str> = plan.gates.iter().map(|gate| gate.name.as_str()).collect();
    let text = format!(
        "{}, {}, {}{}{} (from {})",
        units::counted(plan.slices.len(), "slice"),
        units::counted(edges, "edge"),
        units::counted(gates.len(), "gate"),
        if gates.is_empty() { "" } else { ": " },
        gates.join(" "),
        plan.source,
    );
    plan.serialised.iter().fold(Line::main(PLANNED, text), |line, order| {
        line.see(format!("{} waits for {}: it reads {}, which that one writes", order.then, order.first, order.path))
    })
}

pub(super) fn limits(limits: &Limits, account: &Account) -> Line {
    let time = limits.time_ms.map(|ms| format!("time {}", units::duration(ms)));
    let tokens = limits.tokens.map(|count| format!("{} tokens", units::tokens(count)));
    let parts: Vec<String> = [time, tokens, limits.usd_micros.map(units::money)].into_iter().flatten().collect();
    let whose = of(account);
    let text =
        if parts.is_empty() { format!("no limits{whose}") } else { format!("limits{whose}: {}", parts.join(", ")) };
    Line::detail(NOTED, text)
}

pub(super) fn budget_noticed(budget: BudgetKind, (spent, limit): (u64, u64), account: &Account) -> Line {
    let share = share(budget, spent, limit);
    Line::main(WARNED, format!("much of the {} budget{} is used: {share}", budget.as_str(), of(account)))
}

pub(super) fn budget_exhausted(budget: BudgetKind, (spent, limit): (u64, u64), account: &Account) -> Line {
    let share = share(budget, spent, limit);
    Line::main(FAILED, format!("the {} budget{} is used up: {share}", budget.as_str(), of(account)))
}

/// Whose budget it is, where it is not the goal's.
fn of(account: &Account) -> String {
    match account {
        Account::Goal => String::new(),
        Account::Slice(_) | Account::Role(_) => format!(" of {account}"),
    }
}

fn share(budget: BudgetKind, spent: u64, limit: u64) -> String {
    match budget {
        BudgetKind::Time => format!("{} of {}", units::duration(spent), units::duration(limit)),
        BudgetKind::Tokens => format!("{} of {}", units::tokens(spent), units::tokens(limit)),
        BudgetKind::Usd => format!("{} of {}", units::money(spent), units::money(limit)),
    }
}

pub(super) fn restarted(child: ActorName, cause: &str) -> Line {
    Line::main(RESTARTED, format!("{child}: {cause}"))
}

pub(super) fn gave_up_on(child: ActorName, cause: &str) -> Line {
    Line::main(FAILED, format!("{child} ended too often, the last time by {cause}"))
}

pub(super) fn tail_cut(bytes: u64) -> Line {
    Line::main(REPAIRED, format!("the journal: an incomplete last line of {bytes} bytes was cut"))
}

pub(super) fn clock_moved(moved: &ClockMove) -> Line {
    let slept = (moved.slept_ms > 0).then(|| format!("the machine slept for {}", units::duration(moved.slept_ms)));
    let jumped = (moved.jumped_ms != 0).then(|| {
        let way = if moved.jumped_ms > 0 { "forward" } else { "back" };
        format!("the clock was set {way} by {}", units::duration(moved.jumped_ms.unsigned_abs()))
    });
    let said: Vec<_> = [slept, jumped].into_iter().flatten().collect();
    Line::main(NOTED, format!("{}; leases and budgets do not count it", said.join(" and ")))
}

pub(super) fn leftovers(leftovers: &Leftovers) -> Line {
    let counts = [
        (leftovers.processes.len(), "process"),
        (leftovers.worktrees.len(), "worktree"),
        (leftovers.locks.len(), "lock"),
        (leftovers.repairs.len(), "repair"),
    ];
    let parts: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| units::counted(*n, what)).collect();
    let text = match parts.as_slice() {
        [] => "what an earlier run left: nothing of ours".to_owned(),
        parts => format!("what an earlier run left: {}", parts.join(", ")),
    };
    let found = [&leftovers.processes, &leftovers.worktrees, &leftovers.locks, &leftovers.repairs];
    let line = found.into_iter().flatten().fold(Line::main(REPAIRED, text), |line, one| line.see(one));
    leftovers.left_alone.iter().fold(line, |line, one| line.see(format!("left alone: {one}")))
}

pub(super) fn breaker_opened(breaker: &Breaker) -> Line {
    let how = if breaker.stated { "as it says" } else { "then one try" };
    let Breaker { provider, until, detail, .. } = breaker;
    let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
    Line::main(WARNED, format!("{provider} takes no requests until {until} ({how}){detail}"))
}

pub(super) fn breaker_closed(provider: &str) -> Line {
    Line::main(NOTED, format!("{provider} takes requests again"))
}

pub(super) fn profile_quarantined(quarantine: &ProfileQuarantine) -> Line {
    let slices: Vec<_> = quarantine.slices.iter().map(|slice| slice.as_str()).collect();
    let then = match &quarantine.successor {
        Some(agent) => format!("{agent} takes over"),
        None => "its slices are given up".to_owned(),
    };
    let ProfileQuarantine { agent, reason, .. } = quarantine;
    Line::main(FAILED, format!("agent {agent} is in quarantine: {} in a row: {reason}; {then}", slices.join(", ")))
}
