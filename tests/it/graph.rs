//! The graph room: what is refused and in which words, which orders are added, what can start.

mod properties;

use std::collections::BTreeSet;
use std::sync::Arc;

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::ids::{GateName, SliceId};
use omk::domain::task::{AcceptedPlan, GateCommand, GateKind, GateSpec, Risk, Serialised, SliceSpec};
use omk::graph::delta::{Change, Delta, Refusal};
use omk::graph::error::GraphError;
use omk::graph::frontier::Frontier;
use omk::graph::overlap::{Touch, overlap};
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
        agent: None,
        budget: omk::domain::budget::Limits::default(),
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
