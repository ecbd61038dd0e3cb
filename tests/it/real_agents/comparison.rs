//! What `omk` says was used, against what the model server counted.
//!
//! Invariant: `omk` never says more than was counted, of the input, of its cached part, and of the output.

use crate::support::model_server::Counted;

/// Both figures at the end of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    /// What `omk` says.
    pub(crate) said: Counted,
    /// What the server counted, in all its complete answers.
    pub(crate) counted: Counted,
}

impl Comparison {
    /// How much of all tokens `omk` says were used: `all`, or both sums.
    pub(crate) fn share(&self) -> String {
        let sum = |of: Counted| of.input + of.output;
        match (self.said == self.counted, sum(self.said), sum(self.counted)) {
            (true, _, _) => "all".to_owned(),
            (false, said, counted) if said == counted => {
                format!("{said} of {counted}, {:?} of {:?}", self.said, self.counted)
            }
            (false, said, counted) => format!("{said} of {counted}"),
        }
    }

    /// What was counted too often, in words; nothing where nothing was.
    pub(crate) fn excess(&self) -> Option<String> {
        let Self { said, counted } = self;
        let within = said.input <= counted.input && said.cached <= counted.cached && said.output <= counted.output;
        (!within).then(|| format!("more than was used: {said:?} of {counted:?}"))
    }
}

#[test]
fn what_is_counted_too_often_is_seen_in_each_kind_of_token() {
    let counted = Counted { input: 100, cached: 40, output: 10 };
    let compared = |input, cached, output| {
        let compared = Comparison { said: Counted { input, cached, output }, counted };
        (compared.share(), compared.excess().is_some())
    };
    assert_eq!(compared(100, 40, 10), ("all".to_owned(), false));
    assert_eq!(compared(60, 40, 10), ("70 of 110".to_owned(), false));
    assert_eq!(compared(101, 40, 10), ("111 of 110".to_owned(), true));
    assert_eq!([compared(90, 50, 10).1, compared(90, 40, 20).1, compared(90, 0, 10).1], [true, true, false]);
}
