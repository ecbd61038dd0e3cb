//! The Test Anything Protocol, and the summaries of node's own runner.

use super::{Count, Reader, Reading, Runner, Verdict};

/// Reads the Test Anything Protocol; nested tests are their parents' business. Node's summary below the plan replaces
/// the numbers of the lines.
#[derive(Debug, Default)]
pub(super) struct Tap {
    is_open: bool,
    /// The tests that the plan announces.
    planned: Option<u64>,
    lines: Count,
    seen: u64,
    node: NodeBlock,
    /// The last planned test has been read.
    ended: Option<Count>,
    /// The line before was a plan, so node's summary may follow.
    after_plan: bool,
}

impl Reader for Tap {
    fn runner(&self) -> Runner {
        "tap"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        if let Some(version) = line.strip_prefix("TAP version ") {
            *self = Self { is_open: true, ..Self::default() };
            return version.parse::<u32>().is_ok().then_some(Reading::Opened(None));
        }
        if let Some(comment) = line.strip_prefix("# ") {
            // A test that prints such lines has them shown as comments too, but not below the plan.
            let begins = std::mem::take(&mut self.after_plan);
            let summary = (begins || self.node.is_under_way()).then(|| self.node.read(comment));
            return summary.flatten().map(|count| Reading::Closed(count, None));
        }
        self.after_plan = false;
        self.node = NodeBlock::default();
        if let Some(number) = line.strip_prefix("1..").and_then(|rest| rest.split(" #").next()?.trim().parse().ok()) {
            return Some(self.plan(number));
        }
        let (verdict, name) = tap_line(line)?;
        self.lines = self.lines.plus(verdict.into());
        self.seen += 1;
        if self.planned.is_some_and(|planned| planned == self.seen) {
            self.ended = Some(self.close());
        }
        Some(Reading::Test(verdict, name))
    }

    fn also(&mut self) -> Option<Reading> {
        self.ended.take().map(|count| Reading::Closed(count, None))
    }
}

impl Tap {
    fn plan(&mut self, number: u64) -> Reading {
        self.after_plan = true;
        if self.seen == number {
            let count = self.close();
            self.after_plan = true;
            return Reading::Closed(count, None);
        }
        self.planned = Some(number);
        let opened = std::mem::replace(&mut self.is_open, true);
        if opened || self.seen > 0 { Reading::Noted } else { Reading::Opened(None) }
    }

    fn close(&mut self) -> Count {
        std::mem::take(self).lines
    }
}

fn tap_line(line: &str) -> Option<(Verdict, String)> {
    let (passed, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    let rest = rest.strip_prefix(' ')?;
    let number_ends = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if number_ends == 0 {
        return None;
    }
    let (name, directive) = rest[number_ends..].split_once(" # ").unwrap_or((&rest[number_ends..], ""));
    let directive = directive.to_ascii_lowercase();
    let verdict = match passed {
        _ if directive.starts_with("skip") || directive.starts_with("todo") => Verdict::Ignored,
        true => Verdict::Passed,
        false => Verdict::Failed,
    };
    Some((verdict, name.trim_start_matches([' ', '-']).trim_end().to_owned()))
}

/// The lines of node's summary, in their order; nothing may stand between them.
const NODE_LINES: [&str; 8] = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo", "duration_ms"];

/// Node's summary, a line per number.
#[derive(Debug, Default)]
struct NodeBlock {
    next: usize,
    count: Count,
}

impl NodeBlock {
    fn is_under_way(&self) -> bool {
        self.next > 0
    }

    /// Takes the next line without its mark; returns the numbers when the block is whole.
    fn read(&mut self, line: &str) -> Option<Count> {
        let Some((what, number)) = line.split_once(' ') else {
            *self = Self::default();
            return None;
        };
        if what == "tests" {
            *self = Self::default();
        }
        // Older versions have no line for suites.
        self.next += usize::from(self.next == 1 && what == "pass");
        if NODE_LINES.get(self.next) != Some(&what) {
            *self = Self::default();
            return None;
        }
        self.next += 1;
        if what == "duration_ms" {
            return Some(std::mem::take(self).count);
        }
        let Ok(number) = number.parse::<u64>() else {
            *self = Self::default();
            return None;
        };
        let tests = &mut self.count.tests;
        let field = match what {
            "pass" => &mut tests.passed,
            "fail" | "cancelled" => &mut tests.failed,
            "skipped" | "todo" => &mut tests.ignored,
            _ => return None,
        };
        *field = field.saturating_add(number);
        None
    }
}

/// Reads the summary of node's `spec` reporter.
#[derive(Debug, Default)]
pub(super) struct NodeSpec {
    block: NodeBlock,
}

impl Reader for NodeSpec {
    fn runner(&self) -> Runner {
        "node"
    }

    fn read(&mut self, line: &str) -> Option<Reading> {
        match line.strip_prefix("\u{2139} ") {
            Some(line) => Some(self.block.read(line).map_or(Reading::Noted, Reading::Summary)),
            None => {
                self.block = NodeBlock::default();
                None
            }
        }
    }
}
