//! Commands that an agent runs through us: each under a keeper of its own, in the worktree.
//!
//! Output is bounded, at its beginning. Invariant: after `close` no process of any of them is left; when this is
//! dropped, their keepers end them.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::site::Site;
use super::updates::quote;
use crate::agents::jsonrpc::message::{Answer, INTERNAL, INVALID_PARAMS, RpcError};
use crate::agents::jsonrpc::serve::Answering;
use crate::agents::scene::Scene;
use crate::process::drive::{Heard, Limits, drive};
use crate::process::program::{Exit, Program};
use crate::process::running::Running;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// What is kept of a command's output at most, whatever the agent asks for, in bytes.
const MOST_OUTPUT: usize = 4 << 20;
/// What is kept where the agent asks for nothing, in bytes.
const USUAL_OUTPUT: usize = 1 << 20;
/// The most terminals that are open at once.
const MOST_OPEN: usize = 64;

/// All of them.
pub(super) struct Terminals {
    launcher: Launcher,
    site: Site,
    scene: Arc<Scene>,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u64,
    terminals: BTreeMap<String, Arc<Terminal>>,
    tasks: JoinSet<()>,
    closed: bool,
}

struct Terminal {
    output: Mutex<Tail>,
    exit: watch::Sender<Option<Exit>>,
    stop: CancellationToken,
}

impl Terminals {
    pub(super) fn new(launcher: Launcher, site: Site, scene: Arc<Scene>) -> Self {
        Self { launcher, site, scene, open: Mutex::default() }
    }

    /// `terminal/create`.
    pub(super) fn create(self: Arc<Self>, params: Value) -> Answering {
        Box::pin(async move {
            let program = self.program(&params)?;
            let limit = params.get("outputByteLimit").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
            let spec = Spec { program, input: Input::Null, output: OutputPlan::Merged, lease: self.site.lease };
            let running = self.launcher.launch(spec).await;
            let running = running.map_err(|error| RpcError::new(INTERNAL, format!("failed to {error}")))?;
            let id = self.begin(running, limit.unwrap_or(USUAL_OUTPUT).min(MOST_OUTPUT))?;
            Ok(json!({ "terminalId": id }))
        })
    }

    /// What is to be run, if it may be.
    fn program(&self, params: &Value) -> Result<Program, RpcError> {
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| params.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let command = text(params, "command").filter(|command| !command.is_empty());
        let command = command.ok_or_else(|| RpcError::new(INVALID_PARAMS, "there is no command"))?;
        let args: Vec<String> = list("args").iter().filter_map(|arg| arg.as_str().map(str::to_owned)).collect();
        let line: Vec<_> = std::iter::once(&command).chain(&args).map(|word| quote(word)).collect();
        let line = line.join(" ");
        // A lone line is one for the shell, as agents without arguments mean it.
        let line = if args.is_empty() { command.clone() } else { line };
        let cwd = self.site.directory(&self.scene, text(params, "cwd").as_deref())?;
        let judgement = self.scene.policy.command(&line, Some(&cwd));
        let refusal = |reason| RpcError::new(INVALID_PARAMS, reason);
        self.scene.enforce(&format!("`{line}`"), judgement).map_err(refusal)?;
        let mut env: BTreeMap<OsString, OsString> = self.site.env.iter().cloned().collect();
        env.extend(list("env").iter().filter_map(|one| Some((text(one, "name")?.into(), text(one, "value")?.into()))));
        let (program, args) = match args.is_empty() && command.contains(char::is_whitespace) {
            true => ("sh".to_owned(), vec!["-c".to_owned(), command]),
            false => (command, args),
        };
        let args = args.into_iter().map(OsString::from).collect();
        Ok(Program { program: program.into(), args, env: env.into_iter().collect(), cwd })
    }

    fn begin(&self, running: Running, limit: usize) -> Result<String, RpcError> {
        let mut open = self.lock();
        while open.tasks.try_join_next().is_some() {}
        if open.closed || open.terminals.len() >= MOST_OPEN {
            // `running` is dropped here, and its keeper ends it.
            let problem = if open.closed { "the session ends".to_owned() } else { format!("{MOST_OPEN} are open") };
            return Err(RpcError::new(INTERNAL, format!("no further terminal: {problem}")));
        }
        open.last += 1;
        let id = format!("t{}", open.last);
        let terminal = Arc::new(Terminal {
            output: Mutex::new(Tail { bytes: VecDeque::new(), limit, cut: false }),
            exit: watch::Sender::new(None),
            stop: CancellationToken::new(),
        });
        open.tasks.spawn(see_out(running, Arc::clone(&terminal), self.site.limits, Arc::clone(&self.scene)));
        open.terminals.insert(id.clone(), terminal);
        Ok(id)
    }

