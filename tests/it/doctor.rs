//! `omk doctor`, and who is chosen where nobody is named: with agents that answer, and with those that do not.

mod programs;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use omk::app::doctor::report::{
    Abilities, AgentCheck, AgentState, Check, Control, Diagnosis, LoginCheck, SCHEMA, Topic, Verdict,
};
use omk::cli::doctor::text;
use omk::cli::output::stripped;
use omk::cli::output::style::Glyphs;
use serde_json::{Value, json};

use crate::support::git_repo::write_executable;
use crate::support::omk::Ran;
use crate::support::scene::{GATE, Scene, processes_at, slice};

/// What every agent here may start.
const TOOLS: [&str; 7] = ["sh", "git", "cat", "sleep", "touch", "env", "grep"];

/// A user whose PATH holds a few tools and the agents that a test puts there.
struct Clinic {
    scene: Scene,
}

impl Clinic {
    fn new() -> Self {
        let scene = Scene::new();
        let bin = scene.place.path("bin");
        fs::create_dir(&bin).unwrap();
        let path = std::env::var_os("PATH").unwrap();
        for tool in TOOLS {
            let found = std::env::split_paths(&path).map(|dir| dir.join(tool)).find(|file| file.is_file());
            symlink(found.unwrap_or_else(|| panic!("{tool} is not installed")), bin.join(tool)).unwrap();
        }
        Self { scene }
    }

    fn bin(&self) -> PathBuf {
        self.scene.place.path("bin")
    }

    /// Installs a program that leaves a mark whenever it is started for more than its version.
    fn install(&self, name: &str, script: &str) {
        let mark = self.scene.mark(&format!("{name}.started"));
        let head =
            format!("#!/bin/sh\n[ \"$1\" = --version ] && {{ echo 9.8.7; exit 0; }}\ntouch {}\n", mark.display());
        write_executable(&self.bin(), name, &(head + script));
    }

    /// Installs an agent that plays a part.
    fn install_fake(&self, name: &str, part: &Value) {
        self.install_asked(name, ":", part);
    }

    /// Installs an agent that plays a part unless `answers`, a line of shell, ends it.
    fn install_asked(&self, name: &str, answers: &str, part: &Value) {
        let exe = std::env::current_exe().unwrap();
        let speaker = "--exact support::acp_agent::speaks --ignored --nocapture --test-threads=1";
        self.install(name, &format!("{answers}\nFAKE_AGENT='{part}' exec {} {speaker}\n", exe.display()));
    }

    fn configure(&self, text: &str) {
        let dir = self.scene.place.path(".config/omk");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("config.toml"), text).unwrap();
    }

    fn omk(&self, words: &[&str]) -> Ran {
        let mut command = self.scene.command(words);
        Ran(command.env("PATH", self.bin()).output().unwrap())
    }

    fn started(&self, name: &str) -> bool {
        self.scene.mark(&format!("{name}.started")).exists()
    }
}

fn agent<'a>(document: &'a Value, name: &str) -> &'a Value {
    let agents = document["agents"].as_array().unwrap();
    agents.iter().find(|agent| agent["name"] == name).unwrap_or_else(|| panic!("{name}: {document}"))
}

/// An agent's report without its durations.
fn steady(document: &Value, name: &str) -> Value {
    let mut agent = agent(document, name).clone();
    if agent["answered_ms"].is_u64() {
        agent["answered_ms"] = "some".into();
    }
    agent
}

fn checks<'a>(document: &'a Value, topic: &str) -> Vec<(&'a str, &'a str)> {
    let text = |value: &'a Value| value.as_str().unwrap();
    let all = document["checks"].as_array().unwrap().iter().filter(|check| check["topic"] == topic);
    all.map(|check| (text(&check["name"]), text(&check["verdict"]))).collect()
}

