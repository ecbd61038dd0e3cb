//! `omk goal status`: where a goal stands, what each slice waits for and why, and the next step.

use clap::Args;
use serde::Serialize;

use crate::app::clock;
use crate::cli::args::GoalArg;
use crate::cli::context::{Context, Typist};
use crate::cli::error::Failure;
use crate::cli::output::style::{self, Glyphs};
use crate::cli::output::{safe, units, words};
use crate::domain::goal::{GoalStatus, Phase, SandboxLevel};
use crate::domain::ids::{Attempt, GoalId, SliceId, Timestamp};
use crate::domain::question::answer_command;
use crate::domain::task::WaitingFor;
use crate::domain::view::{BudgetView, GoalView, Health, Liveness, QuestionView, SliceState, SliceView};

/// `omk goal status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// Exit with the code of the status (8 while it runs) instead of 0
    #[arg(long)]
    pub exit_status: bool,
}

/// A goal's state in short, as `--json` shows it.
#[derive(Debug, Serialize)]
pub struct StatusDocument<'a> {
    schema: &'static str,
    id: &'a GoalId,
    status: GoalStatus,
    orphaned: bool,
    process: &'a Liveness,
    phase: Phase,
    reason: &'a str,
    next: &'a [String],
    slices: Vec<SliceDocument<'a>>,
    questions: &'a [QuestionView],
    budget: &'a BudgetView,
    sandbox: SandboxLevel,
    updated: Timestamp,
}

/// A slice's state in short.
#[derive(Debug, Serialize)]
struct SliceDocument<'a> {
    id: &'a SliceId,
    title: &'a str,
    state: SliceState,
    step: Option<&'a str>,
    attempt: Attempt,
    waiting_for: &'a [WaitingFor],
    reason: Option<&'a str>,
}

impl<'a> StatusDocument<'a> {
    /// The document, schema `omk.goal.status/v1`.
    pub fn of(view: &'a GoalView, process: &'a Liveness) -> Self {
        Self {
            schema: "omk.goal.status/v1",
            id: &view.id,
            status: view.status,
            orphaned: is_orphaned(view, process),
            process,
            phase: view.phase,
            reason: &view.reason,
            next: &view.next,
            slices: view.slices.iter().map(SliceDocument::of).collect(),
            questions: &view.questions,
            budget: &view.budget,
            sandbox: view.charter.sandbox_level,
            updated: view.updated,
        }
    }
}

impl<'a> SliceDocument<'a> {
    fn of(slice: &'a SliceView) -> Self {
        Self {
            id: &slice.spec.id,
            title: &slice.spec.title,
            state: slice.state,
            step: slice.step.as_deref(),
            attempt: slice.attempt,
            waiting_for: &slice.waiting_for,
            reason: slice.reason.as_deref(),
        }
    }
}

/// Runs the verb.
pub fn run(context: &Context, args: &StatusArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let (view, process) = context.omk.view_now(&id)?;
    let view = typed(context, view);
    if context.output.json {
        context.output.document(&StatusDocument::of(&view, &process))?;
    } else {
        let typist = context.typist(&id);
        let seen = Seen { view: &view, process: &process, typist: &typist, next: &view.next, now: clock::now() };
        context.output.result(&seen.text(context.output.glyphs))?;
    }
    Ok(if args.exit_status { view.status.exit_code() } else { 0 })
}

/// A goal whose commands are as this user has to type them.
fn typed(context: &Context, mut view: GoalView) -> GoalView {
    view.next = context.commands(&view.next);
    view.slices.iter_mut().for_each(|slice| context.type_out(&mut slice.waiting_for));
    view
}

fn is_orphaned(view: &GoalView, process: &Liveness) -> bool {
    view.status == GoalStatus::Running && *process == Liveness::NoProcess
}

/// A goal as it is seen at a moment.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its state.
    pub view: &'a GoalView,
    /// The process that runs it.
    pub process: &'a Liveness,
    /// How this user types commands about it.
    pub typist: &'a Typist,
    /// The commands that go on, as this user types them.
    pub next: &'a [String],
    /// The moment.
    pub now: Timestamp,
}

