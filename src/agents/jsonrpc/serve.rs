//! Listens to the other side: notifications in order, its requests answered concurrently.
//!
//! A request whose answer takes long holds up nothing else. Invariant: every request is answered once, however many
//! there are; one too many is refused instead of queued. While the other side does not read what it is answered,
//! nothing more is dealt with.

use std::future::Future;
use std::pin::Pin;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::Value;

use super::inbound::Inbound;
use super::message::{Answer, Id, RpcError};
use super::peer::{Inbox, Peer};
use crate::process::turn::Turn;

/// The most requests of the other side that are worked on at once.
const MOST_AT_ONCE: usize = 256;
/// What a request too many gets: the other side's own fault, to be tried again.
const BUSY: i64 = -32000;

/// An answer on its way.
pub type Answering = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// What a protocol does with what is heard.
pub trait Dialect: Send {
    /// Begins to answer a request; `None` where there is no such method. What is done before this returns is done
    /// in the order in which requests came.
    fn request(&mut self, method: &str, params: Value) -> Option<Answering>;
    /// Takes a notification.
    fn notification(&mut self, method: &str, params: Value);
    /// A request of ours is being answered: what comes from here on was said behind the answer.
    fn answered(&mut self, _answer: &Answer) {}
    /// Takes a line that is no message.
    fn narrative(&mut self, text: &str);
    /// A line was too long and is lost.
    fn too_long(&mut self, bytes: usize);
}

/// Serves until the other side is gone and all that it said is dealt with; what it has not answered then fails. Dropping
/// the future drops the answers under way.
pub async fn serve(peer: &Peer, mut inbox: Inbox, dialect: &mut dyn Dialect) {
    let (mut answering, mut turn) = (FuturesUnordered::new(), Turn::begin());
    loop {
        turn.pass(0).await;
        peer.said().room().await;
        tokio::select! {
            heard = inbox.recv() => match heard {
                None => return peer.fail_waiting(),
                Some(Inbound::Request { id, method, params }) => {
                    match begin(dialect, answering.len(), &method, params) {
                        Ok(answer) => answering.push(answered(id, answer)),
                        Err(refusal) => peer.answer(&id, &Err(refusal)),
                    }
                }
                Some(Inbound::Unanswerable) => peer.answer(&Id::Null, &Err(RpcError::unfit())),
                Some(Inbound::Notification { method, params }) => dialect.notification(&method, params),
                Some(Inbound::Answer { id, answer }) => {
                    dialect.answered(&answer);
                    peer.settle(&id, answer);
                }
                Some(Inbound::Narrative { text }) => dialect.narrative(&text),
                Some(Inbound::TooLong { bytes }) => dialect.too_long(bytes),
            },
            Some((id, answer)) = answering.next(), if !answering.is_empty() => peer.answer(&id, &answer),
        }
    }
}

fn begin(dialect: &mut dyn Dialect, under_way: usize, method: &str, params: Value) -> Result<Answering, RpcError> {
    if under_way >= MOST_AT_ONCE {
        return Err(RpcError::new(BUSY, format!("{MOST_AT_ONCE} requests are being answered; try again")));
    }
    dialect.request(method, params).ok_or_else(|| RpcError::unknown(method))
}

async fn answered(id: Id, answer: Answering) -> (Id, Answer) {
    (id, answer.await)
}
