//! Our side of one process: cuts what it prints into lines, hears them, and does at once what they ask for.
//!
//! Owns what is recorded and what is written. Whatever the program prints, memory is bounded. The scene is locked
//! behind the stream, never before it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::de::IgnoredAny;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::tongue::{Hello, Tongue};
use crate::agents::ending::{Ending, refused, unavailable, without_work};
use crate::agents::heard::{Asked, Heard, Ruling};
use crate::agents::jsonrpc::frames::{Frame, Frames};
use crate::agents::jsonrpc::life::Life;
use crate::agents::jsonrpc::peer::Outgoing;
use crate::agents::jsonrpc::queue::{Entrance, queue};
use crate::agents::jsonrpc::record::{Direction, Record};
use crate::agents::policy::ToolCall;
use crate::agents::provider::refusal_in;
use crate::agents::scene::{Interruption, Scene};
use crate::agents::silence::Voice;
use crate::agents::talk::Side;
use crate::agents::wait::{Here, until};
use crate::domain::agent::{AgentEnd, AgentEvent};
use crate::domain::ids::Timestamp;
use crate::process::backlog::Backlog;

/// The longest line that is read, in bytes.
const LONGEST_LINE: usize = 64 << 20;
/// What may wait to be read by it before no more of it is read, in bytes.
const SAID: usize = 4 << 20;
/// How long an agent may take, its turn over, to say that it takes up what was said into it.
const TAKES_UP: Duration = Duration::from_secs(1);

/// Our side.
pub(super) struct Stream {
    scene: Arc<Scene>,
    state: Mutex<State>,
    /// Something happened.
    changed: Notify,
    /// What was said and waits to be read.
    said: Backlog,
}

struct State {
    tongue: Tongue,
    frames: Frames,
    record: Record,
    outgoing: Option<Entrance<Vec<u8>>>,
    life: Life,
    greeted: bool,
    /// How its turn ended, while none runs.
    end: Option<AgentEnd>,
    gone: bool,
}

impl Stream {
    /// A process that has not been spoken to, and what is to be written to it.
    pub(super) fn open(tongue: Tongue, scene: Arc<Scene>, record: Record) -> (Self, Outgoing) {
        let said = Backlog::new(SAID);
        let (outgoing, lines) = queue(&said);
        let frames = Frames::new(LONGEST_LINE);
        let outgoing = Some(outgoing);
        let life = Life::begin(Instant::now());
        let state = State { tongue, frames, record, outgoing, life, greeted: false, end: None, gone: false };
        (Self { scene, state: Mutex::new(state), changed: Notify::new(), said }, lines)
    }

    /// Says hello, or the whole prompt to who takes nothing else.
    pub(super) fn greet(&self, prompt: Option<&str>) {
        let mut state = self.lock();
        match state.tongue.hello() {
            Hello::Line(line) => state.say(&line),
            Hello::PromptAlone => {
                state.say_all(prompt.unwrap_or_default());
                state.outgoing = None;
            }
        }
    }

    /// Says a prompt, unless it was the hello.
    pub(super) fn prompt(&self, text: &str) {
        let mut state = self.lock();
        if state.outgoing.is_some() {
            let line = state.tongue.prompt(text);
            state.say(&line);
        }
    }

    /// Says something into the running turn; `false` where that cannot be done.
    pub(super) fn steer(&self, text: &str) -> bool {
        let mut state = self.lock();
        let line = state.tongue.steer(text, (self.scene.now)());
        line.map(|line| state.say(&line)).is_some()
    }

    /// Tells it to end its turn; `false` where it cannot be told.
    pub(super) fn interrupt(&self) -> bool {
        let mut state = self.lock();
        let line = if state.greeted { state.tongue.interrupt() } else { None };
        line.map(|line| state.say(&line)).is_some()
    }

    /// Resolves when it has greeted; `Err` where its turn or its program ended instead.
    pub(super) async fn greeted(&self) -> Result<(), Ending> {
        loop {
            let changed = self.changed.notified();
            {
                let state = self.lock();
                match (&state.end, state.greeted, state.gone) {
                    (Some(end), false, _) => return Err(Ending::Over(end.clone())),
                    (None, false, true) => return Err(Ending::Gone { greeted: false }),
                    (_, true, _) => return Ok(()),
                    (None, false, false) => {}
                }
            }
            changed.await;
        }
    }

