//! A run on a terminal: transitions scroll by as cargo prints them, above a footer of at most eight lines.
//!
//! Inline: the terminal's own scrollback stays, and nothing is cleared when the run ends.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::context::Typist;
use crate::cli::narrative::{self, Line};
use crate::cli::output::style::{self, Glyphs};
use crate::cli::output::{Output, safe, stripped, units};
use crate::cli::progress::board::{Activity, Board, Row};
use crate::cli::progress::{Screen, is_shown};
use crate::domain::event::Event;
use crate::domain::fact::{Fact, MergeFact};
use crate::domain::goal::Phase;
use crate::domain::ids::Timestamp;
use crate::domain::view::GoalView;

/// The footer's height: a line for the run, six for slices, one for the rest.
const HEIGHT: usize = 8;
const SLICES: usize = HEIGHT - 2;
const BAR: usize = 18;

/// The footer and what scrolls above it.
#[derive(Debug)]
pub struct Footer {
    output: Output,
    typist: Typist,
    screen: MultiProgress,
    lines: Vec<ProgressBar>,
}

impl Footer {
    /// Takes the last lines of the terminal.
    pub fn new(output: Output, typist: Typist, view: &GoalView) -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
        let mut footer = Self { output, typist, screen, lines: Vec::new() };
        footer.draw(&Board::of(view), view.updated);
        footer
    }

    fn draw(&mut self, board: &Board, now: Timestamp) {
        let text = footer_lines(board, now, self.output.glyphs);
        while self.lines.len() > text.len() {
            if let Some(line) = self.lines.pop() {
                self.screen.remove(&line);
            }
        }
        while self.lines.len() < text.len() {
            let line = self.screen.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                line.set_style(style);
            }
            self.lines.push(line);
        }
        for (line, text) in self.lines.iter().zip(text) {
            let text = stripped(&text, self.output.progress_color);
            if line.message() != text {
                line.set_message(text);
            }
        }
    }
}

impl Screen for Footer {
    fn event(&mut self, event: &Event, board: &Board) {
        let Some(line) = narrative::narrate(event).filter(|line| is_shown(line, self.output)) else { return };
        let text = stripped(&scrollback(event, &line, board, &self.typist), self.output.progress_color);
        let _ = self.screen.println(text.trim_end_matches('\n'));
    }

    fn tick(&mut self, board: &Board, now: Timestamp) {
        self.draw(board, now);
    }

    fn end(&mut self) {
        for line in self.lines.drain(..) {
            line.finish_and_clear();
        }
        let _ = self.screen.clear();
    }
}

/// A transition as it scrolls by: `      Merged schema     9ab41c0   +212 -8   18m40s`, further lines indented.
pub fn scrollback(event: &Event, line: &Line, board: &Board, typist: &Typist) -> String {
    let slice = line.slice.as_ref().map(|slice| format!("{} ", style::left(style::HEAD, slice.as_str(), 12)));
    let merged = merged_details(event, board).unwrap_or_default();
    let act = style::right(line.act.style, line.act.shown, 12);
    let mut text = format!("{act} {}{}{merged}\n", slice.unwrap_or_default(), line.text);
    for more in line.below(typist) {
        text.push_str(&format!("             {}\n", style::paint(style::DIM, &more)));
    }
    text
}

fn merged_details(event: &Event, board: &Board) -> Option<String> {
    let Fact::Merge(MergeFact::SliceIntegrated { slice, .. }) = &event.fact else { return None };
    let row = board.row(slice)?;
    let lines = row.lines.map(|(added, removed)| format!("   +{added} -{removed}")).unwrap_or_default();
    let took = row.started.map(|started| format!("   {}", units::duration(event.ts.since(started))));
    Some(format!("{lines}{}", took.unwrap_or_default()))
}

