//! `omk goal list`: the goals of this repository, or of every one, the newest first.

use clap::Args;
use serde::Serialize;

use crate::app::clock;
use crate::app::scope::Scope;
use crate::cli::context::Context;
use crate::cli::error::{Failure, misuse};
use crate::cli::output::{safe, style, units, words};
use crate::domain::goal::GoalStatus;
use crate::domain::ids::Timestamp;
use crate::domain::listing::{LeftOut, Listing};
use crate::domain::view::GoalSummary;

/// The longest need that is shown whole: a command that is cut cannot be typed.
const NEEDS: usize = 400;

/// `omk goal list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Goals of every repository, with a column that names it [default: of this repository]
    #[arg(long)]
    pub all: bool,
    /// Only goals of this status
    #[arg(long, value_name = "STATUS")]
    pub status: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ListDocument<'a> {
    schema: &'static str,
    goals: &'a [GoalSummary],
    left_out: &'a [LeftOut],
}

/// Runs the verb.
pub fn run(context: &Context, args: &ListArgs) -> Result<u8, Failure> {
    let status = args.status.as_deref().map(status).transpose()?;
    let scope = context.omk.scope_to_read(args.all)?;
    let everywhere = scope == Scope::Everywhere;
    let Listing { mut goals, mut left_out } = context.omk.list(&scope)?;
    goals.retain(|goal| status.is_none_or(|status| goal.status == status));
    goals.truncate(args.limit.unwrap_or(usize::MAX));
    goals.iter_mut().for_each(|goal| goal.needs = context.sentence(&goal.needs));
    say_unread(context, &mut left_out);
    if context.output.json {
        let schema = "omk.goal.list/v1";
        context.output.document(&ListDocument { schema, goals: &goals, left_out: &left_out })?;
    } else {
        let none = goals.is_empty() && !left_out.is_empty();
        let text = if none { "no goal can be read\n".to_owned() } else { text(&goals, everywhere, clock::now()) };
        context.output.result(&if goals.is_empty() { context.sentence(&text) } else { text })?;
    }
    Ok(0)
}

fn status(text: &str) -> Result<GoalStatus, Failure> {
    let wanted = text.replace('-', "_");
    GoalStatus::ALL.into_iter().find(|status| status.as_str() == wanted).ok_or_else(|| {
        let known: Vec<&str> = GoalStatus::ALL.iter().map(|status| status.as_str()).collect();
        misuse(format!("no status is called `{text}`"), [format!("one of: {}", known.join(", "))])
    })
}

/// Says on stderr which goals could not be looked at; also where notes are not wanted, because without it the rest would
/// be taken for all.
pub fn say_unread(context: &Context, left_out: &mut [LeftOut]) {
    for help in left_out.iter_mut().flat_map(|goal| &mut goal.help) {
        *help = context.sentence(help);
    }
    context.output.complain(&unread(left_out));
}

/// The goals that are left out: what is wrong with each, and what helps.
pub fn unread(left_out: &[LeftOut]) -> String {
    let mut text = String::new();
    for LeftOut { id, problem, help } in left_out {
        let note = style::paint(style::WARN, "note:");
        text.push_str(&format!("{note} {id} is left out: {}\n", safe::line(problem)));
        for help in help {
            text.push_str(&format!("{} {}\n", style::paint(style::GOOD, "help:"), safe::line(help)));
        }
    }
    text
}

/// The table, with a column of repositories if it is of goals of every one; without goals, what makes one.
pub fn text(goals: &[GoalSummary], everywhere: bool, now: Timestamp) -> String {
    if goals.is_empty() {
        let scope = if everywhere { "" } else { " of this repository" };
        return format!("no goals{scope}   begin one: omk goal run \"...\" --until-ready\n");
    }
    let repository = |goal: &GoalSummary| safe::line(&goal.repository.display().to_string());
    let repository_width = goals.iter().map(|goal| repository(goal).chars().count()).max().unwrap_or(0).max(10);
    let column = |text: &str| if everywhere { format!("{text:<repository_width$}  ") } else { String::new() };
    let id_width = goals.iter().map(|goal| goal.id.as_str().len()).max().unwrap_or(0).max(4);
    let status_width =
        goals.iter().map(|goal| words::status(goal.status, goal.orphaned).len()).max().unwrap_or(0).max(6);
    let head = format!(
        "{:<id_width$}  {:<status_width$}  {:>4}  {:>7}  {:>8}  {}NEEDS",
        "GOAL",
        "STATUS",
        "AGE",
        "SLICES",
        "COST",
        column("REPOSITORY")
    );
    let mut text = format!("{}\n", style::paint(style::HEAD, &head));
    for goal in goals {
        let status = words::status(goal.status, goal.orphaned);
        let status = style::left(words::status_style(goal.status), &status, status_width);
        let age = units::age(now.since(goal.created));
        let slices = format!("{}/{}", goal.integrated, goal.slices);
        let cost = cost(goal);
        let needs = if goal.needs.is_empty() { "-".to_owned() } else { safe::cut(&goal.needs, NEEDS) };
        text.push_str(&format!(
            "{:<id_width$}  {status}  {age:>4}  {slices:>7}  {cost:>8}  {}{needs}\n",
            goal.id,
            column(&repository(goal))
        ));
    }
    text
}

fn cost(goal: &GoalSummary) -> String {
    match (goal.usd_micros, goal.tokens) {
        (Some(usd), _) if goal.usd_complete => units::money(usd),
        (Some(usd), _) => format!("{}+?", units::money(usd)),
        (None, 0) if goal.usd_complete => "-".to_owned(),
        (None, 0) => "unknown".to_owned(),
        (None, tokens) => format!("{} tok", units::tokens(tokens)),
    }
}
