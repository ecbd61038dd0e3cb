//! What the operator says while the run is under way: answered once it is durable, refused at once.

use actix::{Context, Handler};
use tokio::sync::oneshot;

use super::{SchedulerActor, answer};
use crate::actors::coordinator::Coordinator;
use crate::domain::control::{Refusal, Told};
use crate::domain::decided::Decided;
use crate::domain::fact::Fact;
use crate::domain::ids::{AttemptRef, Now, SliceId};
use crate::messages::operator::{AnswerQuestion, RetrySlice, SteerSlice, TellAgent};
use crate::messages::{Undelivered, tell};
use crate::workflow::scheduler::operator::{Again, Steering};
use crate::workflow::scheduler::{Intent, Scheduler};

/// What follows when a word of the operator's is durable.
pub(super) enum Speaker {
    /// Whoever said it is told.
    Plain(oneshot::Sender<Result<(), Refusal>>),
    /// The agent is told, then whoever said it.
    Steering(TellAgent),
    /// It comes with the agent's task; whoever said it is told.
    WithTask(oneshot::Sender<Result<Told, Refusal>>),
}

impl SchedulerActor {
    /// Lets the scheduler decide on a word. It may be said again once there is one.
    fn decide_word<T>(&mut self, word: impl FnOnce(&mut Scheduler, Now) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let now = self.now();
        match &mut self.scheduler {
            Some(scheduler) => word(scheduler, now),
            None => Err("no slice is worked on yet; say it again in a moment".to_owned().into()),
        }
    }

    fn hear(
        &mut self,
        reply_to: oneshot::Sender<Result<(), Refusal>>,
        ctx: &mut Context<Self>,
        word: impl FnOnce(&mut Scheduler, Now) -> Result<Fact, Refusal>,
    ) {
        match self.decide_word(word) {
            Err(refusal) => answer(Some(reply_to), Err(refusal)),
            Ok(fact) => self.record_word(fact, Speaker::Plain(reply_to), ctx),
        }
        self.go_on(ctx);
    }

    fn go_on(&mut self, ctx: &mut Context<Self>) {
        let now = self.now();
        self.decide(None, None, ctx, |scheduler| scheduler.go_on(now));
    }

    fn record_word(&mut self, fact: Fact, speaker: Speaker, ctx: &mut Context<Self>) {
        self.words += 1;
        self.speakers.insert(self.words, speaker);
        let decided = Decided::new(vec![fact], vec![Intent::Answer(self.words)]);
        let told = self.tell_reopened(&decided.facts);
        self.report(told);
        self.commit_for_operator(decided, ctx);
    }

    /// A word is durable.
    pub(super) fn word_is_durable(&mut self, word: u64) -> Result<(), Undelivered> {
        match self.speakers.remove(&word) {
            Some(Speaker::Plain(reply_to)) => answer(Some(reply_to), Ok(())),
            Some(Speaker::WithTask(reply_to)) => answer(Some(reply_to), Ok(Told::Agent)),
            Some(Speaker::Steering(words)) => return tell(&self.wires.tell_agent, words),
            None => {}
        }
        Ok(())
    }

    /// Whether the agent of a slice's newest attempt can be told something while it works.
    fn hears(&self, slice: &SliceId) -> bool {
        let record = self.scheduler.as_ref().and_then(|scheduler| scheduler.table().slice(slice));
        record.is_some_and(|record| self.agents.hears(&record.agent))
    }
}

fn speaker(at_work: Option<AttemptRef>, text: String, reply_to: oneshot::Sender<Result<Told, Refusal>>) -> Speaker {
    match at_work {
        Some(attempt) => Speaker::Steering(TellAgent { attempt, text, reply_to }),
        None => Speaker::WithTask(reply_to),
    }
}

impl Handler<AnswerQuestion> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, said: AnswerQuestion, ctx: &mut Context<Self>) {
        let AnswerQuestion { question, answer, reply_to } = said;
        self.hear(reply_to, ctx, |scheduler, now| scheduler.answer(&question, &answer, now));
    }
}

impl Handler<RetrySlice> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, said: RetrySlice, ctx: &mut Context<Self>) {
        let RetrySlice { slice, fresh, hint, reply_to } = said;
        let hears = self.hears(&slice);
        self.hear(reply_to, ctx, |scheduler, now| scheduler.retry(&slice, Again { fresh, hint }, hears, now));
    }
}

impl Handler<SteerSlice> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, said: SteerSlice, ctx: &mut Context<Self>) {
        let SteerSlice { slice, text, reply_to } = said;
        let hears = self.hears(&slice);
        match self.decide_word(|scheduler, now| scheduler.steer(&slice, &text, hears, now)) {
            Err(refusal) => answer(Some(reply_to), Err(refusal)),
            Ok(Steering { fact, at_work }) => self.record_word(fact, speaker(at_work, text, reply_to), ctx),
        }
        self.go_on(ctx);
    }
}
