//! `omk goal replay`: the timeline of a goal and the state folded from its journal; the same on every call.

use clap::Args;
use serde::Serialize;

use crate::cli::args::{Format, GoalArg};
use crate::cli::context::Context;
use crate::cli::error::{Failure, misuse};
use crate::cli::event::{self, EventDocument};
use crate::cli::goal::show;
use crate::cli::narrative;
use crate::cli::output::safe;
use crate::cli::output::style;
use crate::domain::event::Event;
use crate::domain::ids::Seq;
use crate::domain::view::GoalView;

/// `omk goal replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Stop after this record of the journal
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub at: Option<u64>,
}

/// A replay as `--json` shows it.
#[derive(Debug, Serialize)]
struct ReplayDocument<'a> {
    schema: &'static str,
    events: Vec<EventDocument<'a>>,
    state: &'a GoalView,
}

/// Runs the verb.
pub fn run(context: &Context, args: &ReplayArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let mut events = context.omk.events(&id)?;
    if let Some(at) = args.at {
        let last = events.last().map_or(0, |event| event.seq.0);
        if at > last {
            return Err(misuse(
                format!("the journal of {id} has no record {at}"),
                [format!("its last record is {last}")],
            ));
        }
        events.retain(|event| event.seq.0 <= at);
    }
    // The state is folded up to the last record shown, so that both parts are of one moment while the goal runs on.
    context.omk.rebuild(&id);
    let view = context.omk.view(&id, events.last().map(|event| event.seq).or(args.at.map(Seq)))?;
    match args.format.or_json(context.output.json) {
        Format::Text => context.output.result(&format!("{}\n{}", timeline(&events), show::text(&view, false)))?,
        Format::Json => {
            let events = events.iter().map(event::document).collect();
            let document = ReplayDocument { schema: "omk.goal.replay/v1", events, state: &view };
            context.output.document(&document)?;
        }
        Format::Md => context.output.exact(&format!("{}\n{}", timeline_markdown(&events), show::markdown(&view)))?,
    }
    Ok(0)
}

/// Every record on a line: number, moment, actor, what happened.
pub fn timeline(events: &[Event]) -> String {
    let mut text = String::new();
    for event in events {
        let actor = style::left(style::DIM, event.actor.as_str(), 20);
        text.push_str(&format!("{:>5}  {}  {actor} {}\n", event.seq, event.ts, sentence(event)));
    }
    text
}

fn sentence(event: &Event) -> String {
    let Some(line) = narrative::narrate(event) else { return event::kind(&event.fact) };
    let slice = line.slice.map(|slice| format!("{slice}  ")).unwrap_or_default();
    format!("{} {slice}{}", style::left(line.act.style, line.act.plain, 8), line.text)
}

fn timeline_markdown(events: &[Event]) -> String {
    let mut text = "| seq | when | actor | what |\n|---|---|---|---|\n".to_owned();
    for event in events {
        let sentence = anstream::adapter::strip_str(&sentence(event)).to_string();
        let actor = safe::markdown(event.actor.as_str());
        text.push_str(&format!("| {} | {} | {actor} | {} |\n", event.seq, event.ts, safe::markdown(&sentence)));
    }
    text
}
