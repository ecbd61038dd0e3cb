//! Everything that can have happened to a goal, in families.
//!
//! Facts are in the past tense; each has one deciding actor. A family groups the facts that the same folds read, so
//! that a fold has one arm for each family. In the journal a fact is one flat object, `{"<variant>": <fields>}`,
//! whatever its family. Invariant: no two families have a variant of one name.

mod attempt;
mod budget;
mod gate;
mod goal;
mod merge;
mod plan;
mod review;
mod slice;
mod supervision;

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::VariantNames;

pub use attempt::AttemptFact;
pub use budget::BudgetFact;
pub use gate::GateFact;
pub use goal::{Branch, GoalFact};
pub use merge::MergeFact;
pub use plan::PlanFact;
pub use review::ReviewFact;
pub use slice::SliceFact;
pub use supervision::SupervisionFact;

/// One thing that happened to a goal. In the journal, the variant's name is `type` and its fields are `data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The goal as a whole.
    Goal(GoalFact),
    /// The plan.
    Plan(PlanFact),
    /// What becomes of a slice.
    Slice(SliceFact),
    /// One attempt at a slice.
    Attempt(AttemptFact),
    /// A run of a gate.
    Gate(GateFact),
    /// Batches and merges.
    Merge(MergeFact),
    /// A review.
    Review(ReviewFact),
    /// What may be spent and what was.
    Budget(BudgetFact),
    /// Faults, and what was done about them.
    Supervision(SupervisionFact),
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Goal(fact) => fact.serialize(serializer),
            Self::Plan(fact) => fact.serialize(serializer),
            Self::Slice(fact) => fact.serialize(serializer),
            Self::Attempt(fact) => fact.serialize(serializer),
            Self::Gate(fact) => fact.serialize(serializer),
            Self::Merge(fact) => fact.serialize(serializer),
            Self::Review(fact) => fact.serialize(serializer),
            Self::Budget(fact) => fact.serialize(serializer),
            Self::Supervision(fact) => fact.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ByName)
    }
}

/// Reads `{"<variant>": <fields>}` as a fact of the family that has the variant.
struct ByName;

impl<'de> Visitor<'de> for ByName {
    type Value = Fact;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fact: one object with its name as the only key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fact, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::custom("a fact without a name"));
        };
        let family = family(&name).ok_or_else(|| A::Error::custom(format_args!("no fact is called `{name}`")))?;
        let fields = MapAccessDeserializer::new(Named { name: Some(name), map });
        Ok(match family {
            Family::Goal => Fact::Goal(GoalFact::deserialize(fields)?),
            Family::Plan => Fact::Plan(PlanFact::deserialize(fields)?),
            Family::Slice => Fact::Slice(SliceFact::deserialize(fields)?),
            Family::Attempt => Fact::Attempt(AttemptFact::deserialize(fields)?),
            Family::Gate => Fact::Gate(GateFact::deserialize(fields)?),
            Family::Merge => Fact::Merge(MergeFact::deserialize(fields)?),
            Family::Review => Fact::Review(ReviewFact::deserialize(fields)?),
            Family::Budget => Fact::Budget(BudgetFact::deserialize(fields)?),
            Family::Supervision => Fact::Supervision(SupervisionFact::deserialize(fields)?),
        })
    }
}

/// The families, for looking one up by the name of a variant.
#[derive(Clone, Copy)]
enum Family {
    Goal,
    Plan,
    Slice,
    Attempt,
    Gate,
    Merge,
    Review,
    Budget,
    Supervision,
}

const FAMILIES: [(Family, &[&str]); 9] = [
    (Family::Goal, GoalFact::VARIANTS),
    (Family::Plan, PlanFact::VARIANTS),
    (Family::Slice, SliceFact::VARIANTS),
    (Family::Attempt, AttemptFact::VARIANTS),
    (Family::Gate, GateFact::VARIANTS),
    (Family::Merge, MergeFact::VARIANTS),
    (Family::Review, ReviewFact::VARIANTS),
    (Family::Budget, BudgetFact::VARIANTS),
    (Family::Supervision, SupervisionFact::VARIANTS),
];

fn family(name: &str) -> Option<Family> {
    FAMILIES.iter().find(|(_, names)| names.contains(&name)).map(|(family, _)| *family)
}

impl Fact {
    /// The name of every fact, as the journal writes it.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FAMILIES.iter().flat_map(|(_, names)| names.iter().copied())
    }
}

/// A map whose first key has been read: hands it out again. Without it the whole value would be built in memory
/// before its type is known.
struct Named<A> {
    name: Option<String>,
    map: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Named<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.name.take() {
            Some(name) => seed.deserialize(name.into_deserializer()).map(Some),
            None => self.map.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_facts_have_one_name() {
        let all: Vec<_> = Fact::names().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn a_fact_is_read_by_its_name_alone() {
        let read = |json: &str| serde_json::from_str::<Fact>(json).map_err(|error| error.to_string());
        let cut = SupervisionFact::TailCut { bytes: 17 };
        assert_eq!(read(r#"{"tail_cut":{"bytes":17}}"#), Ok(Fact::Supervision(cut)));
        let unknown = read(r#"{"tail_grown":{"bytes":17}}"#).unwrap_err();
        assert!(unknown.starts_with("no fact is called `tail_grown`"), "{unknown}");
        assert!(read("{}").unwrap_err().starts_with("a fact without a name"));
    }
}
