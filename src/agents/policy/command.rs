//! Judges a command line by the user's rules, each of its simple commands for itself.

use super::shell::{Simple, simple_commands};
use super::{CommandRules, Judgement, Otherwise};

/// How deep commands within commands (`sh -c …`) are followed.
const DEEPEST: usize = 4;
/// Words that run the command behind them.
const WRAPPERS: &[&str] = &[
    "env", "command", "exec", "builtin", "nohup", "nice", "ionice", "time", "timeout", "stdbuf", "setsid", "xargs",
    "if", "then", "elif", "else", "while", "until", "do", "!",
];
/// Programs that run a text as commands.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ksh", "eval"];
/// Options that take the next word.
const WITH_VALUE: &[&str] = &["-C", "-c", "-u", "-n", "-g"];
/// How much of a command is quoted.
const QUOTED: usize = 160;

/// Judges `line`. `granted` holds the beginnings of commands that a person has allowed; `redirect` judges a file that
/// output goes to.
pub(super) fn judge(
    line: &str,
    rules: &CommandRules,
    granted: &[String],
    redirect: &dyn Fn(&str) -> Judgement,
) -> Judgement {
    let judge = Judge { rules, granted, redirect };
    judge.line(line, 0)
}

struct Judge<'a> {
    rules: &'a CommandRules,
    granted: &'a [String],
    redirect: &'a dyn Fn(&str) -> Judgement,
}

impl Judge<'_> {
    fn line(&self, line: &str, depth: usize) -> Judgement {
        if depth >= DEEPEST {
            return self.unruled(line);
        }
        let judged = simple_commands(line).into_iter().map(|simple| self.simple(&simple, depth));
        judged.fold(Judgement::Allow, Judgement::and)
    }

    fn simple(&self, simple: &Simple, depth: usize) -> Judgement {
        let redirects = simple.outputs.iter().map(|target| (self.redirect)(target));
        let redirects = redirects.fold(Judgement::Allow, Judgement::and);
        let words: Vec<&str> = simple.words.iter().map(String::as_str).skip_while(|word| is_assignment(word)).collect();
        redirects.and(self.words(&words, depth))
    }

    /// Judges a command and, where it wraps another one, that as well.
    fn words(&self, words: &[&str], depth: usize) -> Judgement {
        let Some((&first, rest)) = words.split_first() else { return Judgement::Allow };
        let ruled = self.ruled(words);
        let program = base_name(first);
        if WRAPPERS.contains(&program) {
            let options = |word: &&&str| word.starts_with('-') || is_assignment(word) || is_amount(word);
            let inner: Vec<&str> = rest.iter().copied().skip_while(|word| options(&word)).collect();
            return ruled.unwrap_or(Judgement::Allow).and(self.words(&inner, depth));
        }
        if SHELLS.contains(&program) {
            let inner = match (program, rest) {
                ("eval", rest) => Some(rest.join(" ")),
                (_, rest) => inner_script(rest),
            };
            if let Some(inner) = inner {
                return ruled.unwrap_or(Judgement::Allow).and(self.line(&inner, depth + 1));
            }
        }
        ruled.unwrap_or_else(|| self.unruled(&words.join(" ")))
    }

    /// What the rules say of a command that one of them names.
    fn ruled(&self, words: &[&str]) -> Option<Judgement> {
        let bare = without_options(words);
        let named = |rules: &'_ [String]| {
            rules.iter().find(|rule| begins_with(words, rule) || begins_with(&bare, rule)).cloned()
        };
        if let Some(rule) = named(&self.rules.denied) {
            let reason =
                format!("commands that begin with `{rule}` are not allowed here; do without, or leave it and say so.");
            return Some(Judgement::Refuse { reason });
        }
        if named(self.granted).is_some() {
            return Some(Judgement::Allow);
        }
        if let Some(rule) = named(&self.rules.asked) {
            return Some(ask(&words.join(" "), &rule));
        }
        named(&self.rules.allowed).map(|_| Judgement::Allow)
    }

    fn unruled(&self, command: &str) -> Judgement {
        match self.rules.otherwise {
            Otherwise::Allow => Judgement::Allow,
            Otherwise::Refuse => {
                let allowed = self.rules.allowed.join("`, `");
                let reason = format!("`{}` is not among the commands allowed here: `{allowed}`.", quote(command));
                Judgement::Refuse { reason }
            }
            Otherwise::Ask => ask(command, command.split(' ').next().unwrap_or(command)),
        }
    }
}

