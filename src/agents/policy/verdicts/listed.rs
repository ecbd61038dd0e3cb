//! Rules that allow, or leave to a person, what is not listed.

use super::{CommandRules, Judgement, judged};
use crate::agents::policy::Otherwise;

fn only(allowed: &[&str], otherwise: Otherwise) -> CommandRules {
    CommandRules {
        allowed: allowed.iter().map(|&rule| rule.to_owned()).collect(),
        otherwise,
        ..CommandRules::default()
    }
}

#[test]
fn where_only_named_commands_are_allowed_syntax_and_what_runs_nothing_are_too() {
    let rules = only(&["cargo", "find", "grep", "mkdir", "xargs", "cp", "git status"], Otherwise::Refuse);
    for line in [
        "cargo test",
        "cargo test $(grep x y) --lib",
        "cd x && cargo build 2>&1",
        "git status -s",
        "timeout 9s cargo test",
        "A=1 cargo test",
        "x=1",
        "if cargo test; then cargo build; elif true; then :; else exit 1; fi",
        "for x in a b; do cargo test $x; done",
        "for ((i = 0; i < 3; i++)); do cargo test; done",
        "while ! cargo test; do :; done",
        "until cargo test; do sleep=1; done",
        "case $x in a | b) cargo test;; *) cargo build;; esac",
        "{ cargo test; } && ( cargo build )",
        "f() { cargo test; }",
        "[[ -f a && $b == c ]] && cargo test",
        "[ -f a ] && cargo test",
        "find . -name '*.rs' -exec grep foo {} \\;",
        "find . -name '*.rs' -exec grep foo {} +",
        "mkdir -p {src,tests}",
        "find . | xargs -I {} cp {} dst/",
        "set -euo pipefail; export A=1; cargo test",
        "bash -c \"cd '/w/t' && cargo test\"",
        "bash -lc 'cargo test'",
        "command -v curl",
        "trap 'cargo clean' EXIT",
        "cargo test <<'EOF'\ncurl x\nEOF",
        "grep x <&3",
        "diff=(a b c)",
        "echo \"done: $?\"",
    ] {
        assert_eq!(judged(line, &rules, Some("")), Judgement::Allow, "{line}");
    }
}

#[test]
fn where_only_named_commands_are_allowed_others_are_refused_by_their_name() {
    let rules = only(&["cargo", "find", "git status"], Otherwise::Refuse);
    for (line, other) in [
        ("git log", "git log"),
        ("cargo test | tee x", "tee x"),
        ("$CARGO test", "$CARGO test"),
        ("python3 -c 'x'", "python3 -c x"),
        ("cargo run && curl x", "curl x"),
        ("if cargo test; then curl x; fi", "curl x"),
        ("for x in a; do curl $x; done", "curl $x"),
        ("find . -exec rm {} +", "rm {}"),
        ("cargo test $(curl x)", "curl x"),
        ("bash script.sh", "bash script.sh"),
        ("bash script.sh -c 'cargo test'", "bash script.sh -c cargo test"),
        ("strace cargo test", "strace cargo test"),
        ("find . | xargs rm", "rm"),
        (". ./env.sh", ". ./env.sh"),
    ] {
        let reason = format!("`{other}` is not among the commands allowed here: `cargo`, `find`, `git status`.");
        assert_eq!(judged(line, &rules, Some("")), Judgement::Refuse { reason }, "{line}");
    }
}

#[test]
fn a_rule_that_names_a_builtin_holds() {
    let rules = CommandRules { denied: vec!["cd".into(), "echo".into()], ..only(&[], Otherwise::Refuse) };
    for line in ["cd x", "true; echo x"] {
        assert!(matches!(judged(line, &rules, Some("")), Judgement::Refuse { .. }), "{line}");
    }
    assert_eq!(judged("true", &rules, Some("")), Judgement::Allow);
}

#[test]
fn what_no_rule_names_is_asked_about_where_that_is_wanted() {
    let rules = only(&["cargo"], Otherwise::Ask);
    let question = "May this slice's agent run `curl x`? Answer `allow curl`, or say what to do instead.".to_owned();
    assert_eq!(judged("if cargo test; then curl x; fi", &rules, Some("")), Judgement::Ask { question });
    assert_eq!(judged("cd a && cargo test", &rules, Some("")), Judgement::Allow);
}
