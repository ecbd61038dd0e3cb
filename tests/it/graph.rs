//! The graph room: what is refused and in which words, and by property that its fast ways agree with slow ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::ids::{GateName, SliceId};
use omk::domain::task::{AcceptedPlan, GateCommand, GateKind, GateSpec, Risk, Serialised, SliceSpec};
use omk::graph::delta::{Change, Delta, Refusal};
use omk::graph::error::GraphError;
use omk::graph::frontier::Frontier;
use omk::graph::overlap::{Touch, clash, overlap};
use omk::graph::task_graph::TaskGraph;
use omk::graph::validate::validate;

fn id(text: &str) -> SliceId {
    SliceId::parse(text).unwrap()
}

fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
}

fn slice(name: &str, after: &[&str]) -> SliceSpec {
    SliceSpec {
        id: id(name),
        title: String::new(),
        description: String::new(),
        after: after.iter().map(|name| id(name)).collect(),
        access: AccessSet::default(),
        risk: Risk::Medium,
        acceptance: Vec::new(),
        gates: Vec::new(),
        retries: 0,
        run: None,
    }
}

/// `r:`, `w:` and `m:` before each path say how it is touched.
fn touching(name: &str, after: &[&str], paths: &[&str]) -> SliceSpec {
    let of = |prefix: &str| patterns(&paths.iter().filter_map(|path| path.strip_prefix(prefix)).collect::<Vec<_>>());
    SliceSpec { access: AccessSet { reads: of("r:"), writes: of("w:"), merges: of("m:") }, ..slice(name, after) }
}

fn gate(name: &str) -> GateSpec {
    let command = GateCommand::Shell("true".to_owned());
    GateSpec { name: GateName::parse(name).unwrap(), command, kind: GateKind::Test, timeout_ms: 1, required: true }
}

fn refusals(slices: Vec<SliceSpec>) -> Vec<String> {
    let errors = validate(slices, &[gate("test"), gate("lint")], Vec::new()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

fn serialised(slices: Vec<SliceSpec>) -> Vec<(String, String, String)> {
    let graph = validate(slices, &[], Vec::new()).unwrap();
    graph.serialised().iter().map(|s| (s.first.to_string(), s.then.to_string(), s.path.clone())).collect()
}

fn orders(expected: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    expected.iter().map(|(a, b, c)| (a.to_string(), b.to_string(), c.to_string())).collect()
}

fn texts<'a>(ids: impl IntoIterator<Item = &'a SliceId>) -> Vec<&'a str> {
    ids.into_iter().map(SliceId::as_str).collect()
}

#[test]
fn duplicate_id_names_both_places() {
    let expected = "slice id `a` is used twice, by slices 1 and 3 of the plan; rename one of them";
    assert_eq!(refusals(vec![slice("a", &[]), slice("b", &[]), slice("a", &[])]), [expected]);
}

#[test]
fn unknown_dependency_names_the_nearest_slice() {
    let expected = "slice `docs` comes after `parsr`, but the plan has no such slice; did you mean `parser`?";
    assert_eq!(refusals(vec![slice("parser", &[]), slice("docs", &["parsr"])]), [expected]);
}

#[test]
fn unknown_dependency_unlike_any_slice_has_no_hint() {
    let expected = "slice `docs` comes after `zebra`, but the plan has no such slice; add it or remove the entry";
    assert_eq!(refusals(vec![slice("parser", &[]), slice("docs", &["zebra"])]), [expected]);
}

#[test]
fn self_dependency_is_refused() {
    let expected = "slice `a` comes after itself; remove it from its own `after`";
    assert_eq!(refusals(vec![slice("a", &["a"])]), [expected]);
}

#[test]
fn all_bad_dependencies_are_said_at_once() {
    assert_eq!(refusals(vec![slice("a", &["a", "x"]), slice("b", &["y"])]).len(), 3);
}

#[test]
fn cycle_is_named_in_order() {
    let slices = vec![slice("z", &["a"]), slice("a", &["b"]), slice("b", &["c"]), slice("c", &["a"])];
    let expected = "the plan has a cycle: a -> b -> c -> a (`a -> b`: a comes after b); remove one of these `after` \
                    entries";
    assert_eq!(refusals(slices), [expected]);
}

