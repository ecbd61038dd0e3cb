//! One sweep over a plan in topological order: which earlier slices must come before each slice and do not yet.
//!
//! Owns what is remembered of earlier accesses. An earlier access is forgotten as soon as a later one stands for it:
//! whoever has to follow the earlier one has to follow the later one too, which already does. So a path that ten
//! thousand slices write one after the other costs one comparison a slice.

use crate::domain::task::SliceSpec;
use crate::graph::ancestry::Ancestry;
use crate::graph::index::AccessIndex;
use crate::graph::keys::{Access, Key};
use crate::graph::orders::Orders;
use crate::graph::overlap::Touch;

/// Which accesses have to have an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Write against write and write against merge. To be swept first.
    Changes,
    /// Reads against writes and merges. Relies on the orders among changes.
    Reads,
}

/// Two accesses on one side of a rule are remembered together.
const SIDES: usize = 2;
/// Where the marks of writes are kept, beside those of the two sides.
const WRITES: usize = 2;

impl Rule {
    /// The side on which an access is remembered; `None` where the rule is not about it.
    fn side(self, touch: Touch) -> Option<usize> {
        match (self, touch) {
            (Self::Changes, Touch::Write) | (Self::Reads, Touch::Read) => Some(0),
            (Self::Changes, Touch::Merge) | (Self::Reads, Touch::Write | Touch::Merge) => Some(1),
            (Self::Changes, Touch::Read) => None,
        }
    }

    /// The sides that an access has to be compared with.
    fn against(self, touch: Touch) -> &'static [usize] {
        match (self, touch) {
            (Self::Changes, Touch::Write) => &[0, 1],
            (Self::Changes, Touch::Merge) | (Self::Reads, Touch::Write | Touch::Merge) => &[0],
            (Self::Reads, Touch::Read) => &[1],
            (Self::Changes, Touch::Read) => &[],
        }
    }
}

/// Two slices, by place in the plan, that must not run at once and have no order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meeting {
    /// The earlier slice of the order that was swept in, and its access.
    pub(super) first: (u32, Access),
    /// The later one.
    pub(super) then: (u32, Access),
}

impl Meeting {
    /// The same in the other direction.
    pub(super) fn turned(&self) -> Self {
        Self { first: self.then, then: self.first }
    }
}

/// An access that came before.
#[derive(Clone, Copy)]
struct Earlier {
    place: u32,
    access: Access,
    /// Its number, for `forgotten`.
    number: u32,
}

/// What is remembered under one key.
#[derive(Default)]
struct Shelf {
    /// Accesses under this key.
    own: [Vec<Earlier>; SIDES],
    /// Accesses under the keys that this one gathers.
    gathered: [Vec<Earlier>; SIDES],
    /// The last slice with an access under this key, by side and for writes; counted from 1.
    own_mark: [u32; SIDES + 1],
    /// The last slice with an access under this key or one that it gathers.
    gathered_mark: [u32; SIDES + 1],
}

/// Which list of a shelf.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Own,
    Gathered,
}

struct Sweep<'a> {
    index: &'a AccessIndex<'a>,
    rule: Rule,
    shelves: Vec<Shelf>,
    forgotten: Vec<bool>,
    /// For each place the last slice that looked at it, counted from 1.
    noted: Vec<u32>,
}

/// Sweeps the plan in topological order and returns the orders that are missing, each of which is then taken as given.
/// Stops after `most`.
pub(super) fn missing_orders(index: &AccessIndex<'_>, orders: &Orders, rule: Rule, most: usize) -> Vec<Meeting> {
    let order = orders.topological();
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &slice)| places[slice as usize] = place as u32);
    let by_place = order.iter().map(|&slice| orders.before(slice).iter().map(|&p| places[p as usize]).collect());
    let mut ancestry = Ancestry::new(by_place.collect());
    let shelves = std::iter::repeat_with(Shelf::default).take(index.keys()).collect();
    let mut sweep = Sweep { index, rule, shelves, forgotten: Vec::new(), noted: vec![0; order.len()] };
    let mut meetings = Vec::new();
    for (place, &slice) in order.iter().enumerate() {
        ancestry.admit();
        for (earlier, own) in sweep.meet(place as u32, index.of(slice)) {
            if !ancestry.follows(earlier.place) {
                ancestry.add_parent(earlier.place);
                meetings.push(Meeting { first: (order[earlier.place as usize], earlier.access), then: (slice, own) });
            }
        }
        if meetings.len() >= most {
            break;
        }
    }
    meetings
}

