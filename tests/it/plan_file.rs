//! The user's plan: what it may say, how it is refused, and that what is printed can be read again.

use omk::domain::access::{AccessSet, PathPattern};
use omk::domain::budget::Limits;
use omk::domain::goal::Settings;
use omk::domain::ids::{GateName, SliceId};
use omk::domain::task::{AcceptedPlan, GateCommand, GateKind, GateSpec, Risk, Serialised, SliceSpec};
use omk::workflow::plan_file::{PlanDraft, parse, render};
use proptest::prelude::*;

const FULL: &str = r#"
goal = "Split the parser"
constraints = ["no new dependency"]
assumptions = ["the tests are complete"]
acceptance = ["the public API is unchanged"]

[[slices]]
id = "lexer"
title = "Lexer in its own module"
description = """
Move the lexer.
Keep its tests."""
reads = ["src/token.rs"]
writes = ["./src//lexer.rs", "src/lexer/**"]
merges = ["src/lib.rs"]
risk = "low"
acceptance = ["src/lexer.rs exists"]
gates = ["unit"]
retries = 5
run = "sh scripts/move-lexer.sh"
budget = { time = "1h", tokens = 100000, usd = 1.5 }

[[slices]]
id = "parser"
after = ["lexer"]
agent = "claude"

[[gates]]
name = "unit"
command = "cargo test"
timeout = "1m 30s"

[[gates]]
name = "bench"
command = ["cargo", "bench"]
kind = "bench"
timeout = 90
required = false
"#;

fn patterns(texts: &[&str]) -> Vec<PathPattern> {
    texts.iter().map(|text| PathPattern::parse(text).unwrap()).collect()
}

fn slice_id(text: &str) -> SliceId {
    SliceId::parse(text).unwrap()
}

fn gate_name(text: &str) -> GateName {
    GateName::parse(text).unwrap()
}

fn full() -> PlanDraft {
    PlanDraft {
        goal: Some("Split the parser".into()),
        constraints: vec!["no new dependency".into()],
        assumptions: vec!["the tests are complete".into()],
        acceptance: vec!["the public API is unchanged".into()],
        slices: vec![
            SliceSpec {
                id: slice_id("lexer"),
                title: "Lexer in its own module".into(),
                description: "Move the lexer.\nKeep its tests.".into(),
                after: vec![],
                access: AccessSet {
                    reads: patterns(&["src/token.rs"]),
                    writes: patterns(&["src/lexer.rs", "src/lexer/**"]),
                    merges: patterns(&["src/lib.rs"]),
                },
                risk: Risk::Low,
                acceptance: vec!["src/lexer.rs exists".into()],
                gates: vec![gate_name("unit")],
                retries: 5,
                run: Some("sh scripts/move-lexer.sh".into()),
                agent: None,
                budget: Limits { time_ms: Some(3_600_000), tokens: Some(100_000), usd_micros: Some(1_500_000) },
            },
            SliceSpec {
                id: slice_id("parser"),
                title: "parser".into(),
                description: String::new(),
                after: vec![slice_id("lexer")],
                access: AccessSet::default(),
                risk: Risk::Medium,
                acceptance: vec![],
                gates: vec![],
                retries: 2,
                run: None,
                agent: Some("claude".into()),
                budget: Limits::default(),
            },
        ],
        gates: vec![
            GateSpec {
                name: gate_name("unit"),
                command: GateCommand::Shell("cargo test".into()),
                kind: GateKind::Test,
                timeout_ms: 90_000,
                required: true,
            },
            GateSpec {
                name: gate_name("bench"),
                command: GateCommand::Argv(vec!["cargo".into(), "bench".into()]),
                kind: GateKind::Bench,
                timeout_ms: 90_000,
                required: false,
            },
        ],
    }
}

fn refusal(text: &str, name: &str) -> String {
    parse(text, name, &Settings::default()).unwrap_err().to_string()
}

#[test]
fn every_field_of_a_toml_plan_is_read() {
    assert_eq!(parse(FULL, "plan.toml", &Settings::default()), Ok(full()));
}

#[test]
fn a_json_plan_with_the_same_fields_is_the_same_plan() {
    let value: serde_json::Value = toml::from_str(FULL).unwrap();
    let json = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(parse(&json, "plan.json", &Settings::default()), Ok(full()));
}

