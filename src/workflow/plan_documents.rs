//! The planning documents of a goal: `prd.md`, `technical-plan.md`, `test-spec.md`.
//!
//! Derived from the charter and the accepted plan alone, so that they can be written again at any time; what people
//! and agents read of the plan, and never an input of a decision.

use std::fmt::Write;
use std::time::Duration;

use crate::domain::access::PathPattern;
use crate::domain::goal::Charter;
use crate::domain::task::{AcceptedPlan, GateSpec, SliceSpec};

/// What is wanted: the request, its limits, and when it is done.
pub fn prd(charter: &Charter, plan: &AcceptedPlan) -> String {
    let mut page = Page::titled("Product requirements", charter);
    page.section("Request");
    page.quote(&charter.request);
    page.list("Constraints", &charter.constraints);
    page.list("Assumptions", &charter.assumptions);
    page.list("Done when", &charter.criteria);
    page.section("Scope");
    for slice in &plan.slices {
        page.item(&format!("`{}`: {}", slice.id, slice.title));
    }
    page.0
}

/// How it is done: the slices with their order and rights.
pub fn technical_plan(charter: &Charter, plan: &AcceptedPlan) -> String {
    let mut page = Page::titled("Technical plan", charter);
    page.0.push('\n');
    page.item(&format!("Base: commit `{}`, tree `{}`", charter.repository.base, charter.repository.base_tree));
    page.item(&format!("Plan: {}", plan.source));
    page.item(&format!(
        "Agent: {}",
        charter.agent.as_deref().unwrap_or("none; slices have a command or an agent of their own")
    ));
    page.item(&format!("Slices at once: at most {}", charter.max_agents));
    for slice in &plan.slices {
        page.slice(slice);
    }
    if !plan.serialised.is_empty() {
        page.section("Orders that the planner added");
        for order in &plan.serialised {
            let text = "because one reads what the other writes";
            page.item(&format!("`{}` before `{}`, {text}: `{}`", order.first, order.then, order.path));
        }
    }
    page.0
}

/// How it is proved: the gates, and what each slice has to show.
pub fn test_spec(charter: &Charter, plan: &AcceptedPlan) -> String {
    let mut page = Page::titled("Test specification", charter);
    page.section("Gates");
    for gate in &plan.gates {
        page.gate(gate);
    }
    page.section("Acceptance by slice");
    for slice in &plan.slices {
        let gates = match slice.gates.is_empty() {
            true => "every required gate".to_owned(),
            false => code_list(slice.gates.iter().map(|gate| gate.as_str())),
        };
        page.item(&format!("`{}`: {gates}", slice.id));
        for criterion in &slice.acceptance {
            page.sub_item(criterion);
        }
    }
    page.list("Acceptance of the whole", &charter.criteria);
    page.0
}

struct Page(String);

impl Page {
    fn titled(kind: &str, charter: &Charter) -> Self {
        let mut page = Self(String::new());
        page.line(format_args!("# {kind}: {}", folded(&charter.goal)));
        page.line(format_args!("\nGoal `{}`, created {}.", charter.id, charter.created));
        page
    }

    /// Writing to a `String` cannot fail.
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.0, "{text}");
    }

    fn section(&mut self, title: &str) {
        self.line(format_args!("\n## {title}\n"));
    }

    fn item(&mut self, text: &str) {
        self.line(format_args!("- {}", folded(text)));
    }

    fn sub_item(&mut self, text: &str) {
        self.line(format_args!("  - {}", folded(text)));
    }

    fn list(&mut self, title: &str, items: &[String]) {
        if !items.is_empty() {
            self.section(title);
            items.iter().for_each(|item| self.item(item));
        }
    }

    fn quote(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format_args!("{}", format!("> {}", visible(line)).trim_end()));
        }
    }

    fn slice(&mut self, slice: &SliceSpec) {
        self.section(&format!("`{}`: {}", slice.id, folded(&slice.title)));
        if !slice.description.trim().is_empty() && slice.description.trim() != slice.title {
            self.quote(slice.description.trim());
            self.0.push('\n');
        }
        self.paths("After", slice.after.iter().map(|id| id.as_str()));
        self.paths("Reads", slice.access.reads.iter().map(PathPattern::as_str));
        self.paths("Writes", slice.access.writes.iter().map(PathPattern::as_str));
        self.paths("Merges", slice.access.merges.iter().map(PathPattern::as_str));
        let risk = format!("{:?}", slice.risk).to_lowercase();
        self.item(&format!("Risk: {risk}; attempts: at most {}", slice.max_attempts()));
        if let Some(run) = &slice.run {
            self.item(&format!("Runs: {}", code(run)));
        }
        if let Some(agent) = &slice.agent {
            self.item(&format!("Agent: {}", code(agent)));
        }
    }

    fn paths<'a>(&mut self, title: &str, names: impl Iterator<Item = &'a str>) {
        let names = code_list(names);
        if !names.is_empty() {
            self.item(&format!("{title}: {names}"));
        }
    }

    fn gate(&mut self, gate: &GateSpec) {
        let needed = if gate.required { "required" } else { "optional" };
        let kind = format!("{:?}", gate.kind).to_lowercase();
        let timeout = humantime::format_duration(Duration::from_millis(gate.timeout_ms));
        let command = code(&gate.command.to_string());
        self.item(&format!("`{}` ({kind}, {needed}, at most {timeout}): {command}", gate.name));
    }
}

fn code_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(code).collect::<Vec<_>>().join(", ")
}

/// Inline code that survives backquotes in the text.
fn code(text: &str) -> String {
    let text = folded(text);
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

fn folded(text: &str) -> String {
    visible(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The text with control characters spelled out: these files are shown in terminals.
fn visible(text: &str) -> String {
    let spelled = |c: char| if c.is_control() && c != '\t' { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(spelled).collect()
}
