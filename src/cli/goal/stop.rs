//! `omk goal pause` and `cancel`: through the process that runs the goal, or on its journal where none does.

use crate::cli::args::GoalArg;
use crate::cli::context::Context;
use crate::cli::drive::SettledDocument;
use crate::cli::error::Failure;
use crate::cli::output::{safe, style, words};
use crate::domain::control::Stop;
use crate::domain::view::Settled;

/// Runs the verb. The goal stands as asked when it returns 0.
pub fn run(context: &Context, goal: &GoalArg, stop: Stop) -> Result<u8, Failure> {
    let id = context.goal(goal)?;
    let mut settled = context.omk.stop(&id, stop)?;
    settled.next = context.commands(&settled.next);
    if context.output.json {
        context.output.document(&SettledDocument::of(&settled, 0))?;
    } else {
        context.output.result(&text(&settled, &settled.next))?;
    }
    Ok(0)
}

/// The goal's new state and the commands that go on.
pub fn text(settled: &Settled, next: &[String]) -> String {
    let status = style::paint(words::status_style(settled.status), settled.status.as_str());
    let mut text = format!("{status}  {}   {}\n", settled.id, safe::line(&settled.reason));
    for (index, command) in next.iter().enumerate() {
        text.push_str(&format!("{} {}\n", if index == 0 { "next:" } else { "     " }, safe::line(command)));
    }
    text
}
