//! An agent that speaks the Agent Client Protocol by the `agent-client-protocol` crate, and does what `FAKE_AGENT` says.

mod part;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    AuthMethod, CancelNotification, CreateTerminalRequest, InitializeRequest, InitializeResponse, LoadSessionRequest,
    LoadSessionResponse, NewSessionRequest, NewSessionResponse, PromptRequest, PromptResponse, ReadTextFileRequest,
    ReleaseTerminalRequest, RequestPermissionOutcome, RequestPermissionRequest, ResumeSessionRequest,
    ResumeSessionResponse, SessionNotification, SetSessionConfigOptionRequest, SetSessionConfigOptionResponse,
    StopReason, TerminalOutputRequest, WaitForTerminalExitRequest, WriteTextFileRequest,
};
use agent_client_protocol::{Agent, Client, Error, Stdio};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use part::{Part, Step};

type Side = ConnectionTo<Client>;

fn main() {
    let part = Part::given().expect("FAKE_AGENT says what to do");
    part.set_up();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _over = runtime.block_on(serve(part));
    std::process::exit(0);
}

async fn serve(part: Part) -> Result<(), Error> {
    let (place, able, known, again, chooses) = (part.clone(), part.clone(), part.clone(), part.clone(), part.clone());
    let part = Arc::new(part);
    let cancelled = Arc::new(Mutex::new(CancellationToken::new()));
    let (turn, cancel) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&cancelled));
    Agent
        .v1()
        .name("fake")
        .on_receive_request(
            async move |_request: InitializeRequest, responder, _side| {
                let offers = serde_json::from_value(able.capabilities()).expect("capabilities");
                let ways: Vec<AuthMethod> =
                    serde_json::from_value(Value::from(able.auth.clone())).expect("ways to log in");
                let hello = InitializeResponse::new(ProtocolVersion::V1).agent_capabilities(offers);
                responder.respond(hello.auth_methods(ways))
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async move |request: LoadSessionRequest, responder, side: Side| match known.past() {
                Some(past) => {
                    let (session, token) = (request.session_id.to_string(), CancellationToken::new());
                    let actor = Actor { side, session, token };
                    past.iter().try_for_each(|update| actor.update(update.clone()))?;
                    responder.respond(LoadSessionResponse::new())
                }
                None => responder.respond_with_error(Error::new(-32602, "Session not found")),
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async move |_request: ResumeSessionRequest, responder, _side| match again.past() {
                Some(_) => responder.respond(ResumeSessionResponse::new()),
                None => responder.respond_with_error(Error::new(-32602, "Session not found")),
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async move |request: NewSessionRequest, responder, _side| {
                assert!(request.cwd.is_absolute());
                match place.logged_out {
                    true => responder.respond_with_error(Error::auth_required()),
                    false => {
                        let answer: NewSessionResponse = serde_json::from_value(place.opened()).expect("a session");
                        responder.respond(answer)
                    }
                }
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async move |request: SetSessionConfigOptionRequest, responder, _side| {
                let request = serde_json::to_value(&request).expect("JSON");
                match chooses.set(&request["configId"], &request["value"]) {
                    Some(options) => {
                        let answer = json!({"configOptions": options});
                        let answer: SetSessionConfigOptionResponse = serde_json::from_value(answer).expect("options");
                        responder.respond(answer)
                    }
                    None => responder.respond_with_error(Error::new(-32602, "No such value")),
                }
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_request(
            async move |request: PromptRequest, responder, side: Side| {
                let steps = part.turns.get(turn.fetch_add(1, Ordering::Relaxed)).cloned().unwrap_or_default();
                let token = CancellationToken::new();
                *cancelled.lock().expect("no panic") = token.clone();
                part.note(&serde_json::to_value(&request.prompt).expect("JSON"));
                let actor = Actor { side: side.clone(), session: request.session_id.to_string(), token };
                let part = Arc::clone(&part);
                side.spawn(async move {
                    match actor.play(steps).await {
                        Ok(reason) => responder.respond(response(&part, reason)),
                        Err(error) => responder.respond_with_error(error),
                    }
                })
            },
            agent_client_protocol::on_receive_request!(),
        )
        .on_receive_notification(
            async move |_cancel: CancelNotification, _side| {
                cancel.lock().expect("no panic").cancel();
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .connect_to(Stdio::new())
        .await
}

fn response(part: &Part, reason: StopReason) -> PromptResponse {
    let response = PromptResponse::new(reason);
    match part.usage {
        true => response.usage(agent_client_protocol::v1::schema::Usage::new(30, 20, 10)),
        false => response,
    }
}

struct Actor {
    side: Side,
    session: String,
    token: CancellationToken,
}

impl Actor {
    async fn play(&self, steps: Vec<Step>) -> Result<StopReason, Error> {
        for step in steps {
            if let Some(reason) = self.step(step).await? {
                return Ok(reason);
            }
        }
        Ok(StopReason::EndTurn)
    }

    async fn step(&self, step: Step) -> Result<Option<StopReason>, Error> {
        match step {
            Step::Say(text) => self.say(&text)?,
            Step::Write(path, content) => {
                let request = WriteTextFileRequest::new(self.session.clone(), path, content);
                let said = self.side.send_request(request).block_task().await;
                self.say(&said.map_or_else(|error| format!("refused: {}", error.message), |_| "written".into()))?;
            }
            Step::Read(path) => {
                let request = ReadTextFileRequest::new(self.session.clone(), path);
                let said = self.side.send_request(request).block_task().await;
                self.say(&said.map_or_else(|error| format!("refused: {}", error.message), |read| read.content))?;
            }
            Step::Run(words) => self.run(words, true).await?,
            Step::Leave(words) => self.run(words, false).await?,
            Step::Ask(call) => self.ask(call).await?,
            Step::Request(..) => return Err(Error::new(-32601, "this one asks for its own session only")),
            Step::Update(update) => self.update(update)?,
            Step::Chatter(count) => {
                for number in 0..count {
                    self.say(&format!("word {number}\n"))?;
                    tokio::task::yield_now().await;
                }
            }
            Step::Hang => {
                self.token.cancelled().await;
                return Ok(Some(StopReason::Cancelled));
            }
            Step::Heed => return Err(Error::new(-32601, "this one hears no operator")),
            Step::Deaf => tokio::time::sleep(Duration::from_secs(3600)).await,
            Step::Stop(reason) => return Ok(Some(serde_json::from_value(reason.into()).expect("a reason"))),
            Step::Fail(code, message) => return Err(Error::new(code, message)),
            Step::Die => std::process::exit(9),
        }
        Ok(None)
    }

    fn say(&self, text: &str) -> Result<(), Error> {
        self.update(
            json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": format!("{text}\n")}}),
        )
    }

    fn update(&self, update: Value) -> Result<(), Error> {
        let notification = json!({"sessionId": self.session, "update": update});
        let notification: SessionNotification = serde_json::from_value(notification).expect("an update");
        self.side.send_notification(notification)
    }

    async fn run(&self, words: Vec<String>, wait: bool) -> Result<(), Error> {
        let (command, args) = words.split_first().expect("a command");
        let request = CreateTerminalRequest::new(self.session.clone(), command.clone()).args(args.to_vec());
        let terminal = match self.side.send_request(request).block_task().await {
            Ok(created) => created.terminal_id,
            Err(error) => return self.say(&format!("refused: {}", error.message)),
        };
        if !wait {
            return self.say("left running");
        }
        let exit = WaitForTerminalExitRequest::new(self.session.clone(), terminal.clone());
        let exit = self.side.send_request(exit).block_task().await?;
        let output = TerminalOutputRequest::new(self.session.clone(), terminal.clone());
        let output = self.side.send_request(output).block_task().await?;
        self.side.send_request(ReleaseTerminalRequest::new(self.session.clone(), terminal)).block_task().await?;
        self.say(&format!("exit {:?}: {}", exit.exit_status.exit_code, output.output.trim_end()))
    }

    async fn ask(&self, call: Value) -> Result<(), Error> {
        let request = json!({
            "sessionId": self.session,
            "toolCall": call,
            "options": Part::options(),
        });
        let request: RequestPermissionRequest = serde_json::from_value(request).expect("a request");
        let answer = self.side.send_request(request).block_task().await?;
        self.say(&match answer.outcome {
            RequestPermissionOutcome::Selected(selected) => format!("chose {}", selected.option_id),
            _ => "cancelled".to_owned(),
        })
    }
}