#[test]
fn the_documented_example_is_a_plan() {
    let page = include_str!("../../docs/plan-format.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap();
    let draft = parse(example, "example.toml", &Settings::default()).unwrap();
    assert_eq!((draft.slices.len(), draft.gates.len()), (4, 3));
}

#[test]
fn the_extension_decides_the_format_and_then_the_first_visible_character() {
    let json = "\n {\"slices\": [{\"id\": \"a\"}]}";
    let toml = "[[slices]]\nid = \"a\"";
    for (text, name) in [(json, "x.JSON"), (json, "plan"), (json, "plan.txt"), (toml, "plan"), (toml, "a.toml")] {
        assert_eq!(parse(text, name, &Settings::default()).map(|draft| draft.slices.len()), Ok(1), "{name}");
    }
    assert_eq!(refusal(toml, "a.json"), "a.json:1:3: this is not JSON: expected value");
}

#[test]
fn retries_and_timeouts_that_a_plan_leaves_open_come_from_the_settings() {
    let settings = Settings { retries: 7, gate_timeout_ms: 1234, ..Settings::default() };
    let text = "slices = [{ id = \"a\" }]\ngates = [{ name = \"g\", command = \"true\" }]";
    let draft = parse(text, "p.toml", &settings).unwrap();
    assert_eq!((draft.slices[0].retries, draft.gates[0].timeout_ms), (7, 1234));
}

#[test]
fn a_budget_that_cannot_be_one_is_refused() {
    let money = "which is no amount of US dollars above zero; write it like 1.5 or \"0.25\"";
    let cases = [
        ("usd = -1", format!("`usd` is `-1`, {money}")),
        ("usd = 0.0", format!("`usd` is `0.0`, {money}")),
        ("usd = 1e3", format!("`usd` is `1e3`, {money}")),
        ("usd = true", "`usd` is a boolean, and has to be an amount of US dollars like 1.5".to_owned()),
        ("tokens = 0", "`tokens` is 0, and has to be between 1 and 9223372036854775807".to_owned()),
        ("tokens = 1.5", "`tokens` is a number with a fraction, and has to be a whole number".to_owned()),
        ("time = \"0s\"", "`time` is `0s`, which is no length of time above zero".to_owned()),
        ("money = 1", "unknown field `money` in `budget`".to_owned()),
    ];
    for (field, said) in cases {
        let refused = refusal(&format!("[[slices]]\nid = \"a\"\nbudget = {{ {field} }}"), "p");
        assert!(refused.starts_with("p:3:") && refused.contains(&said), "{field}: {refused}");
    }
}

#[test]
fn a_text_that_is_no_toml_is_refused_with_its_line_and_column() {
    assert_eq!(
        refusal("[[slices]]\nid = \"a\"\ntitle = oops\n", "plan.toml"),
        "plan.toml:3:9: this is not TOML: string values must be quoted, expected literal string"
    );
}

#[test]
fn a_text_that_is_no_json_is_refused_with_its_line_and_column() {
    assert_eq!(
        refusal("{\"slices\": [\n  {\"id\": \"a\",}\n]}", "plan.json"),
        "plan.json:2:14: this is not JSON: key must be a string"
    );
    assert_eq!(refusal("{\"slices\": [", "p"), "p:1:12: this is not JSON: EOF while parsing a list");
    assert_eq!(refusal("{} x", "p.json"), "p.json:1:4: this is not JSON: trailing characters");
}

#[test]
fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    let cases = [
        ("[[slices]]\nid = \"a\"\nafetr = []", "p:3:1: unknown field `afetr` in [[slices]]; did you mean `after`?"),
        (
            "[[slices]]\nid = \"a\"\ndepends_on = []",
            "p:3:1: unknown field `depends_on` in [[slices]]; did you mean `after`?",
        ),
        ("[[slices]]\nid = \"a\"\nzzz = 1", "p:3:1: unknown field `zzz` in [[slices]]"),
        ("[[slice]]\nid = \"a\"", "p:1:3: unknown field `slice` in the plan; did you mean `slices`?"),
        ("[[gates]]\nname = \"a\"\ncmd = \"x\"", "p:3:1: unknown field `cmd` in [[gates]]; did you mean `command`?"),
        (
            "{\"slices\": [{\"id\": \"a\",\n \"write\": [\"x\"]}]}",
            "p:2:11: unknown field `write` in [[slices]]; did you mean `writes`?",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text, "p"), expected);
    }
}

