//! What the requests that come over the control socket mean: each goes to the supervisor as a message, and its answer
//! goes back when the run has it.

use actix::dev::ToEnvelope;
use actix::{Addr, Handler, Message};
use tokio::sync::oneshot;

use crate::actors::supervisor::Supervisor;
use crate::domain::control::{ControlReply, ControlRequest, Refusal, Stop};
use crate::messages::goal::StopRun;
use crate::messages::operator::{AddBudget, AnswerQuestion, Look, RetrySlice, SteerSlice};

/// Where the answer to a request goes.
pub(super) type Reply = oneshot::Sender<ControlReply>;

/// Carries one request to the run. A request to stop is answered when the run is over: its reply joins `waiting`.
pub(super) fn serve(run: &Addr<Supervisor>, request: ControlRequest, reply: Reply, waiting: &mut Vec<Reply>) {
    match request {
        ControlRequest::Ping => answer(reply, ControlReply::Pong { pid: std::process::id() }),
        ControlRequest::Pause { by } => stop(run, StopRun { stop: Stop::Pause, by }, reply, waiting),
        ControlRequest::Cancel { by } => stop(run, StopRun { stop: Stop::Cancel, by }, reply, waiting),
        ControlRequest::Answer { question, answer } => {
            pass_on(run, reply, |reply_to| AnswerQuestion { question, answer, reply_to }, done);
        }
        ControlRequest::Retry { slice, fresh, hint } => {
            pass_on(run, reply, |reply_to| RetrySlice { slice, fresh, hint, reply_to }, done);
        }
        ControlRequest::Steer { slice, text } => {
            let steered = |told| ControlReply::Steered { told };
            pass_on(
                run,
                reply,
                |reply_to| SteerSlice { slice, text, reply_to },
                move |said: Result<_, _>| said.map_or_else(refused, steered),
            );
        }
        ControlRequest::AddBudget { more, account } => {
            let limited = |limits| ControlReply::Limits { limits };
            pass_on(
                run,
                reply,
                |reply_to| AddBudget { account, more, reply_to },
                move |said: Result<_, String>| said.map_or_else(|reason| refused(reason.into()), limited),
            );
        }
        ControlRequest::Look => {
            pass_on(run, reply, |reply_to| Look { reply_to }, |sightings| ControlReply::Seen { sightings });
        }
    }
}

fn stop(run: &Addr<Supervisor>, stop: StopRun, reply: Reply, waiting: &mut Vec<Reply>) {
    match run.try_send(stop) {
        Ok(()) => waiting.push(reply),
        Err(error) => answer(reply, refused(error.to_string().into())),
    }
}

/// Puts a message to the run and carries its answer back whenever that comes, without holding anything up.
fn pass_on<M, T, F>(run: &Addr<Supervisor>, reply: Reply, message: impl FnOnce(oneshot::Sender<T>) -> M, say: F)
where
    Supervisor: Handler<M>,
    M: Message<Result = ()> + Send + 'static,
    <Supervisor as actix::Actor>::Context: ToEnvelope<Supervisor, M>,
    T: 'static,
    F: FnOnce(T) -> ControlReply + 'static,
{
    let (reply_to, answered) = oneshot::channel();
    if let Err(error) = run.try_send(message(reply_to)) {
        return answer(reply, refused(error.to_string().into()));
    }
    actix::spawn(async move {
        let ended = || refused("the run ended before it could answer".to_owned().into());
        answer(reply, answered.await.map_or_else(|_| ended(), say));
    });
}

fn done(result: Result<(), Refusal>) -> ControlReply {
    result.map_or_else(refused, |()| ControlReply::Done)
}

fn refused(refusal: Refusal) -> ControlReply {
    let Refusal { reason, help } = refusal;
    ControlReply::Refused { reason, help }
}

/// Answers; whoever asked may have gone away again.
fn answer(reply: Reply, said: ControlReply) {
    drop(reply.send(said));
}