#[test]
fn long_cycle_is_cut_and_a_long_chain_overflows_nothing() {
    let count = 50_000;
    let name = |n: usize| format!("s{n}");
    let mut slices: Vec<_> = (0..count).map(|n| slice(&name(n), &[&name((n + 1) % count)])).collect();
    let text = refusals(slices.clone()).remove(0);
    assert!(text.contains("s18 -> s19 -> … (49980 more) -> s0 ("), "{text}");
    slices[count - 1].after.clear();
    let graph = validate(slices, &[], Vec::new()).unwrap();
    assert_eq!((graph.rank(&id("s49999")), graph.rank(&id("s0"))), (Some(50_000), Some(1)));
}

#[test]
fn unknown_gate_names_the_nearest_gate() {
    let gates = vec![GateName::parse("tests").unwrap()];
    let expected = "slice `a` asks for gate `tests`, but there is no such gate; did you mean `test`?";
    assert_eq!(refusals(vec![SliceSpec { gates, ..slice("a", &[]) }]), [expected]);
}

#[test]
fn unordered_writes_name_both_slices_and_the_path() {
    let slices = vec![touching("a", &[], &["w:src/lib.rs"]), touching("b", &[], &["w:src/lib.rs"])];
    let expected = "slice `a` writes `src/lib.rs`, slice `b` writes it too, and neither comes after the other; add \
                    `after = [\"a\"]` to `b`, split the paths, or list the path under `merges` in both and under \
                    `writes` in none";
    assert_eq!(refusals(slices), [expected]);
}

#[test]
fn unordered_write_and_merge_are_refused_with_both_patterns() {
    let slices = vec![touching("a", &[], &["m:src/**"]), touching("b", &[], &["w:src/lib.rs"])];
    let expected = GraphError::UnorderedChanges {
        first: id("a"),
        then: id("b"),
        first_touch: Touch::Merge,
        then_touch: Touch::Write,
        path: "src/lib.rs".to_owned(),
        first_pattern: "src/**".to_owned(),
        then_pattern: "src/lib.rs".to_owned(),
    };
    let text = expected.to_string();
    assert!(
        text.starts_with("slice `a` merges `src/lib.rs`, slice `b` writes it too (`src/**` and `src/lib.rs` overlap)")
    );
    assert_eq!(validate(slices, &[], Vec::new()).unwrap_err(), [expected]);
}

#[test]
fn parent_and_child_overlap() {
    let slices = vec![touching("a", &[], &["w:src"]), touching("b", &[], &["w:src/x/y.rs"])];
    assert_eq!(refusals(slices).len(), 1);
}

#[test]
fn an_order_through_a_third_slice_allows_both_to_write() {
    let slices = vec![touching("a", &[], &["w:f"]), slice("between", &["a"]), touching("b", &["between"], &["w:f"])];
    assert_eq!(serialised(slices), []);
}

#[test]
fn several_may_merge_a_path_at_once() {
    let slices = vec![touching("a", &[], &["m:CHANGELOG.md"]), touching("b", &[], &["m:CHANGELOG.md"])];
    assert_eq!(serialised(slices), []);
}

#[test]
fn reader_and_writer_are_serialised_in_plan_order() {
    let slices = vec![touching("a", &[], &["r:src"]), touching("b", &[], &["w:src/lib.rs"])];
    assert_eq!(serialised(slices), orders(&[("a", "b", "src/lib.rs")]));
}

#[test]
fn a_serialised_order_does_not_excuse_unordered_writes() {
    let slices = vec![touching("a", &[], &["r:x", "w:y"]), touching("b", &[], &["w:x", "w:y"])];
    assert_eq!(refusals(slices).len(), 1);
}

#[test]
fn slices_that_all_read_what_all_change_become_one_chain() {
    let slices = (0..5).map(|n| touching(&format!("s{n}"), &[], &["r:src", &format!("w:src/{n}.rs")])).collect();
    let chain = orders(&[
        ("s0", "s1", "src/0.rs"),
        ("s1", "s2", "src/1.rs"),
        ("s2", "s3", "src/2.rs"),
        ("s3", "s4", "src/3.rs"),
    ]);
    assert_eq!(serialised(slices), chain);
}

