//! The layers of the crate, held by parsing every file under `src/`: one crate has no compiler to hold them.
//!
//! Each rule is shown to fail on a small text below; `sources_keep_the_architecture` then applies all of them.

use std::fmt;
use std::path::Path;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The rooms, and which rooms each may import besides itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["app", "domain"]),
    ("app", &["actors", "messages", "workflow", "agents", "adapters", "store", "graph", "ports", "process", "domain"]),
    ("actors", &["messages", "workflow", "review", "ports", "graph", "domain"]),
    ("messages", &["graph", "domain"]),
    ("workflow", &["graph", "domain"]),
    ("agents", &["process", "ports", "domain"]),
    ("adapters", &["process", "ports", "domain"]),
    ("store", &["ports", "domain"]),
    ("graph", &["domain"]),
    ("review", &["domain"]),
    ("ports", &["domain"]),
    ("process", &["domain"]),
    ("domain", &[]),
];

/// Names from outside that only some places may speak of: consecutive segments of a path, a crate where `true`.
const CONFINED: &[(&[&str], bool, &[&str])] = &[
    (&["actix"], true, &["messages", "actors", "app"]),
    (&["petgraph"], true, &["graph"]),
    (&["jiff"], true, &["agents"]),
    (&["git2"], true, &["adapters/git"]),
    (&["clap"], true, &["cli"]),
    (&["process", "Command"], false, &["process"]),
    (&["tokio", "process"], false, &["process"]),
    (&["SystemTime", "now"], false, &["adapters/clock"]),
];

/// What every actor may import from its own room: what makes one an actor, not another actor.
const SHARED_BY_ACTORS: &[&str] = &["coordinator", "exit_guard", "gating"];

const LONGEST_FILE: usize = 500;

#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "src/{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// Whether a file lies in a place: the place's own file, or below its directory.
fn within(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn module_of(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "main" | "lib")) {
        module.pop();
    }
    module
}

/// All breaches of one file; `path` is relative to `src/`.
fn breaches(path: &str, text: &str) -> Vec<Breach> {
    let room = path.split(['/', '.']).next().unwrap_or_default();
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
        let rule = format!("`{room}` is no room of the architecture");
        return vec![Breach { path: path.to_owned(), line: 1, rule }];
    };
    let mut checker = Checker { path, room, allowed, module: module_of(path), breaches: Vec::new() };
    if !text.starts_with("//!") {
        checker.say(1, "does not open with `//!`".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        checker.say(LONGEST_FILE + 1, format!("has {lines} lines, more than {LONGEST_FILE}"));
    }
    checker.visit_file(&syn::parse_file(text).unwrap_or_else(|e| panic!("src/{path}: {e}")));
    checker.breaches.sort_by_key(|breach| breach.line);
    checker.breaches.dedup();
    checker.breaches
}

struct Checker<'a> {
    path: &'a str,
    room: &'a str,
    allowed: &'a [&'a str],
    /// Where the names of the code at hand are relative to.
    module: Vec<String>,
    breaches: Vec<Breach>,
}

