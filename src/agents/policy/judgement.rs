//! What is said about an act of an agent, and which of two sayings holds.

/// What is said about an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Go on.
    Allow,
    /// No.
    Refuse {
        /// Why, and what to do instead; for the model.
        reason: String,
    },
    /// A person decides.
    Ask {
        /// What to ask.
        question: String,
    },
}

impl Judgement {
    fn severity(&self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Ask { .. } => 1,
            Self::Refuse { .. } => 2,
        }
    }

    /// The stricter of two; the first of equals.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        if other.severity() > self.severity() { other } else { self }
    }
}
