//! The journal actor: gathers what others decided, makes it durable in groups, and acknowledges in order.
//!
//! Invariant: one write at a time; a failed write is never retried and ends the run.

use std::collections::VecDeque;
use std::sync::Arc;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Recipient, WrapFuture};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::actors::exit_guard::ExitGuard;
use crate::domain::event::Event;
use crate::domain::ids::{Seq, Timestamp};
use crate::domain::order::JournalFailure;
use crate::messages::journal::{Append, Committed, JournalDistressed, JournalFailed, ReadAll};
use crate::messages::tell;
use crate::ports::{Clock, Journal};

/// Who waits for how many records of a write.
struct Waiter {
    records: usize,
    reply_to: Recipient<Committed>,
}

/// Who is told when little or nothing more can be written.
pub struct Superiors {
    /// The supervisor, of the end.
    pub failed: Recipient<JournalFailed>,
    /// The supervisor, of the warning before it.
    pub distressed: Recipient<JournalDistressed>,
}

/// The actor.
pub struct JournalActor {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    /// Gets every durable record, in order.
    observer: UnboundedSender<Event>,
    supervisor: Superiors,
    waiting: VecDeque<Append>,
    readers: Vec<oneshot::Sender<Vec<Event>>>,
    writing: bool,
    /// Whether the supervisor was told that little more can be written.
    distressed: bool,
    failed: bool,
    _guard: ExitGuard,
}

impl JournalActor {
    /// An actor over an open journal.
    pub fn new(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        observer: UnboundedSender<Event>,
        supervisor: Superiors,
        guard: ExitGuard,
    ) -> Self {
        let (waiting, readers) = (VecDeque::new(), Vec::new());
        let (writing, distressed, failed) = (false, false, false);
        Self { journal, clock, observer, supervisor, waiting, readers, writing, distressed, failed, _guard: guard }
    }

    /// Writes all that waits as one group.
    fn flush(&mut self, ctx: &mut Context<Self>) {
        if self.writing || self.failed {
            return;
        }
        if self.waiting.is_empty() {
            self.serve_readers(ctx);
            return;
        }
        let (mut drafts, mut waiters) = (Vec::new(), Vec::new());
        for append in self.waiting.drain(..) {
            waiters.push(Waiter { records: append.drafts.len(), reply_to: append.reply_to });
            drafts.extend(append.drafts);
        }
        self.writing = true;
        let written = self.journal.append(self.clock.now(), drafts);
        ctx.spawn(written.into_actor(self).map(move |result, actor, ctx| actor.written(result, waiters, ctx)));
    }

    fn written(&mut self, result: Result<Vec<Event>, JournalFailure>, waiters: Vec<Waiter>, ctx: &mut Context<Self>) {
        self.writing = false;
        match result {
            Ok(events) => {
                acknowledge(&events, waiters);
                for event in events {
                    // The observer may be gone: nobody has to watch.
                    let _ = self.observer.send(event);
                }
                self.warn();
                self.flush(ctx);
            }
            Err(failure) => self.fail(&failure),
        }
    }

    /// Says once that little more can be written.
    fn warn(&mut self) {
        let Some(detail) = self.journal.distress().filter(|_| !self.distressed) else { return };
        self.distressed = true;
        tracing::error!(%detail, "the journal is in distress");
        if let Err(error) = tell(&self.supervisor.distressed, JournalDistressed { detail }) {
            tracing::error!(%error, "nobody to tell of the journal's distress");
        }
    }

    fn fail(&mut self, failure: &JournalFailure) {
        self.failed = true;
        self.waiting.clear();
        tracing::error!(error = %failure, "the journal failed");
        if let Err(error) = tell(&self.supervisor.failed, JournalFailed { detail: failure.to_string() }) {
            tracing::error!(%error, "nobody to tell of the journal's failure");
        }
    }

    fn serve_readers(&mut self, ctx: &mut Context<Self>) {
        for reader in std::mem::take(&mut self.readers) {
            let read = self.journal.read();
            ctx.spawn(read.into_actor(self).map(move |result, actor, _ctx| match result {
                // A reader that has gone away needs no answer.
                Ok(events) => drop(reader.send(events)),
                Err(failure) => actor.fail(&failure),
            }));
        }
    }
}

/// Tells everybody whose records are durable. One that has ended meanwhile needs no answer.
fn acknowledge(events: &[Event], waiters: Vec<Waiter>) {
    let mut written = 0;
    for waiter in waiters {
        written += waiter.records;
        let last = events.get(written.saturating_sub(1));
        let (last, at) = last.map_or((Seq(0), Timestamp(0)), |event| (event.seq, event.ts));
        if let Err(error) = tell(&waiter.reply_to, Committed { last, at }) {
            tracing::debug!(%error, "the committer is gone");
        }
    }
}

impl Actor for JournalActor {
    type Context = Context<Self>;
}

impl Handler<Append> for JournalActor {
    type Result = ();
    fn handle(&mut self, append: Append, ctx: &mut Context<Self>) {
        self.waiting.push_back(append);
        self.flush(ctx);
    }
}

impl Handler<ReadAll> for JournalActor {
    type Result = ();
    fn handle(&mut self, read: ReadAll, ctx: &mut Context<Self>) {
        self.readers.push(read.reply_to);
        self.flush(ctx);
    }
}