impl Seen<'_> {
    /// The status for people; its lines end with line feeds.
    pub fn text(&self, glyphs: Glyphs) -> String {
        let view = self.view;
        let mut lines = vec![line("goal", &self.head())];
        lines.extend(Some(line("reason", &safe::line(&view.reason))).filter(|_| !view.reason.is_empty()));
        lines.extend(self.deaf());
        lines.extend(self.gates());
        if !view.slices.is_empty() {
            lines.push(line("slices", &counts(&view.slices)));
            lines.extend(view.slices.iter().map(|slice| self.slice(slice, glyphs)));
        }
        lines.extend(view.questions.iter().map(|question| self.question(question)));
        lines.push(line("budget", &self.budget()));
        lines.extend(units::unreported(&view.budget).map(|note| line("note", &style::paint(style::WARN, &note))));
        lines.push(line("sandbox", words::sandbox(view.charter.sandbox_level)));
        lines.extend(
            self.next
                .iter()
                .enumerate()
                .map(|(index, command)| line(if index == 0 { "next" } else { "" }, &safe::line(command))),
        );
        lines.join("\n") + "\n"
    }

    fn head(&self) -> String {
        let view = self.view;
        let status = words::status(view.status, is_orphaned(view, self.process));
        let status = style::paint(words::status_style(view.status), &status);
        let age = units::age(self.now.since(view.charter.created));
        match self.process {
            Liveness::Held { holder, health } => {
                let place =
                    format!("process {} on host {}{}", holder.pid, safe::line(&holder.host), words::health(*health));
                format!("{}   {status}, {}   {age} old   ({place})", view.id, view.phase.as_str())
            }
            Liveness::NoProcess => format!("{}   {status}   {age} old", view.id),
        }
    }

    /// What helps where the process that runs the goal cannot hear.
    fn deaf(&self) -> Option<String> {
        let Liveness::Held { holder, health } = self.process else { return None };
        let go_on = match health {
            Health::Well => return None,
            Health::Stopped => format!("it goes on after: kill -CONT {}; ", holder.pid),
            Health::Silent => String::new(),
        };
        let pause = self.typist.command("omk goal pause {id}");
        Some(line("look", &format!("{go_on}end it and keep the goal: {}", safe::line(&pause))))
    }

    fn gates(&self) -> Option<String> {
        let view = self.view;
        if view.gates.is_empty() {
            return None;
        }
        let seen = |name: &str| view.gate_results.iter().rfind(|gate| gate.result.gate.as_str() == name);
        let each = view.gates.iter().map(|gate| match seen(gate.name.as_str()) {
            Some(found) => format!("{} {}", units::gate(&found.result), words::outcome(&found.result.outcome)),
            None => format!("{} not run yet", gate.name),
        });
        Some(line("gates", &each.collect::<Vec<_>>().join(", ")))
    }

    fn slice(&self, slice: &SliceView, glyphs: Glyphs) -> String {
        let (glyph, style) = words::state_mark(slice.state, glyphs);
        let state = style::left(style, words::state(slice.state), 12);
        format!("  {} {:<16} {state} {}", style::paint(style, glyph), slice.spec.id, self.why(slice))
            .trim_end()
            .to_owned()
    }

    fn why(&self, slice: &SliceView) -> String {
        let tries = words::Tries::of(slice).text();
        let waits =
            || slice.waiting_for.iter().map(|what| words::waiting(what, Some(self.now))).collect::<Vec<_>>().join("; ");
        match slice.state {
            SliceState::Waiting | SliceState::Asking => waits(),
            SliceState::Running => format!("{tries}   {}", safe::line(slice.step.as_deref().unwrap_or(""))),
            SliceState::Accepted if !slice.waiting_for.is_empty() => format!("{tries}   {}", waits()),
            SliceState::Reviewing | SliceState::Accepted | SliceState::Cancelled => tries,
            SliceState::Integrated => integrated(slice),
            SliceState::Unchanged | SliceState::GivenUp => safe::line(slice.reason.as_deref().unwrap_or("")),
        }
    }

    fn question(&self, question: &QuestionView) -> String {
        let since = units::duration(self.now.since(question.since));
        let text = format!("{} {}: {}", question.id, question.slice, question.text);
        let command = answer_command(self.view.id.as_str(), &question.id, &question.text);
        let command = self.typist.command(&command);
        line(
            "needs",
            &format!("{} ({since})   {}", style::paint(style::WARN, &safe::line(&text)), safe::line(&command)),
        )
    }

    fn budget(&self) -> String {
        let budget = &self.view.budget;
        let limit = budget.limits.time_ms.map(|limit| format!(" of {}", units::duration(limit))).unwrap_or_default();
        let mut parts = vec![format!("time {}{limit}", units::duration(budget.time_ms))];
        parts.extend(Some(units::spent(budget)).filter(|spent| !spent.is_empty()));
        parts.extend(budget.exhausted.map(|kind| format!("{} used up", kind.as_str())));
        parts.join("   ")
    }
}

fn integrated(slice: &SliceView) -> String {
    let took = slice.started.zip(slice.ended).map(|(from, to)| units::duration(to.since(from)));
    let lines = slice.captured.as_ref().map(|capture| format!("+{} -{}", capture.added, capture.removed));
    let tries = (slice.attempt.0 > 1).then(|| format!("{} attempts", slice.attempt));
    [lines, took, tries].into_iter().flatten().collect::<Vec<_>>().join("   ")
}

/// How many slices are in each state: `1 merged  3 running  2 waiting  (6)`.
fn counts(slices: &[SliceView]) -> String {
    const ORDER: [SliceState; 9] = [
        SliceState::Integrated,
        SliceState::Unchanged,
        SliceState::Running,
        SliceState::Reviewing,
        SliceState::Accepted,
        SliceState::Asking,
        SliceState::Waiting,
        SliceState::GivenUp,
        SliceState::Cancelled,
    ];
    let count = |state: SliceState| slices.iter().filter(|slice| slice.state == state).count();
    let present = ORDER.iter().filter(|state| count(**state) > 0);
    let parts: Vec<String> = present.map(|state| format!("{} {}", count(*state), words::state(*state))).collect();
    format!("{}  ({})", parts.join("  "), slices.len())
}

fn line(name: &str, text: &str) -> String {
    format!("{} {text}", style::left(style::DIM, name, 7))
}
