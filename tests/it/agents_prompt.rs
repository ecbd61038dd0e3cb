//! Prompts: what they hold, and what a user's own template may do.

use std::path::Path;

use omk::agents::prompt::{prompt, resumed_prompt};
use omk::domain::access::PathPattern;
use omk::domain::agent::AgentTask;
use omk::domain::budget::Usage;
use omk::domain::ids::{Attempt, CommitId, Epoch, GoalId};
use omk::domain::task::{
    AgentSession, Assignment, Feedback, FeedbackKind, GateSpec, KeptLines, SliceSpec, Surroundings,
};
use omk::graph::task_graph::TaskGraph;
use omk::workflow::surroundings::surroundings;

fn around() -> Surroundings {
    serde_json::from_value(serde_json::json!({
        "after": [{"id": "lexer", "title": "Tokens have places"}],
        "beside": [
            {"id": "docs", "title": "Describe it", "writes": ["docs", "README.md"], "merges": ["CHANGELOG.md"]},
            {"id": "idle", "title": "Only looks"},
        ],
        "before": [{"id": "cli", "title": "A flag for it"}],
        "gates": [
            {"name": "test", "command": "cargo test && ./more.sh", "timeout_ms": 1, "required": true},
            {"name": "lint", "command": ["cargo", "clippy"], "kind": "lint", "timeout_ms": 1, "required": true},
        ],
    }))
    .expect("surroundings")
}

fn task(worktree: &Path) -> AgentTask {
    let spec = serde_json::from_value(serde_json::json!({
        "id": "parser", "title": "Log in the parser", "description": "Every error path.", "retries": 1,
        "acceptance": ["errors are logged"], "writes": ["src/parser"], "merges": ["CHANGELOG.md"],
        "reads": ["src/log.rs"], "gates": ["test"],
    }));
    AgentTask {
        goal: GoalId::parse("goal-1").expect("an id"),
        goal_text: "Add logging".into(),
        criteria: vec!["no reviewer blocks".into()],
        constraints: vec!["no new dependency".into()],
        assignment: Assignment {
            spec: spec.expect("a slice"),
            attempt: Attempt(1),
            epoch: Epoch(1),
            agent: "kimi".into(),
            start: CommitId::parse(&"a".repeat(40)).expect("an id"),
            content: None,
            feedback: Vec::new(),
            captured: None,
            keep: Vec::new(),
            session: None,
            around: around(),
            lapses: 0,
        },
        worktree: worktree.to_owned(),
        timeout_ms: 1,
        grace_ms: 1,
        pulse_ms: 1,
        lease_ms: 1,
    }
}

#[test]
fn the_first_prompt_has_the_task_and_what_it_may_touch() {
    let dir = tempfile::tempdir().expect("a directory");
    let text = prompt(&task(dir.path()), None).expect("a prompt");
    insta::with_settings!({filters => vec![(r"/[^ ]*\.tmp[^ .]*", "<worktree>")]}, { insta::assert_snapshot!(text) });
}

#[test]
fn a_later_prompt_has_the_feedback_the_kept_lines_and_the_conventions() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("AGENTS.md"), "Run `make`.\u{1b}[1m\n").expect("a file");
    let mut task = task(dir.path());
    task.assignment.attempt = Attempt(2);
    task.assignment.feedback = vec![Feedback {
        kind: FeedbackKind::Gate,
        summary: "test is red".into(),
        detail: "assertion failed".into(),
        paths: vec!["src/parser/mod.rs".into()],
    }];
    task.assignment.keep =
        vec![KeptLines { path: "CHANGELOG.md".into(), from: Vec::new(), lines: vec!["- lexer: logs".into()] }];
    let text = prompt(&task, None).expect("a prompt");
    insta::with_settings!({filters => vec![(r"/[^ ]*\.tmp[^ .]*", "<worktree>")]}, { insta::assert_snapshot!(text) });
}

