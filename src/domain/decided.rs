//! What a decision comes to.
//!
//! The one shape in which every decision answers, so that every actor commits before it starts anything.

use crate::domain::fact::Fact;

/// What a decision comes to: facts to commit, and intents to start once they are durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided<I> {
    /// The facts, in order.
    pub facts: Vec<Fact>,
    /// The intents, in order.
    pub intents: Vec<I>,
}

impl<I> Default for Decided<I> {
    fn default() -> Self {
        Self { facts: Vec::new(), intents: Vec::new() }
    }
}

impl<I> Decided<I> {
    /// A decision that only starts something.
    pub fn intent(intent: I) -> Self {
        Self { facts: Vec::new(), intents: vec![intent] }
    }

    /// A decision that records facts and then starts something.
    pub fn new(facts: Vec<Fact>, intents: Vec<I>) -> Self {
        Self { facts, intents }
    }

    /// This decision followed by another.
    pub fn then(&mut self, other: Self) {
        self.facts.extend(other.facts);
        self.intents.extend(other.intents);
    }
}
