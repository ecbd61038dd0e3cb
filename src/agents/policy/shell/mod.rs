//! Takes a shell's command line apart into its simple commands, as far as text can tell.
//!
//! No expansion, no execution. Substitutions count as commands of their own; the texts of here-documents do not, nor do
//! the words that are the shell's own syntax. Where the line is ambiguous there are rather more commands than fewer.
//! Invariant: any text is read to its end, in time that grows with its length alone.

mod blocks;
mod quoting;
mod reader;

use self::reader::Reader;

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Simple {
    /// Its words, quotes removed; `$()` stands where a substitution was.
    pub(super) words: Vec<String>,
    /// The files that its output goes to.
    pub(super) outputs: Vec<String>,
}

/// What the commands between two steps share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// A shell of their own: where it goes, it goes alone.
    Subshell,
    /// A branch or a loop, which may run or not.
    Branch,
}

/// One step of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A simple command, or outputs alone.
    Run(Simple),
    /// A scope begins.
    Enter(Scope),
    /// It ends. Every beginning has an end.
    Leave(Scope),
}

/// The steps of `line`, in the order in which a shell comes to them.
pub(super) fn steps(line: &str) -> Vec<Step> {
    Reader::of(line, 0).read()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn commands(line: &str) -> Vec<Simple> {
        let run = |step| match step {
            Step::Run(simple) => Some(simple),
            Step::Enter(_) | Step::Leave(_) => None,
        };
        steps(line).into_iter().filter_map(run).collect()
    }

    /// The commands as they would be written apart.
    fn words(line: &str) -> Vec<String> {
        commands(line).into_iter().map(|simple| simple.words.join(" ")).collect()
    }

    #[test]
    fn a_line_is_its_simple_commands() {
        let words = |line| commands(line).into_iter().map(|simple| simple.words).collect::<Vec<_>>();
        assert_eq!(words("a 'b c' \"d e\" f\\ g"), [["a", "b c", "d e", "f g"]]);
        assert_eq!(words("cd '/w' && make -j2|tail"), [vec!["cd", "/w"], vec!["make", "-j2"], vec!["tail"]]);
        assert_eq!(words("a \"x $(b (c)) y\" d"), [vec!["b"], vec!["c"], vec!["a", "x $() y", "d"]]);
        assert_eq!(words("cat <<A <<'B'\n1\nA\n2\nB\nend"), [vec!["cat"], vec!["end"]]);
        assert_eq!(words("a x`b \\`c\\``y $'d\\'e' ''"), [vec!["c"], vec!["b", "$()"], vec!["a", "x$()y", "d'e", ""]]);
    }

    #[test]
    fn what_is_syntax_is_no_command() {
        for (line, expected) in [
            ("if a; then b; elif c; then d; else e; fi", &["a", "b", "c", "d", "e"][..]),
            ("for x in 1 2; do a $x; done; while b; do c; done", &["a $x", "b", "c"]),
            ("for ((i = 0; i < 3; i++)) do a; done", &["a"]),
            ("case $x in a|b) c;; (d) e ;& *) f; esac; g", &["c", "e", "f", "g"]),
            ("case $x in\n  a)\n    case y in z) b;; esac\n    ;;\nesac\nc", &["b", "c"]),
            ("{ a; b; }; c {d,e} {} }", &["a", "b", "c {d,e} {} }"]),
            ("f() { a; }; function g { b; }; h () { c; }", &["a", "b", "c"]),
            ("[[ 5 > /3 && ( a || b ) ]] && c; [[ $(d) =~ ^x; ]]", &["c", "d"]),
            ("((x = 1 << 3)); a $((2 << $(b)))\nc", &["b", "a $()", "c"]),
            ("! a; x=(b c); shopt !(d|e)", &["a", "x=$()", "shopt !$()"]),
            ("a ${x:-b c} \"${y#*>}\" ${z:-$(d)}", &["d", "a ${x:-b c} ${y#*>} ${z:-$()}"]),
            ("a if then \"if\"; 'if' b", &["a if then if", "if b"]),
            ("diff <(a) <(b) > >(c); d < <(e)", &["a", "b", "c", "diff $() $()", "e", "d"]),
            ("a <&3; b 2>&-; c <<< 'd'", &["a", "b", "c"]),
            ("a # b; c\nd", &["a", "d"]),
            ("a \"$(cat <<'E'\n(it's) b\nE\n)\" c", &["cat", "a $() c"]),
            ("a \"$(cat <<E\nb\nE)\" c; d", &["cat", "a $() c", "d"]),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn outputs_are_apart_from_words() {
        let outputs = |line| commands(line).into_iter().flat_map(|simple| simple.outputs).collect::<Vec<_>>();
        assert_eq!(
            outputs("a >b 2>c >> d &> e >&2 2>&1 >|f &>>g >&- >& h <>i"),
            ["b", "c", "d", "e", "f", "g", "h", "i"]
        );
        assert_eq!(outputs("for x in 1; do a >b; done >c; { d; } >e"), ["b", "c", "e"]);
        assert_eq!(words("a 2>x 3 <in"), ["a 3"]);
    }

    #[test]
    fn scopes_are_where_a_directory_ends_to_hold() {
        let shape = |line| {
            let mark = |step| match step {
                Step::Run(simple) => simple.words.join(" "),
                Step::Enter(Scope::Subshell) => "(".to_owned(),
                Step::Leave(Scope::Subshell) => ")".to_owned(),
                Step::Enter(Scope::Branch) => "[".to_owned(),
                Step::Leave(Scope::Branch) => "]".to_owned(),
            };
            steps(line).into_iter().map(mark).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shape("(a; b) | c \"$(d)\" `e`"), "( a b ) ( d ) ( e ) c $() $()");
        assert_eq!(shape("if a; then b; fi; case x in y) c;; esac; { d; }"), "[ a b ] [ c ] d");
        assert_eq!(shape("(if a; then (b"), "( [ a ( b ) ] )");
        assert_eq!(shape("a ) fi } b"), "a b");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn any_line_is_read_to_its_end(line in "([ a$()`'\"\\\\<>&|;#{}=!\n-]|if |fi|case x in |esac|\\[\\[ |\\]\\]|\\(\\(|<<a|done|for ){0,60}") {
            let mut open = 0_usize;
            for step in steps(&line) {
                match step {
                    Step::Enter(_) => open += 1,
                    Step::Leave(_) => open = open.checked_sub(1).expect("a scope ends once"),
                    Step::Run(simple) => prop_assert_ne!(simple, Simple::default()),
                }
            }
            prop_assert_eq!(open, 0);
        }
    }
}
