//! What the fields of a plan are, and how each is read.
//!
//! Invariant: a draft that leaves here has valid names and paths, at least one slice, and no two gates of one name.

use std::collections::BTreeSet;

use super::syntax::{Node, Value};
use super::table::{Table, texts, wrong_type};
use super::{Found, PlanDraft, PlanProblem};
use crate::domain::access::AccessSet;
use crate::domain::budget::{Limits, usd_micros};
use crate::domain::goal::Settings;
use crate::domain::ids::{GateName, SliceId};
use crate::domain::task::{GateCommand, GateKind, GateSpec, Risk, SliceSpec};

const PLAN: &str = "the plan";
const SLICES: &str = "[[slices]]";
const GATES: &str = "[[gates]]";
const BUDGET: &str = "`budget`";

const PLAN_FIELDS: &[&str] = &["goal", "constraints", "assumptions", "acceptance", "slices", "gates"];
const SLICE_FIELDS: &[&str] = &[
    "id",
    "title",
    "description",
    "after",
    "reads",
    "writes",
    "merges",
    "risk",
    "acceptance",
    "gates",
    "retries",
    "run",
    "agent",
    "budget",
];
const BUDGET_FIELDS: &[&str] = &["time", "tokens", "usd"];
const GATE_FIELDS: &[&str] = &["name", "command", "kind", "timeout", "required"];

/// Reads a plan from its root.
pub(super) fn plan(root: &Node<'_>, settings: &Settings) -> Result<PlanDraft, Found> {
    let table = Table::of(root, PLAN, PLAN_FIELDS)?;
    let slices = table.tables("slices", SLICES, SLICE_FIELDS)?;
    let slices = slices.iter().map(|table| slice(table, settings)).collect::<Result<Vec<_>, _>>()?;
    let gates = gates(&table.tables("gates", GATES, GATE_FIELDS)?, settings)?;
    if slices.is_empty() {
        return Err(Found { at: table.find("slices").map(|node| node.at), problem: PlanProblem::NoSlices });
    }
    Ok(PlanDraft {
        goal: table.text("goal")?.map(|(_, text)| text.to_owned()),
        constraints: table.owned_texts("constraints")?,
        assumptions: table.owned_texts("assumptions")?,
        acceptance: table.owned_texts("acceptance")?,
        slices,
        gates,
    })
}

fn slice(table: &Table<'_, '_>, settings: &Settings) -> Result<SliceSpec, Found> {
    let id = table.name("id", SliceId::parse)?;
    Ok(SliceSpec {
        title: title(table)?.unwrap_or_else(|| id.as_str().to_owned()),
        description: table.text("description")?.map(|(_, text)| text.to_owned()).unwrap_or_default(),
        after: table.names("after", SliceId::parse)?,
        access: AccessSet {
            reads: table.paths("reads")?,
            writes: table.paths("writes")?,
            merges: table.paths("merges")?,
        },
        risk: table.word("risk", &["low", "medium", "high"], &[Risk::Low, Risk::Medium, Risk::High])?,
        acceptance: table.owned_texts("acceptance")?,
        gates: table.names("gates", GateName::parse)?,
        retries: match table.number("retries", 0, 1000)? {
            Some(number) => u32::try_from(number).unwrap_or(u32::MAX),
            None => settings.retries,
        },
        budget: budget(table)?,
        run: match table.text("run")? {
            Some((at, text)) => Some(program_text("run", at, text)?),
            None => None,
        },
        agent: agent(table)?,
        id,
    })
}

/// Who works on a slice: a name, which is judged where the agents are known.
fn agent(table: &Table<'_, '_>) -> Result<Option<String>, Found> {
    const FIELD: &str = "agent";
    let Some((at, text)) = table.text(FIELD)? else { return Ok(None) };
    if table.find("run").is_some() {
        return Err(Found::at(at, PlanProblem::Excluded { field: FIELD, other: "run" }));
    }
    program_text(FIELD, at, text).map(Some)
}

/// What all attempts of a slice together may spend.
fn budget(table: &Table<'_, '_>) -> Result<Limits, Found> {
    let Some(table) = table.table("budget", BUDGET, BUDGET_FIELDS)? else { return Ok(Limits::default()) };
    let tokens = table.number("tokens", 1, i64::MAX)?.and_then(|count| u64::try_from(count).ok());
    Ok(Limits { time_ms: duration(&table, "time")?, tokens, usd_micros: usd(&table)? })
}

