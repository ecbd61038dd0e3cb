//! Planning: slices from a goal's text, gates from their sources, the documents, and the accepted plan.

use omk::domain::budget::Limits;
use omk::domain::goal::{Charter, DeliveryPolicy, MergePolicy, RepositoryFacts, SandboxChoice, SandboxLevel, Settings};
use omk::domain::ids::{CommitId, GateName, GoalId, SliceId, Timestamp, TreeId};
use omk::domain::task::{AcceptedPlan, GateCommand, GateKind, GateSpec, Proposal, Serialised, SliceSpec};
use omk::workflow::gate_detection::{BaseRoot, READS, detect};
use omk::workflow::plan_documents::{prd, technical_plan, test_spec};
use omk::workflow::plan_file::{PlanDraft, parse};
use omk::workflow::planner::{GateSources, HEURISTIC, PlanRefusal, accept, gates_from, heuristic, parse_gate_flag};

fn ids(slices: &[SliceSpec]) -> Vec<&str> {
    slices.iter().map(|slice| slice.id.as_str()).collect()
}

fn gate(name: &str, command: &str) -> GateSpec {
    GateSpec {
        name: GateName::parse(name).unwrap(),
        command: GateCommand::Shell(command.into()),
        kind: GateKind::Test,
        timeout_ms: 1,
        required: true,
    }
}

#[test]
fn a_text_without_bullets_is_one_slice_that_may_write_everything() {
    let settings = Settings { retries: 4, ..Settings::default() };
    let slices = heuristic("  Make the parser faster and keep its API.\nSee docs/api.md.\n", &settings);
    assert_eq!(ids(&slices), ["make-the-parser-faster-and"]);
    assert_eq!(slices[0].title, "Make the parser faster and keep its API.");
    assert_eq!(slices[0].description, "Make the parser faster and keep its API.\nSee docs/api.md.");
    assert_eq!((slices[0].access.writes[0].as_str(), slices[0].retries), ("**", 4));
}

#[test]
fn bullets_become_slices_in_a_chain() {
    let text =
        "Tidy up:\n\n- rename Foo to Bar\n  everywhere\n  - also in docs\n- drop the old flag\n- rename Foo to Bar\n";
    let slices = heuristic(text, &Settings::default());
    assert_eq!(ids(&slices), ["rename-foo-to-bar-everywhere", "drop-the-old-flag", "rename-foo-to-bar"]);
    let after: Vec<Vec<&str>> = slices.iter().map(|slice| slice.after.iter().map(|id| id.as_str()).collect()).collect();
    assert_eq!(after, [vec![], vec!["rename-foo-to-bar-everywhere"], vec!["drop-the-old-flag"]]);
    assert_eq!(
        slices[0].description,
        "rename Foo to Bar\neverywhere\n- also in docs\n\nThe goal that this is a part of: Tidy up:"
    );
    assert_eq!(slices[0].title, "rename Foo to Bar");
}

#[test]
fn numbered_bullets_count_and_equal_ones_get_a_number() {
    let slices = heuristic("1. fix it\n2) fix it\n3. fix it", &Settings::default());
    assert_eq!(ids(&slices), ["fix-it", "fix-it-2", "fix-it-3"]);
}

#[test]
fn one_bullet_or_a_dash_in_a_sentence_is_one_slice() {
    for text in ["- only this", "a - b\n-c\n1.5 is a number", "2024. was a year\n2025. too"] {
        assert_eq!(heuristic(text, &Settings::default()).len(), 1, "{text}");
    }
}

#[test]
fn texts_without_usable_words_get_a_fallback_name() {
    assert_eq!(ids(&heuristic("日本語だけ", &Settings::default())), ["main"]);
    assert_eq!(ids(&heuristic("base", &Settings::default())), ["main"]);
    assert_eq!(ids(&heuristic("- ü\n- ö", &Settings::default())), ["step", "step-2"]);
}

