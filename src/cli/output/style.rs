//! Colours and marks. State is never told by colour alone: a mark and a word stand beside it.

use anstyle::{AnsiColor, Style};

/// What went well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// What failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What asks for attention.
pub const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What goes on.
pub const LIVE: Style = AnsiColor::Cyan.on_default().bold();
/// What can be skipped.
pub const DIM: Style = Style::new().dimmed();
/// What is said first.
pub const HEAD: Style = Style::new().bold();
/// What needs no emphasis.
pub const PLAIN: Style = Style::new();

/// A text in a style. Where nobody wants colours they are stripped on the way out.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// A text in a style, padded on the right to `width` characters.
pub fn left(style: Style, text: &str, width: usize) -> String {
    format!("{style}{text:<width$}{style:#}")
}

/// A text in a style, padded on the left to `width` characters.
pub fn right(style: Style, text: &str, width: usize) -> String {
    format!("{style}{text:>width$}{style:#}")
}

/// The marks before states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Glyphs {
    /// It runs.
    pub running: &'static str,
    /// It is being worked on.
    pub working: &'static str,
    /// It needs a person.
    pub asks: &'static str,
    /// It waits.
    pub waits: &'static str,
    /// It is done.
    pub done: &'static str,
    /// It failed.
    pub failed: &'static str,
}

impl Glyphs {
    /// For terminals that show Unicode.
    pub const UNICODE: Self =
        Self { running: "●", working: "⠹", asks: "!", waits: "⏸", done: "✓", failed: "✗" };
    /// For everything else.
    pub const ASCII: Self = Self { running: "*", working: ">", asks: "!", waits: "=", done: "+", failed: "x" };
}
