//! A model server on loopback that plays a script which stands in the prompt, for real agents and for tests of them.
//!
//! It speaks the protocols of four providers (`dialect`), as a stream and not, and maps the script's steps on whatever
//! tools a request offers (`offer`). It keeps no conversation: which step is next follows from the request alone, so
//! resumed sessions, retries and any number of agents at once need nothing. What it counts it also reports, and it
//! keeps every request, so that a test can compare what an agent was charged with.

mod asked;
mod dialect;
mod http;
mod offer;
mod script;
mod serve;

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// A provider's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// OpenAI, chat completions.
    Chat,
    /// OpenAI, responses.
    Responses,
    /// Anthropic, messages.
    Messages,
    /// Google, generateContent.
    Gemini,
}

/// Tokens of one request, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Input, what came from a cache included.
    pub(crate) input: u64,
    /// The part of the input that came from a cache.
    pub(crate) cached: u64,
    /// Output.
    pub(crate) output: u64,
}

impl Counted {
    /// The sum.
    pub(crate) fn plus(self, more: Self) -> Self {
        Self { input: self.input + more.input, cached: self.cached + more.cached, output: self.output + more.output }
    }
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is being answered.
    Open,
    /// Its answer was sent to the end, tokens included.
    Complete,
    /// The script wants an error of this status.
    Refused(u16),
    /// The script wants the stream cut.
    Cut,
    /// The client hung up first.
    Gone,
}

/// One request to a model.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Its protocol.
    pub(crate) dialect: Dialect,
    /// The model that it names.
    pub(crate) model: String,
    /// The step of the script that answers it; `None` for one without tools, which is not the agent's work.
    pub(crate) step: Option<usize>,
    /// The tools that it offers, sorted.
    pub(crate) tools: Vec<String>,
    /// All of it.
    pub(crate) body: Value,
    /// What came of it.
    pub(crate) outcome: Outcome,
    /// What it was charged with, once it is complete.
    pub(crate) counted: Counted,
}

impl Request {
    /// Whether it holds a text, whoever said it.
    pub(crate) fn holds(&self, text: &str) -> bool {
        holds(&self.body, text)
    }
}

/// What all connections share.
#[derive(Default)]
struct Shared {
    log: Mutex<Vec<Request>>,
    complaints: Mutex<Vec<String>>,
    connections: Mutex<Vec<TcpStream>>,
    refusals: Mutex<BTreeMap<String, u32>>,
    next: AtomicU64,
    over: AtomicBool,
}

impl Shared {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn complain(&self, what: String) {
        self.complaints.lock().unwrap().push(what);
    }

    /// Keeps a request and returns its place.
    fn log(&self, request: Request) -> usize {
        let mut log = self.log.lock().unwrap();
        log.push(request);
        log.len() - 1
    }

    fn settle(&self, index: usize, outcome: Outcome, counted: Counted) {
        let mut log = self.log.lock().unwrap();
        (log[index].outcome, log[index].counted) = (outcome, counted);
    }
}

/// A running server; it ends when it is dropped.
pub(crate) struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl ModelServer {
    /// Starts one on a free port of the loopback interface.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let accepting = std::thread::spawn(move || accept(&listener, &of_thread));
        Self { address, shared, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    /// What nobody should have asked for: unknown paths, scripts that cannot be read.
    pub(crate) fn complaints(&self) -> Vec<String> {
        self.shared.complaints.lock().unwrap().clone()
    }

    /// What was counted, per model.
    pub(crate) fn counted(&self) -> BTreeMap<String, Counted> {
        let mut all = BTreeMap::<String, Counted>::new();
        for request in self.shared.log.lock().unwrap().iter().filter(|request| request.outcome == Outcome::Complete) {
            let sum = all.entry(request.model.clone()).or_default();
            *sum = sum.plus(request.counted);
        }
        all
    }

    /// Whether any request holds a text: what a tool answered, why a call was refused.
    pub(crate) fn was_told(&self, text: &str) -> bool {
        self.shared.log.lock().unwrap().iter().any(|request| request.holds(text))
    }
}

fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(values) => values.iter().any(|value| holds(value, text)),
        Value::Object(fields) => fields.values().any(|value| holds(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_over() {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.connections.lock().unwrap().extend(stream.try_clone());
        let shared = Arc::clone(shared);
        std::thread::spawn(move || serve::connection(&stream, &shared));
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for connection in self.shared.connections.lock().unwrap().iter() {
            let _closed_already = connection.shutdown(Shutdown::Both);
        }
        // The listener waits for a connection; this is the last one.
        let _it_ended_already = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _it_panicked = accepting.join();
        }
    }
}
