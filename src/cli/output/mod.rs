//! Where results go: text, JSON and Markdown on stdout, progress and notes on stderr.
//!
//! Texts are composed with colours; they lose them here wherever nobody wants them. No escape code ever leaves for
//! anything but a terminal, unless the user asked for that by name.

pub mod safe;
pub mod style;
pub mod units;
pub mod words;

use std::io::{self, BufRead, IsTerminal, Write};

use serde::Serialize;

use crate::cli::args::{Common, When};
use crate::cli::error::Failure;
use crate::cli::output::style::Glyphs;

/// How this command prints.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// Whether results are JSON.
    pub json: bool,
    /// Whether progress and notes are left out.
    pub quiet: bool,
    /// Whether details are shown.
    pub verbose: bool,
    /// Whether stdout shows colours.
    pub color: bool,
    /// Whether stderr shows colours.
    pub progress_color: bool,
    /// Whether stderr is a terminal that can redraw its last lines.
    pub live: bool,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// The marks before states.
    pub glyphs: Glyphs,
}

impl Output {
    /// Decides how to print from the options, the environment and where the streams go.
    pub fn new(common: &Common) -> Self {
        let terminal = io::stdout().is_terminal();
        let progress_terminal = io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wanted = |terminal: bool| match common.color {
            When::Auto => terminal && !no_color && !dumb,
            When::Always => true,
            When::Never => false,
        };
        Self {
            json: common.json,
            quiet: common.quiet,
            verbose: common.verbose,
            color: wanted(terminal),
            progress_color: wanted(progress_terminal),
            live: progress_terminal && !dumb && !no_color && common.color != When::Never && !common.json,
            terminal,
            glyphs: if (terminal || progress_terminal) && utf8() { Glyphs::UNICODE } else { Glyphs::ASCII },
        }
    }

    /// Prints a result.
    pub fn result(self, text: &str) -> Result<(), Failure> {
        write_whole(&mut io::stdout().lock(), &stripped(text, self.color))
    }

    /// Prints a result as it is, to the byte.
    pub fn exact(self, text: &str) -> Result<(), Failure> {
        write_whole(&mut io::stdout().lock(), text)
    }

    /// Prints a document as one line of JSON.
    pub fn document<T: Serialize>(self, document: &T) -> Result<(), Failure> {
        write_whole(&mut io::stdout().lock(), &format!("{}\n", safe::json(document)))
    }

    /// Says something beside the result, unless the user wants quiet. A closed stderr is no failure.
    pub fn note(self, text: &str) {
        if !self.quiet {
            self.complain(text);
        }
    }

    /// Whether a person at a terminal can be asked something: who sees the question can answer it.
    pub fn can_ask(self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a question at the terminal, once; anything but a yes is a no.
    pub fn ask(self, question: &str) -> Result<bool, Failure> {
        self.complain(&format!("{question} [y/N] "));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
    }

    /// Says something beside the result that must be said.
    pub fn complain(self, text: &str) {
        let _ = io::stderr().lock().write_all(stripped(text, self.progress_color).as_bytes());
    }
}

fn write_whole(stream: &mut impl Write, text: &str) -> Result<(), Failure> {
    stream.write_all(text.as_bytes())?;
    Ok(stream.flush()?)
}

/// A text with its colours, or without.
pub fn stripped(text: &str, color: bool) -> String {
    if color { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
}

fn utf8() -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