#[test]
fn a_session_that_goes_on_is_told_what_it_was_not_told_yet() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut task = task(dir.path());
    task.assignment.feedback = ["the gate is red", "a stray file", "the review blocks"].map(failure).to_vec();
    let told = |news| headings(&resumed_prompt(&task, &session(news), None).expect("a prompt"));
    assert_eq!(told(0), Vec::<String>::new());
    assert_eq!(told(2), ["a stray file", "the review blocks"]);
    assert_eq!(told(9), ["the gate is red", "a stray file", "the review blocks"]);
}

fn failure(summary: &str) -> Feedback {
    Feedback { kind: FeedbackKind::Gate, summary: summary.into(), detail: String::new(), paths: Vec::new() }
}

fn session(news: u32) -> AgentSession {
    AgentSession {
        agent: "kimi".into(),
        id: "1".into(),
        worktree: "worktrees/parser.1".into(),
        used: Usage::default(),
        cut_off: false,
        failures: 0,
        news,
    }
}

fn headings(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect()
}

#[test]
fn a_session_that_goes_on_is_told_what_it_must_keep() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut task = task(dir.path());
    task.assignment.feedback = vec![failure("it conflicts with `lexer`")];
    task.assignment.keep =
        vec![KeptLines { path: "CHANGELOG.md".into(), from: Vec::new(), lines: vec!["- lexer: logs".into()] }];
    let text = resumed_prompt(&task, &session(1), None).expect("a prompt");
    insta::with_settings!({filters => vec![(r"/[^ ]*\.tmp[^ .]*", "<worktree>")]}, { insta::assert_snapshot!(text) });
}

#[test]
fn what_the_operator_said_is_told_however_many_failures_came_behind_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut task = task(dir.path());
    let failures = ["one", "two", "three", "four", "five"].map(failure);
    task.assignment.feedback = vec![failure("zero")];
    task.assignment.feedback.push(Feedback { kind: FeedbackKind::Operator, ..failure("the operator says") });
    task.assignment.feedback.extend(failures);
    let told = ["the operator says", "two", "three", "four", "five"];
    assert_eq!(headings(&prompt(&task, None).expect("a prompt")), told);
    assert_eq!(headings(&resumed_prompt(&task, &session(6), None).expect("a prompt")), told);
    assert_eq!(headings(&resumed_prompt(&task, &session(5), None).expect("a prompt")), told[1..]);
}

#[test]
fn patterns_are_told_apart_from_paths_whose_insides_belong_to_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = |writes: &[&str]| {
        let mut task = task(dir.path());
        task.assignment.spec.access.writes =
            writes.iter().map(|path| PathPattern::parse(path).expect("a path")).collect();
        let text = prompt(&task, None).expect("a prompt");
        let rule = |line: &&str| line.starts_with("- Only ") || line.starts_with("- And ");
        text.lines().filter(rule).map(str::to_owned).collect::<Vec<_>>()
    };
    let meaning = "what these patterns match, and nothing else (`*` and `?` stay within one directory, `**` goes through \
                   any number)";
    assert_eq!(told(&["src", "docs/a.md"]), ["- Only these paths, and what lies below them: src, docs/a.md"]);
    assert_eq!(told(&["src/*.rs"]), [format!("- Only {meaning}: src/*.rs")]);
    let both =
        ["- Only these paths, and what lies below them: docs".to_owned(), format!("- And {meaning}: src/*.rs, **/x")];
    assert_eq!(told(&["src/*.rs", "docs", "**/x"]), both);
}

