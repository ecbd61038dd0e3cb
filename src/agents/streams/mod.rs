//! Agents that speak in lines of their own: Claude Code's two-way `stream-json`, and Codex's `exec --json`.
//!
//! Their readers are pure (`claude`, `codex`); this runs them. `stream` hears and answers, `script` says what comes
//! next, `tongue` is where the two dialects differ. A session that is not there any more costs a second process, and
//! no attempt.

mod greeting;
mod script;
mod stream;
mod tongue;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::script::Script;
use self::stream::Stream;
use self::tongue::{Begin, Tongue};
use super::ending::Ending;
use super::errand::{Done, Ears, Errand};
use super::jsonrpc::record::Record;
use super::keeping::Evidence;
use super::profile::Protocol;
use super::scene::Scene;
use super::talk::{Aside, Partner, hold};
use crate::domain::agent::AgentEnd;
use crate::ports::AgentHints;
use crate::process::drive::{Driven, Limits};
use crate::process::error::ProcessError;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How long a program may live beyond its deadline, should the conversation not end it.
const BEYOND: Duration = Duration::from_secs(15);

/// Runs an errand to its end; no process of it is left then.
pub(super) async fn run(
    mut errand: Errand,
    launcher: &Launcher,
    ears: Ears,
    stop: &CancellationToken,
) -> Result<Done, ProcessError> {
    if errand.profile.protocol == Protocol::CodexExec && errand.opening.is_none() {
        let answer = Duration::from_millis(errand.profile.quirks.handshake_ms);
        errand.limits.timeout = errand.limits.timeout.min(answer);
        return greeting::greet(&errand, launcher, ears.evidence).await;
    }
    let Ears { events, hints, evidence: Evidence { log, frames } } = ears;
    let scene = Arc::new(Scene::new(&errand, events, log));
    let deadline = Instant::now() + errand.limits.timeout;
    let mut visit = Visit { errand: &errand, launcher, scene: &scene, hints, stop, deadline };
    let mut record = Record::begin(Instant::now(), frames);
    let mut begin = Begin::of(&errand);
    let (driven, ending) = loop {
        let (left, kept) = visit.talk(&begin, record).await?;
        record = kept;
        match visit.lost(&begin, &left) {
            true => begin = Begin::New,
            false => break left,
        }
    };
    Ok(scene.done(ending, driven, record.finish()))
}

/// What all processes of one errand share.
struct Visit<'a> {
    errand: &'a Errand,
    launcher: &'a Launcher,
    scene: &'a Arc<Scene>,
    hints: AgentHints,
    stop: &'a CancellationToken,
    deadline: Instant,
}

