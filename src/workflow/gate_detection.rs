//! Gates that the base's own files suggest, where nobody has named any.
//!
//! Looks at the root of the base's tree only. Never judges whether a command will work: its run on the base does.

use crate::domain::goal::Settings;
use crate::domain::ids::GateName;
use crate::domain::task::{GateCommand, GateKind, GateSpec};

/// The root of the base's tree.
pub struct BaseRoot<'a> {
    /// The names of its entries, directories without a slash.
    pub entries: &'a [String],
    /// Reads one of the files in [`READS`]; `None` where it is not there or no text.
    pub read: &'a dyn Fn(&str) -> Option<String>,
}

/// The files whose content decides, for callers that read ahead.
pub const READS: [&str; 9] = [
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "GNUmakefile",
    "makefile",
    "Makefile",
    "pytest.ini",
];

impl BaseRoot<'_> {
    fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry == name)
    }

    fn text(&self, name: &str) -> String {
        if self.has(name) { (self.read)(name).unwrap_or_default() } else { String::new() }
    }
}

/// Suggests required test gates: one for each of Cargo, npm, Go and Python that the root shows, in this order. Make
/// is asked only where none of them is there, since its `test` would run them a second time.
pub fn detect(root: &BaseRoot<'_>, settings: &Settings) -> Vec<GateSpec> {
    let found: Vec<_> = [cargo(root), npm(root), go(root), python(root)].into_iter().flatten().collect();
    let found = if found.is_empty() { make(root).into_iter().collect() } else { found };
    found.into_iter().filter_map(|(name, words)| gate(name, words, settings)).collect()
}

type Suggestion = (&'static str, &'static [&'static str]);

fn gate(name: &str, words: &[&str], settings: &Settings) -> Option<GateSpec> {
    Some(GateSpec {
        name: GateName::parse(name).ok()?,
        command: GateCommand::Argv(words.iter().map(|word| (*word).to_owned()).collect()),
        kind: GateKind::Test,
        timeout_ms: settings.gate_timeout_ms,
        required: true,
    })
}

fn cargo(root: &BaseRoot<'_>) -> Option<Suggestion> {
    if !root.has("Cargo.toml") {
        return None;
    }
    let workspace = toml::from_str::<toml::Table>(&root.text("Cargo.toml")).is_ok_and(|t| t.contains_key("workspace"));
    Some(("cargo-test", if workspace { &["cargo", "test", "--workspace"] } else { &["cargo", "test"] }))
}

fn npm(root: &BaseRoot<'_>) -> Option<Suggestion> {
    let package: serde_json::Value = serde_json::from_str(&root.text("package.json")).ok()?;
    let script = package.get("scripts")?.get("test")?.as_str()?;
    // What `npm init` writes is a test script that says that there is none.
    let real = !script.trim().is_empty() && !script.contains("no test specified");
    real.then_some(("npm-test", &["npm", "test"]))
}

fn go(root: &BaseRoot<'_>) -> Option<Suggestion> {
    root.has("go.mod").then_some(("go-test", &["go", "test", "./..."]))
}

fn python(root: &BaseRoot<'_>) -> Option<Suggestion> {
    const MARKS: [&str; 5] = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "tox.ini"];
    let configured = root.has("pytest.ini")
        || root.has("conftest.py")
        || root.text("pyproject.toml").contains("[tool.pytest")
        || root.text("setup.cfg").contains("[tool:pytest]")
        || root.text("tox.ini").contains("[pytest]");
    let test_file = |name: &String| name.starts_with("test") && name.ends_with(".py");
    let project = MARKS.iter().any(|mark| root.has(mark));
    if configured || (project && (root.has("tests") || root.has("test"))) {
        return Some(("pytest", &["python3", "-m", "pytest", "-q"]));
    }
    (project || root.entries.iter().any(test_file)).then_some(("unittest", &["python3", "-m", "unittest"]))
}

/// The makefile that GNU make would read, and its first target of `test` and `check`.
fn make(root: &BaseRoot<'_>) -> Option<Suggestion> {
    let name = ["GNUmakefile", "makefile", "Makefile"].into_iter().find(|name| root.has(name))?;
    let text = root.text(name);
    let targets: Vec<&str> = text.lines().filter_map(targets).flat_map(str::split_whitespace).collect();
    if targets.contains(&"test") {
        return Some(("make-test", &["make", "test"]));
    }
    targets.contains(&"check").then_some(("make-check", &["make", "check"]))
}

/// What stands before the colon of a rule; variables (`test := x`), recipes and comments are none.
fn targets(line: &str) -> Option<&str> {
    let (targets, rest) = line.split_once(':')?;
    let rule = !line.starts_with(['\t', ' ', '#', '.'])
        && !targets.contains('=')
        && !rest.trim_start_matches(':').starts_with('=');
    rule.then_some(targets)
}
