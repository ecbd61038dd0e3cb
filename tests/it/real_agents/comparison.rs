//! What `omk` says was used, against what the model server counted.
//!
//! Invariant: `omk` never says more than was counted, of the input, of its cached part, of the output, and of the cost.

use std::collections::BTreeMap;

use crate::support::model_server::Counted;

/// What a million tokens cost at the models whose agents state a cost, in millionths of a US dollar: by the beginning of
/// the model's name, of input, of cached input, of output. Claude's are the list prices that it has itself, OpenCode's
/// stand in its configuration.
const PRICES: &[(&str, [u64; 3])] = &[
    ("claude-sonnet-4-5", [3_000_000, 300_000, 15_000_000]),
    ("claude-haiku-4-5", [1_000_000, 100_000, 5_000_000]),
    ("scripted-model", [1_000_000, 100_000, 2_000_000]),
];
/// What an agent's cost may differ from ours, in parts of it: Claude's is 0.2 % above what its tokens cost.
const EXACTNESS: u64 = 100;

/// Both figures at the end of a scenario.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison {
    /// What `omk` says.
    pub(crate) said: Counted,
    /// What the server counted, in all its complete answers.
    pub(crate) counted: Counted,
    /// The cost that `omk` says, and that of what the server counted, in millionths of a US dollar; nothing where
    /// nobody says a cost, or where no price is known here.
    cost: Option<(u64, u64)>,
}

impl Comparison {
    /// Compares what `omk` says with what the server counted, by model.
    pub(crate) fn of(said: Counted, usd_micros: Option<u64>, counted: &BTreeMap<String, Counted>) -> Self {
        let price = |(model, used): (&String, &Counted)| cost(model, *used);
        let cost = counted.iter().map(price).sum::<Option<u64>>();
        let counted = counted.values().copied().fold(Counted::default(), Counted::plus);
        Self { said, counted, cost: usd_micros.zip(cost) }
    }

    /// How much of all tokens `omk` says were used: `all`, or both sums.
    pub(crate) fn tokens(&self) -> String {
        let sum = |of: Counted| of.input + of.output;
        match (self.said == self.counted, sum(self.said), sum(self.counted)) {
            (true, _, _) => "all".to_owned(),
            (false, said, counted) if said == counted => {
                format!("{said} of {counted}, {:?} of {:?}", self.said, self.counted)
            }
            (false, said, counted) => format!("{said} of {counted}"),
        }
    }

    /// The same, and how much of the cost, where that differs.
    pub(crate) fn share(&self) -> String {
        match self.cost.filter(|(said, due)| said.abs_diff(*due) > due / EXACTNESS) {
            Some((said, due)) => format!("{}; {said} of {due} µUSD", self.tokens()),
            None => self.tokens(),
        }
    }

    /// What was counted too often, in words; nothing where nothing was.
    pub(crate) fn excess(&self) -> Option<String> {
        let Self { said, counted, cost } = self;
        let within = said.input <= counted.input && said.cached <= counted.cached && said.output <= counted.output;
        let dear = cost.filter(|(said, due)| *said > due + due / EXACTNESS);
        (!within || dear.is_some()).then(|| format!("more than was used: {said:?} of {counted:?}, cost {cost:?}"))
    }
}

/// What tokens of a model cost, in millionths of a US dollar.
fn cost(model: &str, used: Counted) -> Option<u64> {
    let (_, [input, cached, output]) = PRICES.iter().find(|(name, _)| model.starts_with(name))?;
    Some(((used.input - used.cached) * input + used.cached * cached + used.output * output) / 1_000_000)
}

#[test]
fn what_is_counted_too_often_is_seen_in_each_kind_of_token_and_in_the_cost() {
    let counted = Counted { input: 100, cached: 40, output: 10 };
    let server = |model: &str| BTreeMap::from([(model.to_owned(), counted)]);
    let compared = |input, cached, output| {
        let compared = Comparison::of(Counted { input, cached, output }, None, &server("m"));
        (compared.share(), compared.excess().is_some())
    };
    assert_eq!(compared(100, 40, 10), ("all".to_owned(), false));
    assert_eq!(compared(60, 40, 10), ("70 of 110".to_owned(), false));
    assert_eq!(compared(101, 40, 10), ("111 of 110".to_owned(), true));
    assert_eq!([compared(90, 50, 10).1, compared(90, 40, 20).1, compared(90, 0, 10).1], [true, true, false]);
    let cost = |usd_micros, model: &str| {
        let compared = Comparison::of(counted, usd_micros, &server(model));
        (compared.share(), compared.excess().is_some())
    };
    // 60 of 3 USD a million, 40 of 0.3, 10 of 15.
    assert_eq!(cost(Some(345), "claude-sonnet-4-5-2025"), ("all".to_owned(), false));
    assert_eq!(cost(Some(684), "claude-sonnet-4-5"), ("all; 684 of 342 µUSD".to_owned(), true));
    assert_eq!(cost(Some(100), "claude-sonnet-4-5"), ("all; 100 of 342 µUSD".to_owned(), false));
    assert_eq!(cost(None, "claude-sonnet-4-5"), ("all".to_owned(), false));
    assert_eq!(cost(Some(684), "another"), ("all".to_owned(), false));
}
