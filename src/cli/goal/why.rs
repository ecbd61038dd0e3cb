//! `omk goal why`: why a goal or a slice does not move, what happens next, and which command helps.

use clap::Args;

use crate::app::clock;
use crate::cli::args::GoalArg;
use crate::cli::context::{Context, Typist};
use crate::cli::error::Failure;
use crate::cli::event;
use crate::cli::goal::retry::slice_id;
use crate::cli::narrative::narrate;
use crate::cli::output::style::{self, Glyphs};
use crate::cli::output::{safe, units, words};
use crate::domain::event::Event;
use crate::domain::fact::{AttemptFact, Fact};
use crate::domain::ids::Timestamp;
use crate::domain::refusal::AttemptRefusals;
use crate::domain::view::{Liveness, SliceState};
use crate::domain::vitals::{ProcessSeen, Sighting, Vitals};
use crate::domain::why::{WhySlice, WhyView};

/// How many of a slice's last records are told.
const TOLD: usize = 3;
/// How many refused acts of an attempt are shown.
const REFUSALS: usize = 3;
/// How many processes of an attempt are shown.
const PROCESSES: usize = 8;

/// `omk goal why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// Which goal.
    #[command(flatten)]
    pub goal: GoalArg,
    /// Only this slice
    #[arg(long, value_name = "SLICE")]
    pub slice: Option<String>,
}

/// Runs the verb.
pub fn run(context: &Context, args: &WhyArgs) -> Result<u8, Failure> {
    let id = context.goal(&args.goal)?;
    let slice = args.slice.as_deref().map(|text| slice_id(&id, text)).transpose()?;
    let why = typed(context, context.omk.why(&id, slice.as_ref())?);
    if context.output.json {
        context.output.document(&why)?;
        return Ok(0);
    }
    let (events, typist) = (context.omk.events(&id)?, context.typist(&id));
    let screen = Screen { why: &why, events: &events, typist: &typist, now: clock::now() };
    context.output.result(&screen.text(context.output.glyphs))?;
    Ok(0)
}

/// An answer whose commands are as this user has to type them.
fn typed(context: &Context, mut why: WhyView) -> WhyView {
    why.commands = context.commands(&why.commands);
    for slice in &mut why.slices {
        slice.commands = context.commands(&slice.commands);
        slice.next = context.sentence(&slice.next);
        context.type_out(&mut slice.waiting_for);
    }
    why
}

/// The answer as it is shown at a moment.
#[derive(Debug)]
pub struct Screen<'a> {
    /// The answer.
    pub why: &'a WhyView,
    /// The goal's records, for what was last told of each slice.
    pub events: &'a [Event],
    /// How this user types commands about it.
    pub typist: &'a Typist,
    /// The moment.
    pub now: Timestamp,
}

