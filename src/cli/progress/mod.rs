//! Shows a run while it runs: a thread that gets the records and owns the screen.
//!
//! What is shown never holds a run up and never ends one: a closed pipe only ends the showing.

mod board;
mod footer;
mod json;
mod plain;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::error::AppError;
use crate::app::{EventSink, clock};
use crate::cli::context::Typist;
use crate::cli::error::Failure;
use crate::cli::narrative::{Line, Weight};
use crate::cli::output::Output;
use crate::domain::event::Event;
use crate::domain::ids::Timestamp;
use crate::domain::view::GoalView;

pub use board::{Activity, Board, Row};
pub use footer::{Footer, footer_lines, scrollback};
pub use json::JsonLines;
pub use plain::{PlainLines, STILL_AFTER_MS, plain_line, still_line};

/// How often the screen is looked after while no record comes.
const TICK: Duration = Duration::from_millis(250);

/// A way to show a run.
pub trait Screen: Send {
    /// Shows a record; `board` has it already.
    fn event(&mut self, event: &Event, board: &Board);
    /// Looks after what time alone changes.
    fn tick(&mut self, board: &Board, now: Timestamp);
    /// Leaves the screen as it was found, below what was shown.
    fn end(&mut self);
}

/// Shows nothing.
struct Silent;

impl Screen for Silent {
    fn event(&mut self, _event: &Event, _board: &Board) {}
    fn tick(&mut self, _board: &Board, _now: Timestamp) {}
    fn end(&mut self) {}
}

enum News {
    Event(Box<Event>),
    End,
}

/// A run being shown.
pub struct Progress {
    news: Sender<News>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Begins to show a run of a goal that stands as `view` says.
    pub fn start(output: Output, typist: Typist, view: &GoalView) -> Result<Self, Failure> {
        let board = Board::of(view);
        let screen = screen(output, typist, view);
        let (news, inbox) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("omk-screen".to_owned()).spawn(move || watch(inbox, board, screen));
        let thread = thread.map_err(|error| AppError::Infra {
            message: format!("failed to start a thread to show progress: {error}"),
            help: vec!["raise the limit of processes (`ulimit -u`, or that of the control group)".to_owned()],
        })?;
        Ok(Self { news, thread })
    }

    /// Where the run's records go.
    pub fn sink(&self) -> EventSink {
        let news = self.news.clone();
        Box::new(move |event| {
            // The screen's thread ends before the run only by a panic of its own, which is no matter of the run.
            let _ = news.send(News::Event(Box::new(event.clone())));
        })
    }

    /// Shows what is left and gives the screen back.
    pub fn finish(self) {
        let _ = self.news.send(News::End);
        let _ = self.thread.join();
    }
}

fn screen(output: Output, typist: Typist, view: &GoalView) -> Box<dyn Screen> {
    if output.json {
        Box::new(JsonLines)
    } else if output.quiet {
        Box::new(Silent)
    } else if output.live {
        Box::new(Footer::new(output, typist, view))
    } else {
        Box::new(PlainLines::new(output, typist))
    }
}

fn watch(inbox: Receiver<News>, mut board: Board, mut screen: Box<dyn Screen>) {
    // Between records time is counted by a clock that nobody sets.
    let (mut last, mut heard) = (clock::now(), Instant::now());
    loop {
        match inbox.recv_timeout(TICK) {
            Ok(News::Event(event)) => {
                (last, heard) = (event.ts, Instant::now());
                board.apply(&event);
                screen.event(&event, &board);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Ok(News::End) | Err(RecvTimeoutError::Disconnected) => break,
        }
        screen.tick(&board, last.plus(u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX)));
    }
    screen.end();
}

/// Whether a line of the narrative is shown while a run goes on.
fn is_shown(line: &Line, output: Output) -> bool {
    match line.weight {
        Weight::Main => true,
        Weight::Detail => output.verbose,
    }
}
