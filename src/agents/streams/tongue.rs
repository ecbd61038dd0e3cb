//! Where the two dialects differ: how a program is started, greeted, told and stopped.

use crate::agents::claude::{self, Claude};
use crate::agents::codex::{self, Codex};
use crate::agents::errand::Errand;
use crate::agents::heard::{Heard, Ruling};
use crate::agents::profile::Protocol;
use crate::domain::ids::Timestamp;
use crate::process::program::Program;

/// Which session a process works in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// A new one.
    New,
    /// One that another process began.
    Resumed(String),
}

impl Begin {
    /// The one that an errand asks for.
    pub(super) fn of(errand: &Errand) -> Self {
        match errand.opening.as_ref().and_then(|opening| opening.resumption.as_ref()) {
            Some(resumption) => Self::Resumed(resumption.session.clone()),
            None => Self::New,
        }
    }

    /// What is said first; `None` leaves again.
    pub(super) fn prompt<'a>(&self, errand: &'a Errand) -> Option<&'a str> {
        let opening = errand.opening.as_ref()?;
        match (self, &opening.resumption) {
            (Self::Resumed(_), Some(resumption)) => Some(&resumption.prompt),
            (Self::Resumed(_) | Self::New, _) => Some(&opening.prompt),
        }
    }
}

/// A reader of one dialect.
pub(super) enum Tongue {
    Claude(Box<Claude>),
    Codex(Box<Codex>),
}

/// What is written to a program before it has said anything.
pub(super) enum Hello {
    /// This line; it is answered.
    Line(String),
    /// The prompt, to its end.
    PromptAlone,
}

impl Tongue {
    /// The reader for a process of an errand.
    pub(super) fn of(errand: &Errand, begin: &Begin) -> Self {
        let resumption = errand.opening.as_ref().and_then(|opening| opening.resumption.as_ref());
        if errand.profile.protocol != Protocol::CodexExec {
            let claude = if errand.rules.leave_alone() { Claude::alone() } else { Claude::new() };
            return Self::Claude(Box::new(match (begin, resumption) {
                (Begin::Resumed(_), Some(resumption)) => claude.resuming(resumption.used),
                (Begin::Resumed(_) | Begin::New, _) => claude,
            }));
        }
        Self::Codex(Box::new(match (begin, resumption) {
            (Begin::Resumed(_), Some(resumption)) => Codex::resumed(resumption.used),
            (Begin::Resumed(_) | Begin::New, _) => Codex::new(),
        }))
    }

    pub(super) fn hello(&mut self) -> Hello {
        match self {
            Self::Claude(claude) => Hello::Line(claude.hello()),
            Self::Codex(_) => Hello::PromptAlone,
        }
    }

    pub(super) fn hear(&mut self, line: &[u8], now: Timestamp) -> Vec<Heard> {
        match self {
            Self::Claude(claude) => claude.hear(line, now),
            Self::Codex(codex) => codex.hear(line),
        }
    }

    /// Whether it has answered the hello; who gets none has answered when it tells of its session.
    pub(super) fn has_greeted(&self) -> bool {
        match self {
            Self::Claude(claude) => claude.has_greeted(),
            Self::Codex(_) => false,
        }
    }

    /// The lines of a prompt.
    pub(super) fn prompt(&mut self, text: &str) -> String {
        match self {
            Self::Claude(claude) => claude.prompt(text),
            Self::Codex(_) => text.to_owned(),
        }
    }

    /// The answer to a tool call; `None` where nobody waits for it.
    pub(super) fn answer(&mut self, request: &str, ruling: &Ruling) -> Option<String> {
        match self {
            Self::Claude(claude) => claude.answer(request, ruling),
            Self::Codex(_) => None,
        }
    }

    /// A word into the running turn; `None` where there is no way.
    pub(super) fn steer(&mut self, text: &str, now: Timestamp) -> Option<String> {
        match self {
            Self::Claude(claude) => Some(claude.steer(text, now)),
            Self::Codex(_) => None,
        }
    }

    /// How much of what was said into the turn is not taken up.
    pub(super) fn unheard(&self) -> usize {
        match self {
            Self::Claude(claude) => claude.unheard(),
            Self::Codex(_) => 0,
        }
    }

    /// What ends the turn; `None` where only a signal does.
    pub(super) fn interrupt(&mut self) -> Option<String> {
        match self {
            Self::Claude(claude) => Some(claude.interrupt()),
            Self::Codex(_) => None,
        }
    }
}

/// The program of an errand, for the session it is to work in.
pub(super) fn program(errand: &Errand, begin: &Begin) -> Program {
    let profile = &errand.profile;
    let (command, model) = (&profile.command, profile.model.as_deref());
    let argv = if profile.protocol == Protocol::CodexExec {
        let thread = match begin {
            Begin::New => codex::Thread::New,
            Begin::Resumed(id) => codex::Thread::Resumed(id.clone()),
        };
        codex::command_line(command, &thread, model)
    } else {
        let session = match begin {
            Begin::New => claude::Session::New,
            Begin::Resumed(id) => claude::Session::Resumed(id.clone()),
        };
        claude::command_line(command, &session, model)
    };
    let mut argv = argv.into_iter();
    let program = argv.next().unwrap_or_default();
    Program { program, args: argv.collect(), env: errand.env.clone(), cwd: errand.worktree.clone() }
}
