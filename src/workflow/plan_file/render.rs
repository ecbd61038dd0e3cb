//! An accepted plan, printed as the TOML that `--plan` reads.
//!
//! Prints only what differs from the format's own defaults, and never a default that the user's settings decide.

use std::fmt::Write;
use std::time::Duration;

use crate::domain::access::PathPattern;
use crate::domain::budget::Limits;
use crate::domain::task::{AcceptedPlan, GateCommand, GateKind, GateSpec, Risk, Serialised, SliceSpec};

/// Prints a plan; [`super::parse`] reads the same slices and gates from it. Orders that the planner added are comments.
pub fn render(plan: &AcceptedPlan) -> String {
    let mut page = Page(String::new());
    for order in &plan.serialised {
        page.comment(order);
    }
    for slice in &plan.slices {
        page.slice(slice);
    }
    for gate in &plan.gates {
        page.gate(gate);
    }
    page.0
}

struct Page(String);

impl Page {
    /// Writing to a `String` cannot fail.
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{text}");
    }

    fn header(&mut self, name: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(format_args!("[[{name}]]"));
    }

    fn comment(&mut self, order: &Serialised) {
        let path = order.path.escape_debug();
        self.line(format_args!(
            "# `{}` waits for `{}`: one reads what the other writes ({path})",
            order.then, order.first
        ));
    }

    fn slice(&mut self, slice: &SliceSpec) {
        self.header("slices");
        self.text("id", slice.id.as_str());
        self.text("title", &slice.title);
        if !slice.description.is_empty() {
            self.text("description", &slice.description);
        }
        self.list("after", slice.after.iter().map(|id| id.as_str()));
        self.list("reads", slice.access.reads.iter().map(PathPattern::as_str));
        self.list("writes", slice.access.writes.iter().map(PathPattern::as_str));
        self.list("merges", slice.access.merges.iter().map(PathPattern::as_str));
        match slice.risk {
            Risk::Low => self.text("risk", "low"),
            Risk::Medium => {}
            Risk::High => self.text("risk", "high"),
        }
        self.list("acceptance", slice.acceptance.iter().map(String::as_str));
        self.list("gates", slice.gates.iter().map(|gate| gate.as_str()));
        self.line(format_args!("retries = {}", slice.retries));
        if let Some(run) = &slice.run {
            self.text("run", run);
        }
        if let Some(agent) = &slice.agent {
            self.text("agent", agent);
        }
        self.budget(&slice.budget);
    }

    fn budget(&mut self, limits: &Limits) {
        let time = limits.time_ms.map(|ms| {
            let duration = humantime::format_duration(Duration::from_millis(ms)).to_string();
            format!("time = {}", quoted(&duration))
        });
        let tokens = limits.tokens.map(|count| format!("tokens = {count}"));
        // A string: a float could not hold every amount.
        let usd = limits.usd_micros.map(|micros| format!("usd = \"{}.{:06}\"", micros / 1_000_000, micros % 1_000_000));
        let fields: Vec<_> = [time, tokens, usd].into_iter().flatten().collect();
        if !fields.is_empty() {
            self.line(format_args!("budget = {{ {} }}", fields.join(", ")));
        }
    }

    fn gate(&mut self, gate: &GateSpec) {
        self.header("gates");
        self.text("name", gate.name.as_str());
        match &gate.command {
            GateCommand::Shell(line) => self.text("command", line),
            GateCommand::Argv(words) => self.list("command", words.iter().map(String::as_str)),
        }
        let kind = match gate.kind {
            GateKind::Test => None,
            GateKind::Build => Some("build"),
            GateKind::Lint => Some("lint"),
            GateKind::Bench => Some("bench"),
            GateKind::Custom => Some("custom"),
        };
        if let Some(kind) = kind {
            self.text("kind", kind);
        }
        self.text("timeout", &humantime::format_duration(Duration::from_millis(gate.timeout_ms)).to_string());
        if !gate.required {
            self.line(format_args!("required = false"));
        }
    }

    fn text(&mut self, field: &str, text: &str) {
        self.line(format_args!("{field} = {}", quoted(text)));
    }

    fn list<'a>(&mut self, field: &str, items: impl Iterator<Item = &'a str>) {
        let items: Vec<String> = items.map(quoted).collect();
        if !items.is_empty() {
            self.line(format_args!("{field} = [{}]", items.join(", ")));
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
