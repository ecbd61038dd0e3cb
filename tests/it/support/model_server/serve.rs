//! One connection: reads requests, chooses their answers, sends them as the script wants them disturbed.

use std::io::{self, BufReader};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::asked::{Asked, Next};
use super::dialect::{self, Reply};
use super::http::{self, Client, HttpRequest};
use super::offer;
use super::script::{Step, Trouble};
use super::{Counted, Dialect, Outcome, Request, Shared};

/// The only model of the list.
pub(super) const MODEL: &str = "scripted-model";
/// What a request without tools gets.
const ASIDE: &str = "A scripted title";

/// Serves requests until the client hangs up.
pub(super) fn connection(stream: &TcpStream, shared: &Shared) {
    let _small_writes_at_once = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Ok(Some(request)) = http::read(&mut reader) {
        let mut client = Client { stream, shared };
        match respond(&mut client, &request) {
            Ok(true) => {}
            Ok(false) | Err(_) => break,
        }
    }
    let _closed_already = stream.shutdown(std::net::Shutdown::Both);
}

/// Answers; `Ok(true)` where the connection can be used again.
fn respond(client: &mut Client<'_>, request: &HttpRequest) -> io::Result<bool> {
    let path = request.path.trim_end_matches('/');
    if request.wants_websocket() {
        return client.document(426, &[], &json!({"error": {"message": "no websocket here"}})).map(|()| true);
    }
    match (request.method.as_str(), dialect_of(path)) {
        ("POST", Some(dialect)) => answer(client, request, dialect),
        ("POST", None) if path.ends_with("/count_tokens") => say(client, &json!({"input_tokens": 1000})),
        ("POST", None) if path.ends_with(":countTokens") => say(client, &json!({"totalTokens": 1000})),
        ("GET", _) if path.ends_with("/models") => say(client, &models()),
        ("HEAD", _) => say(client, &Value::Null),
        (method, _) => {
            client.shared.complain(format!("{method} {path}: there is no such thing"));
            let body = json!({"error": {"message": "there is no such thing", "type": "not_found"}});
            client.document(404, &[], &body).map(|()| true)
        }
    }
}

fn dialect_of(path: &str) -> Option<Dialect> {
    match path.rsplit('/').next().unwrap_or_default() {
        "completions" => Some(Dialect::Chat),
        "responses" => Some(Dialect::Responses),
        "messages" => Some(Dialect::Messages),
        last if last.contains(":generateContent") || last.contains(":streamGenerateContent") => Some(Dialect::Gemini),
        _ => None,
    }
}

fn say(client: &mut Client<'_>, body: &Value) -> io::Result<bool> {
    client.document(200, &[], body).map(|()| true)
}

fn models() -> Value {
    json!({
        "object": "list", "has_more": false, "first_id": MODEL, "last_id": MODEL,
        "data": [{"id": MODEL, "type": "model", "object": "model", "display_name": MODEL, "created": 1,
                  "created_at": "2026-01-01T00:00:00Z", "owned_by": "tests", "context_length": 262_144}],
        "models": [],
    })
}

fn answer(client: &mut Client<'_>, request: &HttpRequest, dialect: Dialect) -> io::Result<bool> {
    if let Some(encoding) = request.encoding() {
        client.shared.complain(format!("{}: a body in `{encoding}`", request.path));
        return client.document(415, &[], &json!({"error": {"message": "no encodings here"}})).map(|()| true);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        client.shared.complain(format!("{}: a body that is no JSON", request.path));
        return client.document(400, &[], &json!({"error": {"message": "no JSON"}})).map(|()| true);
    };
    let (stream, model) = dialect::manner(dialect, &request.path, &body);
    let asked = Asked::read(dialect, &body);
    let chosen = chosen(&asked, client.shared);
    let n = client.shared.next.fetch_add(1, Ordering::Relaxed) + 1;
    let index = client.shared.log(Request {
        dialect,
        model: model.clone(),
        step: chosen.number,
        tools: asked.tools.keys().cloned().collect(),
        body,
        outcome: Outcome::Open,
        counted: Counted::default(),
    });
    let reply = reply(n, model, &chosen.step, &asked);
    let (outcome, sent) = send(client, dialect, &chosen, &Answer { reply: &reply, stream });
    let counted = if outcome == Outcome::Complete { reply.counted } else { Counted::default() };
    client.shared.settle(index, outcome, counted);
    sent
}