#[test]
fn agents_that_nobody_asked_for_need_not_be_there() {
    let clinic = Clinic::new();
    let before = clinic.scene.everything();
    let ran = clinic.omk(&["doctor", "--json"]);
    let document = ran.json();
    assert_eq!(
        (ran.code(), &document["schema"], &document["exit"]),
        (Some(0), &json!(SCHEMA), &json!(0)),
        "{document}"
    );
    let states: Vec<_> = document["agents"].as_array().unwrap().iter().map(|agent| &agent["state"]).collect();
    assert!(states.len() >= 8 && states.iter().all(|state| **state == "not_installed"), "{document}");
    assert_eq!(agent(&document, "kimi")["mend"], json!(["npm install -g @moonshot-ai/kimi-code"]));
    assert_eq!(document["default"], Value::Null);
    assert_eq!(checks(&document, "git"), [("version", "ok"), ("works", "ok")], "{document}");
    let state = checks(&document, "state");
    assert_eq!((state.len(), state[0]), (3, ("directory", "ok")), "{document}");
    assert_eq!(checks(&document, "forge"), [("gh", "note"), ("glab", "note")]);
    assert!(checks(&document, "sandbox").contains(&("orphans", "ok")), "{document}");
    clinic.scene.everything().assert_as(&before);
}

#[test]
fn a_named_agent_that_only_takes_a_task_is_looked_for_and_not_started() {
    let clinic = Clinic::new();
    clinic.install("here", "");
    let entry =
        |name: &str| format!("[agents.{name}]\nprotocol = \"cmd\"\ncommand = [\"{name}\"]\ninstall = \"get {name}\"\n");
    clinic.configure(&(entry("here") + &entry("gone")));
    let document = clinic.omk(&["doctor", "--json"]).json();
    let found = |name: &str| {
        let agent = agent(&document, name);
        json!([agent["state"], agent["mend"], agent["can"]["steer"], agent["can"]["writes"]])
    };
    assert_eq!(found("here"), json!(["untried", [], false, "afterwards"]));
    assert_eq!(found("gone"), json!(["not_installed", ["get gone"], false, "afterwards"]));
    assert!(!clinic.started("here"));
}

#[test]
fn each_agent_is_tried_and_says_in_its_own_words_what_is_wrong() {
    let clinic = Clinic::new();
    clinic.install_fake("well", &json!({}));
    clinic.install_fake("stranger", &json!({"logged_out": true}));
    clinic.install("notice", "echo 'This program is no longer maintained.' >&2\n");
    clinic.install("mute", "sleep 1000 & exec sleep 1000\n");
    clinic.install("old", "echo never >&2\n");
    let bin = clinic.bin();
    let program = |name: &str| bin.join(name).to_str().unwrap().to_owned();
    let entry = |name: &str, more: &str| {
        format!("[agents.{name}]\ncommand = [\"{}\"]\nlogin = \"{name} login\"\n{more}\n", program(name))
    };
    let mute = "quirks = { handshake_ms = 300 }";
    let old = "quirks = { generation = { ask = [\"--version\"], from = \"1.0\", before = \"2.0\" } }";
    clinic.configure(
        &[entry("well", ""), entry("stranger", ""), entry("notice", ""), entry("mute", mute), entry("old", old)]
            .concat(),
    );
    let ran = clinic.omk(&["doctor", "--json"]);
    let document = ran.json();
    assert_eq!((ran.code(), &document["exit"]), (Some(4), &json!(4)), "{document}");

    let can = json!({"resume": true, "steer": false, "writes": "through_us", "commands": "through_us"});
    let well = json!({
        "name": "well", "state": "usable", "wanted": true, "program": program("well"), "version": null,
        "protocol": "acp", "answered_ms": "some", "can": can, "login": null, "problem": null, "mend": [],
    });
    assert_eq!(steady(&document, "well"), well);
    let refused = |name: &str, problem: &str| {
        let found = agent(&document, name);
        let mend = json!([format!("{name} login")]);
        let expected = (&json!("unusable"), &json!(true), &json!(null), &mend);
        assert_eq!((&found["state"], &found["wanted"], &found["answered_ms"], &found["mend"]), expected, "{found}");
        let said = found["problem"].as_str().unwrap();
        assert!(said.contains(problem) && !said.contains("log in with"), "{said}");
    };
    refused("stranger", "Authentication required");
    refused("notice", "This program is no longer maintained.");
    refused("mute", "did not answer initialize within 300ms");
    refused("old", "9.8.7");
    assert!(!clinic.started("old"));
    assert_eq!(processes_at(&clinic.scene.place.path("bin")), [0_u32; 0]);
}

/// What answers a question for a login with `answer`, and ends so.
fn answers(answer: &str, exit: u8) -> String {
    format!("[ \"$*\" = 'auth status' ] && {{ {answer}; exit {exit}; }}")
}