impl Checker<'_> {
    fn say(&mut self, line: usize, rule: String) {
        self.breaches.push(Breach { path: self.path.to_owned(), line, rule });
    }

    /// The path from the crate's root; `None` where it leads out of the crate or is local.
    fn resolve(&self, segments: &[String]) -> Option<Vec<String>> {
        let mut module = self.module.clone();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => (module, rest) = (Vec::new(), &rest[1..]),
            "omk" if self.room == "main" => (module, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {}
            _ => return None,
        }
        while rest.first().is_some_and(|segment| segment == "super") {
            module.pop();
            rest = &rest[1..];
        }
        module.extend(rest.iter().cloned());
        Some(module)
    }

    fn judge(&mut self, segments: &[String], span: Span) {
        let line = span.start().line;
        if let Some(inside) = self.resolve(segments) {
            self.judge_arrow(&inside, line);
        }
        for (name, is_crate, places) in CONFINED {
            let spoken = match is_crate {
                true => segments.starts_with(&[name[0].to_owned()]),
                false => segments.windows(name.len()).any(|window| window == *name),
            };
            if spoken && !places.iter().any(|place| within(self.path, place)) {
                self.say(line, format!("`{}` is for {} only", name.join("::"), places.join(", ")));
            }
        }
    }

    fn judge_arrow(&mut self, inside: &[String], line: usize) {
        let Some(room) = inside.first() else { return };
        if room == "*" {
            self.say(line, "imports everything from the root".to_owned());
        } else if room != self.room && !self.allowed.contains(&room.as_str()) && !self.is_item_of_root(room) {
            self.say(line, format!("{} must not import {room}", self.room));
        }
        let own = self.path.split(['/', '.']).nth(1).unwrap_or_default();
        if self.room == "actors" && room == "actors" && !matches!(own, "supervisor" | "mod" | "rs") {
            let other = inside.get(1).filter(|other| *other != own && !SHARED_BY_ACTORS.contains(&other.as_str()));
            if let Some(other) = other {
                self.say(line, format!("actor {own} must not import actor {other}; it gets a Recipient"));
            }
        }
    }

    /// Whether the name is no room but an item of `lib.rs` or `main.rs` itself.
    fn is_item_of_root(&self, room: &str) -> bool {
        matches!(self.room, "lib" | "main") && !ARROWS.iter().any(|(name, _)| *name == room)
    }

    fn judge_use(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>, exported: bool) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.judge_use(&path.tree, prefix, exported);
                prefix.pop();
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.judge_use(item, prefix, exported)),
            syn::UseTree::Name(syn::UseName { ident, .. }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                self.judge_leaf(ident.to_string(), tree.span(), prefix, exported);
            }
            syn::UseTree::Glob(_) => self.judge_leaf("*".to_owned(), tree.span(), prefix, exported),
        }
    }

    fn judge_leaf(&mut self, leaf: String, span: Span, prefix: &[String], exported: bool) {
        let mut segments = prefix.to_vec();
        if leaf != "self" || segments.is_empty() {
            segments.push(leaf);
        }
        self.judge(&segments, span);
        let room = self.resolve(&segments).and_then(|inside| inside.into_iter().next());
        if let Some(room) = room.filter(|room| exported && *room != self.room) {
            self.say(span.start().line, format!("re-exports {room}; import from the defining module"));
        }
    }

    /// Looks for paths in what a macro is given, which is not parsed.
    fn judge_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut start = Span::call_site();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.judge(&std::mem::take(&mut path), start);
                        start = ident.span();
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.judge(&std::mem::take(&mut path), start);
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.judge(&std::mem::take(&mut path), start);
                    colons = 0;
                    self.judge_tokens(group.stream());
                }
            }
        }
        self.judge(&path, start);
    }
}

impl<'ast> Visit<'ast> for Checker<'_> {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let exported = !matches!(item.vis, syn::Visibility::Inherited);
        self.judge_use(&item.tree, &mut Vec::new(), exported);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.judge(&segments, path.span());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.judge_tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.judge_tokens(list.tokens.clone());
        visit::visit_meta_list(self, list);
    }
}