impl Screen<'_> {
    /// The answer for people; its lines end with line feeds.
    pub fn text(&self, glyphs: Glyphs) -> String {
        let why = self.why;
        let mut lines = vec![line("goal", &self.head())];
        lines.extend(Some(line("reason", &safe::line(&why.reason))).filter(|_| !why.reason.is_empty()));
        lines.extend(why.breakers.iter().map(|breaker| {
            let until = if breaker.stated { "until" } else { "tried again at" };
            let detail = if breaker.detail.is_empty() { String::new() } else { format!(": {}", breaker.detail) };
            let text = format!("quota of {} {until} {}{detail}", breaker.provider, breaker.until);
            line("quota", &safe::line(&text))
        }));
        lines.extend(why.quarantined.iter().map(|quarantine| {
            let text = format!("{} is in quarantine, which `resume` lifts: {}", quarantine.agent, quarantine.reason);
            line("agent", &safe::line(&text))
        }));
        lines.push(line("next", &safe::line(&why.next)));
        lines.extend(self.commands("", &why.commands));
        for slice in &why.slices {
            lines.push(String::new());
            lines.extend(self.slice(slice, glyphs));
        }
        lines.join("\n") + "\n"
    }

    fn head(&self) -> String {
        let why = self.why;
        let status =
            style::paint(words::status_style(why.status), &words::status(why.status, why.orphaned)).to_string();
        match &why.process {
            Liveness::Held { holder, health } => {
                let place = format!("process {} on host {}", holder.pid, safe::line(&holder.host));
                format!("{}   {status}, {}   ({place}{})", why.id, why.phase.as_str(), words::health(*health))
            }
            Liveness::NoProcess => format!("{}   {status}   (no process)", why.id),
        }
    }

    fn slice(&self, slice: &WhySlice, glyphs: Glyphs) -> Vec<String> {
        let (glyph, style) = words::state_mark(slice.state, glyphs);
        let step = slice.step.as_deref().map(|step| format!(", {}", safe::line(step))).unwrap_or_default();
        let head = format!(
            "{} {}   {}{step} for {}   {}",
            style::paint(style, glyph),
            slice.id,
            style::paint(style, words::state(slice.state)),
            units::duration(self.now.since(slice.since)),
            tries(slice),
        );
        let mut lines = vec![head.trim_end().to_owned()];
        lines.extend(slice.waiting_for.iter().map(|what| below("waits", &words::waiting(what, Some(self.now)))));
        lines.extend(slice.seen.iter().flat_map(|seen| self.sighting(slice, seen)));
        lines.extend(slice.quarantined.iter().map(|quarantine| {
            let text =
                format!("{} is kept from it after {} ends: {}", quarantine.agent, quarantine.ends, quarantine.reason);
            below("kept", &safe::line(&text))
        }));
        lines.extend(slice.feedback.iter().map(|feedback| below("told", &words::told(feedback))));
        lines.extend(slice.refused.iter().flat_map(|refusals| self.refused(refusals)));
        lines.extend(self.told(slice));
        lines.push(below("next", &safe::line(&slice.next)));
        lines.extend(self.commands("  ", &slice.commands));
        lines
    }

    /// What was seen of the attempt: how quiet it is, its last sign, its open tool call, its processes.
    fn sighting(&self, slice: &WhySlice, seen: &Sighting) -> Vec<String> {
        let why = self.why;
        let quiet = format!(
            "{}{} (a warning after {}, ended after {})",
            units::duration(seen.quiet_ms),
            self.as_of(slice, seen),
            units::duration(why.warning_ms),
            units::duration(why.stall_ms)
        );
        let quiet = if slice.suspicious { style::paint(style::WARN, &quiet).to_string() } else { quiet };
        let when = if slice.live { "" } else { "   by the journal: the run gives no sign" };
        let mut lines = vec![below("quiet", &format!("{quiet}{when}"))];
        lines.extend(Some(below("last", &safe::line(&seen.last_event))).filter(|_| !seen.last_event.is_empty()));
        lines.extend(seen.tool_call.iter().map(|call| below("tool", &safe::line(call))));
        let processes = &seen.vitals.processes;
        lines.extend(processes.iter().take(PROCESSES).map(|process| below("runs", &process_line(process))));
        let more = processes.len().saturating_sub(PROCESSES);
        lines.extend((more > 0).then(|| below("", &format!("and {}", units::counted(more, "further process")))));
        lines.extend(stopped(&seen.vitals).map(|remark| below("stopped", &remark)));
        lines
    }

    /// How old a sighting is, where that is worth saying.
    fn as_of(&self, slice: &WhySlice, seen: &Sighting) -> String {
        let journalled = || {
            let of = |event: &&Event| matches!(&event.fact, Fact::Attempt(AttemptFact::AttemptQuiet(it)) if it.attempt == seen.attempt);
            self.events.iter().rfind(of).map(|event| self.now.since(event.ts))
        };
        let age = if slice.live { Some(seen.seen_ms_ago) } else { journalled() };
        age.filter(|age| *age >= 1_000).map(|age| format!(", as of {} ago", units::duration(age))).unwrap_or_default()
    }

    /// What an attempt was refused: how often, and the first acts.
    fn refused(&self, AttemptRefusals { attempt, refused }: &AttemptRefusals) -> Vec<String> {
        let times = words::times(refused.count);
        let mut lines = vec![below("refused", &format!("{times} by the policy in attempt {attempt}"))];
        let acts = words::refusals(refused);
        lines.extend(acts.iter().take(REFUSALS).map(|act| below("", act)));
        let all = || below("", &format!("all of it: {}", self.typist.command("omk goal show {id}")));
        lines.extend((acts.len() > REFUSALS).then(all));
        lines
    }

    /// The last records about a slice.
    fn told(&self, slice: &WhySlice) -> Vec<String> {
        let about = self.events.iter().rev().filter(|event| event::slices(event).contains(&&slice.id));
        let mut lines: Vec<_> = about
            .filter_map(|event| narrate(event).map(|line| (event.ts, line)))
            .take(TOLD)
            .map(|(at, line)| below("event", &format!("{} {:<8} {}", units::clock(at), line.act.plain, line.text)))
            .collect();
        lines.reverse();
        lines
    }

    fn commands(&self, indent: &str, commands: &[String]) -> Vec<String> {
        let typed = commands.iter().map(|command| match command.strip_prefix("omk ") {
            Some(_) => self.typist.command(command),
            None => command.clone(),
        });
        typed.map(|command| format!("{indent}{}", line("try", &safe::line(&command)))).collect()
    }
}

fn tries(slice: &WhySlice) -> String {
    let agent = if slice.agent.is_empty() { String::new() } else { format!("   agent {}", safe::line(&slice.agent)) };
    match (slice.attempt.0, slice.state) {
        (0, _) => String::new(),
        (_, SliceState::Integrated | SliceState::Unchanged) => agent.trim_start().to_owned(),
        (_, state) => {
            let (attempt, failures, most) = (slice.attempt, slice.failures, slice.max_attempts);
            format!("{}{agent}", words::Tries { state, attempt, failures, most }.text())
        }
    }
}

/// Who is stopped, and what comes of it.
fn stopped(vitals: &Vitals) -> Option<String> {
    let stopped = vitals.processes.iter().filter(|process| matches!(process.state, 'T' | 't'));
    let names: Vec<_> = stopped.map(|process| format!("{} {}", process.pid, safe::line(&process.name))).collect();
    let comes = match vitals.alive {
        true => "the others go on",
        false => "nothing else works: its lease runs out, and ends the attempt",
    };
    (!names.is_empty()).then(|| format!("{}; {comes}", names.join(", ")))
}

/// `4411 cargo   running   cpu 31s`.
fn process_line(process: &ProcessSeen) -> String {
    let state = match process.state {
        'R' => "running",
        'S' | 'I' => "sleeping",
        'D' => "waiting for a disk",
        'T' | 't' => "stopped",
        'Z' | 'X' => "ended",
        _ => "in an unknown state",
    };
    format!("{} {}   {state}   cpu {}", process.pid, safe::line(&process.name), units::duration(process.cpu_ms))
}

fn line(name: &str, text: &str) -> String {
    format!("{} {text}", style::left(style::DIM, name, 7))
}

fn below(name: &str, text: &str) -> String {
    format!("  {}", line(name, text))
}