#[test]
fn of_an_agent_that_opens_a_session_without_a_login_its_program_is_asked_and_it_stays_usable() {
    let clinic = Clinic::new();
    let asked = "[ -n \"$OUR_KEY\" ] && echo 'a key' || { echo 'Note: mail a@example.org'; echo 'Not logged in. Do!' >&2; false; }";
    for (name, answer) in [
        ("out", answers("echo 'Note: one'; echo 'Not logged in. Do!' >&2", 1)),
        ("key", answers(&format!("{asked} || exit 1"), 0)),
        ("free", answers("echo all/free; echo all/little", 0)),
        ("paid", answers("echo all/free; echo all/much", 0)),
        ("odd", answers("echo 'unknown command auth'", 1)),
        ("mute", answers(":", 0)),
        ("gemini", answers(&format!("echo x >> {}; echo yes", clinic.scene.mark("asked").display()), 0)),
    ] {
        clinic.install_asked(name, &answer, &json!({}));
    }
    let entry = |name: &str, program: &str, ask: &str| {
        let ask = format!("ask = [\"auth\", \"status\"], {ask}");
        let more = format!("login = \"{name} login\"\nallow = [\"OUR_KEY\"]\nquirks = {{ login_ask = {{ {ask} }} }}\n");
        format!("[agents.{name}]\ncommand = [\"{program}\", \"acp\"]\n{more}")
    };
    let words = |name: &str| entry(name, name, "missing = [\"Not logged in\"]");
    let lines = |name: &str| entry(name, name, "only = [\"all/free\", \"all/l*\"]");
    let from = |name: &str, from: &str| entry(name, "gemini", &format!("from = \"{from}\""));
    let all = [["out", "key", "odd", "mute"].map(words).concat(), ["free", "paid"].map(lines).concat()];
    clinic.configure(&(all.concat() + &from("new", "9.8") + &from("old", "9.9")));
    let mut doctor = clinic.scene.command(&["doctor", "--json"]);
    let ran = Ran(doctor.env("PATH", clinic.bin()).env("OUR_KEY", "k").output().unwrap());
    let document = ran.json();
    assert_eq!(ran.code(), Some(0), "{document}");
    let found = |name: &str| {
        let agent = agent(&document, name);
        assert_eq!((&agent["state"], &agent["problem"]), (&json!("usable"), &Value::Null), "{agent}");
        (agent["login"].clone(), agent["mend"].clone())
    };
    let (none, there, unknown) = (json!([]), json!({"state": "there"}), json!({"state": "not_known"}));
    let missing = |words: &str| json!({"state": "missing", "words": words});
    assert_eq!(found("out"), (missing("Not logged in. Do!"), json!(["out login"])));
    let free = missing("only what needs no login is offered: all/free, all/l*");
    assert_eq!(found("free"), (free, json!(["free login"])));
    assert_eq!(["key", "paid", "new"].map(found), [(); 3].map(|()| (there.clone(), none.clone())));
    assert_eq!(["odd", "mute", "old"].map(found), [(); 3].map(|()| (unknown.clone(), none.clone())));
    assert_eq!(fs::read_to_string(clinic.scene.mark("asked")).unwrap(), "x\n");
    let ran = clinic.omk(&["doctor", "--json", "--agent", "key"]);
    assert_eq!(agent(&ran.json(), "key")["login"], missing("Not logged in. Do!"), "{}", ran.stdout());
}

/// An agent as the built-in profile `opencode` knows it, with which nobody is logged in.
fn install_logged_out(clinic: &Clinic) {
    let answer = "[ \"$*\" = models ] && { echo opencode/big-pickle; echo opencode/a-free; exit 0; }";
    clinic.install_asked("opencode", answer, &json!({}));
}

#[test]
fn an_agent_with_which_nobody_is_logged_in_is_chosen_only_where_there_is_no_other() {
    let clinic = Clinic::new();
    clinic.configure("[[gates]]\nname = \"check\"\ncommand = \"sh gate.sh\"\n");
    install_logged_out(&clinic);
    let chosen = || {
        let ran = clinic.omk(&["goal", "plan", "Do it"]);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        let doctor = clinic.omk(&["doctor", "--json"]).json();
        (ran.stderr(), doctor["default"].as_str().unwrap().to_owned())
    };
    let (said, default) = chosen();
    assert!(said.contains("agent opencode: nobody named one"), "{said}");
    assert!(said.contains("; nobody is logged in: only what needs no login is offered: "), "{said}");
    assert!(said.contains("; log in with `opencode auth login`"), "{said}");
    assert_eq!(default, "opencode");
    clinic.install_fake("gemini", &json!({}));
    let (said, default) = chosen();
    assert!(said.contains("agent gemini: nobody named one"), "{said}");
    assert!(said.contains("nobody is logged in with opencode"), "{said}");
    assert_eq!(default, "gemini");
}

