//! What the operator says while the run is under way: answered once it is durable, refused at once.

use actix::{Context, Handler};

use super::{SchedulerActor, Speaker, answer};
use crate::domain::decided::Decided;
use crate::domain::event::{ActorName, Fact};
use crate::domain::ids::Now;
use crate::messages::operator::{AnswerQuestion, RetrySlice};
use crate::workflow::scheduler::{Intent, Scheduler};

impl SchedulerActor {
    fn hear(&mut self, reply_to: Speaker, word: impl FnOnce(&mut Scheduler, Now) -> Result<Fact, String>) {
        let now = self.now();
        let said = match &mut self.scheduler {
            Some(scheduler) => word(scheduler, now),
            None => Err("no slice is worked on yet; say it again in a moment".to_owned()),
        };
        match said {
            Err(refusal) => answer(Some(reply_to), Err(refusal)),
            Ok(fact) => self.record_word(fact, reply_to),
        }
        self.decide(None, None, |scheduler| scheduler.go_on(now));
    }

    fn record_word(&mut self, fact: Fact, reply_to: Speaker) {
        self.words += 1;
        self.speakers.insert(self.words, reply_to);
        let decided = Decided::new(vec![fact], vec![Intent::Answer(self.words)]);
        let committed = self.outbox.commit_as(ActorName::Operator, decided, None, None);
        let performed = committed.and_then(|released| self.perform(released));
        self.report(performed);
    }
}

impl Handler<AnswerQuestion> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, said: AnswerQuestion, _ctx: &mut Context<Self>) {
        let AnswerQuestion { question, answer, reply_to } = said;
        self.hear(reply_to, |scheduler, now| scheduler.answer(&question, &answer, now));
    }
}

impl Handler<RetrySlice> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, said: RetrySlice, _ctx: &mut Context<Self>) {
        let RetrySlice { slice, fresh, hint, reply_to } = said;
        self.hear(reply_to, |scheduler, now| scheduler.retry(&slice, fresh, hint, now));
    }
}
