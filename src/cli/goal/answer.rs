//! `omk goal answer`: answers a question that a slice waits on.

use clap::Args;
use serde::Serialize;

use crate::app::request::TakenBy;
use crate::app::scope::Scope;
use crate::cli::context::Context;
use crate::cli::error::{Failure, misuse};
use crate::domain::ids::GoalId;

/// `omk goal answer`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("answer").required(true).multiple(true))]
pub struct AnswerArgs {
    /// The question as it is shown: `a1`, or `<goal>.a1`
    #[arg(value_name = "ASK")]
    pub ask: String,
    /// Yes
    #[arg(long, group = "answer", conflicts_with = "no")]
    pub yes: bool,
    /// No
    #[arg(long, group = "answer")]
    pub no: bool,
    /// An answer in words, or words beside a yes or no
    #[arg(long, group = "answer", value_name = "TEXT")]
    pub text: Option<String>,
}

/// An answer that was taken.
#[derive(Debug, Serialize)]
struct AnswerDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    question: &'a str,
    answer: &'a str,
    next: Option<String>,
}

/// `omk goal approve` and `deny`.
#[derive(Debug, Args)]
pub struct VerdictArgs {
    /// The question as it is shown: `a1`, or `<goal>.a1`
    #[arg(value_name = "ASK")]
    pub ask: String,
    /// Words beside the answer
    #[arg(long, value_name = "TEXT")]
    pub text: Option<String>,
}

impl VerdictArgs {
    /// The answer that it is short for.
    pub fn into_answer(self, yes: bool) -> AnswerArgs {
        AnswerArgs { ask: self.ask, yes, no: !yes, text: self.text }
    }
}

/// What helps when nobody asks the question.
const NAMES: &str = "`omk goal list --all` shows who asks what";

/// Runs the verb. A goal that a process runs goes on there with the answer.
pub fn run(context: &Context, args: &AnswerArgs) -> Result<u8, Failure> {
    let (id, question) = locate(context, &args.ask)?;
    let answer = words(args);
    let next = match context.omk.answer(&id, &question, &answer)? {
        TakenBy::Journal => Some(context.command(&format!("omk goal resume {id}"))),
        TakenBy::Run => None,
    };
    if context.output.json {
        let (schema, question, answer) = ("omk.answer/v1", question.as_str(), answer.as_str());
        context.output.document(&AnswerDocument { schema, id: &id, question, answer, next })?;
        return Ok(0);
    }
    let next = next.map_or_else(|| "the run goes on with it\n".to_owned(), |next| format!("next: {next}\n"));
    context.output.result(&format!("answered {question} of {id}\n{next}"))?;
    Ok(0)
}

/// What is told to the slice: `yes`, `no`, words, or both.
pub fn words(args: &AnswerArgs) -> String {
    let short = match (args.yes, args.no) {
        (true, _) => Some("yes".to_owned()),
        (false, true) => Some("no".to_owned()),
        (false, false) => None,
    };
    short.into_iter().chain(args.text.clone()).collect::<Vec<_>>().join(": ")
}

/// The goal and the question that `a1` or `<goal>.a1` names.
fn locate(context: &Context, ask: &str) -> Result<(GoalId, String), Failure> {
    if let Some((goal, question)) = ask.rsplit_once('.') {
        return Ok((context.omk.find_to_change(goal)?, question.to_owned()));
    }
    let scope = context.omk.scope_to_read(false)?;
    if scope == Scope::Everywhere {
        let help = format!("name its goal: omk goal answer GOAL.{ask}");
        return Err(misuse(
            format!("no repository is at hand, so `{ask}` names no question"),
            [help, NAMES.to_owned()],
        ));
    }
    let mut asking = Vec::new();
    for goal in
        context.omk.list(&scope)?.goals.into_iter().filter(|goal| !goal.needs.is_empty() && !goal.status.is_final())
    {
        let view = context.omk.view(&goal.id, None)?;
        if view.questions.iter().any(|question| question.id == ask) {
            asking.push(goal.id);
        }
    }
    match asking.as_slice() {
        [goal] => Ok((goal.clone(), ask.to_owned())),
        [] => Err(misuse(format!("no goal of this repository asks `{ask}`"), [NAMES.to_owned()])),
        several => Err(misuse(
            format!("{} goals ask `{ask}`", several.len()),
            several.iter().map(|goal| context.command(&format!("omk goal answer {goal}.{ask}"))),
        )),
    }
}
