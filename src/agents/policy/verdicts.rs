//! What becomes of command lines, as agents write them: lines and verdicts, in tables.

use std::path::Path;

use super::{CommandRules, Judgement, Otherwise, Policy};
use crate::domain::access::AccessSet;

fn judged(line: &str, rules: &CommandRules, cwd: Option<&str>) -> Judgement {
    let policy = Policy::new("/w/t".into(), AccessSet::default(), rules.clone(), &[]);
    policy.command(line, cwd.map(Path::new))
}

/// The lines that are not judged so, by the default rules, from the worktree.
fn others(lines: &[&str], refused: bool) -> Vec<String> {
    let rules = CommandRules::default();
    let wrong = |line: &&&str| matches!(judged(line, &rules, Some("")), Judgement::Refuse { .. }) != refused;
    lines.iter().filter(wrong).map(|line| (*line).to_owned()).collect()
}

const NONE: [&str; 0] = [];

#[test]
fn a_denied_command_is_found_wherever_it_stands() {
    let lines = [
        "git push",
        "cd x && git push origin",
        "/usr/bin/git push",
        "A=1 git push",
        "make; git push",
        "true || git push",
        "make &\ngit push",
        "echo $(git push)",
        "echo \"`git push`\"",
        "echo `git push` done",
        "x=$(git push)",
        "a=(1 $(git push))",
        "echo ${x:-$(git push)}",
        "cat <(git push)",
        "(git push)",
        "{ git push; }",
        "! git push",
        "if true; then git push; fi",
        "for x in 1 2; do git push; done",
        "for ((i = 0; i < 3; i++)) do git push; done",
        "case $x in a) git push;; esac",
        "f() { git push; }; f",
        "[[ -n $x ]] && git push",
        "echo $((1 << 10))\ngit push",
        "(( x = 1 << 2 ))\ngit push",
        "cat <<EOF | sudo tee x\nhello\nEOF",
        "cat <<EOF\nhello\nEOF\ngit push",
        "git commit -m \"$(cat <<'EOF'\nit's (done\nEOF\n)\" && git push",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn a_denied_command_is_found_behind_what_runs_it() {
    let lines = [
        "bash -lc 'git push'",
        "bash -euo pipefail -c 'git push'",
        "sh -c \"sh -c 'git push'\"",
        "eval git push",
        "eval 'git push'",
        "trap 'git push' EXIT",
        "sudo make",
        "env A=1 timeout 5 git push",
        "env -u GIT_DIR git push",
        "env -i -- git push",
        "timeout -s KILL 60 git push",
        "timeout --signal=KILL 60s git push",
        "time -f %e git push",
        "time -p git push",
        "nice -n 5 git push",
        "nice -5 nohup git push",
        "stdbuf -oL git push",
        "flock /tmp/lock git push",
        "xargs git push",
        "xargs -I % git push",
        "xargs -0n 1 git push",
        "xargs -n1 sh -c 'git push'",
        "find . -exec sudo rm {} +",
        "find . -name x -exec true {} \\; -execdir sudo rm {} \\;",
        "command git push",
        "command -p git push",
        "exec git push",
        "python3 -m twine upload dist/*",
        "uv run twine upload dist/x",
        "npx --yes npm publish",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn a_denied_command_is_found_in_all_its_forms() {
    let lines = [
        "git -C /w push --force",
        "git --git-dir .git push",
        "git --git-dir=.git --no-pager push",
        "git -c user.name=x push",
        "git subtree push --prefix x origin main",
        "gh -R o/r pr create",
        "gh --repo o/r pr create",
        "cargo publish",
        "cargo +nightly publish",
        "cargo +nightly -Z x --config a=b publish",
        "cargo --color always publish --dry-run",
        "npm --prefix web publish",
        "npm -w pkg publish",
        "npm publish --tag next",
        "pnpm --filter pkg publish",
        "pnpm -r publish",
        "yarn --cwd web publish",
        "yarn npm publish",
        "yarn workspace pkg npm publish",
        "yarn workspaces foreach --all npm publish",
        "docker image push x",
        "docker --context x push y",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn what_only_looks_like_a_denied_command_is_allowed() {
    let lines = [
        "",
        "git status",
        "git stash push",
        "git commit -m push",
        "git commit -m \"git push\"",
        "git -C push status",
        "git log --grep push",
        "echo 'git push'",
        "echo git push",
        "grep sudo x",
        "# git push",
        "pushd x",
        "cargo test publish",
        "cargo +nightly test publish",
        "npm run publish-docs",
        "npm run publish",
        "npm --prefix publish run build",
        "yarn publish-docs",
        "docker image ls push",
        "python3 -m pytest twine upload",
        "command -v sudo",
        "command -V git push",
        "if command -v sudo >/dev/null; then echo yes; fi",
        "which sudo",
        "find . -name sudo",
        "[[ $x == sudo ]]",
        "for sudo in a b; do echo $sudo; done",
        "case sudo in sudo) echo yes;; esac",
        "trap - EXIT",
        "cat > notes <<'EOF'\nsudo make\ngit push\nEOF\nmake",
        "cat <<-EOF\n\tgit push\n\tEOF",
        "cat <<< 'git push'",
        "git commit -m \"$(cat <<'EOF'\nmake it's (own)\ngit push\nEOF\n)\"",
    ];
    assert_eq!(others(&lines, false), NONE);
}

#[test]
fn output_may_go_wherever_it_stays_in_the_worktree_or_is_nobodys() {
    let lines = [
        "make > log",
        "make > /w/t/log",
        "make 2>&1 | tail",
        "make > /dev/null 2>&1",
        "make &> /tmp/x",
        "make >& log",
        "make > $LOG",
        "echo '> /etc/x'",
        "[[ 5 > /3 ]]",
        "[[ $a > /etc/x && $b < /etc/y ]] || make",
        "(( 5 > 3 )) && make",
        "echo $((5 > 3))",
        "cd crates/a && cargo test > ../../target/log.txt",
        "cd src && echo x > ../notes.md",
        "cd src\necho x > ../notes.md",
        "(cd src && echo x > ../notes.md); echo y > z",
        "pushd src && echo x > ../y",
        "cd /w/t/src && echo x > ../y",
        "cd /tmp/build && echo x > ../y",
        "cd /w && echo x > t/y",
        "bash -c 'cd src && make > ../log'",
        "bash -c \"cd '/w/t/src' && make > ../log\"",
        "eval 'cd src' && make > ../log",
        "cd $DIR && make > ../../log",
        "cd \"$(git rev-parse --show-toplevel)\" && make > ../log",
        "cd - && make > ../log",
        "if test -d a; then cd a; fi; make > ../log",
        "for d in */; do cd $d; make > ../log; cd ..; done",
        "popd; make > ../log",
        "tee >(cat > log) < in",
    ];
    assert_eq!(others(&lines, false), NONE);
}

#[test]
fn output_elsewhere_is_refused() {
    let lines = [
        "echo bad > /x",
        "make >& /etc/x",
        "make &>> /etc/x",
        "make 2> /etc/x",
        "> /etc/x",
        "echo x >> ~/.bashrc",
        "echo x>.git/config",
        "echo > /tmp/../etc/x",
        "echo > ../x",
        "cd src && echo x > ../../x",
        "cd .. && echo x > y",
        "cd /etc && echo x > y",
        "cd ~ && echo x > .bashrc",
        "cd && echo x > .bashrc",
        "(cd src); echo x > ../y",
        "echo $(cd src) > ../y",
        "bash -c 'cd src'; echo x > ../y",
        "bash -c 'echo x > ../y'",
        "cd src && echo x > ../.git/config",
        "cd $DIR && echo x > /etc/x",
        "cd $DIR && echo x > ~/x",
        "cd $DIR && echo x > ../.git/config",
        "{ make; } > /etc/x",
        "if make; then make; fi > /etc/x",
        "while read x; do echo $x; done < in > ../x",
        "[[ a ]] > /etc/x",
        "tee >(cat > /etc/x)",
    ];
    assert_eq!(others(&lines, true), NONE);
}

#[test]
fn a_line_begins_where_its_agent_says() {
    let rules = CommandRules::default();
    let refused = |line: &str, cwd| matches!(judged(line, &rules, cwd), Judgement::Refuse { .. });
    for (line, cwd, expected) in [
        ("make > ../log", Some("/w/t/src"), false),
        ("make > ../log", Some("src"), false),
        ("make > ../log", Some("/w/t"), true),
        ("make > ../../log", Some("/w/t/src"), true),
        ("cd a && make > ../../log", Some("/w/t/src"), false),
        ("make > ../log", None, false),
        ("cd /w/t && make > ../log", None, true),
        ("make > ../.git/x", None, true),
        ("make > /etc/x", None, true),
    ] {
        assert_eq!(refused(line, cwd), expected, "{line} in {cwd:?}");
    }
}

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

#[test]
fn the_strictest_rule_of_a_line_holds() {
    let rules = CommandRules { asked: vec!["curl".into()], ..CommandRules::default() };
    assert!(matches!(judged("make && curl x", &rules, Some("")), Judgement::Ask { .. }));
    assert!(matches!(judged("curl x && git push", &rules, Some("")), Judgement::Refuse { .. }));
}

#[test]
fn a_line_that_nests_without_end_is_judged_all_the_same() {
    let deep = [
        "env ".repeat(100_000),
        "$(".repeat(100_000),
        "$((".repeat(10_000),
        "( ".repeat(100_000) + &")".repeat(100_000),
        "if ".repeat(100_000) + &"fi;".repeat(100_000),
        "find -exec ".repeat(10_000),
        "${a:-\"".repeat(100_000),
        "cat <<a\n".repeat(10_000),
    ];
    for line in deep {
        let _ = judged(&line, &CommandRules::default(), None);
    }
}