#[test]
fn a_users_template_is_used_and_its_mistakes_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("mine.jinja");
    std::fs::write(&file, "Do {{ title }}{% for w in writes %} in {{ w }}{% endfor %}").expect("a file");
    assert_eq!(prompt(&task(dir.path()), Some(&file)).expect("a prompt"), "Do Log in the parser in src/parser");
    let said = |source: &str| {
        std::fs::write(&file, source).expect("a file");
        prompt(&task(dir.path()), Some(&file)).expect_err("refused").to_string()
    };
    assert!(said("a\n{{ colour }}").contains("line 2: undefined value"), "{}", said("a\n{{ colour }}"));
    assert!(said("{% for x in range(100000) %}{% for y in range(100000) %}.{% endfor %}{% endfor %}").contains("fuel"));
    std::fs::write(&file, "{{ cut_off }} {{ title }}: {{ feedback[0].summary }}").expect("a file");
    let mut resumed = task(dir.path());
    resumed.assignment.feedback = vec![failure("it is red")];
    let text = resumed_prompt(&resumed, &session(1), Some(&file)).expect("a prompt");
    assert_eq!(text, "False Log in the parser: it is red");
    std::fs::remove_file(&file).expect("gone");
    assert!(prompt(&task(dir.path()), Some(&file)).expect_err("refused").to_string().contains("mine.jinja"));
}

#[test]
fn a_prompt_is_plain_text_whatever_its_template_is_called() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut task = task(dir.path());
    task.goal_text = "Make a < b & \"c\"".into();
    for name in ["mine.xml", "mine.html", "mine.json"] {
        let file = dir.path().join(name);
        std::fs::write(&file, "{{ goal }}; {{ tests[0].command }}").expect("a file");
        let text = prompt(&task, Some(&file)).expect("a prompt");
        assert_eq!(text, "Make a < b & \"c\"; cargo test && ./more.sh", "{name}");
    }
}

#[test]
fn what_is_around_a_slice_is_what_it_starts_from_what_has_no_order_with_it_and_what_waits_for_it() {
    let spec = |id: &str, after: &[&str], gates: &[&str]| -> SliceSpec {
        let title = format!("Title of {id}");
        let fields = serde_json::json!({
            "id": id, "title": title, "after": after, "gates": gates, "retries": 1, "writes": [id], "merges": ["log"],
        });
        serde_json::from_value(fields).expect("a slice")
    };
    let slices = vec![
        spec("root", &[], &[]),
        spec("lower", &["root"], &[]),
        spec("mine", &["lower"], &["slow"]),
        spec("next", &["mine"], &[]),
        spec("last", &["next"], &[]),
        spec("other", &["root"], &[]),
    ];
    let gate = |name: &str, required: bool| -> GateSpec {
        let fields = serde_json::json!({"name": name, "command": "true", "timeout_ms": 1, "required": required});
        serde_json::from_value(fields).expect("a gate")
    };
    let gates = [gate("quick", true), gate("slow", false)];
    let graph = TaskGraph::build(slices.clone(), Vec::new()).expect("a graph");
    let titled = |id: &str| serde_json::json!({"id": id, "title": format!("Title of {id}")});
    let mut beside = titled("other");
    (beside["writes"], beside["merges"]) = (serde_json::json!(["other"]), serde_json::json!(["log"]));
    let expected = serde_json::json!({
        "after": [titled("lower")], "beside": [beside], "before": [titled("next")],
        "gates": [{"name": "slow", "command": "true", "kind": "test", "timeout_ms": 1, "required": false}],
    });
    let found = surroundings(&graph, &gates, &slices[2]);
    assert_eq!(serde_json::to_value(&found).expect("JSON"), expected);
    assert_eq!(surroundings(&graph, &gates, &slices[0]).gates, [gate("quick", true)]);
}

#[test]
fn a_prompt_quotes_feedback_without_the_secrets_in_it_and_the_operator_as_is() {
    let secret = "ghp_0123456789abcdef0123456789abcdef0123";
    let dir = tempfile::tempdir().expect("a directory");
    let mut task = task(dir.path());
    let failed = failure(&format!("it changed paths outside its writes and merges: x/{secret}.txt"));
    task.assignment.feedback = vec![Feedback { paths: vec![format!("x/{secret}.txt")], ..failed }];
    let text = prompt(&task, None).expect("a prompt");
    assert!(text.contains("x/[redacted]") && !text.contains(secret), "{text}");
    let told =
        Feedback { kind: FeedbackKind::Operator, detail: format!("use {secret}"), ..failure("the operator says") };
    task.assignment.feedback = vec![told];
    assert!(prompt(&task, None).expect("a prompt").contains(secret));
}
