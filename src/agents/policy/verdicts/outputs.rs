//! Where output may go, from the directory that a line has reached.

use super::{CommandRules, Judgement, NONE, judged, others};

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
