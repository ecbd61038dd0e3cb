//! In what agents of one protocol differ.
//!
//! Each field was measured on a real program; the defaults are what the protocol promises. Times in milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::generation::Generation;
use super::login::LoginAsk;

/// What happens to a second prompt during a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusyPrompt {
    /// It is refused.
    #[default]
    Error,
    /// It goes into the running turn.
    Inject,
    /// It runs after the turn.
    Queue,
    /// It ends the running turn.
    Abort,
}

/// How the operator's words reach a running turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Steer {
    /// They do not.
    #[default]
    No,
    /// As another prompt.
    Prompt,
    /// By a request of this name.
    Method(String),
}

/// Where tokens are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// Wherever the end of a turn happens to say it; that it says nothing means nothing.
    #[default]
    Any,
    /// `usage` of the end of a turn, always.
    TurnUsage,
    /// `_meta.quota` of the end of a turn, always.
    Quota,
    /// Each message of its model, as it streams, and the sum at the end of a turn, always.
    Messages,
    /// The session files of Kimi Code, below its home, one record a model call.
    KimiSessionFile,
}

impl UsageSource {
    /// Whether every turn is counted, so that one without tokens called no model.
    pub fn is_certain(self) -> bool {
        match self {
            Self::TurnUsage | Self::Quota | Self::Messages => true,
            Self::Any | Self::KimiSessionFile => false,
        }
    }
}

/// Whose session files note each call of its model, beside what the end of a turn says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageNotes {
    /// Nobody's.
    #[default]
    No,
    /// Those of Claude Code, below its home.
    Claude,
    /// Those of Gemini CLI, below its home.
    Gemini,
    /// Those of Codex, below its home.
    Codex,
}

/// What one report of tokens covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageScope {
    /// The turn.
    #[default]
    Turn,
    /// Its last model call: the sum is too low, unless it can be asked for more.
    LastCall,
}

/// How a session goes on in a new process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resume {
    /// As the agent offers, without a replay of the history or with one.
    #[default]
    Offered,
    /// It does not.
    No,
    /// `session/load`, which replays the history.
    Load,
    /// `session/resume`, which does not.
    Resume,
    /// An argument with the session's id.
    Flag(String),
}

/// How one agent differs from what its protocol promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quirks {
    /// It is told that it may read files through us.
    pub fs_read_cap: bool,
    /// It is told that it may write files through us.
    pub fs_write_cap: bool,
    /// It is told that it may run commands through us.
    pub terminal_cap: bool,
    /// What it writes and runs comes to us anyway, with all that a decision needs: requests for permission, which
    /// say less, are granted.
    pub decided_by_requests: bool,
    /// What a new session is asked for with besides, as `_meta`; `{name}` in its texts stands for what tells the session
    /// from others.
    pub session_meta: Map<String, Value>,
    /// The mode that is set before the first prompt.
    pub mode_id: Option<String>,
    /// A refused permission ends its turn; it goes on with a new prompt, which can say why.
    pub reject_ends_turn: bool,
    /// What happens to a second prompt during a turn.
    pub busy_prompt: BusyPrompt,
    /// How the operator's words reach a running turn.
    pub steer: Steer,
    /// Where tokens are reported.
    pub usage_source: UsageSource,
    /// Where each call of its model is noted besides: a turn that is cut off tells nothing.
    pub usage_notes: UsageNotes,
    /// What one report covers.
    pub usage_scope: UsageScope,
    /// Arguments with which the first word of its command prints what the session `{session}` and those that it began
    /// used in all: `[{"input": …, "cached": …, "output": …, "usd": …}]`.
    pub usage_ask: Vec<String>,
    /// Input tokens, as reported, include those that came from a cache.
    pub cache_within_input: bool,
    /// The first start in a home sets up what a second one at the same time would spoil.
    pub first_start_alone: bool,
    /// How a session goes on in a new process.
    pub resume: Resume,
    /// Its sum of a session's cost goes on when the session does.
    pub cost_goes_on: bool,
    /// It ends when its standard input does.
    pub stdin_eof_stops: bool,
    /// Variables that keep it from the network but for its model, where the user has not set them.
    pub quiet_env: BTreeMap<String, String>,
    /// Variables that keep it from silent retries without end, where the user has not set them.
    pub retry_env: BTreeMap<String, String>,
    /// Which versions are meant, where another program goes by the same name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// How its program is asked whether somebody is logged in, where a session opens without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_ask: Option<LoginAsk>,
    /// How long it may take to say hello, and to open a session.
    pub handshake_ms: u64,
    /// How long it may say nothing, while no tool of its works.
    pub idle_ms: u64,
    /// How long it may take to end a turn that was cancelled.
    pub cancel_ms: u64,
    /// How long it may take to end by itself when its turn is over.
    pub exit_ms: u64,
}

impl Quirks {
    /// Whether it can be told anything during a turn.
    pub fn hears(&self) -> bool {
        match self.steer {
            Steer::No => false,
            Steer::Prompt | Steer::Method(_) => true,
        }
    }
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            fs_read_cap: true,
            fs_write_cap: true,
            terminal_cap: true,
            decided_by_requests: false,
            session_meta: Map::new(),
            mode_id: None,
            reject_ends_turn: false,
            busy_prompt: BusyPrompt::default(),
            steer: Steer::default(),
            usage_source: UsageSource::default(),
            usage_notes: UsageNotes::default(),
            usage_scope: UsageScope::default(),
            usage_ask: Vec::new(),
            cache_within_input: false,
            first_start_alone: false,
            resume: Resume::default(),
            cost_goes_on: false,
            stdin_eof_stops: true,
            quiet_env: BTreeMap::new(),
            retry_env: BTreeMap::new(),
            generation: None,
            login_ask: None,
            handshake_ms: 30_000,
            idle_ms: 360_000,
            cancel_ms: 700,
            exit_ms: 3_000,
        }
    }
}