fn usd(table: &Table<'_, '_>) -> Result<Option<u64>, Found> {
    const FIELD: &str = "usd";
    let Some(node) = table.find(FIELD) else { return Ok(None) };
    let text = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.clone(),
        Value::Text(text) => text.to_string(),
        Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Other(_) => {
            return Err(wrong_type(FIELD, "an amount of US dollars like 1.5", node));
        }
    };
    match usd_micros(&text) {
        Some(micros) if micros > 0 => Ok(Some(micros)),
        Some(_) | None => {
            Err(Found::at(node.at, PlanProblem::Money { field: FIELD, text: text.escape_debug().to_string() }))
        }
    }
}

fn title(table: &Table<'_, '_>) -> Result<Option<String>, Found> {
    match table.text("title")? {
        Some((at, text)) if text.chars().any(char::is_control) => {
            Err(Found::at(at, PlanProblem::ControlCharacter { field: "title" }))
        }
        Some((_, text)) if text.trim().is_empty() => Ok(None),
        Some((_, text)) => Ok(Some(text.to_owned())),
        None => Ok(None),
    }
}

fn gates(tables: &[Table<'_, '_>], settings: &Settings) -> Result<Vec<GateSpec>, Found> {
    let mut gates: Vec<GateSpec> = Vec::with_capacity(tables.len());
    let mut names = BTreeSet::new();
    for table in tables {
        let gate = gate(table, settings)?;
        if !names.insert(gate.name.clone()) {
            let at = table.find("name").map_or(table.at, |node| node.at);
            return Err(Found::at(at, PlanProblem::RepeatedGate { name: gate.name.to_string() }));
        }
        gates.push(gate);
    }
    Ok(gates)
}

fn gate(table: &Table<'_, '_>, settings: &Settings) -> Result<GateSpec, Found> {
    Ok(GateSpec {
        name: table.name("name", GateName::parse)?,
        command: command(table)?,
        kind: table.word(
            "kind",
            &["test", "build", "lint", "bench", "custom"],
            &[GateKind::Test, GateKind::Build, GateKind::Lint, GateKind::Bench, GateKind::Custom],
        )?,
        timeout_ms: duration(table, "timeout")?.unwrap_or(settings.gate_timeout_ms),
        required: table.flag("required")?.unwrap_or(true),
    })
}

fn command(table: &Table<'_, '_>) -> Result<GateCommand, Found> {
    const FIELD: &str = "command";
    let node = table.require(FIELD)?;
    match &node.value {
        Value::Text(text) => program_text(FIELD, node.at, text).map(GateCommand::Shell),
        Value::List(items) => {
            let mut words = Vec::with_capacity(items.len());
            for (at, word) in texts(FIELD, items)? {
                // Only the program has to be there; an argument may be empty.
                words.push(if words.is_empty() {
                    program_text(FIELD, at, word)?
                } else {
                    without_nul(FIELD, at, word)?
                });
            }
            if words.is_empty() {
                return Err(Found::at(node.at, PlanProblem::Empty { field: FIELD }));
            }
            Ok(GateCommand::Argv(words))
        }
        Value::Integer(_) | Value::Flag(_) | Value::Table(_) | Value::Decimal(_) | Value::Other(_) => {
            Err(wrong_type(FIELD, "a string for `sh -c` or a list of strings", node))
        }
    }
}

fn duration(table: &Table<'_, '_>, field: &'static str) -> Result<Option<u64>, Found> {
    /// Ten years: longer than any gate, and far from every overflow.
    const MOST_SECONDS: i64 = 315_360_000;
    let Some(node) = table.find(field) else { return Ok(None) };
    match &node.value {
        Value::Integer(_) => {
            Ok(table.number(field, 1, MOST_SECONDS)?.and_then(|seconds| u64::try_from(seconds).ok()).map(|s| s * 1000))
        }
        Value::Text(text) => {
            let refuse = |detail: String| {
                Found::at(node.at, PlanProblem::Duration { field, text: text.escape_debug().to_string(), detail })
            };
            let duration = humantime::parse_duration(text).map_err(|error| refuse(error.to_string()))?;
            match u64::try_from(duration.as_millis()) {
                Ok(0) | Err(_) => Err(refuse("it is below a millisecond or without end".to_owned())),
                Ok(ms) => Ok(Some(ms)),
            }
        }
        Value::Flag(_) | Value::List(_) | Value::Table(_) | Value::Decimal(_) | Value::Other(_) => {
            Err(wrong_type(field, "a length of time like \"90s\", or whole seconds", node))
        }
    }
}

fn program_text(field: &'static str, at: usize, text: &str) -> Result<String, Found> {
    if text.trim().is_empty() {
        return Err(Found::at(at, PlanProblem::Empty { field }));
    }
    without_nul(field, at, text)
}

fn without_nul(field: &'static str, at: usize, text: &str) -> Result<String, Found> {
    match text.contains('\0') {
        true => Err(Found::at(at, PlanProblem::ControlCharacter { field })),
        false => Ok(text.to_owned()),
    }
}
