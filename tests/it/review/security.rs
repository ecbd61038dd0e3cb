//! The rubric of the security reviewer: what it finds, and the near misses.

use omk::domain::change::{EntryKind, FileChange};
use omk::domain::review::Role;

use super::{aws, deleted, edited, found, found_in, link, new, nothing, places, report};

fn secrets() -> Vec<(&'static str, String)> {
    let random = "7hQ2mZx9LpR4vT8nYc3WkB6sJd1FgA5eUo0i";
    vec![
        ("an AWS access key", aws()),
        ("a private key", format!("-----BEGIN RSA {} KEY-----", "PRIVATE")),
        ("a GitHub token", format!("gh{}_{random}", "p")),
        ("a Slack token", format!("xox{}-{random}", "b")),
        ("a Stripe key", format!("sk_{}_{random}", "live")),
        ("a Google API key", format!("AI{}{}", "za", &random[..35])),
        ("a JSON web token", format!("ey{0}hbGciOiJIUzI1NiJ9.ey{0}zdWIiOiIxMjM0NTY3ODkwIn0.{random}", "J")),
    ]
}

#[test]
fn secrets_are_critical_and_never_repeated() {
    for (kind, secret) in secrets() {
        let review = report(Role::Security, vec![edited("tests/a.rs", "", &secret)]);
        assert_eq!(places(&review), ["security.secret critical tests/a.rs:1"], "{kind}");
        let message = &review.findings[0].message;
        assert!(message.starts_with(kind) && !message.contains(&secret[..12]), "{message}");
        assert!(!serde_json::to_string(&review).unwrap().contains(&secret));
    }
}

#[test]
fn passwords_in_source_block_where_they_are_random_enough() {
    let value = format!("{}{}", "hK9#v", "Lq2!mZ");
    for line in [
        format!("password = \"{value}\""),
        format!("  api_key: '{value}',"),
        format!("let db_secret: &str = \"{value}\";"),
    ] {
        let review = report(Role::Security, vec![edited("src/a.rs", "", &line)]);
        assert_eq!(places(&review), ["security.secret high src/a.rs:1"], "{line}");
        assert!(!review.findings[0].message.contains(&value));
        assert_eq!(found_in(Role::Security, "tests/a.rs", &line), ["security.secret low tests/a.rs:1"]);
    }
}

#[test]
fn samples_references_and_look_alikes_are_no_secrets() {
    let cases = [
        format!("AK{}", "IAIOSFODNN7EXAMPLE"),
        format!("X{}", aws()),
        format!("gh{}_short", "p"),
        format!("gh{}_{}", "p", "x".repeat(36)),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
        "password = \"changeme-now-1\"".to_owned(),
        "password = \"${DB_PASSWORD_1}\"".to_owned(),
        "password = env(\"DATABASE_URL9\")".to_owned(),
        "let token = next(\"Abc12345xyz\");".to_owned(),
        "const TOKEN_URL: &str = \"https://a.example/oauth2\";".to_owned(),
        "let token_kind = \"identifier\";".to_owned(),
        "if password == \"hK9#vLq2!mZ\" {".to_owned(),
        "def ask(prompt='Password: ', stream=Nobody1):".to_owned(),
        "print(\"raw token=\" + shown(\"Abc12345xyz\"))".to_owned(),
        "password = password + \"Anonymous@1\"".to_owned(),
        format!("let mark = \"-----BEGIN {} KEY-----\";", "PRIVATE"),
    ];
    for line in cases {
        assert_eq!(found_in(Role::Security, "src/a.rs", &line), nothing(), "{line}");
    }
}

#[test]
fn new_executables_are_found_and_block_where_nobody_can_read_them() {
    let text = FileChange { after: Some(EntryKind::Executable), ..new("run.sh", "echo") };
    let binary = FileChange { binary: true, ..text.clone() };
    let turned = FileChange { before: Some(EntryKind::File), ..text.clone() };
    let before = FileChange { before: Some(EntryKind::Executable), ..text.clone() };
    assert_eq!(found(Role::Security, vec![text]), ["security.executable medium run.sh"]);
    assert_eq!(found(Role::Security, vec![binary]), ["security.executable high run.sh"]);
    assert_eq!(found(Role::Security, vec![turned]), ["security.executable medium run.sh"]);
    assert_eq!(found(Role::Security, vec![before]), nothing());
}

#[test]
fn links_are_found_and_block_where_they_leave_the_repository() {
    for (path, target, severity) in [
        ("a/b", "/etc/passwd", "high"),
        ("a/b", "../../x", "high"),
        ("a/b", "c/../../../x", "high"),
        ("a", ".git/config", "high"),
        ("a/b", "../x", "medium"),
        ("a", "b", "medium"),
    ] {
        assert_eq!(
            found(Role::Security, vec![link(path, target)]),
            [format!("security.symlink {severity} {path}")],
            "{target}"
        );
    }
    let replaced = FileChange { before: Some(EntryKind::Symlink), ..new("a", "now a file") };
    assert_eq!(found(Role::Security, vec![replaced]), nothing());
}

#[test]
fn files_that_usually_hold_keys_are_found_by_name() {
    for path in [".env", "a/.env.production", "server.pem", ".ssh/id_rsa"] {
        assert_eq!(found(Role::Security, vec![new(path, "x")]), [format!("security.sensitive_file high {path}")]);
    }
    assert_eq!(found(Role::Security, vec![edited(".env", "", "x")]), ["security.sensitive_file medium .env"]);
    assert_eq!(
        found(Role::Security, vec![new("tests/data/ca.pem", "x")]),
        ["security.sensitive_file medium tests/data/ca.pem"]
    );
    for path in [".env.example", "environment", "src/env.rs", "id_rsa.pub"] {
        assert_eq!(found(Role::Security, vec![new(path, "x")]), nothing(), "{path}");
    }
    assert_eq!(found(Role::Security, vec![deleted(".env", "x")]), nothing());
}

#[test]
fn what_is_fetched_and_run_unseen_blocks() {
    let pipe = "|";
    let lines = [
        format!("curl -sSf https://a.example/x.sh {pipe} sh"),
        format!("RUN wget -qO- https://a.example {pipe} sudo -E bash -"),
        "bash <(curl -s https://a.example)".to_owned(),
        "sh -c \"$(curl -fsSL https://a.example)\"".to_owned(),
    ];
    for line in &lines {
        assert_eq!(
            found_in(Role::Security, "Dockerfile", line),
            ["security.pipe_to_shell high Dockerfile:1"],
            "{line}"
        );
    }
    assert_eq!(found_in(Role::Security, "README.md", &lines[0]), ["security.pipe_to_shell low README.md:1"]);
    assert_eq!(found_in(Role::Security, "tests/a.sh", &lines[0]), ["security.pipe_to_shell medium tests/a.sh:1"]);
    for line in [
        format!("curl -s https://a.example {pipe} jq ."),
        format!("# curl https://a.example {pipe} sh"),
        "curl -o x.sh https://a.example".to_owned(),
        format!("curl https://a.example {pipe} shasum"),
    ] {
        assert_eq!(found_in(Role::Security, "install.sh", &line), nothing(), "{line}");
    }
}