/// What answers a request.
#[derive(Default)]
struct Chosen {
    step: Step,
    number: Option<usize>,
    /// The script.
    source: String,
}

impl Chosen {
    fn saying(text: &str) -> Self {
        Self { step: Step { text: Some(text.to_owned()), ..Step::default() }, ..Self::default() }
    }
}

fn chosen(asked: &Asked, shared: &Shared) -> Chosen {
    match asked.next() {
        Next::Step(Some(step), number, source) => Chosen { step: *step, number: Some(number), source },
        Next::Step(None, number, source) => Chosen { number: Some(number), source, ..Chosen::default() },
        Next::Aside => Chosen::saying(if asked.wants_json { dialect::JUDGEMENT } else { ASIDE }),
        Next::Lost(problem) => {
            shared.complain(problem.clone());
            Chosen::saying(&problem)
        }
    }
}

/// Every request costs another amount, so that one that is counted twice or not at all shows in the sum.
fn reply(n: u64, model: String, step: &Step, asked: &Asked) -> Reply {
    let calls = offer::calls(step, &asked.tools, asked.cwd().as_deref().unwrap_or("."));
    let mut text = "filler ".repeat(step.pad.div_ceil(7));
    text.truncate(step.pad);
    text += step.text.as_deref().unwrap_or_default();
    if text.is_empty() && calls.is_empty() {
        text.push_str("Done.");
    }
    Reply { n, model, text, calls, counted: Counted { input: 1000 + n, cached: 400, output: 20 + n % 7 } }
}

struct Answer<'a> {
    reply: &'a Reply,
    stream: bool,
}

/// Sends the answer, and says what came of it.
fn send(
    client: &mut Client<'_>,
    dialect: Dialect,
    chosen: &Chosen,
    answer: &Answer<'_>,
) -> (Outcome, io::Result<bool>) {
    let step = &chosen.step;
    if let Some(trouble) = &step.error
        && refuses(client.shared, trouble, &chosen.source)
    {
        return (Outcome::Refused(trouble.status), refuse(client, dialect, trouble));
    }
    let held = || step.hold.as_ref().is_some_and(|mark| !mark.exists());
    let waited = client.wait(step.delay).and_then(|()| client.wait_while(held));
    match waited.and_then(|()| deliver(client, dialect, step, answer)) {
        Ok(true) => (Outcome::Complete, Ok(!answer.stream)),
        Ok(false) => (Outcome::Cut, Ok(false)),
        Err(error) => (Outcome::Gone, Err(error)),
    }
}

/// `Ok(false)` where the script wants it cut.
fn deliver(client: &mut Client<'_>, dialect: Dialect, step: &Step, answer: &Answer<'_>) -> io::Result<bool> {
    if !answer.stream {
        client.wait(step.hang)?;
        if step.drop {
            return Ok(false);
        }
        return client.document(200, &[], &dialect::whole(dialect, answer.reply)).map(|()| true);
    }
    client.begin()?;
    let disturbed = step.hang > 0.0 || step.drop;
    for (index, event) in dialect::events(dialect, answer.reply, disturbed).iter().enumerate() {
        client.event(event.name, &event.data)?;
        if index == 0 {
            client.wait(step.hang)?;
            if step.drop {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether this request is one of those that are refused. The same error of the same script is counted once, whoever
/// meets it.
fn refuses(shared: &Shared, trouble: &Trouble, source: &str) -> bool {
    let mut refusals = shared.refusals.lock().unwrap();
    let count = refusals.entry(format!("{trouble:?} {source}")).or_default();
    *count += 1;
    trouble.times.is_none_or(|times| *count <= times)
}

fn refuse(client: &mut Client<'_>, dialect: Dialect, trouble: &Trouble) -> io::Result<bool> {
    let wait = trouble.retry_after.map(|seconds| ("retry-after", seconds.to_string()));
    let message = trouble.message.clone().unwrap_or_else(|| format!("the script says {}", trouble.status));
    let body = dialect::refusal(dialect, trouble.status, &message);
    client.document(trouble.status, wait.as_slice(), &body).map(|()| true)
}
