//! By property: the graph's fast ways agree with slow and plain ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::ids::SliceId;
use omk::domain::task::{Serialised, SliceSpec};
use omk::graph::error::GraphError;
use omk::graph::frontier::Frontier;
use omk::graph::overlap::{clash, overlap};
use omk::graph::task_graph::TaskGraph;
use omk::graph::validate::validate;

use super::{id, patterns, slice, touching};

/// All paths of up to four components over six names.
fn universe() -> Vec<String> {
    let names = ["a", "b", "aa", "ab", "ba", "bb"];
    let mut all: Vec<String> = names.map(str::to_owned).to_vec();
    let mut last = all.clone();
    for _ in 1..4 {
        last = last.iter().flat_map(|path| names.map(|name| format!("{path}/{name}"))).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// A path that both patterns cover, by trying enough for any two of `any_pattern`: where one is a literal, the literal
/// and two components below it.
fn common_path(patterns: &[PathPattern], universe: &[String]) -> Option<String> {
    let covered = |path: &String| patterns.iter().all(|pattern| pattern.covers(path));
    match patterns.iter().find(|pattern| pattern.is_literal()) {
        Some(literal) => {
            let shallow = universe.iter().take_while(|path| path.matches('/').count() < 2);
            let below = shallow.map(|path| format!("{literal}/{path}"));
            std::iter::once(literal.to_string()).chain(below).find(covered)
        }
        None => universe.iter().find(|path| covered(path)).cloned(),
    }
}

fn any_pattern() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec!["a", "b", "a", "b", "*", "?", "[ab]", "[!a]", "{a,b}"]);
    let name = prop::collection::vec(token, 1..3).prop_map(|tokens| tokens.concat());
    let component = prop_oneof![4 => name, 1 => Just("**".to_owned())];
    prop::collection::vec(component, 1..4).prop_map(|components| components.join("/"))
}

/// How `[!a]` is widened: it could match the separator.
fn exact(pattern: &PathPattern) -> bool {
    !pattern.as_str().contains("[!")
}

fn any_access() -> impl Strategy<Value = AccessSet> {
    let path = prop::sample::select(vec![
        "a",
        "a/b",
        "a/b/c",
        "a/c",
        "b",
        "b/x.rs",
        "b/y.rs",
        "c",
        "a/*",
        "a/**",
        "**/*.rs",
        "b/{x,y}.rs",
        "**/b",
        "*",
    ]);
    let paths = |most| prop::collection::vec(path.clone().prop_map(|text| PathPattern::parse(text).unwrap()), 0..most);
    (paths(3), paths(2), paths(2)).prop_map(|(reads, writes, merges)| AccessSet { reads, writes, merges })
}

/// Slices in a random plan order, with random dependencies along another random order.
fn any_slices(densest: f64) -> impl Strategy<Value = Vec<SliceSpec>> {
    (1..9usize, 0.0..densest)
        .prop_flat_map(|(count, density)| {
            let edges = prop::collection::vec(prop::bool::weighted(density), count * count);
            let shuffled = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
            (prop::collection::vec(any_access(), count), edges, prop_oneof![Just((0..count).collect()), shuffled])
        })
        .prop_map(|(accesses, edges, run_order): (Vec<_>, Vec<bool>, Vec<usize>)| {
            let count = accesses.len();
            let after = |n: usize| {
                let earlier = (0..count).filter(|&m| run_order[m] < run_order[n] && edges[n * count + m]);
                earlier.map(|m| id(&format!("s{m}"))).collect()
            };
            let spec = |(n, access)| SliceSpec { access, after: after(n), ..slice(&format!("s{n}"), &[]) };
            accesses.into_iter().enumerate().map(spec).collect()
        })
}

/// All pairs (earlier, later) of slices with an order between them, by closing the direct ones.
fn closure(slices: &[SliceSpec], added: &[Serialised]) -> BTreeSet<(SliceId, SliceId)> {
    let stated = slices.iter().flat_map(|slice| slice.after.iter().map(|first| (first.clone(), slice.id.clone())));
    let mut pairs: BTreeSet<_> = stated.chain(added.iter().map(|s| (s.first.clone(), s.then.clone()))).collect();
    loop {
        let longer = pairs.iter().flat_map(|(a, b)| {
            let onward = pairs.iter().filter(move |(c, _)| b == c);
            onward.map(move |(_, d)| (a.clone(), d.clone()))
        });
        let all: BTreeSet<_> = longer.chain(pairs.iter().cloned()).collect();
        if all.len() == pairs.len() {
            return pairs;
        }
        pairs = all;
    }
}

fn ordered(closure: &BTreeSet<(SliceId, SliceId)>, a: &SliceSpec, b: &SliceSpec) -> bool {
    [(a, b), (b, a)].iter().any(|(a, b)| closure.contains(&(a.id.clone(), b.id.clone())))
}

