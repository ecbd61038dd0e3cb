//! The graph at size: 100,000 slices with 300,000 orders and access sets.
//!
//! The plan is synthetic: slices in modules, each with a file of its own, depending on up to three of the latest
//! thousand; what they read was mostly written by their dependencies, some by slices that they have no order with;
//! some files are written by chains of slices, some merged by many, and some patterns are globs.
#![allow(clippy::expect_used, reason = "a bench that cannot be set up has to fail")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::ids::SliceId;
use omk::domain::task::{Risk, SliceSpec};
use omk::graph::frontier::Frontier;
use omk::graph::task_graph::TaskGraph;
use omk::graph::validate::validate;

/// A small generator of numbers that look random (SplitMix64), so that every run sees the same plan.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}

fn path(text: &str) -> PathPattern {
    PathPattern::parse(text).expect("a pattern of the bench")
}

fn id(n: usize) -> SliceId {
    SliceId::parse(&format!("slice-{n}")).expect("an id of the bench")
}

/// The file that only slice `n` writes.
fn own_file(n: usize) -> String {
    format!("crates/c{}/src/m{}/f{n}.rs", n / 1000, n % 1000 / 20)
}

fn access(n: usize, before: &[usize], window: usize, numbers: &mut Numbers) -> AccessSet {
    let mut access = AccessSet { writes: vec![path(&own_file(n))], ..AccessSet::default() };
    access.reads.extend(before.iter().map(|&m| path(&own_file(m))));
    if n.is_multiple_of(4) && n > 0 {
        access.reads.push(path(&own_file(n - 1 - numbers.below(window.min(n)))));
    }
    if n.is_multiple_of(10) {
        access.merges.push(path(&format!("crates/c{}/Cargo.toml", n / 1000)));
    }
    if n % 1000 == 999 {
        access.reads.push(path(&format!("crates/c{}/src/**/*.md", n / 1000)));
        access.writes.push(path(&format!("crates/c{}/docs/*.{{md,txt}}", n / 1000)));
    }
    access
}

/// `count` slices with three orders each (fewer at the start), to slices at most `window` before.
fn plan(count: usize, window: usize) -> Vec<SliceSpec> {
    let mut numbers = Numbers(7);
    let spec = |n: usize| {
        let mut before: Vec<usize> = Vec::new();
        while before.len() < n.min(window).min(3) {
            let m = n - 1 - numbers.below(window.min(n));
            if !before.contains(&m) {
                before.push(m);
            }
        }
        SliceSpec {
            id: id(n),
            title: format!("Slice {n}"),
            description: String::new(),
            after: before.iter().copied().map(id).collect(),
            access: access(n, &before, window, &mut numbers),
            risk: Risk::Medium,
            acceptance: Vec::new(),
            gates: Vec::new(),
            retries: 1,
            run: None,
            agent: None,
            budget: omk::domain::budget::Limits::default(),
        }
    };
    (0..count).map(spec).collect()
}

/// Slices of which each reads everything and writes one file: a chain of orders has to be found.
fn readers_of_all(count: usize) -> Vec<SliceSpec> {
    let mut slices = plan(count, 1000);
    for (n, slice) in slices.iter_mut().enumerate() {
        slice.after.clear();
        slice.access = AccessSet { reads: vec![path("crates")], writes: vec![path(&own_file(n))], merges: Vec::new() };
    }
    slices
}

/// Slices of which each comes after the one before and writes the same file.
fn one_file(count: usize) -> Vec<SliceSpec> {
    let mut slices = plan(count, 1);
    for (n, slice) in slices.iter_mut().enumerate() {
        slice.after = n.checked_sub(1).map(id).into_iter().collect();
        slice.access = AccessSet { reads: vec![path("a.rs")], writes: vec![path("a.rs")], merges: Vec::new() };
    }
    slices
}

fn graph(slices: Vec<SliceSpec>) -> Arc<TaskGraph> {
    match validate(slices, &[], Vec::new()) {
        Ok(graph) => Arc::new(graph),
        Err(errors) => panic!("{}", errors[0]),
    }
}

fn first_frontier(c: &mut Criterion) {
    let mut group = c.benchmark_group("validate_to_first_frontier");
    group.sample_size(10);
    for count in [12_500, 25_000, 50_000, 100_000] {
        let slices = plan(count, 1000);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::new("recent", count), &slices, |b, slices| {
            b.iter_batched(|| slices.clone(), |slices| Frontier::new(graph(slices)), BatchSize::PerIteration);
        });
    }
    let shapes =
        [("anywhere", plan(100_000, 100_000)), ("readers", readers_of_all(100_000)), ("file", one_file(100_000))];
    for (name, slices) in shapes {
        group.bench_with_input(BenchmarkId::new(name, slices.len()), &slices, |b, slices| {
            b.iter_batched(|| slices.clone(), |slices| Frontier::new(graph(slices)), BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn completions(c: &mut Criterion) {
    let graph = graph(plan(100_000, 1000));
    let order: Vec<SliceId> = graph.topological().map(|slice| slice.id.clone()).collect();
    let mut group = c.benchmark_group("complete_all");
    group.sample_size(10);
    group.throughput(Throughput::Elements(order.len() as u64));
    group.bench_function(BenchmarkId::from_parameter(order.len()), |b| {
        let complete = |mut frontier: Frontier| {
            for id in &order {
                black_box(frontier.complete(id));
                black_box(frontier.ready().next());
            }
            frontier
        };
        b.iter_batched(|| Frontier::new(Arc::clone(&graph)), complete, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, first_frontier, completions);
criterion_main!(benches);
