//! Which summaries of a gate's output are final, and which ones a test has printed itself.
//!
//! A run of a runner that shows its beginning owns what is printed until its own final summary: a summary in between
//! is quoted. A whole run of another runner in between, from its beginning to its summary, counts: the two may run
//! beside each other; single tests without a summary in between do not. Where a run never comes to its summary, nothing proves a quotation, and all of it counts.

use super::runners::{Count, Runner};

/// The most runs that are told apart; those beyond count all.
const MOST: usize = 50_000;

/// A run of a runner, or a summary without a visible beginning.
#[derive(Debug)]
struct Session {
    runner: Runner,
    /// Whether its beginning was seen.
    opened: bool,
    /// The tests that it announced.
    expected: Option<u64>,
    /// The run that was open when it began.
    parent: Option<usize>,
    /// The run of the plain stream that was open when it began, where this is a stream of its own beside that.
    outer: Option<usize>,
    summary: Option<Count>,
}

/// The runs of one gate so far.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: Vec<Session>,
    open: Vec<usize>,
    /// The run of the plain stream that is under way, for a stream beside that.
    pub(super) outer: Option<usize>,
}

impl Sessions {
    /// A run begins.
    pub(super) fn open(&mut self, runner: Runner, expected: Option<u64>) {
        if self.all.len() < MOST {
            let (parent, outer) = (self.innermost(), self.outer);
            self.open.push(self.all.len());
            self.all.push(Session { runner, opened: true, expected, parent, outer, summary: None });
        }
    }

    /// A run's final summary, over `total` tests where it says so.
    pub(super) fn close(&mut self, runner: Runner, count: Count, total: Option<u64>) {
        let fits = |session: &Session| {
            session.runner == runner && (session.expected.is_none() || total.is_none() || session.expected == total)
        };
        if let Some(place) = self.open.iter().rposition(|&at| fits(&self.all[at])) {
            let at = self.open[place];
            self.open.truncate(place);
            self.all[at].summary = Some(count);
            return;
        }
        // What seemed to be the summary of the run that was closed last was quoted by a test: the final one decides.
        let parent = self.innermost();
        let last = self.all.iter().rposition(|session| session.opened && session.parent == parent);
        match last.filter(|&at| fits(&self.all[at])) {
            Some(at) => self.all[at].summary = Some(count),
            None => self.summary(runner, count),
        }
    }

    /// A final summary of a run whose beginning is not shown.
    pub(super) fn summary(&mut self, runner: Runner, count: Count) {
        let parent = self.innermost();
        if self.all.len() < MOST {
            let (expected, outer) = (None, self.outer);
            self.all.push(Session { runner, opened: false, expected, parent, outer, summary: Some(count) });
        } else if let Some(last) = self.all.last_mut() {
            last.summary = Some(last.summary.unwrap_or_default().plus(count));
        }
    }

    /// The run that is under way.
    pub(super) fn innermost(&self) -> Option<usize> {
        self.open.last().copied()
    }

    /// The final summaries, each with its runner; `plain` is the stream that this one is beside.
    pub(super) fn summaries<'a>(&'a self, plain: Option<&'a Self>) -> impl Iterator<Item = (Runner, Count)> + 'a {
        let quoted = move |session: &Session| {
            self.holds(session.parent, session) || plain.is_some_and(|plain| plain.holds(session.outer, session))
        };
        let counted = self.all.iter().filter(move |session| !quoted(session));
        counted.filter_map(|session| Some((session.runner, session.summary?)))
    }

    /// Whether a run that came to its summary, `at` or one around it, has printed what the session says.
    fn holds(&self, at: Option<usize>, session: &Session) -> bool {
        let mut at = at;
        while let Some(around) = at.and_then(|at| self.all.get(at)) {
            if around.summary.is_some() && (runs(around.runner, session.runner) || !session.opened) {
                return true;
            }
            at = around.parent;
        }
        false
    }

    /// Whether a run of the runner began and never came to its summary.
    pub(super) fn has_unfinished(&self, runner: Runner) -> bool {
        self.all.iter().any(|session| session.runner == runner && session.opened && session.summary.is_none())
    }

    /// Whether a run that came to its summary is around the place `at`.
    pub(super) fn is_inside(&self, at: Option<usize>) -> bool {
        let mut at = at;
        while let Some(around) = at.and_then(|at| self.all.get(at)) {
            if around.summary.is_some() {
                return true;
            }
            at = around.parent;
        }
        false
    }
}

/// Whether the runs of `inner` are part of a run of `outer`: nextest starts libtest once for each try of a test.
fn runs(outer: Runner, inner: Runner) -> bool {
    outer == inner || (outer, inner) == ("nextest", "cargo")
}
