//! The slices of a plan and their orders, as a DAG.
//!
//! Owns look-up by id and stable iteration in plan order. Invariant: ids are unique, every order names slices of the
//! plan, and there is no cycle; a value that exists has all three. Knows nothing of what has been done so far
//! (`frontier` does).

use std::collections::HashMap;

use crate::domain::ids::SliceId;
use crate::domain::task::{AcceptedPlan, Serialised, SliceSpec};
use crate::graph::error::{GraphError, nearest};
use crate::graph::orders::Orders;

/// Errors of one kind that are listed before the rest is left out.
pub(super) const MOST_ERRORS: usize = 20;

/// Slices in plan order with their orders: those that the plan states and those that were added.
#[derive(Clone, Debug)]
pub struct TaskGraph {
    slices: Vec<SliceSpec>,
    serialised: Vec<Serialised>,
    places: HashMap<SliceId, u32>,
    orders: Orders,
}

impl TaskGraph {
    /// Builds the graph of slices in plan order and of orders added before. Says all that is wrong with the ids, or
    /// else one cycle; access sets are not looked at (`validate` does).
    pub fn build(slices: Vec<SliceSpec>, serialised: Vec<Serialised>) -> Result<Self, Vec<GraphError>> {
        let places = places(&slices)?;
        let edges = edges(&slices, &serialised, &places)?;
        match Orders::new(slices.len(), &edges) {
            Ok(orders) => Ok(Self { slices, serialised, places, orders }),
            Err(cycle) => Err(vec![GraphError::cycle(&slices, &cycle)]),
        }
    }

    /// Builds the graph of a plan that was accepted before.
    pub fn of(plan: &AcceptedPlan) -> Result<Self, Vec<GraphError>> {
        Self::build(plan.slices.clone(), plan.serialised.clone())
    }

    /// The slices, in plan order.
    pub fn slices(&self) -> &[SliceSpec] {
        &self.slices
    }

    /// The orders that the plan does not state.
    pub fn serialised(&self) -> &[Serialised] {
        &self.serialised
    }

    /// How many slices there are.
    pub fn len(&self) -> usize {
        self.slices.len()
    }

    /// Whether there is no slice.
    pub fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// How many direct orders there are, each pair counted once.
    pub fn orders(&self) -> usize {
        self.orders.count()
    }

    /// A slice by its id.
    pub fn slice(&self, id: &SliceId) -> Option<&SliceSpec> {
        self.plan_index(id).map(|place| &self.slices[place])
    }

    /// A slice's place in the plan, from 0.
    pub fn plan_index(&self, id: &SliceId) -> Option<usize> {
        self.places.get(id).map(|&place| place as usize)
    }

    /// The slices that come directly before one, in plan order; none for an unknown id.
    pub fn dependencies(&self, id: &SliceId) -> Vec<&SliceId> {
        self.named(id, |place| self.orders.before(place))
    }

    /// The slices that come directly after one, in plan order; none for an unknown id.
    pub fn dependents(&self, id: &SliceId) -> Vec<&SliceId> {
        self.named(id, |place| self.orders.after(place))
    }

    fn named(&self, id: &SliceId, neighbours: impl Fn(u32) -> Vec<u32>) -> Vec<&SliceId> {
        self.places.get(id).map_or_else(Vec::new, |&place| neighbours(place).iter().map(|&n| self.id(n)).collect())
    }

    /// Every slice behind all that it depends on, and of several that could follow, the earliest of the plan.
    pub fn topological(&self) -> impl ExactSizeIterator<Item = &SliceSpec> {
        self.orders.topological().iter().map(|&place| &self.slices[place as usize])
    }

    /// The slices on the longest chain that begins with this one, itself included; `None` for an unknown id.
    pub fn rank(&self, id: &SliceId) -> Option<u32> {
        self.places.get(id).map(|&place| self.orders.rank(place))
    }

    pub(super) fn place(&self, id: &SliceId) -> Option<u32> {
        self.places.get(id).copied()
    }

    pub(super) fn id(&self, place: u32) -> &SliceId {
        &self.slices[place as usize].id
    }

    /// The orders by place in the plan.
    pub(super) fn orders_by_place(&self) -> &Orders {
        &self.orders
    }

    /// Takes orders over that are these and `added`.
    pub(super) fn with_orders(mut self, orders: Orders, added: Vec<Serialised>) -> Self {
        self.serialised.extend(added);
        Self { orders, ..self }
    }
}

fn places(slices: &[SliceSpec]) -> Result<HashMap<SliceId, u32>, Vec<GraphError>> {
    let (mut places, mut errors) = (HashMap::with_capacity(slices.len()), Vec::new());
    for (place, slice) in slices.iter().enumerate() {
        let first = *places.entry(slice.id.clone()).or_insert(place as u32) as usize;
        if first != place && errors.len() < MOST_ERRORS {
            errors.push(GraphError::DuplicateId { id: slice.id.clone(), first: first + 1, second: place + 1 });
        }
    }
    if errors.is_empty() { Ok(places) } else { Err(errors) }
}

/// Each order once, from the dependency to the dependent.
fn edges(
    slices: &[SliceSpec],
    serialised: &[Serialised],
    places: &HashMap<SliceId, u32>,
) -> Result<Vec<(u32, u32)>, Vec<GraphError>> {
    let stated = slices.iter().flat_map(|slice| slice.after.iter().map(move |before| (before, &slice.id)));
    let added = serialised.iter().map(|order| (&order.first, &order.then));
    let (mut edges, mut errors) = (Vec::new(), Vec::new());
    for (first, then) in stated.chain(added) {
        match edge(first, then, places) {
            Ok(edge) => edges.push(edge),
            Err(unknown) if errors.len() < MOST_ERRORS => errors.push(refusal(first, then, unknown, slices)),
            Err(_) => {}
        }
    }
    edges.sort_unstable();
    edges.dedup();
    if errors.is_empty() { Ok(edges) } else { Err(errors) }
}

/// The places of two ids; the one that is unknown, or `None` where both are the same.
fn edge<'a>(
    first: &'a SliceId,
    then: &'a SliceId,
    places: &HashMap<SliceId, u32>,
) -> Result<(u32, u32), Option<&'a SliceId>> {
    let place = |id: &'a SliceId| places.get(id).copied().ok_or(Some(id));
    if first == then { Err(None) } else { Ok((place(first)?, place(then)?)) }
}

fn refusal(first: &SliceId, then: &SliceId, unknown: Option<&SliceId>, slices: &[SliceSpec]) -> GraphError {
    let Some(missing) = unknown else { return GraphError::SelfDependency { slice: then.clone() } };
    let slice = if missing == first { then } else { first };
    let ids = slices.iter().map(|slice| &slice.id).filter(|id| *id != slice);
    let nearest = nearest(missing.as_str(), ids, SliceId::as_str).cloned();
    GraphError::UnknownDependency { slice: slice.clone(), missing: missing.clone(), nearest }
}
