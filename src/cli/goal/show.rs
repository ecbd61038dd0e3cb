//! `omk goal show`: the full state of a goal, the same on every call while its journal is the same.

use clap::Args;

use crate::cli::args::{Format, GoalArg};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::style;
use crate::cli::output::{safe, units, words};
use crate::domain::evidence::GateScope;
use crate::domain::refusal::AttemptRefusals;
use crate::domain::review::Review;
use crate::domain::view::{GoalView, ScopedGate, SliceView};

/// `omk goal show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the verb.
pub fn run(context: &Context, args: &ShowArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let format = args.format.or_json(context.output.json);
    if format == Format::Json {
        // The journal's word alone.
        context.output.document(&context.omk.view(&id, None)?)?;
        return Ok(0);
    }
    let (view, orphaned) = context.omk.view_of_people(&id)?;
    match format {
        Format::Md => context.output.exact(&markdown(&view))?,
        Format::Text | Format::Json => context.output.result(&text(&view, orphaned))?,
    }
    Ok(0)
}

/// The state for people. Holds nothing that changes with the clock.
pub fn text(view: &GoalView, orphaned: bool) -> String {
    let charter = &view.charter;
    let repository = &charter.repository;
    let mut page = Page::default();
    page.field("goal", view.id.as_str());
    page.field("text", &charter.goal);
    page.field("status", &format!("{} ({})", words::status(view.status, orphaned), view.phase.as_str()));
    page.field("reason", &view.reason);
    let branch = repository.branch.as_deref().unwrap_or("detached HEAD");
    page.field("base", &format!("{} @ {branch} {}", repository.root.display(), repository.base));
    page.field("head", &format!("{} tree {}", view.integration.tip, view.integration.tree));
    page.field(
        "agent",
        &format!("{}, at most {} at once", charter.agent.as_deref().unwrap_or("none named"), charter.max_agents),
    );
    page.field("sandbox", words::sandbox(charter.sandbox_level));
    page.field("plan", &view.plan_source);
    page.field(
        "time",
        &format!("{} in {}", units::duration(view.budget.time_ms), units::counted(view.runs as usize, "run")),
    );
    page.field("spent", &units::spent(&view.budget));
    page.list("constraints", charter.constraints.iter().cloned());
    page.list("assumptions", charter.assumptions.iter().cloned());
    page.list("criteria", charter.criteria.iter().cloned());
    page.list(
        "gates",
        view.gates.iter().map(|gate| {
            let need = if gate.required { "required" } else { "optional" };
            format!("{}  {}  {need}, at most {}", gate.name, gate.command, units::duration(gate.timeout_ms))
        }),
    );
    page.list(
        "orders",
        view.serialised.iter().map(|order| format!("{} before {}: {}", order.first, order.then, order.path)),
    );
    for slice in &view.slices {
        slice_block(&mut page, slice);
    }
    page.list("gate results", view.gate_results.iter().map(scoped_gate));
    page.list("reviews", view.reviews.iter().flat_map(review_lines));
    page.list("questions", view.questions.iter().map(|asked| format!("{} {}: {}", asked.id, asked.slice, asked.text)));
    page.list("branches", view.branches.iter().map(|branch| format!("{} @ {}", branch.name, branch.commit)));
    page.list("notes", view.notes.iter().cloned());
    page.list("next", view.next.iter().cloned());
    page.field("journal", &format!("{} records, {}", view.journal.seq, view.journal.hash));
    page.text
}

fn slice_block(page: &mut Page, slice: &SliceView) {
    let spec = &slice.spec;
    let tries = Some(words::Tries::of(slice).text()).filter(|tries| !tries.is_empty());
    let mut lines =
        vec![format!("{}{}", words::state(slice.state), tries.map(|it| format!(", {it}")).unwrap_or_default())];
    lines.extend(slice.reason.iter().map(|reason| format!("because {reason}")));
    if !spec.after.is_empty() {
        let after: Vec<&str> = spec.after.iter().map(|id| id.as_str()).collect();
        lines.push(format!("after {}", after.join(", ")));
    }
    for (name, patterns) in
        [("reads", &spec.access.reads), ("writes", &spec.access.writes), ("merges", &spec.access.merges)]
    {
        if !patterns.is_empty() {
            let patterns: Vec<&str> = patterns.iter().map(|pattern| pattern.as_str()).collect();
            lines.push(format!("{name} {}", patterns.join(", ")));
        }
    }
    lines.extend(spec.agent.iter().map(|agent| format!("agent {agent}")));
    lines.extend(slice.waiting_for.iter().map(|what| format!("waits for {}", words::waiting(what, None))));
    if let Some(capture) = &slice.captured {
        let files = units::counted(capture.paths.len(), "file");
        lines.push(format!("+{} -{} in {files} @ {}", capture.added, capture.removed, capture.commit));
    }
    lines.extend(slice.delivery.merge.iter().map(|merge| format!("merged by {merge}")));
    lines.extend(slice.feedback.iter().map(|told| format!("was told: {}", words::told(told))));
    for AttemptRefusals { attempt, refused } in &slice.refused {
        lines.push(format!("attempt {attempt} was refused {} by the policy", words::times(refused.count)));
        lines.extend(words::refusals(refused).iter().map(|line| format!("  {line}")));
    }
    page.list(&format!("slice {}  {}", spec.id, safe::line(&spec.title)), lines.into_iter());
}

