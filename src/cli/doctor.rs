//! `omk doctor`: what was tried, what works, and the command that mends the rest.

use serde::Serialize;

use crate::app::doctor::report::{Abilities, AgentCheck, AgentState, Check, Control, Diagnosis, LoginCheck, Verdict};
use crate::cli::args::DoctorArgs;
use crate::cli::context::Context;
use crate::cli::error::Failure;
use crate::cli::output::style::{self, Glyphs};
use crate::cli::output::{safe, units};

/// The widest that a name makes its column.
const WIDEST: usize = 24;
/// The most lines of an agent's own words: the last ones.
const MOST_WORDS: usize = 8;

#[derive(Debug, Serialize)]
struct DoctorDocument<'a> {
    #[serde(flatten)]
    found: &'a Diagnosis,
    exit: u8,
}

/// Runs the verb.
pub fn run(context: &Context, args: &DoctorArgs) -> Result<u8, Failure> {
    let found = context.omk.doctor(&args.agents)?;
    let exit = found.exit_code();
    if context.output.json {
        context.output.document(&DoctorDocument { found: &found, exit })?;
    } else {
        context.output.result(&text(&found, context.output.glyphs))?;
    }
    Ok(exit)
}

/// The screen.
pub fn text(found: &Diagnosis, glyphs: Glyphs) -> String {
    let names = found.agents.iter().map(|it| it.name.as_str()).chain(found.checks.iter().map(|it| it.name));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0).min(WIDEST);
    let mut page = Page { text: String::new(), width, glyphs };
    page.head("agents");
    found.agents.iter().for_each(|agent| page.agent(agent));
    let mut topic = None;
    for check in &found.checks {
        if topic != Some(check.topic) {
            page.head(check.topic.as_str());
            topic = Some(check.topic);
        }
        page.check(check);
    }
    page.text.push_str(&conclusion(found));
    page.text
}

fn conclusion(found: &Diagnosis) -> String {
    let default = match &found.default {
        Some(agent) => format!("goals that name no agent get {}", safe::line(agent)),
        None => "goals that name no agent get none: name one with --agent, or give slices a `run`".to_owned(),
    };
    let failed = found.agents.iter().filter(|agent| agent.verdict() == Verdict::Failed).count()
        + found.checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
    match failed {
        0 => format!("\nusable   {default}\n"),
        count => format!("\n{} to mend   {default}\n", units::counted(count, "thing")),
    }
}

struct Page {
    text: String,
    width: usize,
    glyphs: Glyphs,
}

impl Page {
    fn head(&mut self, title: &str) {
        self.text.push_str(&format!("{}\n", style::paint(style::HEAD, title)));
    }

    fn line(&mut self, verdict: Verdict, name: &str, what: &str) {
        let (mark, style) = match verdict {
            Verdict::Ok => (self.glyphs.done, style::GOOD),
            Verdict::Note => ("-", style::DIM),
            Verdict::Warning => (self.glyphs.asks, style::WARN),
            Verdict::Failed => (self.glyphs.failed, style::BAD),
        };
        let (mark, name, width) = (style::paint(style, mark), safe::cut(name, WIDEST), self.width);
        self.text.push_str(&format!("  {mark} {name:<width$}  {}\n", safe::line(what)));
    }

    fn more(&mut self, what: &str) {
        self.text.push_str(&format!("    {:<width$}  {}\n", "", safe::line(what), width = self.width));
    }

    fn agent(&mut self, agent: &AgentCheck) {
        let program = agent.program.as_ref().map(|path| path.display().to_string());
        let protocol = agent.protocol.as_deref().unwrap_or_default();
        let named = [agent.version.clone(), program].into_iter().flatten().collect::<Vec<_>>().join("  ");
        let first = match agent.state {
            AgentState::Usable => {
                let took = units::duration(agent.answered_ms.unwrap_or_default());
                format!("usable: answered in {took} over {protocol}  {named}")
            }
            AgentState::Untried => format!("there, not tried: it says nothing before it works  {named}"),
            AgentState::NotInstalled if !agent.wanted => "not installed".to_owned(),
            AgentState::NotInstalled | AgentState::Unusable => {
                let problem = agent.problem.as_deref().unwrap_or_default();
                format!("unusable: {}", problem.lines().next().unwrap_or_default())
            }
        };
        self.line(agent.verdict(), &agent.name, first.trim_end());
        if agent.state == AgentState::Unusable {
            let words: Vec<_> = agent.problem.as_deref().unwrap_or_default().lines().skip(1).collect();
            // The cause is at the end: what was printed before a program gave up is its way there.
            let left_out = words.len().saturating_sub(MOST_WORDS);
            if left_out > 0 {
                self.more(&format!("| … {} before", units::counted(left_out, "line")));
            }
            words[left_out..].iter().for_each(|line| self.more(&format!("| {line}")));
            if !named.is_empty() {
                self.more(&named);
            }
        }
        if let (AgentState::Usable, Some(can)) = (agent.state, &agent.can) {
            self.more(&abilities(can));
        }
        if let Some(login) = &agent.login {
            self.more(&format!("login: {}", login_in_words(login)));
        }
        if !agent.mend.is_empty() {
            self.more(&format!("mend: {}", agent.mend.join("   or: ")));
        }
    }

    fn check(&mut self, check: &Check) {
        self.line(check.verdict, check.name, &check.found);
        if let Some(help) = &check.help {
            self.more(&format!("help: {help}"));
        }
    }
}

fn login_in_words(login: &LoginCheck) -> String {
    match login {
        LoginCheck::There => "there".to_owned(),
        LoginCheck::Missing { words } => format!("nobody: {words}"),
        LoginCheck::NotKnown => "not known".to_owned(),
    }
}

fn abilities(can: &Abilities) -> String {
    let resume = if can.resume { "resumes its session" } else { "begins anew after a kill" };
    let steer = if can.steer { "hears hints at work" } else { "hears hints between attempts" };
    let (writes, commands) = (control(can.writes), control(can.commands));
    format!("{resume}; {steer}; writes {writes}; commands {commands}")
}

fn control(control: Control) -> &'static str {
    match control {
        Control::ThroughUs => "through omk",
        Control::Asked => "judged where it asks",
        Control::Afterwards => "seen afterwards",
    }
}
