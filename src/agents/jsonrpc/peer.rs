//! Our end of a conversation: what we ask and say, what we hear.
//!
//! Bytes of the other side go into `feed`, from wherever they come; our lines come out of `Outgoing`, for whoever
//! writes them. What is heard comes out of the `Inbox` in the order in which it was said, answers included, so that
//! whoever waits for an answer finds everything before it done (`serve` hands them on).

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use thiserror::Error;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::frames::{Frame, Frames};
use super::inbound::Inbound;
use super::life::Life;
use super::message::{Answer, Id, Message, RpcError, call, read, reply};
use super::queue::{Entrance, Queue, queue};
use super::record::{Direction, Record};
use crate::agents::keeping::Keeping;
use crate::process::backlog::Backlog;

/// Which ids our requests get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdStyle {
    /// `1`, `2`, …
    #[default]
    Number,
    /// `"1"`, `"2"`, …: some peers read nothing else.
    Text,
}

/// How a peer speaks and listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// Which ids its requests get.
    pub ids: IdStyle,
    /// The longest line that it reads, in bytes.
    pub longest_line: usize,
}

impl Default for Manner {
    /// Numbers; 64 MiB.
    fn default() -> Self {
        Self { ids: IdStyle::Number, longest_line: 64 << 20 }
    }
}

/// Why a request has no result.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CallError {
    /// The other side said no.
    #[error(transparent)]
    Refused(#[from] RpcError),
    /// The other side is gone, or we have hung up.
    #[error("the conversation ended without an answer")]
    Closed,
}

/// What may wait to be dealt with before no more is read, in bytes of lines. What is read of a line takes many times its
/// length.
const HEARD: usize = 256 * 1024;
/// What may wait to be read by the other side before nothing more of it is dealt with, in bytes.
const SAID: usize = 4 << 20;

/// What is heard, in order; ends when the other side is gone.
pub type Inbox = Queue<Inbound>;
/// Our lines, ends included; ends when we hang up.
pub type Outgoing = Queue<Vec<u8>>;

/// Our end. Cheap to clone: all clones are the same end.
#[derive(Clone, Debug)]
pub struct Peer {
    state: Arc<Mutex<State>>,
    heard: Backlog,
    said: Backlog,
}

#[derive(Debug)]
struct State {
    frames: Frames,
    line: Line,
}

/// All but the stream itself.
#[derive(Debug)]
struct Line {
    ids: IdStyle,
    next_id: u64,
    waiting: HashMap<String, oneshot::Sender<Answer>>,
    outgoing: Option<Entrance<Vec<u8>>>,
    inbox: Option<Entrance<Inbound>>,
    /// The request that was the last message, until it is answered.
    asked_last: Option<Id>,
    life: Life,
    record: Record,
}

/// A conversation that begins: our end, what is heard, what is to be written.
pub fn connect(manner: Manner) -> (Peer, Inbox, Outgoing) {
    connect_kept(manner, Keeping::default())
}

/// The same, with its raw lines going to `kept`.
pub(in crate::agents) fn connect_kept(manner: Manner, kept: Keeping) -> (Peer, Inbox, Outgoing) {
    let (heard, said) = (Backlog::new(HEARD), Backlog::new(SAID));
    let (outgoing, lines) = queue(&said);
    let (inbox, inbounds) = queue(&heard);
    let now = Instant::now();
    let line = Line {
        ids: manner.ids,
        next_id: 1,
        waiting: HashMap::new(),
        outgoing: Some(outgoing),
        inbox: Some(inbox),
        asked_last: None,
        life: Life::begin(now),
        record: Record::begin(now, kept),
    };
    let state = State { frames: Frames::new(manner.longest_line), line };
    (Peer { state: Arc::new(Mutex::new(state)), heard, said }, inbounds, lines)
}

/// Writes our lines as they come, and closes `to` when we hang up. `Err` where nobody can read them any more.
pub async fn write(mut lines: Outgoing, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        to.write_all(&line).await?;
    }
    Ok(())
}

impl Peer {
    /// Takes bytes of the other side, as they come.
    pub fn feed(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let State { frames, line } = &mut *state;
        frames.push(bytes, &mut |frame| line.hear(frame));
    }

    /// The other side is gone: the inbox ends behind what it has said, and then (`serve`) requests that are open fail.
    pub fn close(&self) {
        let mut state = self.lock();
        let State { frames, line } = &mut *state;
        frames.finish(&mut |frame| line.hear(frame));
        line.inbox = None;
        line.outgoing = None;
    }