/// Whether any access is subject to both sides of a rule, so that a sweep is worth it.
pub(super) fn concerns(rule: Rule, slices: &[SliceSpec]) -> bool {
    let any = |of: fn(&SliceSpec) -> bool| slices.iter().any(of);
    match rule {
        Rule::Changes => any(|slice| !slice.access.writes.is_empty()),
        Rule::Reads => any(|slice| !slice.access.reads.is_empty()),
    }
}

impl Sweep<'_> {
    /// The earlier accesses that the slice at `place` has to follow, the latest first, one for each earlier slice.
    fn meet(&mut self, place: u32, accesses: &[Access]) -> Vec<(Earlier, Access)> {
        let lists = self.lists(accesses);
        let mut met = Vec::new();
        for &(key, list, side, own) in &lists {
            self.gather(place, (key, list, side), own, &mut met);
        }
        met.sort_unstable_by_key(|(earlier, _)| std::cmp::Reverse(earlier.place));
        self.mark(place, accesses);
        for &(key, list, side, _) in &lists {
            self.forget(place, (key, list, side));
        }
        self.remember(place, accesses);
        met
    }

    /// The lists that hold what the accesses meet.
    fn lists(&self, accesses: &[Access]) -> Vec<(Key, List, usize, Access)> {
        let mut lists = Vec::new();
        for &access in accesses {
            for &side in self.rule.against(access.touch) {
                lists.push((access.key, List::Own, side, access));
                lists.push((access.key, List::Gathered, side, access));
                self.index.beside(access.key, &mut |key| lists.push((key, List::Own, side, access)));
            }
        }
        lists
    }

    /// Notes the slices of one list that were not noted before, and drops from it what is forgotten.
    fn gather(&mut self, place: u32, at: (Key, List, usize), own: Access, met: &mut Vec<(Earlier, Access)>) {
        let Self { shelves, forgotten, noted, .. } = self;
        shelves[at.0 as usize].list(at.1, at.2).retain(|&earlier| {
            let kept = !forgotten[earlier.number as usize];
            let noted = &mut noted[earlier.place as usize];
            if kept && *noted != place + 1 {
                *noted = place + 1;
                met.push((earlier, own));
            }
            kept
        });
    }

    /// Marks the keys under which and into which the slice's accesses go.
    fn mark(&mut self, place: u32, accesses: &[Access]) {
        let Self { index, shelves, rule, .. } = self;
        for access in accesses {
            let Some(side) = rule.side(access.touch) else { continue };
            let also = if access.touch == Touch::Write { WRITES } else { side };
            for slot in [side, also] {
                let shelf = &mut shelves[access.key as usize];
                (shelf.own_mark[slot], shelf.gathered_mark[slot]) = (place + 1, place + 1);
                index.gathered_by(access.key, &mut |key| shelves[key as usize].gathered_mark[slot] = place + 1);
            }
        }
    }

    /// Forgets what the slice, having followed all of a list, stands for from now on.
    fn forget(&mut self, place: u32, (key, list, side): (Key, List, usize)) {
        let literal = self.index.is_literal(key);
        let shelf = &mut self.shelves[key as usize];
        let stands = |mark: &[u32; SIDES + 1]| mark[side] == place + 1 || mark[WRITES] == place + 1;
        if stands(&shelf.own_mark) && (literal || list == List::Own) {
            for earlier in shelf.list(list, side) {
                self.forgotten[earlier.number as usize] = true;
            }
        }
        let cleared = match list {
            List::Own => stands(&shelf.own_mark),
            List::Gathered => stands(&shelf.gathered_mark),
        };
        if cleared {
            shelf.list(list, side).clear();
        }
    }

    fn remember(&mut self, place: u32, accesses: &[Access]) {
        for &access in accesses {
            let Some(side) = self.rule.side(access.touch) else { continue };
            let earlier = Earlier { place, access, number: self.forgotten.len() as u32 };
            self.forgotten.push(false);
            let Self { index, shelves, .. } = self;
            shelves[access.key as usize].own[side].push(earlier);
            index.gathered_by(access.key, &mut |key| {
                let list = &mut shelves[key as usize].gathered[side];
                if list.last().is_none_or(|last| last.number != earlier.number) {
                    list.push(earlier);
                }
            });
        }
    }
}

impl Shelf {
    fn list(&mut self, list: List, side: usize) -> &mut Vec<Earlier> {
        match list {
            List::Own => &mut self.own[side],
            List::Gathered => &mut self.gathered[side],
        }
    }
}