#[test]
fn the_first_wrong_field_of_the_file_is_the_one_that_is_named() {
    let text = "zz = 1\naa = 2\n[[slices]]\nid = \"a\"";
    assert_eq!(refusal(text, "p"), "p:1:1: unknown field `zz` in the plan");
}

#[test]
fn a_path_outside_the_repository_is_refused() {
    let cases = [
        ("[\"/etc\"]", "p:3:11: in `writes`: path `/etc` is absolute; give it relative to the repository"),
        ("[\"a\", \"b/../c\"]", "p:3:16: in `writes`: path `b/../c` leaves the repository with `..`"),
        ("[\".git/config\"]", "p:3:11: in `writes`: path `.git/config` names git's own directory"),
        ("[\"\"]", "p:3:11: in `writes`: path `` is empty; `**` stands for the whole repository"),
    ];
    for (paths, expected) in cases {
        assert_eq!(refusal(&format!("[[slices]]\nid = \"a\"\nwrites = {paths}"), "p"), expected);
    }
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    let cases = [
        ("id = \"Bad Id\"", "p:2:6: in `id`: slice id `Bad Id` does not match [a-z0-9][a-z0-9-]*"),
        ("id = \"base\"", "p:2:6: in `id`: slice id `base` is reserved"),
        ("id = \"a\"\nafter = [\"B\"]", "p:3:10: in `after`: slice id `B` does not match [a-z0-9][a-z0-9-]*"),
        ("id = \"a\"\ngates = [\"-x\"]", "p:3:10: in `gates`: gate name `-x` does not match [a-z0-9][a-z0-9_.-]*"),
        ("title = \"no id\"", "p:1:1: `id` is missing in this entry of [[slices]]"),
    ];
    for (fields, expected) in cases {
        assert_eq!(refusal(&format!("[[slices]]\n{fields}"), "p"), expected);
    }
}

#[test]
fn a_value_of_another_type_is_refused() {
    let cases = [
        ("slices = 3", "p:1:10: `slices` is a number, and has to be a list of tables"),
        ("slices = [1]", "p:1:11: `[[slices]]` is a number, and has to be a table"),
        ("slices = [{ id = 1 }]", "p:1:18: `id` is a number, and has to be a string"),
        ("slices = [{ id = \"a\", writes = \"x\" }]", "p:1:32: `writes` is a string, and has to be a list of strings"),
        ("slices = [{ id = \"a\", after = [1] }]", "p:1:32: `after` is a number, and has to be a list of strings only"),
        (
            "slices = [{ id = \"a\", retries = 1.5 }]",
            "p:1:33: `retries` is a number with a fraction, and has to be a whole number",
        ),
        ("slices = [{ id = \"a\", retries = -1 }]", "p:1:33: `retries` is -1, and has to be between 0 and 1000"),
        (
            "slices = [{ id = \"a\", risk = \"hgih\" }]",
            "p:1:30: `risk` does not know `hgih`; it is one of low, medium, high; did you mean `high`?",
        ),
        ("slices = [{ id = \"a\", title = \"a\\u001b[31m\" }]", "p:1:31: `title` holds a control character"),
        ("slices = [{ id = \"a\", run = \" \" }]", "p:1:29: `run` is empty"),
        (
            "slices = [{ id = \"a\", run = \"true\", agent = \"kimi\" }]",
            "p:1:45: `agent` and `run` exclude each other; leave one of them out",
        ),
        ("slices = [{ id = \"a\", agent = 1 }]", "p:1:31: `agent` is a number, and has to be a string"),
        ("{\"slices\": null}", "p:1:12: `slices` is null, and has to be a list of tables"),
        ("{\"goal\": \"a\", \"goal\": \"b\"}", "p:1:23: `goal` is given twice"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text, "p"), expected);
    }
}

