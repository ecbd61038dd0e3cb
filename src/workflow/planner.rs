//! From a goal's text, or a plan file, to slices and gates.
//!
//! Owns the plan by heuristic, and which of several sources of gates counts. Never reads a file: what the base holds
//! comes in as values.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::domain::access::{AccessSet, PathPattern};
use crate::domain::budget::Limits;
use crate::domain::goal::Settings;
use crate::domain::ids::{GateName, InvalidId, SliceId};
use crate::domain::task::{AcceptedPlan, GateCommand, GateKind, GateSpec, Risk, SliceSpec};
use crate::graph::error::GraphError;
use crate::graph::validate::validate;

/// What [`AcceptedPlan::source`] says of a plan by heuristic.
pub const HEURISTIC: &str = "heuristic";

/// The longest title that is made of a goal's text, in characters.
const LONGEST_TITLE: usize = 72;

/// Plans without a model: one slice for the whole goal, or one for each bullet of a text that has at least two
/// (`-`, `*`, `+`, `1.`, `1)` at the outermost indentation; what is indented below belongs to its bullet, what stands
/// before the first is said to every slice).
///
/// Nothing in a text says which files a bullet is about, so each slice may write the whole repository, and slices
/// that may write the same paths must have an order: bullets are done one after the other, in the order of the text.
pub fn heuristic(goal: &str, settings: &Settings) -> Vec<SliceSpec> {
    let (preamble, bullets) = bullets(goal);
    if bullets.len() < 2 {
        return vec![whole_repository(coined(goal, "main", &BTreeSet::new()), goal.trim().to_owned(), settings)];
    }
    let mut taken = BTreeSet::new();
    let mut slices: Vec<SliceSpec> = Vec::with_capacity(bullets.len());
    for bullet in bullets {
        let id = coined(&bullet, "step", &taken);
        taken.insert(id.as_str().to_owned());
        let mut slice = whole_repository(id, bullet, settings);
        slice.after.extend(slices.last().map(|before| before.id.clone()));
        if !preamble.is_empty() {
            slice.description = format!("{}\n\nThe goal that this is a part of: {preamble}", slice.description);
        }
        slices.push(slice);
    }
    slices
}

fn whole_repository(id: SliceId, text: String, settings: &Settings) -> SliceSpec {
    let everything = PathPattern::parse("**").into_iter().collect();
    SliceSpec {
        title: title(&text).unwrap_or_else(|| id.as_str().to_owned()),
        id,
        description: text,
        after: Vec::new(),
        access: AccessSet { writes: everything, ..AccessSet::default() },
        risk: Risk::default(),
        acceptance: Vec::new(),
        gates: Vec::new(),
        retries: settings.retries,
        run: None,
        agent: None,
        budget: Limits::default(),
    }
}

/// The text before the first bullet, with white space folded, and the bullets' texts.
fn bullets(goal: &str) -> (String, Vec<String>) {
    let lines = || goal.lines().map(|line| (line.len() - line.trim_start().len(), line.trim()));
    let outermost = lines().filter(|(_, line)| bullet_text(line).is_some()).map(|(indent, _)| indent).min();
    let (mut preamble, mut bullets) = (Vec::new(), Vec::<String>::new());
    for (indent, line) in lines() {
        match (bullet_text(line), bullets.last_mut()) {
            (Some(text), _) if Some(indent) == outermost => bullets.push(text.to_owned()),
            (_, Some(bullet)) => {
                bullet.push('\n');
                bullet.push_str(line);
            }
            (_, None) => preamble.extend(line.split_whitespace()),
        }
    }
    for bullet in &mut bullets {
        bullet.truncate(bullet.trim_end().len());
    }
    (preamble.join(" "), bullets)
}

/// What follows the mark, where a trimmed line is a bullet.
fn bullet_text(line: &str) -> Option<&str> {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match digits {
        0 => line.strip_prefix(['-', '*', '+'])?,
        1..=3 => line[digits..].strip_prefix(['.', ')'])?,
        _ => return None,
    };
    let text = rest.strip_prefix([' ', '\t'])?.trim();
    (!text.is_empty()).then_some(text)
}

/// The first line, without control characters, cut at a word.
fn title(text: &str) -> Option<String> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let mut title = String::new();
    for word in line.split_whitespace() {
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        let space = usize::from(!title.is_empty());
        if title.chars().count() + space + word.chars().count() > LONGEST_TITLE {
            if title.is_empty() {
                title.extend(word.chars().take(LONGEST_TITLE));
            }
            title.push('…');
            break;
        }
        title.push_str(&" ".repeat(space));
        title.push_str(&word);
    }
    (!title.is_empty()).then_some(title)
}