#[test]
fn plan_order_decides_also_where_a_later_slice_is_drawn_forward() {
    // `early` needs `late`, so that a run would begin with `middle`; the pair goes in plan order all the same,
    // unless another order settles it.
    let late_first =
        vec![touching("early", &["late"], &["r:f"]), touching("middle", &[], &["w:f"]), slice("late", &[])];
    assert_eq!(serialised(late_first), orders(&[("early", "middle", "f")]));
    let both = vec![
        touching("early", &["late"], &["r:f"]),
        touching("middle", &[], &["w:f", "r:g"]),
        touching("late", &[], &["w:g"]),
    ];
    assert_eq!(serialised(both), orders(&[("middle", "late", "g")]));
}

#[test]
fn patterns_overlap_where_a_path_is_covered_by_both() {
    let cases = [
        ("src", "src/lib.rs", true),
        ("src", "srcs", false),
        ("src/*", "src/a/b.rs", false),
        ("src/**", "src/a/b.rs", true),
        ("src/**", "src", true),
        ("**/*.rs", "docs", true),
        ("**/*.rs", "docs/*.md", false),
        ("*.rs", "src/lib.rs", false),
        ("src/{a,b}.rs", "src/b.rs", true),
        ("src/{a,b}.rs", "src/c.rs", false),
        ("{src/{x,y},docs}/*", "src/y/z", true),
        ("{src/{x,y},docs}/*", "src/z/z", false),
        ("a/**/z", "a/z", true),
        ("a/**/z", "**/y/z", true),
        ("[a-c]x", "[d-f]x", false),
        ("[!a]x", "bx", true),
        ("a[!b]c", "a/c", true),
        ("?", "é", false),
        ("??", "é", true),
        ("*a*b*", "*b*a*", true),
        ("x*", "*y", true),
        ("x{**/a,b}", "x/q/a", true),
        ("**", "anything/at/all", true),
    ];
    for (a, b, expected) in cases {
        let parsed = patterns(&[a, b]);
        assert_eq!(overlap(&parsed[0], &parsed[1]), expected, "{a} and {b}");
        assert_eq!(overlap(&parsed[1], &parsed[0]), expected, "{b} and {a}");
    }
}

#[test]
fn graph_answers_in_plan_order() {
    let slices =
        vec![slice("d", &["c", "a", "a"]), slice("c", &["b"]), slice("b", &[]), slice("a", &[]), slice("e", &["a"])];
    let graph = validate(slices, &[], Vec::new()).unwrap();
    assert_eq!(texts(graph.dependencies(&id("d"))), ["c", "a"]);
    assert_eq!(texts(graph.dependents(&id("a"))), ["d", "e"]);
    assert_eq!(texts(graph.topological().map(|slice| &slice.id)), ["b", "c", "a", "d", "e"]);
    assert_eq!((graph.len(), graph.orders(), graph.plan_index(&id("b"))), (5, 4, Some(2)));
    assert_eq!(graph.rank(&id("b")), Some(3));
    assert!(graph.dependencies(&id("nobody")).is_empty() && graph.slice(&id("nobody")).is_none());
}

#[test]
fn a_plan_accepted_before_is_built_with_its_orders() {
    let order = Serialised { first: id("a"), then: id("b"), path: "f".to_owned() };
    let slices = vec![slice("a", &[]), slice("b", &[])];
    let plan = AcceptedPlan { slices, gates: Vec::new(), serialised: vec![order], source: "plan.toml".to_owned() };
    assert_eq!(texts(TaskGraph::of(&plan).unwrap().dependencies(&id("b"))), ["a"]);
}

fn diamond() -> Frontier {
    let slices =
        vec![slice("a", &[]), slice("b", &["a"]), slice("c", &["a"]), slice("d", &["b", "c"]), slice("e", &[])];
    Frontier::new(Arc::new(validate(slices, &[], Vec::new()).unwrap()))
}