#[test]
fn a_gate_that_cannot_be_one_is_refused() {
    let cases = [
        ("{ name = \"g\" }", "p:1:10: `command` is missing in this entry of [[gates]]"),
        ("{ name = \"g\", command = [] }", "p:1:34: `command` is empty"),
        ("{ name = \"g\", command = \"\" }", "p:1:34: `command` is empty"),
        (
            "{ name = \"g\", command = true }",
            "p:1:34: `command` is a boolean, and has to be a string for `sh -c` or a list of strings",
        ),
        (
            "{ name = \"g\", command = \"x\", timeout = 0 }",
            "p:1:49: `timeout` is 0, and has to be between 1 and 315360000",
        ),
        (
            "{ name = \"g\", command = \"x\", timeout = \"0s\" }",
            "p:1:49: `timeout` is `0s`, which is no length of time above zero (it is below a millisecond or without \
             end); write it like \"90s\" or \"5m\"",
        ),
        (
            "{ name = \"g\", command = \"x\", required = 1 }",
            "p:1:50: `required` is a number, and has to be true or false",
        ),
        (
            "{ name = \"g\", command = \"x\" }, { name = \"g\", command = \"y\" }",
            "p:1:50: there are two gates called `g`",
        ),
    ];
    for (gates, expected) in cases {
        assert_eq!(refusal(&format!("gates = [{gates}]\nslices = [{{ id = \"a\" }}]"), "p"), expected);
    }
}

#[test]
fn a_plan_without_slices_is_refused() {
    let said = "the plan has no slices; give at least one [[slices]] with an `id`";
    assert_eq!(refusal("", "p.toml"), format!("p.toml: {said}"));
    assert_eq!(refusal("\nslices = []", "p"), format!("p:2:10: {said}"));
}

#[test]
fn columns_count_characters() {
    assert_eq!(
        refusal("slices = [{ title = \"grün\", id = 1 }]", "p"),
        "p:1:34: `id` is a number, and has to be a string"
    );
}

#[test]
fn orders_that_the_planner_added_are_printed_as_comments() {
    let draft = full();
    let plan = AcceptedPlan {
        slices: draft.slices,
        gates: draft.gates,
        serialised: vec![Serialised { first: slice_id("lexer"), then: slice_id("parser"), path: "src/a\nb".into() }],
        source: "p".into(),
    };
    let printed = render(&plan);
    assert!(
        printed
            .starts_with("# `parser` waits for `lexer`: one reads what the other writes (src/a\\nb)\n\n[[slices]]\n"),
        "{printed}"
    );
    let read = parse(&printed, "p.toml", &Settings::default()).unwrap();
    assert_eq!((read.slices, read.gates), (plan.slices, plan.gates));
}

fn id_text() -> impl Strategy<Value = String> {
    "[a-z0-9][a-z0-9-]{0,12}".prop_filter("reserved", |id| id != "base" && id != "integration")
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "(?s).{0,12}", "['\"\\\\\n\r\t ]{0,8}"].prop_map(|text| text.replace('\0', ""))
}

fn program() -> impl Strategy<Value = String> {
    (any_text(), "[a-z]{1,3}", any_text()).prop_map(|(a, b, c)| a + &b + &c)
}

fn paths() -> impl Strategy<Value = Vec<PathPattern>> {
    let path = "[a-zA-Zé' ]{1,4}(/(\\*\\*|[a-z*?]{1,3})){0,2}";
    proptest::collection::vec(path.prop_map(|text| PathPattern::parse(&text).unwrap()), 0..3)
}

fn title() -> impl Strategy<Value = String> {
    "[ -~é]{0,10}[a-z]".prop_map(String::from)
}

fn budget() -> impl Strategy<Value = Limits> {
    let amount = |most: u64| proptest::option::of(1..=most);
    (amount(400_000_000_000), amount(i64::MAX as u64), amount(u64::MAX))
        .prop_map(|(time_ms, tokens, usd_micros)| Limits { time_ms, tokens, usd_micros })
}

/// Nobody in particular, a command, or an agent: never both.
fn who() -> impl Strategy<Value = (Option<String>, Option<String>)> {
    (proptest::option::of(program()), any::<bool>())
        .prop_map(|(text, is_run)| if is_run { (text, None) } else { (None, text) })
}