    /// Resolves when its turn is over, and no other begins with what was said into it.
    pub(super) async fn turn(&self) -> Ending {
        loop {
            let changed = self.changed.notified();
            let (ending, sure) = self.standing();
            match ending {
                Some(ending) if sure => return ending,
                Some(ending) => {
                    if timeout(TAKES_UP, changed).await.is_err() {
                        return ending;
                    }
                }
                None => changed.await,
            }
        }
    }

    /// How it ended so far, and whether nothing follows.
    fn standing(&self) -> (Option<Ending>, bool) {
        let state = self.lock();
        match (&state.end, state.gone) {
            (Some(end), gone) => {
                let sure = gone || *end != AgentEnd::Finished || state.tongue.unheard() == 0;
                (Some(Ending::Over(end.clone())), sure)
            }
            (None, true) => (Some(Ending::Gone { greeted: state.greeted }), true),
            (None, false) => (None, false),
        }
    }

    /// Whether it has greeted and no turn runs.
    pub(super) fn is_over(&self) -> bool {
        self.lock().end.is_some()
    }

    /// The raw lines, redacted and bounded.
    pub(super) fn into_record(self) -> Record {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).record
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, state: &mut State, frame: Frame<'_>) {
        let now = Instant::now();
        self.scene.lock().narrative.alive();
        state.life.heard = now;
        let line = match frame {
            Frame::Line(line) => line,
            Frame::TooLong(bytes) => {
                state.record.line(now, Direction::Narrative, format!("[a line of {bytes} bytes]").as_bytes());
                let broken = format!("the agent sent a line of {bytes} bytes, more than is read");
                return self.scene.interrupt(Interruption::Broken(broken));
            }
        };
        if serde_json::from_slice::<IgnoredAny>(line).is_err() {
            state.record.line(now, Direction::Narrative, line);
            return self.scene.lock().narrative.printed(&[line, b"\n"].concat());
        }
        state.record.line(now, Direction::In, line);
        for heard in state.tongue.hear(line, (self.scene.now)()) {
            self.act(state, heard);
        }
        state.greeted |= state.tongue.has_greeted();
    }

    fn act(&self, state: &mut State, heard: Heard) {
        match heard {
            Heard::Event(event) => self.show(event),
            Heard::Session(id) => {
                state.greeted = true;
                let mut scene = self.scene.lock();
                scene.narrative.session(&id);
                scene.session = Some(id);
            }
            Heard::Send(line) => state.say(&line),
            Heard::Judge(asked) => {
                let ruling = self.rule(&asked);
                if let Some(line) = state.tongue.answer(&asked.request, &ruling) {
                    state.say(&line);
                }
            }
            Heard::Begun => state.end = None,
            Heard::Ended(end) => {
                let mut scene = self.scene.lock();
                scene.narrative.pause();
                scene.end_calls();
                drop(scene);
                state.end = Some(self.meaning(end));
            }
        }
    }

    fn show(&self, event: AgentEvent) {
        let mut scene = self.scene.lock();
        // Its model answers again, or it goes on without.
        scene.waits = None;
        match event {
            AgentEvent::Message { text } => {
                scene.says(&format!("{text}\n"));
            }
            AgentEvent::Tool { id, title, done: false } => {
                scene.acts();
                scene.calls.begin(&id, ToolCall::default());
                scene.narrative.tool(&id, &title);
            }
            AgentEvent::Tool { id, done: true, .. } => {
                scene.calls.end(&id);
                scene.narrative.tool_ended(&id, "done");
            }
            AgentEvent::Usage { usage, id, model } => scene.narrative.used(usage, id, model),
            AgentEvent::Limited { provider, until, detail } => {
                let provider = provider.or_else(|| self.scene.profile.provider.clone());
                scene.waits = self.until(&detail, until);
                let waits = scene.waits;
                scene.narrative.limited(provider, waits, &detail);
                scene.trouble = Some(detail);
            }
            AgentEvent::Ask { text } => {
                drop(scene);
                self.scene.interrupt(Interruption::Question(text));
            }
            // No line of these dialects is read as one.
            AgentEvent::Session { .. } | AgentEvent::Propose { .. } | AgentEvent::Done { .. } => {}
        }
    }

    fn rule(&self, asked: &Asked) -> Ruling {
        if self.scene.lock().leaving {
            return Ruling::Refuse { reason: "the work on this task is being ended".to_owned() };
        }
        let Asked { tool, kind, command, cwd, paths, .. } = asked;
        let act = match (command, paths.first()) {
            (Some(command), _) => format!("`{command}`"),
            (None, Some(path)) => format!("{tool} of {}", self.scene.shown(path)),
            (None, None) => tool.clone(),
        };
        let (command, cwd, paths) = (command.clone(), cwd.clone(), paths.clone());
        let call = ToolCall { kind: (*kind).to_owned(), command, cwd, paths };
        let judgement = self.scene.judge(&call);
        match self.scene.enforce(&act, judgement) {
            Ok(()) => Ruling::Allow,
            Err(reason) => Ruling::Refuse { reason },
        }
    }

    /// When its provider takes requests again: as it told apart from its words, or as they do.
    fn until(&self, words: &str, told: Option<Timestamp>) -> Option<Timestamp> {
        until(words, &Value::Null, Here { told, ..self.scene.here() })
    }

    /// What the end of a turn means for the attempt: a claim without work is none.
    fn meaning(&self, end: AgentEnd) -> AgentEnd {
        let (profile, scene) = (&self.scene.profile, self.scene.lock());
        let paid = scene.narrative.usage().tokens() > 0;
        match end {
            AgentEnd::Finished if !scene.worked || (profile.quirks.usage_source.is_certain() && !paid) => {
                without_work(scene.trouble.as_deref(), scene.only_said(), profile, self.scene.here())
            }
            AgentEnd::Limited { provider, until: end, detail } => {
                let provider = provider.or_else(|| profile.provider.clone());
                let until = self.until(&detail, end);
                AgentEnd::Limited { provider, until, detail }
            }
            AgentEnd::Unavailable { detail } => match refusal_in(&detail) {
                Some(refusal) => refused(refusal, &detail, &Value::Null, profile, self.scene.here()),
                None => unavailable(profile, &detail, ""),
            },
            AgentEnd::Finished
            | AgentEnd::Asked { .. }
            | AgentEnd::Failed { .. }
            | AgentEnd::TimedOut
            | AgentEnd::Stopped
            | AgentEnd::Lapsed
            | AgentEnd::Faulted { .. } => end,
        }
    }
}

