//! The end of a run in a few lines: what was integrated, what proves it, what does not, what to type next.

use std::path::Path;

use crate::cli::output::style;
use crate::cli::output::{safe, units, words};
use crate::domain::evidence::{GateResult, GateScope, ProofPredicate, ProofStatement};
use crate::domain::goal::GoalStatus;
use crate::domain::review::Verdict;
use crate::domain::view::{GoalView, Settled, SliceState, SliceView};

/// A goal that came back, and all that is said of it.
#[derive(Debug)]
pub struct End<'a> {
    /// How it came back.
    pub settled: &'a Settled,
    /// Its state.
    pub view: &'a GoalView,
    /// Its proof, where there is one.
    pub proof: Option<&'a ProofStatement>,
    /// Its directory.
    pub directory: &'a Path,
    /// The commands that go on, as this user types them.
    pub next: &'a [String],
}

impl End<'_> {
    /// The summary; its lines end with line feeds.
    pub fn text(&self) -> String {
        let mut lines = vec![self.head()];
        if self.settled.status != GoalStatus::Ready {
            lines.push(field("reason", &self.settled.reason));
            lines.extend(self.blocking());
        } else if self.settled.obstacle.is_some() || self.is_doubted() {
            lines.push(field("reason", &self.settled.reason));
        }
        lines.extend(self.integrated());
        if let Some(proof) = self.proof {
            lines.extend(proved(&proof.predicate));
            lines.push(field("proof", &format!("{}   unsigned", self.directory.join("proof.json").display())));
        }
        lines.extend(self.refused());
        lines.extend(self.left_out());
        lines.extend(self.next.iter().enumerate().map(|(index, command)| next(index, command)));
        lines.join("\n") + "\n"
    }

    fn head(&self) -> String {
        let view = self.view;
        let counted = |slice: &SliceView| slice.attempt.0.saturating_sub(slice.uncounted);
        let retries: u32 = view.slices.iter().map(|slice| counted(slice).saturating_sub(1)).sum();
        let mut parts = vec![
            format!(
                "{}  {}",
                style::paint(words::status_style(self.settled.status), self.settled.status.as_str()),
                view.id
            ),
            units::duration(view.budget.time_ms),
        ];
        parts.extend(Some(units::spent(&view.budget)).filter(|spent| !spent.is_empty()));
        parts.push(units::counted(view.slices.len(), "slice"));
        parts.extend((retries > 0).then(|| units::counted(retries as usize, "retry")));
        parts.extend((!view.questions.is_empty()).then(|| units::counted(view.questions.len(), "open question")));
        parts.join("   ")
    }

    /// Whether a later check of a `ready` goal found something.
    fn is_doubted(&self) -> bool {
        let tip = self.view.gate_results.iter().filter(|gate| gate.scope == GateScope::Tip && gate.result.required);
        tip.map(|gate| &gate.result).any(|result| !result.passes())
            || self.view.reviews.iter().any(|review| review.verdict == Verdict::Blocked)
    }

    /// What stands between the goal and `ready`.
    fn blocking(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for slice in self.view.slices.iter().filter(|slice| slice.state == SliceState::GivenUp) {
            let reason = slice.reason.as_deref().unwrap_or("no reason given");
            lines.push(field("gave up", &format!("{}: {reason}", slice.spec.id)));
            lines.extend(slice.gate_results.iter().filter(|gate| !gate.outcome.is_green()).map(|gate| self.red(gate)));
        }
        let gates =
            self.view.gate_results.iter().filter(|gate| !gate.result.outcome.is_green() && gate.result.required);
        lines.extend(gates.map(|gate| self.red(&gate.result)));
        for question in &self.view.questions {
            lines.push(field("asks", &format!("{} {}: {}", question.id, question.slice, question.text)));
        }
        lines
    }

    fn red(&self, gate: &GateResult) -> String {
        let log = self.directory.join(&gate.log.path);
        field("red gate", &format!("{} {}   log {}", units::gate(gate), words::outcome(&gate.outcome), log.display()))
    }

    fn integrated(&self) -> Option<String> {
        let view = self.view;
        let merged = view.slices.iter().filter(|slice| slice.state == SliceState::Integrated).count();
        if view.slices.is_empty() || (merged == 0 && self.settled.status == GoalStatus::Planned) {
            return None;
        }
        let integration = &view.integration;
        let place = match view.branches.first() {
            Some(branch) => format!("into {} @ {}", branch.name, branch.commit.short()),
            None => format!("@ {} (not delivered: no branch was made)", integration.tip.short()),
        };
        let unchanged = view.slices.iter().filter(|slice| slice.state == SliceState::Unchanged).count();
        let mut all =
            if merged + unchanged == view.slices.len() { String::new() } else { format!(" of {}", view.slices.len()) };
        if unchanged > 0 {
            all += &format!(", {unchanged} unchanged,");
        }
        let slices = units::counted(merged, "slice");
        Some(field("merged", &format!("{slices}{all} {place}   +{} -{}", integration.added, integration.removed)))
    }

    /// How often the policy refused something to the agents of each slice.
    fn refused(&self) -> Option<String> {
        let of = |slice: &SliceView| {
            let count: u64 = slice.refused.iter().map(|of| of.refused.count).fold(0, u64::saturating_add);
            (count > 0).then(|| format!("{} {}", slice.spec.id, words::times(count)))
        };
        let counts: Vec<_> = self.view.slices.iter().filter_map(of).collect();
        (!counts.is_empty()).then(|| field("refused", &format!("by the policy: {}   see goal show", counts.join(", "))))
    }

    /// Said, and no failure: restarts, flakes, changed paths that the repository ignores.
    fn left_out(&self) -> Vec<String> {
        let ignored = |slice: &SliceView| {
            let paths =
                slice.captured.as_ref().map(|capture| capture.ignored.join(", ")).filter(|paths| !paths.is_empty());
            paths.map(|paths| field("left out", &format!("{}: ignored by the repository: {paths}", slice.spec.id)))
        };
        let notes = self.view.notes.iter().map(|note| field("note", note));
        let unreported = units::unreported(&self.view.budget).map(|note| field("note", &note));
        notes.chain(unreported).chain(self.view.slices.iter().filter_map(ignored)).collect()
    }
}

fn proved(proof: &ProofPredicate) -> Vec<String> {
    let mut lines = Vec::new();
    if !proof.gates.is_empty() {
        let green = proof.gates.iter().filter(|gate| gate.outcome.is_green()).count();
        let each = proof.gates.iter().map(units::gate).collect::<Vec<_>>().join(", ");
        let tree = proof.tree.short();
        lines.push(field("gates", &format!("{green}/{} green on tree {tree} ({each})", proof.gates.len())));
    }
    if !proof.reviews.is_empty() {
        lines.push(field("reviews", &words::reviews(&proof.reviews)));
    }
    lines.push(field("sandbox", words::sandbox(proof.sandbox)));
    lines.extend(proof.gaps.iter().map(|gap| field("gap", gap)));
    lines
}

/// A line of the summary: its name in a column, its text harmless.
fn field(name: &str, text: &str) -> String {
    format!("  {} {}", style::left(style::DIM, name, 8), safe::line(text))
}

fn next(index: usize, command: &str) -> String {
    let name = if index == 0 { style::paint(style::HEAD, "next:") } else { " ".repeat(5) };
    format!("{name} {}", safe::line(command))
}