prop_compose! {
    fn slice()(
        id in id_text(),
        title in title(),
        (description, acceptance) in (any_text(), proptest::collection::vec(any_text(), 0..3)),
        (run, agent) in who(),
        after in proptest::collection::vec(id_text().prop_map(|id| slice_id(&id)), 0..3),
        (reads, writes, merges) in (paths(), paths(), paths()),
        risk in prop_oneof![Just(Risk::Low), Just(Risk::Medium), Just(Risk::High)],
        gates in proptest::collection::vec(id_text().prop_map(|id| gate_name(&id)), 0..3),
        retries in 0u32..=1000,
        budget in budget(),
    ) -> SliceSpec {
        let access = AccessSet { reads, writes, merges };
        SliceSpec { id: slice_id(&id), title, description, after, access, risk, acceptance, gates, retries, run, agent, budget }
    }
}

#[test]
fn a_plan_saved_on_windows_is_the_same_plan() {
    let toml =
        "[[slices]]\nid = \"s\"\nrun = \"\"\"\nset -e\necho x\n\"\"\"\n[[gates]]\nname = \"g\"\ncommand = \"true\"\n";
    let json = "{\"slices\": [{\"id\": \"s\",\n\"run\": \"set -e\"}]}\n";
    for (text, name) in [(toml, "p.toml"), (json, "p.json"), (json, "p"), (toml, "p")] {
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let plan = parse(text, name, &Settings::default());
        assert!(plan.is_ok(), "{plan:?}");
        assert_eq!(parse(&windows, name, &Settings::default()), plan);
    }
    let wrong = parse("\u{feff}[[slices]]\r\nid = \"s\"\r\nrum = 1\r\n", "p.toml", &Settings::default()).unwrap_err();
    assert_eq!(wrong.place.to_string(), "p.toml:3:1");
}

#[test]
fn patterns_that_the_matcher_cannot_hold_are_refused() {
    let deep = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
    let nested = "nests braces deeper than 16".to_owned();
    for depth in [17, 250, 2_000] {
        let problem = PathPattern::parse(&deep(depth)).unwrap_err().problem;
        assert_eq!(problem, nested, "{depth}");
    }
    assert!(PathPattern::parse(&deep(16)).is_ok());
    assert_eq!(PathPattern::parse(&"a".repeat(5_000)).unwrap_err().problem, "is longer than 4096 bytes");
    for text in [
        "?".repeat(4_096),
        "[a-z]".repeat(800),
        "{a,b}".repeat(800),
        "**/".repeat(1_300) + "a",
        "{*,?}/".repeat(600) + "a",
    ] {
        let _neither_panics = PathPattern::parse(&text).map(|pattern| pattern.covers("a/b/c"));
    }
}

fn command() -> impl Strategy<Value = GateCommand> {
    let argv = (program(), proptest::collection::vec(any_text(), 0..3));
    prop_oneof![
        program().prop_map(GateCommand::Shell),
        argv.prop_map(|(program, rest)| GateCommand::Argv(std::iter::once(program).chain(rest).collect())),
    ]
}

fn kind() -> impl Strategy<Value = GateKind> {
    prop_oneof![
        Just(GateKind::Test),
        Just(GateKind::Build),
        Just(GateKind::Lint),
        Just(GateKind::Bench),
        Just(GateKind::Custom)
    ]
}

prop_compose! {
    fn gates()(parts in proptest::collection::vec((command(), kind(), 1u64..400_000_000_000, any::<bool>()), 0..4)) -> Vec<GateSpec> {
        let gate = |(index, (command, kind, timeout_ms, required))| {
            GateSpec { name: gate_name(&format!("g{index}")), command, kind, timeout_ms, required }
        };
        parts.into_iter().enumerate().map(gate).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_reads_back_the_same(slices in proptest::collection::vec(slice(), 1..4), gates in gates()) {
        let plan = AcceptedPlan { slices, gates, serialised: vec![], source: "p".into() };
        let read = parse(&render(&plan), "p.toml", &Settings::default());
        let expected = PlanDraft { slices: plan.slices, gates: plan.gates, ..PlanDraft::default() };
        prop_assert_eq!(read, Ok(expected));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,40}", json in any::<bool>()) {
        let _ = parse(&text, if json { "p.json" } else { "p.toml" }, &Settings::default());
    }
}
