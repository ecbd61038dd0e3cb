//! `omk goal logs`: what each actor decided and why, one stable prefix per actor; on request as it comes.

use std::time::Duration;

use clap::Args;

use crate::app::clock;
use crate::cli::args::GoalArg;
use crate::cli::context::{Context, Typist};
use crate::cli::error::{Failure, misuse};
use crate::cli::event;
use crate::cli::goal::retry;
use crate::cli::narrative;
use crate::cli::output::{safe, style, units};
use crate::domain::event::{ActorName, Event};
use crate::domain::ids::{GoalId, Seq, SliceId, Timestamp};

/// How often a followed journal is looked at.
const POLL: Duration = Duration::from_millis(200);

/// `omk goal logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// Go on as records come, until the goal has settled
    #[arg(long, short)]
    pub follow: bool,
    /// Only what this actor decided: scheduler, reviewer, reviewer.security, ...
    #[arg(long, value_name = "A")]
    pub actor: Option<String>,
    /// Only what is about this slice
    #[arg(long, value_name = "S")]
    pub slice: Option<String>,
    /// Only what happened within this time: 90s, 10m, 8h
    #[arg(long, value_name = "DUR", value_parser = crate::cli::goal::run::parse_duration)]
    pub since: Option<u64>,
}

/// Which records are shown.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// An actor's name, or `reviewer` for all of them.
    pub actor: Option<String>,
    /// A slice.
    pub slice: Option<SliceId>,
    /// The earliest moment.
    pub from: Option<Timestamp>,
}

impl Filter {
    fn of(id: &GoalId, args: &LogsArgs) -> Result<Self, Failure> {
        Ok(Self {
            actor: args.actor.as_deref().map(actor).transpose()?,
            slice: args.slice.as_deref().map(|text| retry::slice_id(id, text)).transpose()?,
            from: args.since.map(|ms| Timestamp(clock::now().0.saturating_sub(ms))),
        })
    }

    /// Whether a record is shown.
    pub fn admits(&self, event: &Event) -> bool {
        let by = |wanted: &String| {
            let name = event.actor.as_str();
            name == wanted || name.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        self.actor.as_ref().is_none_or(by)
            && self.slice.as_ref().is_none_or(|slice| event::slices(event).contains(&slice))
            && self.from.is_none_or(|from| event.ts >= from)
    }
}

fn actor(text: &str) -> Result<String, Failure> {
    let name = text.to_ascii_lowercase().replace('-', "_");
    let known = name == "reviewer" || ActorName::all().any(|actor| actor.as_str() == name);
    if known {
        return Ok(name);
    }
    let names: Vec<&str> = ActorName::all().map(ActorName::as_str).collect();
    Err(misuse(format!("no actor is called `{text}`"), [format!("one of: reviewer, {}", names.join(", "))]))
}

/// Runs the verb.
#[expect(clippy::disallowed_methods, reason = "following is polling: another process gives no sign of a new record")]
pub fn run(context: &Context, args: &LogsArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let (filter, typist) = (Filter::of(&id, args)?, context.typist(&id));
    filter.slice.iter().try_for_each(|slice| context.omk.refuse_unknown(&id, slice))?;
    let events = context.omk.events(&id)?;
    show(context, &typist, &filter, &events)?;
    if !args.follow {
        return Ok(0);
    }
    let mut seen = events.last().map_or(Seq(0), |event| event.seq);
    while let Some(events) = context.omk.follow(&id, seen)? {
        match events.last() {
            Some(last) => seen = last.seq,
            None => std::thread::sleep(POLL),
        }
        show(context, &typist, &filter, &events)?;
    }
    Ok(0)
}

fn show(context: &Context, typist: &Typist, filter: &Filter, events: &[Event]) -> Result<(), Failure> {
    let shown = events.iter().filter(|event| filter.admits(event));
    let text: String = if context.output.json {
        shown.map(|event| safe::json(&event::document(event)) + "\n").collect()
    } else {
        shown.filter_map(|event| log_line(event, typist)).collect()
    };
    if text.is_empty() { Ok(()) } else { context.output.result(&text) }
}

/// A record as a line of the narrative: `09:41:00Z scheduler   start    s4  attempt 1`.
pub fn log_line(event: &Event, typist: &Typist) -> Option<String> {
    let line = narrative::narrate(event)?;
    let slice = line.slice.as_ref().map(|slice| format!("{slice}  ")).unwrap_or_default();
    let actor = style::left(actor_style(event.actor), event.actor.as_str(), 20);
    let act = style::left(line.act.style, line.act.plain, 8);
    let mut text = format!("{} {actor} {act} {slice}{}\n", units::clock(event.ts), line.text);
    for more in line.output.iter().cloned().chain(line.below(typist)) {
        text.push_str(&format!("{:40}{more}\n", ""));
    }
    Some(text)
}

/// The colour of an actor, the same in every run.
fn actor_style(actor: ActorName) -> anstyle::Style {
    use anstyle::AnsiColor::{Blue, BrightBlue, BrightCyan, BrightMagenta, Cyan, Green, Magenta, Red, White, Yellow};
    let color = match actor {
        ActorName::Controller => Blue,
        ActorName::Planner => Cyan,
        ActorName::Scheduler => Magenta,
        ActorName::Worker => Green,
        ActorName::Reviewer(_) => Yellow,
        ActorName::Integrator => BrightBlue,
        ActorName::Budget => BrightMagenta,
        ActorName::Journal => White,
        ActorName::Supervisor => Red,
        ActorName::Operator => BrightCyan,
    };
    color.on_default()
}
