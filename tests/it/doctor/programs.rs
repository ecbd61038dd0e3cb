//! Programs that go by an agent's name and cannot be worked with: notices, other programs, those without their Node.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use super::{Clinic, agent};
use crate::support::git_repo::write_executable;

impl Clinic {
    /// Installs a program that is this script and nothing else.
    fn install_program(&self, name: &str, script: &str) {
        write_executable(&self.bin(), name, &format!("#!/bin/sh\n{script}\n"));
    }

    /// What `omk doctor` finds about one agent, which cannot be used: its problem, and what mends it.
    fn unusable(&self, name: &str) -> (String, Value) {
        let ran = self.omk(&["doctor", "--json", "--agent", name]);
        let document = ran.json();
        assert_eq!(ran.code(), Some(4), "{document}");
        let found = agent(&document, name);
        assert_eq!(found["state"], "unusable", "{found}");
        (found["problem"].as_str().unwrap().to_owned(), found["mend"].clone())
    }
}

#[test]
fn a_program_that_prints_a_notice_and_ends_well_is_not_usable() {
    let notice = "echo 'This program is retired. Install the other one.'";
    let stub = format!("[ \"$1\" = --version ] && echo 'it, version 1.52.0'; {notice}");
    for agent in ["codex-exec", "claude-code", "codex", "kimi", "kimi-cli"] {
        let program = match agent {
            "codex-exec" => "codex",
            "claude-code" => "claude",
            "codex" => "codex-acp",
            _ => "kimi",
        };
        for script in [notice, stub.as_str()] {
            let clinic = Clinic::new();
            clinic.install_program(program, script);
            let (problem, _) = clinic.unusable(agent);
            assert!(problem.contains("This program is retired."), "{agent}: {problem}");
        }
    }
}

#[test]
fn the_last_lines_of_an_agents_output_are_shown() {
    let clinic = Clinic::new();
    clinic.install_program("gemini", "i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo line $i of it; done >&2; exit 3");
    let ran = clinic.omk(&["doctor", "--agent", "gemini"]);
    let screen = ran.stdout();
    assert!(screen.contains("| line 30 of it") && screen.contains("| line 23 of it"), "{screen}");
    assert!(screen.contains("| … 22 lines before") && !screen.contains("line 22 of it"), "{screen}");
}

#[test]
fn the_python_cli_by_the_name_of_kimi_code_is_named() {
    let version = |version: &str| format!("[ \"$1\" = --version ] && {{ echo 'kimi, version {version}'; exit 0; }}");
    let clinic = Clinic::new();
    clinic.install_program("kimi", &format!("{}\necho 'no longer maintained'", version("1.52.0")));
    let (problem, mend) = clinic.unusable("kimi");
    let first = "it is version 1.52.0: the Python CLI, which is retired; install Kimi Code with `npm install -g \
                 @moonshot-ai/kimi-code`";
    assert_eq!(problem.lines().next(), Some(first), "{problem}");
    assert!(problem.contains("no longer maintained"), "{problem}");
    assert_eq!(mend, json!(["npm install -g @moonshot-ai/kimi-code"]));
    // One that works is named too where it dies before it has said hello.
    clinic.install_program("kimi", &format!("{}\necho Traceback >&2; exit 1", version("1.51.0")));
    let (problem, _) = clinic.unusable("kimi");
    assert!(problem.starts_with("it is version 1.51.0: the Python CLI, "), "{problem}");
    assert!(problem.contains("use `--agent kimi-cli`") && problem.contains("Traceback"), "{problem}");
}

/// A Node program as npm installs it, whose Node is a stub that dies as Node does.
fn install_with_node(clinic: &Clinic, engines: &Value, dies: &str) {
    let package = clinic.scene.place.path("lib/node_modules/kimi");
    fs::create_dir_all(package.join("dist")).unwrap();
    fs::write(package.join("package.json"), json!({"name": "kimi", "engines": engines}).to_string()).unwrap();
    write_executable(&package.join("dist"), "main.mjs", "#!/usr/bin/env node\nimport 'x';\n");
    symlink(package.join("dist/main.mjs"), clinic.bin().join("kimi")).unwrap();
    clinic.install_program("node", &format!("[ \"$1\" = --version ] && {{ echo v20.20.2; exit 0; }}\n{dies}\nexit 1"));
}

#[test]
fn a_node_that_the_agent_cannot_run_on_is_named() {
    let needs = "it needs Node >=22.19.0, and runs on v20.20.2: put another `node` first in PATH";
    let stack = "{ echo 'SyntaxError: no export'; for i in 1 2 3 4 5 6 7 8 9; do echo \"    at frame $i\"; done; }";
    for dies in [format!("{stack} >&2; echo 'Node.js v20.20.2' >&2"), format!("{stack} >&2")] {
        let clinic = Clinic::new();
        install_with_node(&clinic, &json!({"node": ">=22.19.0"}), &dies);
        let (problem, mend) = clinic.unusable("kimi");
        assert_eq!((problem.lines().next(), mend), (Some(needs), json!([])), "{problem}");
        assert!(problem.contains("SyntaxError: no export"), "{problem}");
    }
    let clinic = Clinic::new();
    install_with_node(&clinic, &json!({"node": ">=22.19.0"}), "");
    fs::remove_file(clinic.bin().join("node")).unwrap();
    let (problem, _) = clinic.unusable("kimi");
    assert_eq!(problem.lines().next(), Some("it needs Node >=22.19.0, and there is no `node` in PATH"), "{problem}");
    let clinic = Clinic::new();
    install_with_node(&clinic, &json!({}), "echo 'error: kimi requires Node.js 22 or later' >&2");
    let (problem, _) = clinic.unusable("kimi");
    let own = "it cannot use this Node: error: kimi requires Node.js 22 or later";
    assert_eq!(problem.lines().next(), Some(own), "{problem}");
    // A Node that will do is not what is wrong.
    let clinic = Clinic::new();
    install_with_node(&clinic, &json!({"node": ">=20"}), "echo 'boom' >&2");
    let (problem, _) = clinic.unusable("kimi");
    assert!(problem.contains("boom") && !problem.contains("Node"), "{problem}");
}

#[test]
fn how_one_logs_in_is_shown_in_the_agents_words() {
    let clinic = Clinic::new();
    let auth = json!([{"id": "login", "name": "Log in", "description": "Run it login"}]);
    clinic.install_fake("gemini", &json!({"logged_out": true, "auth": auth}));
    let (problem, mend) = clinic.unusable("gemini");
    assert!(problem.ends_with("it names these ways to log in:\n- Log in: Run it login"), "{problem}");
    assert_eq!(mend, json!(["gemini"]));
}