#[test]
fn titles_are_one_short_line_without_control_characters() {
    let text = format!("\u{1b}[31mred {}", "word ".repeat(40));
    let title = heuristic(&text, &Settings::default()).remove(0).title;
    assert!(title.starts_with("[31mred word") && title.ends_with("word…"), "{title}");
    assert!(title.chars().count() <= 73);
}

#[test]
fn a_gate_flag_is_a_name_and_a_shell_command() {
    let settings = Settings { gate_timeout_ms: 1, ..Settings::default() };
    assert_eq!(parse_gate_flag("unit=A=b cargo test", &settings), Ok(gate("unit", "A=b cargo test")));
}

#[test]
fn a_gate_flag_that_is_none_says_how_to_write_one() {
    let how = "write it as NAME=COMMAND, such as --gate test='cargo test'";
    let cases = [
        ("cargo test", format!("--gate `cargo test` has no `=`; {how}")),
        ("unit= ", format!("--gate `unit=` has no command; {how}")),
        ("Unit=x", format!("--gate: gate name `Unit` does not match [a-z0-9][a-z0-9_.-]*; {how}")),
        ("=x", format!("--gate: gate name `` has not between 1 and 40 characters; {how}")),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_gate_flag(text, &Settings::default()).unwrap_err().to_string(), expected);
    }
}

#[test]
fn gates_of_the_command_line_replace_and_extend_those_of_the_plan() {
    let sources = GateSources {
        flags: vec![gate("b", "flag"), gate("c", "flag"), gate("c", "last")],
        plan: vec![gate("a", "plan"), gate("b", "plan")],
        configuration: vec![gate("x", "configuration")],
        detected: vec![gate("y", "detected")],
    };
    assert_eq!(gates_from(sources), [gate("a", "plan"), gate("b", "flag"), gate("c", "last")]);
}

#[test]
fn the_configuration_comes_before_detection_and_both_only_where_nothing_is_stated() {
    let detected = vec![gate("y", "detected")];
    let configuration = vec![gate("x", "configuration")];
    let both = GateSources { configuration: configuration.clone(), detected: detected.clone(), ..Default::default() };
    assert_eq!(gates_from(both), configuration);
    assert_eq!(gates_from(GateSources { detected: detected.clone(), ..Default::default() }), detected);
    assert_eq!(gates_from(GateSources::default()), []);
    let flag_only = GateSources { flags: vec![gate("a", "flag")], configuration, ..Default::default() };
    assert_eq!(gates_from(flag_only), [gate("a", "flag")]);
}

/// The commands that a root with these files (name, content) suggests.
fn detected(files: &[(&str, &str)]) -> Vec<String> {
    let entries: Vec<String> = files.iter().map(|(name, _)| (*name).to_owned()).collect();
    let read = |wanted: &str| {
        assert!(READS.contains(&wanted), "{wanted} is not among the files that callers read ahead");
        files.iter().find(|(name, _)| *name == wanted).map(|(_, text)| (*text).to_owned())
    };
    let gates = detect(&BaseRoot { entries: &entries, read: &read }, &Settings::default());
    gates.iter().map(|gate| format!("{}: {}", gate.name, gate.command)).collect()
}

#[test]
fn a_cargo_package_is_tested_by_cargo() {
    assert_eq!(detected(&[("Cargo.toml", "[package]\nname = \"a\"\n# [workspace]")]), ["cargo-test: cargo test"]);
    assert_eq!(detected(&[("Cargo.toml", "[workspace]\nmembers = []")]), ["cargo-test: cargo test --workspace"]);
    assert_eq!(detected(&[("Cargo.toml", "not toml")]), ["cargo-test: cargo test"]);
}