fn ask(command: &str, rule: &str) -> Judgement {
    let command = quote(command);
    let question = format!("May this slice's agent run `{command}`? Answer `allow {rule}`, or say what to do instead.");
    Judgement::Ask { question }
}

/// The rule that a yes to a question of ours grants; `None` where the question is not ours.
pub(super) fn rule_asked(question: &str) -> Option<&str> {
    let rest = question.strip_prefix("May this slice's agent run `")?;
    let (_, answer) = rest.rsplit_once("`? Answer `allow ")?;
    answer.strip_suffix("`, or say what to do instead.")
}

fn quote(command: &str) -> String {
    let line = command.replace('\n', " ");
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn begins_with(words: &[&str], rule: &str) -> bool {
    let mut count = 0;
    let matches = rule.split_ascii_whitespace().enumerate().all(|(at, expected)| {
        count += 1;
        words
            .get(at)
            .is_some_and(|word| if at == 0 { base_name(word) == base_name(expected) } else { *word == expected })
    });
    matches && count > 0
}

fn without_options<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut bare = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(word) {
            words.next();
        } else if !word.starts_with('-') {
            bare.push(*word);
        }
    }
    bare
}

/// The text behind `-c` (or `-lc`, …).
fn inner_script(arguments: &[&str]) -> Option<String> {
    let at =
        arguments.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.ends_with('c'))?;
    arguments.get(at + 1).map(|script| (*script).to_owned())
}

fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// A number, perhaps with a unit: what `timeout` and `nice` take.
fn is_amount(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.len() <= 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str, rules: &CommandRules) -> Judgement {
        judge(line, rules, &[], &|_| Judgement::Allow)
    }

    #[test]
    fn a_denied_command_is_found_wherever_it_stands() {
        let rules = CommandRules::default();
        for line in [
            "git push",
            "cd x && git push origin",
            "git -C /w push --force",
            "/usr/bin/git push",
            "A=1 git push",
            "make; git push",
            "true || git push",
            "echo $(git push)",
            "echo \"`git push`\"",
            "(git push)",
            "bash -lc 'git push'",
            "sh -c \"sh -c 'git push'\"",
            "env A=1 timeout 5 git push",
            "eval git push",
            "if true; then git push; fi",
            "sudo make",
            "xargs git push",
            "cat <<EOF | sudo tee x\nhello\nEOF",
            "make &\ngit push",
        ] {
            assert!(matches!(said(line, &rules), Judgement::Refuse { .. }), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_allowed() {
        let rules = CommandRules::default();
        for line in [
            "git status",
            "echo 'git push'",
            "git commit -m \"git push\"",
            "grep sudo x",
            "git stash push",
            "",
            "cat > notes <<'EOF'\nsudo make\ngit push\nEOF\nmake",
            "cat <<-EOF\n\tgit push\n\tEOF",
            "# git push",
            "pushd x",
            "cat <<< 'git push'",
        ] {
            assert_eq!(said(line, &rules), Judgement::Allow, "{line}");
        }
    }

    #[test]
    fn where_only_named_commands_are_allowed_others_are_not() {
        let rules = CommandRules {
            allowed: vec!["cargo".into(), "git status".into(), "cd".into()],
            otherwise: Otherwise::Refuse,
            ..CommandRules::default()
        };
        for line in ["cargo test", "cd x && cargo build 2>&1", "git status -s", "timeout 9s cargo test"] {
            assert_eq!(said(line, &rules), Judgement::Allow, "{line}");
        }
        for line in ["git log", "cargo test | tee x", "$CARGO test", "python3 -c 'x'", "cargo run && curl x"] {
            assert!(matches!(said(line, &rules), Judgement::Refuse { .. }), "{line}");
        }
    }

    #[test]
    fn the_strictest_rule_of_a_line_holds() {
        let rules = CommandRules { asked: vec!["curl".into()], ..CommandRules::default() };
        assert!(matches!(said("make && curl x", &rules), Judgement::Ask { .. }));
        assert!(matches!(said("curl x && git push", &rules), Judgement::Refuse { .. }));
    }
}
