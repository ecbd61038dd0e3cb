//! `omk goal proof`: what proves a goal; with `--verify`, whether that still holds.

use clap::Args;
use serde::Serialize;

use crate::cli::args::{Format, GoalArg};
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::style;
use crate::cli::output::{safe, units, words};
use crate::domain::evidence::{GateResult, JournalPosition, ProofPredicate, ProofSlice, ProofStatement};
use crate::domain::goal::{GoalStatus, SandboxLevel};
use crate::domain::ids::{CommitId, GoalId, Timestamp, TreeId};
use crate::domain::review::Review;
use crate::domain::view::ProofCheck;

/// `omk goal proof`.
#[derive(Debug, Args)]
pub struct ProofArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Check the proof again, offline: journal chain, evidence, trees, gate rows, branches. Exit 5 where one does not hold
    #[arg(long)]
    pub verify: bool,
    /// With --verify: run the gates again
    #[arg(long, requires = "verify")]
    pub rerun: bool,
}

/// The proof as `--json` shows it: a view; the file `proof.json` is the attestation.
#[derive(Debug, Serialize)]
pub struct ProofDocument<'a> {
    schema: &'static str,
    status: &'a str,
    reason: &'a str,
    goal: &'a GoalId,
    request: &'a str,
    base: &'a CommitId,
    head: &'a CommitId,
    tree: &'a TreeId,
    branch: Option<&'a str>,
    repo: &'a str,
    sandbox: SandboxLevel,
    signature: &'static str,
    gates: &'a [GateResult],
    slices: &'a [ProofSlice],
    reviews: &'a [Review],
    gaps: &'a [String],
    journal: &'a JournalPosition,
    at: Timestamp,
}