#[test]
fn an_npm_package_is_tested_where_it_has_a_real_test_script() {
    assert_eq!(detected(&[("package.json", r#"{"scripts": {"test": "vitest run"}}"#)]), ["npm-test: npm test"]);
    let none: [&str; 4] = [
        r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#,
        r#"{"scripts": {"build": "tsc"}}"#,
        r#"{"scripts": {"test": " "}}"#,
        "not json",
    ];
    for text in none {
        assert_eq!(detected(&[("package.json", text)]), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_go_module_is_tested_by_go() {
    assert_eq!(detected(&[("go.mod", "")]), ["go-test: go test ./..."]);
}

#[test]
fn a_python_project_is_tested_by_pytest_where_it_shows_and_else_by_unittest() {
    let pytest = ["pytest: python3 -m pytest -q"];
    assert_eq!(detected(&[("pyproject.toml", "[tool.pytest.ini_options]")]), pytest);
    assert_eq!(detected(&[("pytest.ini", "")]), pytest);
    assert_eq!(detected(&[("setup.py", ""), ("tests", "")]), pytest);
    assert_eq!(detected(&[("setup.cfg", "[tool:pytest]")]), pytest);
    assert_eq!(detected(&[("setup.py", "")]), ["unittest: python3 -m unittest"]);
    assert_eq!(detected(&[("test_a.py", "")]), ["unittest: python3 -m unittest"]);
    assert_eq!(detected(&[("tests", ""), ("readme.py", "")]), Vec::<String>::new());
}

#[test]
fn make_is_asked_where_nothing_else_is_found() {
    assert_eq!(detected(&[("Makefile", "all: a\n\ntest: all\n\t./run\n")]), ["make-test: make test"]);
    assert_eq!(detected(&[("Makefile", "check test2:\n\ttrue\n")]), ["make-check: make check"]);
    assert_eq!(detected(&[("Makefile", "test := 1\n# test: x\n\techo test: y\n")]), Vec::<String>::new());
    assert_eq!(detected(&[("Makefile", "test:\n"), ("go.mod", "")]), ["go-test: go test ./..."]);
}

#[test]
fn every_language_of_the_root_gets_its_gate() {
    let files = [("go.mod", ""), ("Cargo.toml", ""), ("package.json", r#"{"scripts": {"test": "jest"}}"#)];
    assert_eq!(detected(&files), ["cargo-test: cargo test", "npm-test: npm test", "go-test: go test ./..."]);
}

fn draft(text: &str) -> PlanDraft {
    parse(text, "plan.toml", &Settings::default()).unwrap()
}

const READER: &str = r#"
[[slices]]
id = "write"
title = "Write `a`"
description = "Write a.\u001b[2J\nKeep b."
writes = ["src/a.rs"]
acceptance = ["a is written"]
run = "sh a.sh"

[[slices]]
id = "read"
reads = ["src"]
writes = ["docs/a.md"]
gates = ["unit"]
risk = "high"

[[gates]]
name = "unit"
command = ["cargo", "test"]
timeout = "90s"
"#;

#[test]
fn an_accepted_plan_has_the_orders_that_its_reads_need() {
    let PlanDraft { slices, gates, .. } = draft(READER);
    let serialised = vec![Serialised {
        first: SliceId::parse("write").unwrap(),
        then: SliceId::parse("read").unwrap(),
        path: "src/a.rs".into(),
    }];
    let expected =
        AcceptedPlan { slices: slices.clone(), gates: gates.clone(), serialised, source: "plan.toml".into() };
    assert_eq!(accept(slices, gates, "plan.toml"), Ok(expected));
}

#[test]
fn every_plan_by_heuristic_is_accepted() {
    for text in ["one thing", "- a\n- b\n- c", "do:\n1. x\n2. x"] {
        let slices = heuristic(text, &Settings::default());
        let plan = accept(slices.clone(), vec![gate("g", "true")], HEURISTIC).unwrap();
        assert_eq!((plan.slices, plan.serialised), (slices, vec![]), "{text}");
    }
}

#[test]
fn a_plan_without_a_required_gate_is_refused() {
    let slices = heuristic("x", &Settings::default());
    let optional = GateSpec { required: false, ..gate("g", "true") };
    assert_eq!(accept(slices.clone(), vec![], HEURISTIC), Err(PlanRefusal::NoGates));
    let refusal = accept(slices, vec![optional], HEURISTIC).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "no required gate is known, so nothing could prove the result; give one with --gate NAME=COMMAND, with \
         [[gates]] in the plan, or in the configuration"
    );
}

#[test]
fn what_is_wrong_between_slices_is_refused_a_line_each() {
    let PlanDraft { slices, .. } =
        draft("slices = [{ id = \"a\", after = [\"c\"] }, { id = \"b\", after = [\"d\"] }, { id = \"long-name\" }]");
    let refusal = accept(slices, vec![gate("g", "true")], "p").unwrap_err();
    assert!(matches!(&refusal, PlanRefusal::Graph(errors) if errors.len() == 2), "{refusal:?}");
    assert_eq!(refusal.to_string().lines().count(), 2);
}

fn charter() -> Charter {
    Charter {
        id: GoalId::parse("split-0abc").unwrap(),
        created: Timestamp(1_764_000_000_000),
        request: "Split it.\n\nWell \u{1b}[31m.".into(),
        goal: "Split it. Well".into(),
        constraints: vec!["no new dependency".into()],
        assumptions: vec![],
        criteria: vec!["every gate is green on the integrated tree".into()],
        repository: RepositoryFacts {
            root: "/r".into(),
            git_dir: "/r/.git".into(),
            base: CommitId::parse(&"1".repeat(40)).unwrap(),
            base_tree: TreeId::parse(&"2".repeat(40)).unwrap(),
            branch: None,
            notes: vec![],
        },
        agent: None,
        stand_ins: Vec::new(),
        max_agents: 4,
        role_limits: Default::default(),
        prices: Vec::new(),
        limits: Limits::default(),
        policy: DeliveryPolicy::Local,
        merge_policy: MergePolicy::Disabled,
        sandbox: SandboxChoice::Auto,
        sandbox_level: SandboxLevel::None,
        no_input: false,
        settings: Settings::default(),
        proposal: Proposal { slices: Vec::new(), gates: Vec::new(), source: "plan.toml".to_owned() },
    }
}

fn plan() -> AcceptedPlan {
    let PlanDraft { slices, gates, .. } = draft(READER);
    accept(slices, gates, "plan.toml").unwrap()
}

#[test]
fn the_requirements_say_what_is_wanted() {
    let expected = "\
# Product requirements: Split it. Well

Goal `split-0abc`, created 2025-11-24T16:00:00.000Z.

## Request

> Split it.
>
> Well \\u{1b}[31m.

## Constraints

- no new dependency

## Done when

- every gate is green on the integrated tree

## Scope

- `write`: Write `a`
- `read`: read
";
    assert_eq!(prd(&charter(), &plan()), expected);
}

#[test]
fn the_technical_plan_says_how_it_is_done() {
    let page = technical_plan(&charter(), &plan());
    let expected = format!(
        "\
# Technical plan: Split it. Well

Goal `split-0abc`, created 2025-11-24T16:00:00.000Z.

- Base: commit `{}`, tree `{}`
- Plan: plan.toml
- Agent: none; slices have a command or an agent of their own
- Slices at once: at most 4

## `write`: Write `a`

> Write a.\\u{{1b}}[2J
> Keep b.

- Writes: `src/a.rs`
- Risk: medium; attempts: at most 3
- Runs: `sh a.sh`

## `read`: read

- Reads: `src`
- Writes: `docs/a.md`
- Risk: high; attempts: at most 3

## Orders that the planner added

- `write` before `read`, because one reads what the other writes: `src/a.rs`
",
        "1".repeat(40),
        "2".repeat(40)
    );
    assert_eq!(page, expected);
}

#[test]
fn the_test_specification_says_how_it_is_proved() {
    let expected = "\
# Test specification: Split it. Well

Goal `split-0abc`, created 2025-11-24T16:00:00.000Z.

## Gates

- `unit` (test, required, at most 1m 30s): `cargo test`

## Acceptance by slice

- `write`: every required gate
  - a is written
- `read`: `unit`

## Acceptance of the whole

- every gate is green on the integrated tree
";
    assert_eq!(test_spec(&charter(), &plan()), expected);
}