    /// `terminal/output`.
    pub(super) fn output(&self, params: &Value) -> Answer {
        let terminal = self.find(params)?;
        let (output, truncated) = terminal.tail().text();
        let exit = *terminal.exit.borrow();
        let mut answer = json!({ "output": output, "truncated": truncated });
        if let Some(exit) = exit {
            answer["exitStatus"] = exit_status(exit);
        }
        Ok(answer)
    }

    /// `terminal/wait_for_exit`.
    pub(super) fn wait(&self, params: &Value) -> Answering {
        let terminal = self.find(params);
        Box::pin(async move {
            let mut exit = terminal?.exit.subscribe();
            let exited = exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit);
            exited.map(exit_status).ok_or_else(|| RpcError::new(INTERNAL, "the terminal is gone"))
        })
    }

    /// `terminal/kill`.
    pub(super) fn kill(&self, params: &Value) -> Answer {
        self.find(params)?.stop.cancel();
        Ok(json!({}))
    }

    /// `terminal/release`.
    pub(super) fn release(&self, params: &Value) -> Answer {
        self.find(params)?.stop.cancel();
        self.lock().terminals.remove(name_of(params));
        Ok(json!({}))
    }

    /// Ends every command, without waiting.
    pub(super) fn stop_all(&self) {
        let mut open = self.lock();
        open.closed = true;
        open.terminals.values().for_each(|terminal| terminal.stop.cancel());
    }

    /// Ends every command and waits until none of their processes is left.
    pub(super) async fn close(&self) {
        self.stop_all();
        let mut tasks = std::mem::take(&mut self.lock().tasks);
        while tasks.join_next().await.is_some() {}
    }

    fn find(&self, params: &Value) -> Result<Arc<Terminal>, RpcError> {
        let name = name_of(params);
        let found = self.lock().terminals.get(name).cloned();
        found.ok_or_else(|| RpcError::new(INVALID_PARAMS, format!("there is no terminal {}", name.escape_debug())))
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_of(params: &Value) -> &str {
    params.get("terminalId").and_then(Value::as_str).unwrap_or_default()
}

/// Takes one command to its end. A keeper that is lost has killed what it held.
async fn see_out(running: Running, terminal: Arc<Terminal>, limits: Limits, scene: Arc<Scene>) {
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(_, bytes) => {
            terminal.tail().push(bytes);
            scene.lock().narrative.alive();
        }
        // A sign that its keeper lives: the agent's own say whether the attempt does.
        Heard::Vitals(_) => {}
    };
    let driven = drive(running, limits, &terminal.stop, &mut sink).await;
    terminal.exit.send_replace(Some(driven.ended.exit));
}

fn exit_status(exit: Exit) -> Value {
    match exit {
        Exit::Code(code) => json!({ "exitCode": code, "signal": null }),
        Exit::Signal(9) => json!({ "exitCode": null, "signal": "SIGKILL" }),
        Exit::Signal(15) => json!({ "exitCode": null, "signal": "SIGTERM" }),
        Exit::Signal(signal) => json!({ "exitCode": null, "signal": format!("signal {signal}") }),
    }
}

impl Terminal {
    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last bytes of a stream.
struct Tail {
    bytes: VecDeque<u8>,
    limit: usize,
    cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let surplus = self.bytes.len().saturating_sub(self.limit);
        self.cut |= surplus > 0;
        self.bytes.drain(..surplus);
    }

    /// What is kept, and whether something is missing before it. Begins with a whole character.
    fn text(&self) -> (String, bool) {
        let whole = |b: &&u8| self.cut && (**b & 0xc0) == 0x80;
        let broken = self.bytes.iter().take(3).take_while(whole).count();
        let bytes: Vec<u8> = self.bytes.iter().skip(broken).copied().collect();
        (String::from_utf8_lossy(&bytes).into_owned(), self.cut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_output_is_kept_in_whole_characters() {
        let mut tail = Tail { bytes: VecDeque::new(), limit: 5, cut: false };
        tail.push("abc".as_bytes());
        assert_eq!(tail.text(), ("abc".to_owned(), false));
        tail.push("äöü".as_bytes());
        assert_eq!(tail.text(), ("öü".to_owned(), true));
    }
}