impl Visit<'_> {
    /// One process, from its start to its end.
    async fn talk(&mut self, begin: &Begin, record: Record) -> Result<((Driven, Ending), Record), ProcessError> {
        let errand = self.errand;
        let left = self.deadline.saturating_duration_since(Instant::now());
        let limits = Limits { timeout: left.saturating_add(BEYOND), ..errand.limits };
        let program = tongue::program(errand, begin);
        let spec = Spec { program, input: Input::Pipe, output: OutputPlan::Split, lease: errand.lease };
        let partner = Partner { running: self.launcher.launch_until(spec, self.stop).await?, limits };
        let (stream, outgoing) = Stream::open(Tongue::of(errand, begin), Arc::clone(self.scene), record);
        let scene = self.scene;
        let mut aside = |aside: Aside<'_>| scene.aside(aside);
        let script = Script { stream: &stream, scene, errand, prompt: begin.prompt(errand) };
        let script = script.play(&mut self.hints, self.stop, self.deadline);
        let left = hold(partner, &stream, outgoing, &mut aside, script).await;
        Ok((left, stream.into_record()))
    }

    /// Whether the session to go on with was not there: it ended before it told of one, and nobody broke it off.
    fn lost(&self, begin: &Begin, (_, ending): &(Driven, Ending)) -> bool {
        let Begin::Resumed(session) = begin else { return false };
        let ended = matches!(ending, Ending::Over(AgentEnd::Failed { .. }) | Ending::Gone { .. });
        let mut state = self.scene.lock();
        let broken_off = state.interruption.is_some() || self.stop.is_cancelled();
        let lost = ended && state.session.is_none() && !broken_off;
        if lost {
            state.narrative.note(&format!("[session {session} is not there any more: a new one is begun]"));
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::agents::jsonrpc::peer::Outgoing;
    use crate::agents::keeping::Keeping;
    use crate::agents::profile::quirks::Quirks;
    use crate::agents::rehearsal::{self, seconds};
    use crate::agents::talk::Side;

    /// An agent that is only its lines, and cut off after ten silent seconds.
    struct Played {
        stream: Stream,
        scene: Arc<Scene>,
        _outgoing: Outgoing,
    }

    impl Played {
        fn of(protocol: Protocol) -> Self {
            let quirks = Quirks { idle_ms: 10_000, ..Quirks::default() };
            let mut errand = rehearsal::errand(quirks, "/nowhere".into());
            errand.profile.protocol = protocol;
            let scene = Arc::new(Scene::new(&errand, tokio::sync::mpsc::unbounded_channel().0, Keeping::default()));
            let record = Record::begin(Instant::now(), Keeping::default());
            let (stream, _outgoing) = Stream::open(Tongue::of(&errand, &Begin::New), Arc::clone(&scene), record);
            Self { stream, scene, _outgoing }
        }

        /// Claude Code, which has said hello.
        fn claude() -> Self {
            let it = Self::of(Protocol::ClaudeStreamJson);
            it.stream.greet(None);
            it.says(&json!({"type": "control_response", "response": {"subtype": "success", "request_id": "hello"}}));
            it
        }

        fn says(&self, line: &Value) {
            self.stream.feed(format!("{line}\n").as_bytes());
        }

        async fn cut_off(&self, meanwhile: impl Future<Output = ()>) -> u64 {
            rehearsal::cut_off(&self.stream, &self.scene, meanwhile).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_counts_from_the_last_line_of_either_side_and_not_before_the_hello() {
        let it = Played::of(Protocol::ClaudeStreamJson);
        it.stream.greet(None);
        let meanwhile = async {
            seconds(25).await;
            it.says(&json!({"type": "control_response", "response": {"subtype": "success", "request_id": "hello"}}));
            seconds(7).await;
            it.says(&json!({"type": "stream_event", "event": {"type": "ping"}}));
            seconds(7).await;
            it.stream.prompt("go on");
        };
        assert_eq!(it.cut_off(meanwhile).await, 49);
        let detail = "the agent said nothing for 10s; its model may not answer".to_owned();
        assert_eq!(it.scene.interruption(), AgentEnd::Failed { detail });
    }

    #[tokio::test(start_paused = true)]
    async fn a_tool_of_claude_holds_the_timer_off_until_its_result() {
        let it = Played::claude();
        let call = json!({"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "make"}});
        it.says(&json!({"type": "assistant", "message": {"id": "m", "content": [call]}}));
        let asked =
            json!({"subtype": "hook_callback", "input": {"tool_name": "Bash", "tool_input": {"command": "make"}}});
        it.says(&json!({"type": "control_request", "request_id": "r", "request": asked}));
        let meanwhile = async {
            seconds(33).await;
            let result = json!({"type": "tool_result", "tool_use_id": "1"});
            it.says(&json!({"type": "user", "message": {"content": [result]}}));
        };
        assert_eq!(it.cut_off(meanwhile).await, 43);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_a_turn_left_open_does_not_hold_the_next_one() {
        let it = Played::claude();
        let call = json!({"type": "tool_use", "id": "1", "name": "Bash", "input": {"command": "make"}});
        it.says(&json!({"type": "assistant", "message": {"id": "m", "content": [call]}}));
        let meanwhile = async {
            seconds(25).await;
            it.says(&json!({"type": "result", "is_error": false}));
            it.stream.prompt("go on");
        };
        assert_eq!(it.cut_off(meanwhile).await, 35);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_its_provider_holds_the_timer_off_until_it_is_over_or_the_model_answers() {
        let retry = json!({"type": "system", "subtype": "api_retry", "attempt": 1, "max_retries": 2,
            "retry_delay_ms": 60_000, "error_status": 429, "error": "rate_limit"});
        let it = Played::claude();
        it.says(&retry);
        assert_eq!(it.cut_off(async {}).await, 70);
        let it = Played::claude();
        it.says(&retry);
        let meanwhile = async {
            seconds(15).await;
            it.says(&json!({"type": "assistant", "message": {"id": "m", "content": [{"type": "text", "text": "on"}]}}));
        };
        assert_eq!(it.cut_off(meanwhile).await, 25);
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_of_codex_that_has_begun_holds_the_timer_off_until_its_end() {
        let it = Played::of(Protocol::CodexExec);
        let item = json!({"id": "item_1", "type": "command_execution", "command": "make"});
        let meanwhile = async {
            seconds(25).await;
            it.says(&json!({"type": "thread.started", "thread_id": "t"}));
            seconds(7).await;
            it.says(&json!({"type": "item.started", "item": item}));
            seconds(33).await;
            it.says(&json!({"type": "item.completed", "item": item}));
        };
        assert_eq!(it.cut_off(meanwhile).await, 75);
    }
}
