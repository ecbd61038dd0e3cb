//! Writes for an agent, one after another in the order in which they came.
//!
//! Invariant: after `close` none is under way and none will begin; when this is dropped, none that has not begun will.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, spawn_blocking};

use crate::agents::jsonrpc::message::{Answer, INTERNAL, RpcError};
use crate::agents::jsonrpc::serve::Answering;

/// A write, which answers whoever asked for it.
type Job = Box<dyn FnOnce() + Send>;

/// The writes.
pub(super) struct Writes(Mutex<Queue>);

struct Queue {
    /// `None` once it is closed.
    jobs: Option<mpsc::UnboundedSender<Job>>,
    worker: JoinSet<()>,
}

impl Writes {
    /// None yet. Within a runtime.
    pub(super) fn begin() -> Self {
        let (jobs, mut queue) = mpsc::unbounded_channel::<Job>();
        let mut worker = JoinSet::new();
        worker.spawn(async move {
            while let Some(job) = queue.recv().await {
                // One that panics has dropped its answer, which says so.
                let _done = spawn_blocking(job).await;
            }
        });
        Self(Mutex::new(Queue { jobs: Some(jobs), worker }))
    }

    /// Does `work` behind all that came before it. It is done even if nobody waits for the answer.
    pub(super) fn push(&self, work: impl FnOnce() -> Answer + Send + 'static) -> Answering {
        let (tell, answer) = oneshot::channel();
        let job: Job = Box::new(move || {
            let _nobody_waits = tell.send(work());
        });
        if let Some(jobs) = &self.lock().jobs {
            let _closed = jobs.send(job);
        }
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| Err(RpcError::new(INTERNAL, "omk could not do it: the session ends")))
        })
    }

    /// Takes no more, and waits for those that came.
    pub(super) async fn close(&self) {
        let mut worker = {
            let mut queue = self.lock();
            queue.jobs = None;
            std::mem::take(&mut queue.worker)
        };
        while worker.join_next().await.is_some() {}
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn writes_are_done_in_order_and_before_the_end() {
        let (writes, done) = (Writes::begin(), Arc::new(Mutex::new(Vec::new())));
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let noted = Arc::clone(&done);
        let first = writes.push(move || {
            wait.recv().expect("a go");
            noted.lock().expect("no panic").push(0);
            Ok(json!(0))
        });
        for number in 1..50 {
            let noted = Arc::clone(&done);
            // Nobody waits for this one.
            drop(writes.push(move || {
                noted.lock().expect("no panic").push(number);
                Ok(Value::Null)
            }));
        }
        go.send(()).expect("somebody waits");
        writes.close().await;
        assert_eq!(*done.lock().expect("no panic"), (0..50).collect::<Vec<_>>());
        assert_eq!(first.await, Ok(json!(0)));
        assert!(writes.push(|| Ok(Value::Null)).await.is_err());
    }
}