fn sources(directory: &Path, prefix: &str, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            sources(&entry.path(), &format!("{name}/"), found);
        } else if name.ends_with(".rs") {
            found.push((name, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

#[test]
fn sources_keep_the_architecture() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    found.sort();
    let all: Vec<String> =
        found.iter().flat_map(|(path, text)| breaches(path, text)).map(|breach| breach.to_string()).collect();
    assert!(all.is_empty(), "{} breaches:\n{}", all.len(), all.join("\n"));
}

/// The breaches of a file with the given lines behind its first one, which is as it should be.
fn said(path: &str, code: &str) -> Vec<String> {
    breaches(path, &format!("//! A file.\n{code}")).iter().map(ToString::to_string).collect()
}

#[test]
fn allowed_arrows_pass() {
    assert_eq!(
        said("graph/validate.rs", "use crate::domain::ids::SliceId;\nuse crate::graph::{index, trie::Trie};"),
        [""; 0]
    );
    assert_eq!(said("main.rs", "fn main() -> std::process::ExitCode { omk::cli::run() }"), [""; 0]);
    assert_eq!(said("process/spawn.rs", "use std::process::Command;"), [""; 0]);
    assert_eq!(said("adapters/git/merge.rs", "use git2::Repository;"), [""; 0]);
    assert_eq!(said("lib.rs", "pub mod domain;"), [""; 0]);
}

#[test]
fn every_arrow_that_is_not_listed_fails() {
    for (room, allowed) in ARROWS.iter().filter(|(room, _)| !matches!(*room, "main" | "lib")) {
        for (other, _) in ARROWS.iter().filter(|(other, _)| other != room && !allowed.contains(other)) {
            let expected = format!("src/{room}/x.rs:2: {room} must not import {other}");
            assert_eq!(said(&format!("{room}/x.rs"), &format!("use crate::{other}::thing;")), [expected]);
        }
    }
    assert_eq!(said("main.rs", "use omk::domain::ids::SliceId;"), ["src/main.rs:2: main must not import domain"]);
}

#[test]
fn an_arrow_is_found_wherever_it_hides() {
    let line = ["src/graph/x.rs:2: graph must not import cli"];
    assert_eq!(said("graph/x.rs", "use crate::{domain::{ids, task}, cli::{self, output}};"), [line[0]]);
    assert_eq!(said("graph/x.rs", "fn f() { crate::cli::print(); }"), line);
    assert_eq!(said("graph/x.rs", "fn f(_: Vec<crate::cli::Output>) {}"), line);
    assert_eq!(said("graph/x.rs", "impl crate::cli::Print for u8 {}"), line);
    assert_eq!(said("graph/x.rs", "use super::super::cli::print;"), line);
    assert_eq!(said("graph/x.rs", "mod inner { use super::super::super::cli::print; }"), line);
    assert_eq!(said("graph/x.rs", "fn f() { println!(\"{}\", crate::cli::name()); }"), line);
    assert_eq!(said("graph/x.rs", "#[derive(Clone)] struct S { f: crate::cli::Output }"), line);
    assert_eq!(said("graph/x.rs", "use crate::cli as c;"), line);
    assert_eq!(said("graph/x.rs", "use crate::*;"), ["src/graph/x.rs:2: imports everything from the root"]);
}

#[test]
fn a_file_outside_the_rooms_fails() {
    assert_eq!(said("utils/text.rs", ""), ["src/utils/text.rs:1: `utils` is no room of the architecture"]);
}

#[test]
fn actors_import_no_other_actor() {
    let code = "use crate::actors::worker::Worker;\nuse crate::actors::exit_guard::ExitGuard;";
    let expected = "src/actors/scheduler.rs:2: actor scheduler must not import actor worker; it gets a Recipient";
    assert_eq!(said("actors/scheduler.rs", code), [expected]);
    assert_eq!(said("actors/supervisor.rs", code), [""; 0]);
    assert_eq!(said("actors/worker/gates.rs", code), [""; 0]);
    assert_eq!(said("actors/scheduler.rs", "use super::worker::Worker;"), [expected]);
}

#[test]
fn crates_and_calls_stay_in_their_rooms() {
    let cases = [
        ("workflow/x.rs", "use actix::Actor;", "`actix` is for messages, actors, app only"),
        ("workflow/x.rs", "#[derive(actix::Message)] struct S;", "`actix` is for messages, actors, app only"),
        ("workflow/x.rs", "use petgraph::graph::DiGraph;", "`petgraph` is for graph only"),
        ("store/x.rs", "fn f() { git2::Repository::open(\".\"); }", "`git2` is for adapters/git only"),
        ("adapters/gate.rs", "use git2::Oid;", "`git2` is for adapters/git only"),
        ("app/x.rs", "use clap::Parser;", "`clap` is for cli only"),
        ("adapters/x.rs", "use std::process::{Command, Stdio};", "`process::Command` is for process only"),
        (
            "adapters/x.rs",
            "use std::process; fn f() { process::Command::new(\"x\"); }",
            "`process::Command` is for process only",
        ),
        ("adapters/x.rs", "use tokio::process::Child;", "`tokio::process` is for process only"),
        ("app/x.rs", "fn f() { std::time::SystemTime::now(); }", "`SystemTime::now` is for adapters/clock only"),
        ("app/x.rs", "fn f() { vec![SystemTime::now()]; }", "`SystemTime::now` is for adapters/clock only"),
    ];
    for (path, code, rule) in cases {
        assert_eq!(said(path, code), [format!("src/{path}:2: {rule}")]);
    }
}

#[test]
fn reexports_across_rooms_fail() {
    let expected = ["src/ports.rs:2: re-exports domain; import from the defining module"];
    assert_eq!(said("ports.rs", "pub use crate::domain::ids::SliceId;"), expected);
    assert_eq!(said("ports.rs", "pub(crate) use crate::domain::ids;"), expected);
    assert_eq!(said("graph/mod.rs", "pub use crate::graph::validate::validate;"), [""; 0]);
}

#[test]
fn a_file_opens_with_its_purpose_and_ends_in_time() {
    let long = "\n".repeat(LONGEST_FILE);
    assert_eq!(said("domain/x.rs", &long), ["src/domain/x.rs:501: has 501 lines, more than 500"]);
    assert_eq!(breaches("domain/x.rs", "use std::fmt;")[0].to_string(), "src/domain/x.rs:1: does not open with `//!`");
}