impl Side for Stream {
    fn feed(&self, bytes: &[u8]) {
        self.with_frames(|frames, each| frames.push(bytes, each));
    }

    fn close(&self) {
        self.with_frames(|frames, each| frames.finish(each));
        let mut state = self.lock();
        (state.gone, state.outgoing) = (true, None);
        drop(state);
        self.changed.notify_waiters();
    }

    fn hang_up(&self) {
        self.lock().outgoing = None;
    }

    /// What it prints is understood at once; what it asks for makes answers, which it has to read.
    fn backlog(&self) -> Backlog {
        self.said.clone()
    }

    /// Some read no more than their prompt, and how its turn ended is told by its exit too.
    fn broken(&self) -> bool {
        false
    }
}

impl Voice for Stream {
    /// It is never our turn: whatever it asks for is answered as it is heard.
    fn silent_for(&self, _scene: &Scene, now: Instant) -> Option<Duration> {
        let state = self.lock();
        state.life.silent_for(now).filter(|_| state.greeted)
    }
}

impl Stream {
    fn with_frames(&self, cut: impl FnOnce(&mut Frames, &mut dyn FnMut(Frame<'_>))) {
        let mut state = self.lock();
        let mut frames = std::mem::replace(&mut state.frames, Frames::new(LONGEST_LINE));
        cut(&mut frames, &mut |frame| self.hear(&mut state, frame));
        state.frames = frames;
        drop(state);
        self.changed.notify_waiters();
    }
}

impl State {
    /// Says a line of the protocol.
    fn say(&mut self, line: &str) {
        self.write(line.as_bytes(), line.to_owned() + "\n");
    }

    /// Says a text that is no line of a protocol.
    fn say_all(&mut self, text: &str) {
        self.write(Value::from(text).to_string().as_bytes(), text.to_owned());
    }

    fn write(&mut self, shown: &[u8], written: String) {
        if let Some(outgoing) = &self.outgoing {
            self.life.said = Instant::now();
            self.record.line(self.life.said, Direction::Out, shown);
            let bytes = written.len();
            outgoing.put(written.into_bytes(), bytes);
        }
    }
}
