//! Requests of the operator that scheduler and budget do not decide yet: refused.

use actix::{Context, Handler};

use crate::actors::budget::BudgetActor;
use crate::actors::scheduler::SchedulerActor;
use crate::messages::operator::{AddBudget, AnswerQuestion, RetrySlice};

/// What is said to each.
const REFUSED: &str = "this run does not take it; `omk goal pause` it first";

impl Handler<AnswerQuestion> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, answer: AnswerQuestion, _ctx: &mut Context<Self>) {
        drop(answer.reply_to.send(Err(REFUSED.to_owned())));
    }
}

impl Handler<RetrySlice> for SchedulerActor {
    type Result = ();
    fn handle(&mut self, retry: RetrySlice, _ctx: &mut Context<Self>) {
        drop(retry.reply_to.send(Err(REFUSED.to_owned())));
    }
}

impl Handler<AddBudget> for BudgetActor {
    type Result = ();
    fn handle(&mut self, add: AddBudget, _ctx: &mut Context<Self>) {
        drop(add.reply_to.send(Err(REFUSED.to_owned())));
    }
}