#[test]
fn frontier_offers_the_longest_chain_first_and_then_plan_order() {
    let mut frontier = diamond();
    assert_eq!(texts(frontier.ready()), ["a", "e"]);
    assert_eq!(texts(&frontier.complete(&id("a"))), ["b", "c"]);
    assert_eq!(texts(frontier.ready()), ["b", "c", "e"]);
    assert_eq!(texts(frontier.waiting_on(&id("d"))), ["b", "c"]);
    assert_eq!(texts(&frontier.complete(&id("c"))), Vec::<&str>::new());
    assert_eq!(texts(frontier.waiting_on(&id("d"))), ["b"]);
    assert_eq!(texts(&frontier.complete(&id("b"))), ["d"]);
    assert!(!frontier.is_done());
    frontier.complete(&id("d"));
    frontier.complete(&id("e"));
    assert!(frontier.is_done() && frontier.ready().len() == 0);
}

#[test]
fn completing_twice_or_a_stranger_changes_nothing() {
    let mut frontier = diamond();
    frontier.complete(&id("a"));
    frontier.complete(&id("a"));
    frontier.complete(&id("nobody"));
    assert_eq!(texts(frontier.ready()), ["b", "c", "e"]);
}

#[test]
fn giving_a_slice_up_blocks_what_comes_after_it_until_it_is_reopened() {
    let mut frontier = diamond();
    frontier.complete(&id("a"));
    assert_eq!(texts(&frontier.abandon(&id("b"))), ["d"]);
    assert!(frontier.is_blocked(&id("d")) && !frontier.is_blocked(&id("c")));
    assert_eq!(texts(&frontier.abandon(&id("c"))), Vec::<&str>::new());
    assert_eq!(texts(frontier.ready()), ["e"]);
    assert_eq!(frontier.reopen(&id("b")), Some(id("b")));
    assert_eq!(texts(frontier.blocked()), ["d"], "c is still given up");
    frontier.reopen(&id("c"));
    assert_eq!((texts(frontier.blocked()), texts(frontier.ready())), (vec![], vec!["b", "c", "e"]));
}

fn plan(slices: Vec<SliceSpec>) -> AcceptedPlan {
    AcceptedPlan { slices, gates: Vec::new(), serialised: Vec::new(), source: "plan.toml".to_owned() }
}

#[test]
fn an_accepted_change_keeps_what_is_there_and_adds_what_it_needs() {
    let old = plan(vec![touching("a", &[], &["w:f"]), slice("b", &[])]);
    let change = Change::AddSlice(Box::new(touching("c", &["b"], &["r:f"])));
    let (new, graph) = Delta::propose(&old, vec![change], &BTreeSet::from([id("a")])).unwrap().apply();
    assert_eq!(new.slices[..2], old.slices);
    assert_eq!(texts(graph.dependencies(&id("c"))), ["a", "b"]);
    assert_eq!(new.serialised, [Serialised { first: id("a"), then: id("c"), path: "f".to_owned() }]);
}

#[test]
fn a_change_is_refused_by_the_rules_of_the_plan() {
    let old = plan(vec![slice("a", &[]), slice("b", &["a"])]);
    let change = Change::AddDependency { slice: id("a"), after: id("b") };
    let refusal = Delta::propose(&old, vec![change], &BTreeSet::new()).unwrap_err();
    let expected = "the changed plan is refused: the plan has a cycle: a -> b -> a (`a -> b`: a comes after b); remove \
                    one of these `after` entries";
    assert_eq!(refusal.to_string(), expected);
}

#[test]
fn a_slice_that_has_begun_waits_for_nothing_new() {
    let old = plan(vec![slice("a", &[]), slice("b", &[])]);
    let change = || vec![Change::AddDependency { slice: id("b"), after: id("a") }];
    let refusal = Delta::propose(&old, change(), &BTreeSet::from([id("b")])).unwrap_err();
    assert_eq!(refusal, Refusal::Begun { slice: id("b"), after: id("a") });
    let expected = "slice `b` has begun and cannot wait for `a` any more; let `a` come after it instead";
    assert_eq!(refusal.to_string(), expected);
    assert!(Delta::propose(&old, change(), &BTreeSet::from([id("a")])).is_ok());
    let stranger = Change::AddDependency { slice: id("x"), after: id("a") };
    let refusal = Delta::propose(&old, vec![stranger], &BTreeSet::new()).unwrap_err();
    assert_eq!(refusal.to_string(), "there is no slice `x` to change; name a slice of the plan");
}

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