#[test]
fn an_agent_that_was_named_has_to_be_usable() {
    let clinic = Clinic::new();
    clinic.install("silent", "touch $HOME/worked\n");
    let ran = clinic.omk(&["doctor", "--json", "--agent", "gemini"]);
    assert_eq!(ran.code(), Some(4), "{}", ran.stdout());
    assert_eq!(ran.json()["agents"].as_array().unwrap().len(), 1);
    let ran = clinic.omk(&["doctor", "--agent", "cmd:silent"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stdout());
    assert!(ran.stdout().contains("there, not tried") && !clinic.scene.place.path("worked").exists());
    let ran = clinic.omk(&["doctor", "--agent", "clod"]);
    assert_eq!((ran.code(), ran.stdout().as_str()), (Some(2), ""));
    assert!(ran.stderr().contains("`clod` is not known"), "{}", ran.stderr());
}

#[test]
fn a_state_directory_that_cannot_be_is_what_is_wrong() {
    let clinic = Clinic::new();
    let file = clinic.scene.place.path("file");
    fs::write(&file, "").unwrap();
    let state = file.join("state");
    let ran = clinic.omk(&["doctor", "--json", "--agent", "script", "--state-dir", state.to_str().unwrap()]);
    assert_eq!(ran.code(), Some(70), "{}", ran.stdout());
    let document = ran.json();
    assert_eq!(checks(&document, "state"), [("directory", "failed")]);
    assert!(document["checks"].to_string().contains("is no directory"), "{document}");
}

#[test]
fn a_git_that_is_too_old_is_what_is_wrong() {
    let clinic = Clinic::new();
    fs::remove_file(clinic.bin().join("git")).unwrap();
    write_executable(&clinic.bin(), "git", "#!/bin/sh\necho 'git version 2.30.1'\n");
    let ran = clinic.omk(&["doctor", "--json", "--agent", "script"]);
    let document = ran.json();
    assert_eq!((ran.code(), checks(&document, "git")), (Some(4), vec![("version", "failed"), ("works", "failed")]));
    assert!(document["checks"][0]["found"].as_str().unwrap().contains("2.38 is the oldest"), "{document}");
}

#[test]
fn a_login_of_a_forge_is_seen_and_nobody_is_asked() {
    let clinic = Clinic::new();
    clinic.install("gh", "exit 1\n");
    fs::create_dir_all(clinic.scene.place.path(".config/gh")).unwrap();
    fs::write(clinic.scene.place.path(".config/gh/hosts.yml"), "github.com:\n").unwrap();
    let document = clinic.omk(&["doctor", "--json", "--agent", "script"]).json();
    let found = document["checks"].as_array().unwrap().iter().find(|check| check["name"] == "gh").unwrap();
    let said = found["found"].as_str().unwrap();
    assert!(said.contains("a login in") && said.contains("not asked") && !clinic.started("gh"), "{said}");
}

fn diagnosis() -> Diagnosis {
    let well = AgentCheck {
        name: "kimi".into(),
        state: AgentState::Usable,
        wanted: false,
        program: Some("/usr/bin/kimi".into()),
        version: Some("2.1.0".into()),
        protocol: Some("acp".into()),
        answered_ms: Some(1_840),
        can: Some(Abilities { resume: true, steer: false, writes: Control::ThroughUs, commands: Control::ThroughUs }),
        login: None,
        problem: None,
        mend: Vec::new(),
    };
    let missing = AgentCheck {
        name: "codex".into(),
        state: AgentState::NotInstalled,
        program: None,
        version: None,
        answered_ms: None,
        problem: Some("agent command `codex-acp` is not found in PATH".into()),
        mend: vec!["npm install -g codex-acp".into()],
        ..well.clone()
    };
    let refused = AgentCheck {
        name: "claude".into(),
        state: AgentState::Unusable,
        wanted: true,
        answered_ms: None,
        problem: Some("it answers session/new with: Authentication required\nPlease \u{1b}[1mlog in.".into()),
        mend: vec!["claude /login".into()],
        ..well.clone()
    };
    let stranger = AgentCheck {
        name: "opencode".into(),
        login: Some(LoginCheck::Missing { words: "Not \u{1b}[1mlogged in".into() }),
        mend: vec!["opencode auth login".into()],
        ..well.clone()
    };
    let check = |topic, name, verdict, found: &str, help: Option<&str>| Check {
        topic,
        name,
        verdict,
        found: found.to_owned(),
        help: help.map(str::to_owned),
    };
    Diagnosis {
        schema: SCHEMA,
        agents: vec![refused, well, missing, stranger],
        default: Some("kimi".into()),
        checks: vec![
            check(Topic::Git, "version", Verdict::Ok, "2.47.3", None),
            check(Topic::State, "room", Verdict::Warning, "900 MB, 12 files free", Some("`omk goal gc` removes some")),
            check(Topic::Forge, "gh", Verdict::Note, "not installed", None),
        ],
    }
}

#[test]
fn the_screen_says_who_is_usable_and_what_mends_the_rest() {
    insta::assert_snapshot!(stripped(&text(&diagnosis(), Glyphs::ASCII), false));
}

#[test]
fn the_exit_code_is_that_of_the_status_in_which_a_goal_would_end() {
    let mut found = diagnosis();
    assert_eq!(found.exit_code(), 4);
    found.agents[0].wanted = false;
    assert_eq!(found.exit_code(), 0);
    found.checks[0].verdict = Verdict::Failed;
    assert_eq!(found.exit_code(), 4);
    found.checks[1].verdict = Verdict::Failed;
    assert_eq!(found.exit_code(), 70);
}

/// The agents of the attempts of the only goal, in order.
fn worked(scene: &Scene) -> Vec<String> {
    let offers = scene.records_of("attempt_offered");
    offers.iter().map(|offer| offer["agent"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn without_a_name_the_first_built_in_agent_that_answers_is_frozen_in_the_goal() {
    let clinic = Clinic::new();
    clinic.install("kimi", "echo 'kimi is retired'\n");
    clinic.install_fake("gemini", &json!({}));
    clinic.install_fake("opencode", &json!({}));
    clinic.configure("[[gates]]\nname = \"check\"\ncommand = \"sh gate.sh\"\n");
    let ran = clinic.omk(&["goal", "plan", "Do it"]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(ran.stderr().contains("agent opencode: nobody named one"), "{}", ran.stderr());
    assert!(clinic.started("kimi") && !clinic.started("gemini"));
    assert_eq!(clinic.scene.json("show")["charter"]["agent"], "opencode");
}

#[test]
fn where_nobody_answers_the_goal_is_refused_with_the_words_of_each() {
    let clinic = Clinic::new();
    clinic.install("kimi", "echo 'kimi is retired'\n");
    clinic.install_fake("gemini", &json!({"logged_out": true}));
    let before = clinic.scene.everything();
    let ran = clinic.omk(&["goal", "run", "Do it", "--until-ready", "--gate", "t=true"]);
    assert_eq!(ran.code(), Some(4), "{}", ran.stderr());
    for said in
        ["no agent is named", "kimi is retired", "gemini: it answers", "not installed: claude, codex", "omk doctor"]
    {
        assert!(ran.stderr().contains(said), "{said}: {}", ran.stderr());
    }
    fs::remove_file(clinic.scene.mark("kimi.started")).unwrap();
    fs::remove_file(clinic.scene.mark("gemini.started")).unwrap();
    clinic.scene.everything().assert_as(&before);
    assert_eq!(processes_at(Path::new(&clinic.bin())), [0_u32; 0]);
}

#[test]
fn a_request_that_is_wrong_waits_for_no_agent_and_leaves_none() {
    let clinic = Clinic::new();
    clinic.install("kimi", "sleep 1000 & exec sleep 1000\n");
    let text = "[[slices]]\nid = \"one\"\nafter = [\"one\"]\n".to_owned() + GATE;
    let plan = clinic.scene.plan(&text);
    let ran = clinic.omk(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    assert_eq!(ran.code(), Some(2), "{}", ran.stderr());
    assert!(ran.stderr().contains("plan.toml:3:10: slice `one` comes after itself"), "{}", ran.stderr());
    assert_eq!(processes_at(&clinic.bin()), [0_u32; 0]);
}

#[test]
fn a_plan_of_commands_starts_no_agent() {
    let clinic = Clinic::new();
    clinic.install_fake("kimi", &json!({}));
    let plan = clinic.scene.plan(&(slice("one", "writes = [\"one.txt\"]", "echo 1 > one.txt") + GATE));
    let ran = clinic.omk(&["goal", "run", "Do it", "--until-ready", "--plan", &plan]);
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
    assert!(!clinic.started("kimi"));
    assert_eq!(clinic.scene.json("show")["charter"]["agent"], Value::Null);
}

/// A plan of two slices, the second with an agent of its own.
fn two(own: &str) -> String {
    let slice = |id: &str, more: &str| format!("[[slices]]\nid = \"{id}\"\nwrites = [\"{id}.txt\"]\n{more}\n");
    slice("one", "") + &slice("two", &format!("after = [\"one\"]\nagent = '{own}'")) + GATE
}

#[test]
fn a_slice_is_worked_on_by_the_agent_that_its_plan_names() {
    let clinic = Clinic::new();
    clinic.install("first", "echo first > $OMK_SLICE_ID.txt\n");
    clinic.install("second", "echo second > $OMK_SLICE_ID.txt\n");
    let plan = clinic.scene.plan(&two("cmd:second"));
    let words = ["goal", "run", "Do it", "--until-ready", "--agent", "cmd:first", "--plan", &plan];
    let ran = clinic.omk(&words);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(worked(&clinic.scene), ["cmd:first", "cmd:second"]);
    assert_eq!(
        (clinic.scene.integrated("one.txt"), clinic.scene.integrated("two.txt")),
        ("first".into(), "second".into())
    );
    assert!(clinic.omk(&["goal", "show"]).stdout().contains("agent cmd:second"));
}

#[test]
fn a_stand_in_takes_over_from_a_slices_own_agent_and_the_others_go_on() {
    let clinic = Clinic::new();
    clinic.configure("quarantine_after = 1\nstand_ins = [\"cmd:spare\"]\n");
    clinic.install("first", "echo first > $OMK_SLICE_ID.txt\n");
    clinic.install("broken", "exit 3\n");
    clinic.install("spare", "echo spare > $OMK_SLICE_ID.txt\n");
    let plan = clinic.scene.plan(&two("cmd:broken"));
    let words = ["goal", "run", "Do it", "--until-ready", "--agent", "cmd:first", "--plan", &plan];
    let ran = clinic.omk(&words);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(worked(&clinic.scene), ["cmd:first", "cmd:broken", "cmd:spare"]);
    let quarantined = clinic.scene.records_of("profile_quarantined");
    assert_eq!((quarantined.len(), &quarantined[0]["successor"]), (1, &json!("cmd:spare")), "{quarantined:?}");
}

#[test]
fn an_agent_of_a_slice_that_cannot_be_used_is_refused_before_the_goal_is_made() {
    let clinic = Clinic::new();
    for (agent, code, said) in [
        ("clod", 2, "slice `two`: agent `clod` is not known"),
        ("script", 2, "slice `two`: the built-in agent only does a slice's `run`"),
        ("cmd:nowhere", 4, "slice `two`: agent command `nowhere` is not found"),
    ] {
        let plan = clinic.scene.plan(&two(agent));
        let ran = clinic.omk(&["goal", "run", "Do it", "--until-ready", "--agent", "cmd:cat", "--plan", &plan]);
        assert_eq!(ran.code(), Some(code), "{}", ran.stderr());
        assert!(ran.stderr().contains(said), "{said}: {}", ran.stderr());
        assert!(!clinic.scene.place.state().join("goals").exists());
    }
}

#[test]
fn a_printed_plan_keeps_the_agents_of_its_slices() {
    let clinic = Clinic::new();
    clinic.configure("[roles]\nexecutor = \"cmd:cat\"\n");
    let (first, again) = (clinic.scene.place.path("first.toml"), clinic.scene.place.path("again.toml"));
    fs::write(&first, two("cmd:cat -u")).unwrap();
    let planned = |path: &Path| {
        let ran = clinic.omk(&["goal", "plan", "Do it", "--plan", path.to_str().unwrap()]);
        assert_eq!(ran.code(), Some(0), "{}", ran.stderr());
        ran.stdout()
    };
    let printed = planned(&first);
    assert!(printed.contains("agent = \"cmd:cat -u\""), "{printed}");
    fs::write(&again, &printed).unwrap();
    assert_eq!(planned(&again), printed);
}
