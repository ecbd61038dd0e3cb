//! What the operator says while the run is under way.
//!
//! Each returns the operator's own fact, or the refusal as the end of "refused: …"; what the scheduler makes of it
//! follows with `go_on`.

use super::{Intent, Scheduler};
use crate::domain::decided::Decided;
use crate::domain::event::Fact;
use crate::domain::ids::{Now, SliceId};
use crate::workflow::slices::Stage;

/// The refusal of a run that has told its end already.
const ENDING: &str = "the run is coming to its end; say it again when it has ended";

impl Scheduler {
    /// A question is answered.
    pub fn answer(&mut self, question: &str, answer: &str, now: Now) -> Result<Fact, String> {
        let asks = |stage: &Stage| matches!(stage, Stage::Asking { question: asked, .. } if asked == question);
        if !self.table.iter().any(|record| asks(&record.stage)) {
            return Err(format!("there is no open question `{question}`"));
        }
        self.say(Fact::QuestionAnswered { id: question.to_owned(), answer: answer.to_owned() }, now)
    }

    /// A slice gets attempts again.
    pub fn retry(&mut self, slice: &SliceId, fresh: bool, hint: Option<String>, now: Now) -> Result<Fact, String> {
        let Some(record) = self.table.slice(slice) else {
            return Err(format!("there is no slice `{slice}`"));
        };
        match &record.stage {
            Stage::Integrated { .. } => return Err(format!("slice `{slice}` is integrated already")),
            Stage::Offered | Stage::Running { .. } | Stage::Reviewing { .. } | Stage::Accepted => {
                return Err(format!("slice `{slice}` is being worked on"));
            }
            Stage::Waiting | Stage::Asking { .. } | Stage::GivenUp { .. } => {}
        }
        self.doomed.remove(slice);
        self.say(Fact::SliceReopened { slice: slice.clone(), fresh, hint }, now)
    }

    fn say(&mut self, fact: Fact, now: Now) -> Result<Fact, String> {
        if self.reported || !self.begun {
            return Err(ENDING.to_owned());
        }
        self.table.apply(&fact, None, now.wall);
        Ok(fact)
    }

    /// Offers what the operator's word has made possible.
    pub fn go_on(&mut self, now: Now) -> Decided<Intent> {
        let mut decided = Decided::default();
        self.dispatch(&mut decided, now);
        decided
    }
}