/// A gate's verdict with what it was run on.
fn scoped_gate(gate: &ScopedGate) -> String {
    let place = match &gate.scope {
        GateScope::Base => "base".to_owned(),
        GateScope::Attempt { slice, attempt } => format!("{slice}.{attempt}"),
        GateScope::Batch { batch } => format!("batch {batch}"),
        GateScope::Tip => "integrated tree".to_owned(),
    };
    let result = &gate.result;
    format!(
        "{}  {} on {place} (tree {})  {}",
        units::gate(result),
        words::outcome(&result.outcome),
        result.tree.short(),
        result.log.path
    )
}

fn review_lines(review: &Review) -> Vec<String> {
    let head = format!("{}  {}  {}", review.role, words::verdict(review.verdict), review.summary);
    std::iter::once(head).chain(review.findings.iter().map(|found| format!("  {}", words::finding(found)))).collect()
}

fn refusal_lines(slice: &SliceView) -> Vec<String> {
    let of = |AttemptRefusals { attempt, refused }: &AttemptRefusals| {
        let name = format!("{}.{attempt}", slice.spec.id);
        words::refusals(refused).into_iter().map(move |line| format!("{name}  {line}")).collect::<Vec<_>>()
    };
    slice.refused.iter().flat_map(of).collect()
}

/// A text of fields and lists, every value made harmless.
#[derive(Debug, Default)]
struct Page {
    text: String,
}

impl Page {
    fn field(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.text.push_str(&format!("{} {}\n", style::left(style::DIM, name, 8), safe::line(value)));
        }
    }

    fn list(&mut self, name: &str, lines: impl Iterator<Item = String>) {
        let mut lines = lines.peekable();
        if lines.peek().is_some() {
            self.text.push_str(&format!("{}\n", style::paint(style::HEAD, name)));
        }
        for line in lines {
            self.text.push_str(&format!("  {}\n", safe::line(&line)));
        }
    }
}

/// The state as Markdown.
pub fn markdown(view: &GoalView) -> String {
    let md = safe::markdown;
    let mut text = format!("# {}\n\n{}\n\n", md(view.id.as_str()), md(&view.charter.goal));
    text.push_str(&format!("**{}** ({}): {}\n\n", md(view.status.as_str()), md(view.phase.as_str()), md(&view.reason)));
    text.push_str("| slice | title | state | attempts | change |\n|---|---|---|---|---|\n");
    for slice in &view.slices {
        let change = slice.captured.as_ref().map(|capture| format!("+{} -{}", capture.added, capture.removed));
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            slice.spec.id,
            md(&slice.spec.title),
            words::state(slice.state),
            slice.attempt,
            change.unwrap_or_default()
        ));
    }
    for (name, lines) in [
        ("Gates", view.gate_results.iter().map(scoped_gate).collect::<Vec<_>>()),
        ("Reviews", view.reviews.iter().flat_map(review_lines).collect()),
        ("Refused by the policy", view.slices.iter().flat_map(refusal_lines).collect()),
        ("Notes", view.notes.clone()),
    ] {
        if !lines.is_empty() {
            text.push_str(&format!("\n## {name}\n\n"));
        }
        for line in lines {
            text.push_str(&format!("- {}\n", md(line.trim())));
        }
    }
    for (index, command) in view.next.iter().enumerate() {
        let head = if index == 0 { "\n## Next\n\n" } else { "" };
        text.push_str(&format!("{head}- `{}`\n", safe::line(command).replace('`', "'")));
    }
    text
}