    /// There will be no further answer: whoever waits for one is told.
    pub(super) fn fail_waiting(&self) {
        self.lock().line.waiting.clear();
    }

    /// What was heard and waits to be dealt with: while it is full, nothing more should be fed.
    pub fn heard(&self) -> &Backlog {
        &self.heard
    }

    /// What was said and waits to be read by the other side.
    pub fn said(&self) -> &Backlog {
        &self.said
    }

    /// We have nothing more to say: `Outgoing` ends behind what has been said. The other side is still heard.
    pub fn hang_up(&self) {
        self.lock().line.outgoing = None;
    }

    /// Asks, and waits for the answer. The request is on its way when this returns; dropping the future forgets it.
    pub fn ask(&self, method: &str, params: &Value) -> impl Future<Output = Result<Value, CallError>> + Send + use<> {
        let asked = self.lock().line.ask(method, params);
        let asked = asked.map(|(id, answer)| (Question { peer: self.clone(), id }, answer));
        async move {
            let Some((_question, answer)) = asked else { return Err(CallError::Closed) };
            Ok(answer.await.map_err(|_closed| CallError::Closed)??)
        }
    }

    /// Says something that has no answer.
    pub fn tell(&self, method: &str, params: &Value) {
        self.lock().line.say(call(None, method, params));
    }

    /// Answers a request of the other side.
    pub fn answer(&self, id: &Id, answer: &Answer) {
        let mut state = self.lock();
        state.line.asked_last.take_if(|asked| asked == id);
        state.line.say(reply(id, answer));
    }

    /// Hands an answer to whoever waits for it. Nobody does where the question was forgotten or never asked.
    pub fn settle(&self, id: &Id, answer: Answer) {
        let waiting = self.lock().line.waiting.remove(&id.key());
        if let Some(waiting) = waiting {
            let _forgotten = waiting.send(answer);
        }
    }

    /// The life signs so far.
    pub fn life(&self) -> Life {
        let line = &self.lock().line;
        let our_turn = line.asked_last.is_some() && !self.said.is_full();
        Life { our_turn, theirs_to_answer: line.waiting.len(), ..line.life }
    }

    /// The raw lines so far, redacted and bounded, as JSON lines; the record begins anew, in memory.
    pub fn take_record(&self) -> Keeping {
        let fresh = Record::begin(Instant::now(), Keeping::default());
        std::mem::replace(&mut self.lock().line.record, fresh).finish()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody waits for the answer; when this is dropped, nobody does.
struct Question {
    peer: Peer,
    id: Id,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.peer.lock().line.waiting.remove(&self.id.key());
    }
}

impl Line {
    fn hear(&mut self, frame: Frame<'_>) {
        let now = Instant::now();
        self.life.heard = now;
        let (inbound, length) = match frame {
            Frame::TooLong(bytes) => {
                self.record.line(now, Direction::Narrative, format!("[a line of {bytes} bytes]").as_bytes());
                (Some(Inbound::TooLong { bytes }), 0)
            }
            Frame::Line(line) => {
                let message = read(line);
                let direction = if message.is_some() { Direction::In } else { Direction::Narrative };
                self.record.line(now, direction, line);
                self.turns(message.as_ref());
                (Inbound::of(message, line), line.len())
            }
        };
        if let (Some(inbound), Some(inbox)) = (inbound, &self.inbox) {
            inbox.put(inbound, Inbound::weight(length));
        }
    }

    /// Whose turn it is behind a message. What is no message is nobody's: anything in its process may print.
    fn turns(&mut self, message: Option<&Message>) {
        match message {
            Some(Message::Request { id, .. }) => self.asked_last = Some(id.clone()),
            Some(Message::Unanswerable) => self.asked_last = Some(Id::Null),
            Some(Message::Notification { .. } | Message::Response { .. }) => self.asked_last = None,
            None => {}
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Option<(Id, oneshot::Receiver<Answer>)> {
        self.outgoing.as_ref()?;
        let id = match self.ids {
            IdStyle::Number => Id::Number(self.next_id.into()),
            IdStyle::Text => Id::Text(self.next_id.to_string()),
        };
        self.next_id += 1;
        let (waiting, answer) = oneshot::channel();
        self.waiting.insert(id.key(), waiting);
        self.say(call(Some(&id), method, params));
        Some((id, answer))
    }

    fn say(&mut self, mut line: Vec<u8>) {
        let now = Instant::now();
        if let Some(outgoing) = &self.outgoing {
            self.record.line(now, Direction::Out, &line);
            line.push(b'\n');
            let bytes = line.len();
            outgoing.put(line, bytes);
            self.life.said = now;
        }
    }
}