/// The footer's lines at a moment, at most eight.
pub fn footer_lines(board: &Board, now: Timestamp, glyphs: Glyphs) -> Vec<String> {
    let mut rows: Vec<&Row> = board.rows.iter().filter(|row| rank(&row.activity) < 5).collect();
    rows.sort_by_key(|row| rank(&row.activity));
    let mut lines = vec![head(board, now, glyphs)];
    lines.extend(rows.iter().take(SLICES).map(|row| slice_line(board, row, now, glyphs)));
    if rows.len() > SLICES {
        let rest: Vec<&str> = rows[SLICES..].iter().map(|row| row.id.as_str()).collect();
        let more = format!(" {} more  {}", rest.len(), safe::cut(&rest.join(" "), 60));
        lines.push(style::paint(style::DIM, &more));
    }
    lines
}

fn rank(activity: &Activity) -> u8 {
    match activity {
        Activity::Asks(_) => 0,
        Activity::Works(_) => 1,
        Activity::InReview | Activity::Queued => 2,
        Activity::Returned(_) => 3,
        Activity::Waits => 4,
        Activity::GivenUp(_) => 5,
        Activity::Merged | Activity::Unchanged => 6,
    }
}

fn head(board: &Board, now: Timestamp, glyphs: Glyphs) -> String {
    let (merged, all) = (board.merged(), board.rows.len());
    let filled = (merged * BAR).checked_div(all).unwrap_or(0);
    let bar = format!("[{}{}]", "#".repeat(filled), ".".repeat(BAR - filled));
    let mut parts = vec![
        format!("{} {} {}", glyphs.running, doing(board.phase), units::duration(now.since(board.since))),
        format!("slices {merged}/{all} {bar}"),
        format!("agents {}/{}", board.working(), board.max_agents),
    ];
    let spent = units::spent(&board.budget);
    if !spent.is_empty() {
        parts.push(spent);
    }
    let mut line = style::paint(style::HEAD, &format!(" {}", parts.join("   ")));
    if !board.questions.is_empty() {
        line.push_str(&style::paint(style::WARN, &format!("   !{} asks you", board.questions.len())));
    }
    line
}

fn doing(phase: Phase) -> &'static str {
    match phase {
        Phase::Intake | Phase::Planning | Phase::Decomposition => "planning",
        Phase::VerificationDesign => "gates on the base",
        Phase::Execution => "running",
        Phase::Review => "reviewing",
        Phase::Integration => "integrating",
        Phase::Delivery | Phase::Proof => "delivering",
    }
}

fn slice_line(board: &Board, row: &Row, now: Timestamp, glyphs: Glyphs) -> String {
    let (glyph, style, text) = match &row.activity {
        Activity::Asks(question) => (glyphs.asks, style::WARN, format!("asks you    {question}")),
        Activity::Works(step) => (glyphs.working, style::LIVE, format!("attempt {}   {step}", row.attempt)),
        Activity::InReview => (glyphs.working, style::LIVE, "in review".to_owned()),
        Activity::Queued => (glyphs.working, style::LIVE, "to be merged".to_owned()),
        Activity::Returned(reason) => (glyphs.failed, style::WARN, format!("goes back   {reason}")),
        Activity::Waits => (glyphs.waits, style::DIM, waits(board, row)),
        Activity::GivenUp(reason) => (glyphs.failed, style::BAD, format!("given up    {reason}")),
        Activity::Merged => (glyphs.done, style::GOOD, "merged".to_owned()),
        Activity::Unchanged => (glyphs.done, style::GOOD, "unchanged".to_owned()),
    };
    let timed = matches!(row.activity, Activity::Works(_) | Activity::Asks(_) | Activity::InReview);
    let since = if timed { format!("   {}", units::duration(now.since(row.since))) } else { String::new() };
    format!(" {} {:<14} {}{since}", style::paint(style, glyph), row.id, safe::cut(&text, 70))
}

fn waits(board: &Board, row: &Row) -> String {
    let open: Vec<&str> = board.open_dependencies(row).map(|id| id.as_str()).collect();
    if open.is_empty() { "waits       its turn".to_owned() } else { format!("waits for   {}", open.join(", ")) }
}
