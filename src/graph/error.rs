//! What can be wrong with a plan, in the words that the user reads: what, where, and what helps.

use thiserror::Error;

use crate::domain::ids::{GateName, SliceId};
use crate::domain::task::SliceSpec;
use crate::graph::overlap::Touch;

/// Members of a cycle that are named before the rest is only counted.
const NAMED_MEMBERS: usize = 20;

/// Why a plan is no graph that could be run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GraphError {
    /// Two slices have one id.
    #[error("slice id `{id}` is used twice, by slices {first} and {second} of the plan; rename one of them")]
    DuplicateId {
        /// The id.
        id: SliceId,
        /// The first slice of that name, counted from 1.
        first: usize,
        /// The second one.
        second: usize,
    },
    /// A slice comes after one that does not exist.
    #[error("slice `{slice}` comes after `{missing}`, but the plan has no such slice{}", hint(nearest.as_ref()))]
    UnknownDependency {
        /// The slice with the entry.
        slice: SliceId,
        /// What the entry says.
        missing: SliceId,
        /// The slice that was probably meant.
        nearest: Option<SliceId>,
    },
    /// A slice comes after itself.
    #[error("slice `{slice}` comes after itself; remove it from its own `after`")]
    SelfDependency {
        /// The slice.
        slice: SliceId,
    },
    /// Slices wait for each other.
    #[error(
        "the plan has a cycle: {} (`a -> b`: a comes after b); remove one of these `after` entries",
        chain(members)
    )]
    Cycle {
        /// The slices: each comes after the next one, and the last after the first. The first is the earliest of
        /// them in the plan.
        members: Vec<SliceId>,
    },
    /// Two slices change one path, not both by `merges`, and could run at once.
    #[error(
        "slice `{first}` {} `{path}`, slice `{then}` {} it too{}, and neither comes after the other; add `after = \
         [\"{first}\"]` to `{then}`, split the paths, or list the path under `merges` in both and under `writes` in none",
        first_touch.verb(), then_touch.verb(), over(path, first_pattern, then_pattern)
    )]
    UnorderedChanges {
        /// The slice that is earlier in the plan.
        first: SliceId,
        /// The other one.
        then: SliceId,
        /// How the first changes it.
        first_touch: Touch,
        /// How the other one does.
        then_touch: Touch,
        /// The path or pattern over which they meet.
        path: String,
        /// The first slice's pattern.
        first_pattern: String,
        /// The other slice's.
        then_pattern: String,
    },
    /// A slice asks for a gate that the plan does not have.
    #[error("slice `{slice}` asks for gate `{gate}`, but there is no such gate{}", hint(nearest.as_ref()))]
    UnknownGate {
        /// The slice.
        slice: SliceId,
        /// What it says.
        gate: GateName,
        /// The gate that was probably meant.
        nearest: Option<GateName>,
    },
}

impl GraphError {
    /// The cycle through these places of the plan.
    pub(super) fn cycle(slices: &[SliceSpec], places: &[u32]) -> Self {
        Self::Cycle { members: places.iter().map(|&place| slices[place as usize].id.clone()).collect() }
    }
}

fn hint(nearest: Option<&impl std::fmt::Display>) -> String {
    nearest.map_or_else(|| "; add it or remove the entry".to_owned(), |name| format!("; did you mean `{name}`?"))
}

fn over(path: &str, first: &str, then: &str) -> String {
    if first == path && then == path { String::new() } else { format!(" (`{first}` and `{then}` overlap)") }
}

fn chain(members: &[SliceId]) -> String {
    let mut names: Vec<String> = members.iter().take(NAMED_MEMBERS).map(ToString::to_string).collect();
    if members.len() > NAMED_MEMBERS {
        names.push(format!("… ({} more)", members.len() - NAMED_MEMBERS));
    }
    names.extend(members.first().map(ToString::to_string));
    names.join(" -> ")
}

/// The known name that is most like `wanted`, if any is like it at all.
pub fn nearest<'a, T: 'a>(
    wanted: &str,
    known: impl Iterator<Item = &'a T>,
    text: impl Fn(&T) -> &str,
) -> Option<&'a T> {
    let distance = |name: &T| strsim::damerau_levenshtein(wanted, text(name));
    let most = (wanted.len() / 3).max(1);
    known.map(|name| (distance(name), name)).filter(|(d, _)| *d <= most).min_by_key(|(d, _)| *d).map(|(_, name)| name)
}