impl<'a> ProofDocument<'a> {
    /// The document, schema `omk.goal.proof/v1`. `private` is the repository that holds what was not delivered.
    pub fn of(proof: &'a ProofPredicate, private: &'a str) -> Self {
        Self {
            schema: "omk.goal.proof/v1",
            status: &proof.status,
            reason: &proof.reason,
            goal: &proof.goal,
            request: &proof.request,
            base: &proof.base,
            head: &proof.head,
            tree: &proof.tree,
            branch: proof.branch.as_deref(),
            repo: if proof.branch.is_some() { &proof.repo } else { private },
            sandbox: proof.sandbox,
            signature: "unsigned",
            gates: &proof.gates,
            slices: &proof.slices,
            reviews: &proof.reviews,
            gaps: &proof.gaps,
            journal: &proof.journal,
            at: proof.at,
        }
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &ProofArgs) -> Result<u8, Failure> {
    let id = if args.rerun { context.goal_to_change(&args.goal)? } else { context.goal(&args.goal)? };
    let format = args.format.or_json(context.output.json);
    if args.verify {
        return verify(context, &id, args.rerun, format);
    }
    let statement = context.omk.proof(&id)?;
    match format {
        Format::Text => context.output.result(&text(&statement))?,
        Format::Json => {
            let private = context.omk.private_repository(&id);
            context.output.document(&ProofDocument::of(&statement.predicate, &private))?;
        }
        Format::Md => context.output.exact(&markdown(&statement.predicate))?,
    }
    Ok(0)
}

fn verify(context: &Context, id: &GoalId, rerun: bool, format: Format) -> Result<u8, Failure> {
    let check = context.omk.check_proof(id, rerun)?;
    match format {
        Format::Text => context.output.result(&check_text(&check))?,
        Format::Json => context.output.document(&check)?,
        Format::Md => context.output.exact(&check_markdown(&check))?,
    }
    Ok(if check.holds { 0 } else { GoalStatus::NotReady.exit_code() })
}

/// The proof for people.
pub fn text(statement: &ProofStatement) -> String {
    let proof = &statement.predicate;
    let mut lines = vec![
        field("goal", &format!("{}  {}", proof.goal, proof.request)),
        field("status", &format!("{}: {}", proof.status, proof.reason)),
        field("base", proof.base.as_str()),
        field("head", &format!("{}  tree {}", proof.head, proof.tree)),
        field("branch", proof.branch.as_deref().unwrap_or("none: nothing was delivered")),
        field("repo", &proof.repo),
        field("sandbox", words::sandbox(proof.sandbox)),
    ];
    lines.extend(proof.gates.iter().map(|gate| field("gate", &gate_line(gate))));
    lines.extend(proof.slices.iter().map(|slice| field("slice", &slice_line(slice))));
    for review in &proof.reviews {
        lines
            .push(field("review", &format!("{}  {}  {}", review.role, words::verdict(review.verdict), review.summary)));
        lines.extend(review.findings.iter().map(|found| field("", &format!("  {}", words::finding(found)))));
    }
    lines.extend(proof.gaps.iter().map(|gap| field("gap", gap)));
    lines.push(field("journal", &format!("{} records, {}", proof.journal.seq, proof.journal.hash)));
    lines.push(field("signed", "unsigned"));
    lines.join("\n") + "\n"
}

fn gate_line(gate: &GateResult) -> String {
    let start = if gate.cold { "cold" } else { "warm" };
    let verdict = words::outcome(&gate.outcome);
    format!(
        "{}  {verdict} on tree {}  {start}  {} sha256:{}",
        units::gate(gate),
        gate.tree.short(),
        gate.log.path,
        gate.log.sha256
    )
}

fn slice_line(slice: &ProofSlice) -> String {
    let tries = units::counted(slice.attempts as usize, "attempt");
    let refused = match slice.refused {
        0 => String::new(),
        count => format!("  refused {} by the policy", words::times(count)),
    };
    let commit = slice.commit.as_ref().map(|commit| format!("  commit {}", commit.short())).unwrap_or_default();
    let merge = slice.merge.as_ref().map(|merge| format!("  merge {}", merge.short())).unwrap_or_default();
    let reason = slice.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
    format!("{}  {}  {tries}{refused}{commit}{merge}{reason}", slice.id, slice.state)
}

fn field(name: &str, value: &str) -> String {
    format!("{} {}", style::left(style::DIM, name, 8), safe::line(value)).trim_end().to_owned()
}

/// The proof as Markdown.
pub fn markdown(proof: &ProofPredicate) -> String {
    let md = safe::markdown;
    let mut text = format!(
        "# Proof of {}\n\n{}\n\n**{}**: {}\n\n",
        md(proof.goal.as_str()),
        md(&proof.request),
        md(&proof.status),
        md(&proof.reason)
    );
    text.push_str(&format!("- base `{}`\n- head `{}`\n- tree `{}`\n", proof.base, proof.head, proof.tree));
    text.push_str(&format!("- sandbox {}\n- unsigned\n", words::sandbox(proof.sandbox)));
    text.push_str("\n| gate | outcome | tree | tests | time |\n|---|---|---|---|---|\n");
    for gate in &proof.gates {
        let tests = gate.tests.map(|count| units::tests(&count)).unwrap_or_default();
        let (outcome, took) = (words::outcome(&gate.outcome), units::duration(gate.duration_ms));
        text.push_str(&format!("| {} | {} | {} | {tests} | {took} |\n", gate.gate, md(&outcome), gate.tree.short()));
    }
    text.push_str("\n| slice | state | attempts | refused | commit |\n|---|---|---|---|---|\n");
    for slice in &proof.slices {
        let commit = slice.commit.as_ref().map(CommitId::short).unwrap_or_default();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {commit} |\n",
            slice.id,
            md(&slice.state),
            slice.attempts,
            slice.refused
        ));
    }
    text.push_str("\n| review | verdict | findings | summary |\n|---|---|---|---|\n");
    for review in &proof.reviews {
        let (verdict, findings) = (words::verdict(review.verdict), review.findings.len());
        text.push_str(&format!(
            "| {} | {verdict} | {findings} | {} |\n",
            md(review.role.as_str()),
            md(&review.summary)
        ));
    }
    let head = if proof.gaps.is_empty() { "" } else { "\n## Gaps\n\n" };
    text.push_str(head);
    for gap in &proof.gaps {
        text.push_str(&format!("- {}\n", md(gap)));
    }
    text
}

/// What re-checking found, for people.
pub fn check_text(check: &ProofCheck) -> String {
    let width = check.checks.iter().map(|claim| claim.claim.chars().count()).max().unwrap_or(0).max(9);
    let mut text = String::new();
    for claim in &check.checks {
        let (word, style) = if claim.holds { ("holds", style::GOOD) } else { ("FAILS", style::BAD) };
        let name = safe::line(&claim.claim);
        text.push_str(&format!("{} {name:<width$}  {}\n", style::paint(style, word), safe::line(&claim.detail)));
    }
    let (verdict, style) =
        if check.holds { ("the proof holds", style::GOOD) } else { ("the proof does not hold", style::BAD) };
    text + &format!("{}, {}\n", style::paint(style, verdict), safe::line(&check.signature))
}

fn check_markdown(check: &ProofCheck) -> String {
    let mut text = "| claim | holds | seen |\n|---|---|---|\n".to_owned();
    for claim in &check.checks {
        let holds = if claim.holds { "yes" } else { "**no**" };
        text.push_str(&format!("| {} | {holds} | {} |\n", safe::markdown(&claim.claim), safe::markdown(&claim.detail)));
    }
    text + &format!("\n{}\n", safe::markdown(&check.signature))
}