/// Pairs of slices, in plan order, for which `of` holds and which have no order.
fn unordered_pairs<'a>(
    slices: &'a [SliceSpec],
    closure: &BTreeSet<(SliceId, SliceId)>,
    of: impl Fn(&AccessSet, &AccessSet) -> bool,
) -> Vec<(&'a SliceSpec, &'a SliceSpec)> {
    let pairs = slices.iter().enumerate().flat_map(|(n, a)| slices[n + 1..].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| of(&a.access, &b.access) && !ordered(closure, a, b)).collect()
}

/// Whether every stated order goes from an earlier to a later slice of the plan.
fn forward(graph: &TaskGraph) -> bool {
    let place = |id: &SliceId| graph.plan_index(id);
    graph.slices().iter().all(|slice| slice.after.iter().all(|first| place(first) < place(&slice.id)))
}

fn changes(access: &AccessSet) -> AccessSet {
    AccessSet { reads: Vec::new(), ..access.clone() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn overlap_agrees_with_enumerated_paths(a in any_pattern(), b in any_pattern()) {
        thread_local!(static PATHS: Vec<String> = universe());
        let parsed = patterns(&[&a, &b]);
        let common = PATHS.with(|paths| common_path(&parsed, paths));
        let found = overlap(&parsed[0], &parsed[1]);
        prop_assert!(found || common.is_none(), "{} and {} both cover {:?}", a, b, common);
        if parsed.iter().all(exact) {
            prop_assert!(!found || common.is_some(), "{} and {} have no path in common", a, b);
        }
    }

    #[test]
    fn refusals_agree_with_all_pairs(slices in any_slices(0.9)) {
        let stated = closure(&slices, &[]);
        let bad = unordered_pairs(&slices, &stated, |a, b| clash(&changes(a), &changes(b)).is_some());
        match validate(slices.clone(), &[], Vec::new()) {
            Ok(_) => prop_assert!(bad.is_empty(), "not refused: {:?}", bad),
            Err(errors) => for error in errors {
                let GraphError::UnorderedChanges { first, then, .. } = error else { panic!("{error}") };
                prop_assert!(bad.iter().any(|(a, b)| a.id == first && b.id == then), "refused {} {}", first, then);
            }
        }
    }

    #[test]
    fn serialisation_orders_every_clash_without_a_cycle_or_a_needless_order(slices in readers()) {
        let stated = closure(&slices, &[]);
        let Ok(graph) = validate(slices.clone(), &[], Vec::new()) else { return Ok(()) };
        let added = graph.serialised();
        let all = closure(&slices, added);
        prop_assert!(all.iter().all(|(a, b)| a != b), "a cycle: {:?}", added);
        let left = unordered_pairs(&slices, &all, |a, b| clash(a, b).is_some());
        prop_assert!(left.is_empty(), "without an order: {:?}", left);
        for order in added {
            let (first, then) = (graph.slice(&order.first).unwrap(), graph.slice(&order.then).unwrap());
            prop_assert!(!ordered(&stated, first, then), "had an order: {:?}", order);
            let others: Vec<_> = added.iter().filter(|other| *other != order).cloned().collect();
            let needless = ordered(&closure(&slices, &others), first, then);
            prop_assert!(!needless || !forward(&graph), "others imply it: {:?}", order);
            prop_assert!(clash(&first.access, &then.access).is_some(), "do not clash: {:?}", order);
            prop_assert!(graph.plan_index(&order.first) < graph.plan_index(&order.then), "not in plan order: {:?}", order);
        }
    }

    #[test]
    fn frontier_agrees_with_a_naive_one_and_offers_no_clash(
        slices in readers(),
        choices in prop::collection::vec((any::<prop::sample::Index>(), prop::bool::weighted(0.15)), 12),
    ) {
        let Ok(graph) = validate(slices, &[], Vec::new()) else { return Ok(()) };
        let graph = Arc::new(graph);
        let mut frontier = Frontier::new(Arc::clone(&graph));
        let mut ended = BTreeMap::new();
        for (choice, give_up) in choices {
            let ready: Vec<SliceId> = frontier.ready().cloned().collect();
            prop_assert_eq!(&ready, &naive_ready(&graph, &ended));
            for (n, a) in ready.iter().enumerate() {
                for b in &ready[n + 1..] {
                    prop_assert_eq!(frontier.conflicts(a, b), None, "{} and {} at once", a, b);
                }
            }
            if ready.is_empty() { break }
            let next = choice.get(&ready).clone();
            let known: BTreeSet<SliceId> = frontier.blocked().cloned().collect();
            let returned = if give_up { frontier.abandon(&next) } else { frontier.complete(&next) };
            ended.insert(next.clone(), give_up);
            let blocked = naive_blocked(&graph, &ended);
            prop_assert_eq!(&frontier.blocked().cloned().collect::<BTreeSet<_>>(), &blocked);
            let fresh: BTreeSet<SliceId> = if give_up {
                blocked.difference(&known).cloned().collect()
            } else {
                naive_ready(&graph, &ended).into_iter().filter(|id| !ready.contains(id)).collect()
            };
            prop_assert_eq!(returned.into_iter().collect::<BTreeSet<_>>(), fresh);
        }
    }
}

/// For each slice all that comes before it, as bits by place in the plan, given direct orders that go forward.
fn bits_before(count: usize, edges: impl Iterator<Item = (usize, usize)>) -> Vec<Vec<u64>> {
    let mut direct = vec![Vec::new(); count];
    edges.for_each(|(first, then)| direct[then].push(first));
    let mut before: Vec<Vec<u64>> = Vec::with_capacity(count);
    for firsts in direct {
        let mut bits = vec![0; count.div_ceil(64)];
        for first in firsts {
            bits.iter_mut().zip(&before[first]).for_each(|(bits, more)| *bits |= more);
            bits[first / 64] |= 1 << (first % 64);
        }
        before.push(bits);
    }
    before
}

#[test]
fn a_wide_graph_gets_exactly_the_orders_that_it_lacks() {
    // Strands that know little of each other, large enough that labels settle little and ancestors have to be searched
    // and swept.
    let (count, strands) = (3000, 3);
    let mut state = 11u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let name = |n: usize| format!("s{n}");
    let (mut slices, mut reads, mut stated) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..count {
        let firsts: Vec<usize> =
            (0..3).filter(|_| n >= strands).map(|_| n % strands + below(n / strands) * strands).collect();
        let read = if n % 5 == 0 { below(count) } else { n };
        stated.extend(firsts.iter().map(|&first| (first, n)));
        reads.push(read);
        let after: Vec<String> = firsts.into_iter().map(name).collect();
        let paths = [format!("w:{n}"), format!("r:{read}")];
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        slices.push(touching(&name(n), &after.iter().map(String::as_str).collect::<Vec<_>>(), &paths));
    }
    let graph = validate(slices, &[], Vec::new()).unwrap();
    let place = |id: &SliceId| graph.plan_index(id).unwrap();
    let added: Vec<(usize, usize)> = graph.serialised().iter().map(|s| (place(&s.first), place(&s.then))).collect();
    let holds = |before: &[Vec<u64>], first: usize, then: usize| before[then][first / 64] & (1 << (first % 64)) != 0;
    let stated_only = bits_before(count, stated.iter().copied());
    let all = bits_before(count, stated.iter().chain(&added).copied());
    for (n, &read) in reads.iter().enumerate().filter(|(n, read)| n != *read) {
        assert!(holds(&all, n.min(read), n.max(read)), "{n} reads {read}");
    }
    for &(first, then) in &added {
        assert!(reads[first] == then || reads[then] == first, "{first} and {then} do not clash");
        assert!(!holds(&stated_only, first, then), "{first} and {then} had an order");
    }
    assert!(added.len() > 100, "{}", added.len());
}

/// Slices that mostly read and merge, so that many plans of them are accepted: each writes a path of its own.
fn readers() -> impl Strategy<Value = Vec<SliceSpec>> {
    any_slices(0.5).prop_map(|mut slices| {
        for (n, slice) in slices.iter_mut().enumerate() {
            slice.access.writes = patterns(&[&format!("d/{n}")]);
            slice.access.reads.extend(patterns(&[&format!("d/{}", (n * 5 + 3) % 8)]));
        }
        slices
    })
}

fn rank(graph: &TaskGraph, id: &SliceId) -> usize {
    1 + graph.dependents(id).into_iter().map(|next| rank(graph, next)).max().unwrap_or(0)
}

fn naive_ready(graph: &TaskGraph, ended: &BTreeMap<SliceId, bool>) -> Vec<SliceId> {
    let done = |id: &SliceId| ended.get(id) == Some(&false);
    let open = graph.slices().iter().map(|slice| &slice.id).filter(|id| !ended.contains_key(*id));
    let mut ready: Vec<SliceId> = open.filter(|id| graph.dependencies(id).into_iter().all(done)).cloned().collect();
    ready.sort_by_key(|id| (std::cmp::Reverse(rank(graph, id)), graph.plan_index(id)));
    ready
}

fn naive_blocked(graph: &TaskGraph, ended: &BTreeMap<SliceId, bool>) -> BTreeSet<SliceId> {
    fn blocked(graph: &TaskGraph, ended: &BTreeMap<SliceId, bool>, id: &SliceId) -> bool {
        graph.dependencies(id).into_iter().any(|first| ended.get(first) == Some(&true) || blocked(graph, ended, first))
    }
    let open = graph.slices().iter().map(|slice| &slice.id).filter(|id| !ended.contains_key(*id));
    open.filter(|id| blocked(graph, ended, id)).cloned().collect()
}