/// A slice id of the text's first words; `fallback` where it has none, with a number where it is `taken`.
fn coined(text: &str, fallback: &str, taken: &BTreeSet<String>) -> SliceId {
    const LONGEST: usize = 30;
    let mut slug = String::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if !slug.is_empty() && slug.len() + 1 + word.len() > LONGEST {
            break;
        }
        let dash = if slug.is_empty() { "" } else { "-" };
        slug.push_str(dash);
        slug.extend(word.chars().take(LONGEST).map(|c| c.to_ascii_lowercase()));
    }
    let slug = if SliceId::parse(&slug).is_ok() { slug.as_str() } else { fallback };
    let numbered = (2u32..).map(|number| format!("{slug}-{number}"));
    let free = std::iter::once(slug.to_owned()).chain(numbered).find(|id| !taken.contains(id));
    #[expect(clippy::expect_used, reason = "a slug or a fallback of at most 30 allowed characters, and a number")]
    free.and_then(|id| SliceId::parse(&id).ok()).expect("a slug with a number is a slice id")
}

/// Why a `--gate` is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GateFlagError {
    /// Nothing separates name and command.
    #[error("--gate `{text}` has no `=`; write it as NAME=COMMAND, such as --gate test='cargo test'")]
    NoCommand {
        /// The argument.
        text: String,
    },
    /// Nothing follows the `=`.
    #[error("--gate `{name}=` has no command; write it as NAME=COMMAND, such as --gate test='cargo test'")]
    EmptyCommand {
        /// The name.
        name: String,
    },
    /// What stands before the `=` cannot be a name.
    #[error("--gate: {0}; write it as NAME=COMMAND, such as --gate test='cargo test'")]
    Name(#[from] InvalidId),
}

/// Reads the `NAME=CMD` of a `--gate`: a required test gate whose command goes to `sh -c`.
pub fn parse_gate_flag(text: &str, settings: &Settings) -> Result<GateSpec, GateFlagError> {
    let Some((name, command)) = text.split_once('=') else {
        return Err(GateFlagError::NoCommand { text: text.escape_debug().to_string() });
    };
    let name = GateName::parse(name.trim())
        .map_err(|error| InvalidId { text: error.text.escape_debug().to_string(), ..error })?;
    match command.trim() {
        "" => Err(GateFlagError::EmptyCommand { name: name.to_string() }),
        command => Ok(GateSpec {
            name,
            command: GateCommand::Shell(command.to_owned()),
            kind: GateKind::Test,
            timeout_ms: settings.gate_timeout_ms,
            required: true,
        }),
    }
}

/// Where gates may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateSources {
    /// Those of `--gate`, in the order of the command line.
    pub flags: Vec<GateSpec>,
    /// Those of the plan.
    pub plan: Vec<GateSpec>,
    /// Those of the user's configuration.
    pub configuration: Vec<GateSpec>,
    /// Those that the base's files suggest.
    pub detected: Vec<GateSpec>,
}

/// Decides which gates count: the plan's together with `--gate` (which replaces one of the same name in its place,
/// the last one winning) where there are any; else the configuration's; else the detected ones.
pub fn gates_from(sources: GateSources) -> Vec<GateSpec> {
    let mut stated = sources.plan;
    for flag in sources.flags {
        match stated.iter_mut().find(|gate| gate.name == flag.name) {
            Some(gate) => *gate = flag,
            None => stated.push(flag),
        }
    }
    [stated, sources.configuration, sources.detected].into_iter().find(|gates| !gates.is_empty()).unwrap_or_default()
}

/// Why slices and gates are no plan.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PlanRefusal {
    /// Nothing could prove the result: the goal waits for a person who names a gate.
    #[error(
        "no required gate is known, so nothing could prove the result; give one with --gate NAME=COMMAND, with \
         [[gates]] in the plan, or in the configuration"
    )]
    NoGates,
    /// The slices cannot be worked on as they are: repeated or unknown ids, cycles, unordered changes of one path.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Graph(Vec<GraphError>),
}

/// Judges a plan as a whole and freezes it, with the orders that reads need. The slices are judged before the gates:
/// a broken plan is mended in its file, a missing gate may be given on the command line.
///
/// `source` says where the plan came from, for people: a file's path, or [`HEURISTIC`].
pub fn accept(slices: Vec<SliceSpec>, gates: Vec<GateSpec>, source: &str) -> Result<AcceptedPlan, PlanRefusal> {
    let graph = validate(slices.clone(), &gates, Vec::new()).map_err(PlanRefusal::Graph)?;
    if !gates.iter().any(|gate| gate.required) {
        return Err(PlanRefusal::NoGates);
    }
    Ok(AcceptedPlan { slices, gates, serialised: graph.serialised().to_vec(), source: source.to_owned() })
}
