//! What every agent must get through. A scenario panics where it fails, and returns what is worth a note.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::bench::{Bench, Ended, slice, write};
use super::catalogue::Agent;
use super::comparison::Comparison;
use super::sessions;

/// A scenario: its heading in the table, and how it goes.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// What stands in the configuration for it.
    configuration: &'static str,
    /// Whether what `omk` counted at its end belongs into the table of usage.
    pub(crate) counts: bool,
    go: fn(&Bench<'_>) -> String,
}

/// What came of a scenario that went well.
pub(crate) struct Told {
    /// What is worth a note.
    pub(crate) note: String,
    /// What `omk` counted, against what the server counted; nothing where nobody compares that.
    pub(crate) usage: Option<Comparison>,
}

impl Scenario {
    /// Goes through it with an agent; `Err` is what went wrong.
    pub(crate) fn try_with(&self, agent: &Agent, cache: &Path) -> Result<Told, String> {
        let bench = Bench::new(agent, cache, self.configuration);
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let note = (self.go)(&bench);
            assert_eq!(bench.server.complaints(), Vec::<String>::new(), "what nobody should have asked the server");
            Told { note, usage: self.counts.then(|| bench.comparison()) }
        }));
        let left = swept(&bench);
        let told = told.map_err(|cause| format!("{}\n{}", words(&*cause), bench.tale()))?;
        if left.is_empty() { Ok(told) } else { Err(format!("processes were left: {left:?}")) }
    }
}

/// Names what is still there a while after the end, and ends it.
fn swept(bench: &Bench<'_>) -> Vec<(u32, String)> {
    let start = Instant::now();
    let mut left = bench.leftovers();
    while !left.is_empty() && start.elapsed() < Duration::from_secs(3) {
        std::thread::sleep(Duration::from_millis(50));
        left = bench.leftovers();
    }
    for (pid, _) in &left {
        kill(*pid);
    }
    left
}

pub(super) fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _gone_already = kill_process(pid, Signal::KILL);
    }
}

fn words(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "?".to_owned())
}

/// All of them, the quick ones first.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario { name: "two slices", configuration: "", counts: false, go: two_slices },
    Scenario { name: "usage", configuration: "", counts: true, go: usage },
    Scenario { name: "outside", configuration: "retries = 0", counts: false, go: outside_of_the_write_set },
    Scenario { name: "red gate", configuration: "", counts: true, go: red_gate },
    Scenario { name: "cancel", configuration: "", counts: false, go: cancel_in_a_shell },
    Scenario { name: "agent killed", configuration: "", counts: true, go: sessions::agent_killed },
    Scenario { name: "omk killed", configuration: "", counts: true, go: sessions::omk_killed },
    Scenario { name: "resumed twice", configuration: "", counts: true, go: sessions::resumed_twice },
    Scenario { name: "steered", configuration: "", counts: false, go: sessions::steered },
    Scenario { name: "429 twice", configuration: "", counts: true, go: limited_twice },
    Scenario { name: "401", configuration: "retries = 0", counts: false, go: unauthorized },
    Scenario { name: "500", configuration: "retries = 0\nattempt_timeout = \"80s\"", counts: false, go: server_error },
    Scenario { name: "cut", configuration: "retries = 1\nattempt_timeout = \"60s\"", counts: false, go: cut },
    Scenario {
        name: "hang",
        configuration: "retries = 0\nstall = \"5s\"\nattempt_timeout = \"60s\"",
        counts: false,
        go: hang,
    },
];

pub(super) fn assert_ready(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.why());
}

fn two_slices(bench: &Bench<'_>) -> String {
    let one = json!([write("one.txt", "one\n"), {"shell": "wc -c one.txt > count.txt"}, {"text": "All done"}]);
    let two = json!([{"shell": "echo two > two.txt"}, {"text": "All done"}]);
    let ended = bench.run(&(slice("one", &["one.txt", "count.txt"], &one) + &slice("two", &["two.txt"], &two)));
    assert_ready(&ended);
    let files = ["one.txt", "count.txt", "two.txt"].map(|file| bench.scene.integrated(file));
    assert_eq!(files, ["one", "4 one.txt", "two"]);
    format!("{:.1} s", ended.took.as_secs_f32())
}

fn usage(bench: &Bench<'_>) -> String {
    let script = json!([write("one.txt", "one\n"), {"read": "{cwd}/one.txt"}, {"text": "All done"}]);
    assert_ready(&bench.run(&slice("one", &["one.txt"], &script)));
    let used = bench.comparison();
    assert_eq!(used.said, used.counted, "what omk says was used, and what the server counted");
    used.tokens()
}

fn outside_of_the_write_set(bench: &Bench<'_>) -> String {
    let script = json!([write("elsewhere.txt", "x\n"), write("one.txt", "one\n"), {"text": "All done"}]);
    let ended = bench.run(&slice("one", &["one.txt"], &script));
    let refused = bench.server.was_told("write set");
    if ended.code == Some(0) {
        let id = bench.scene.id();
        let files = bench.scene.repo.git(&["ls-tree", "-r", "--name-only", &format!("omk/{id}/integration")]);
        assert!(!files.contains("elsewhere.txt") && files.contains("one.txt"), "{files}");
        return if refused { "refused, with the reason" } else { "refused" }.to_owned();
    }
    assert!(ended.code == Some(5) && ended.said.to_string().contains("elsewhere.txt"), "{}", ended.why());
    "caught".to_owned()
}

fn red_gate(bench: &Bench<'_>) -> String {
    // Only who is told what the gate printed can mend it: the second script stands in the gate's words.
    let mended = bench.scene.mark("mended.json");
    std::fs::write(&mended, json!([finish("right"), {"text": "Mended"}]).to_string()).unwrap();
    let gate = format!("grep -q right one.txt || {{ echo '<<script @{}>>'; exit 1; }}\n", mended.display());
    bench.scene.repo.write("gate.sh", &gate);
    bench.scene.repo.write("one.txt", "right, at first\n");
    bench.scene.repo.commit_all("a gate that looks");
    let script = json!([{"shell": "echo wrong > one.txt"}, {"text": "All done"}]);
    let ended = bench.run(&slice("one", &["one.txt"], &script));
    assert_ready(&ended);
    assert_eq!(bench.scene.integrated("one.txt"), "right");
    let attempts = bench.scene.records_of("attempt_offered").len();
    assert_eq!(attempts, 2, "{}", ended.why());
    "second attempt".to_owned()
}

/// A command that says that it runs, and goes on for ever unless a mark is there.
pub(super) fn endless(bench: &Bench<'_>) -> Value {
    endless_unless(bench, "running", "go-on")
}

/// The same with a file in the worktree and a mark of its own.
pub(super) fn endless_unless(bench: &Bench<'_>, file: &str, mark: &str) -> Value {
    let mark = bench.scene.mark(mark);
    let wait = "python3 -c 'import time; time.sleep(600)'";
    json!({"shell": format!("touch {file}; test -e {} || {wait}", mark.display())})
}

fn cancel_in_a_shell(bench: &Bench<'_>) -> String {
    let script = json!([endless(bench), {"text": "never"}]);
    let mut session = bench.start(&slice("one", &["one.txt", "running"], &script));
    bench.see_in_worktree(&mut session, "running");
    let start = Instant::now();
    let cancelled = bench.verb("cancel");
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.why());
    while !bench.started().is_empty() {
        assert!(start.elapsed() < Duration::from_secs(15), "still there: {:?}", bench.leftovers());
        std::thread::sleep(Duration::from_millis(10));
    }
    format!("{:.1} s", start.elapsed().as_secs_f32())
}

/// A step that writes the slice's file, whether it is there or not: some agents' own tools want to read it first.
pub(super) fn finish(word: &str) -> Value {
    json!({"shell": format!("echo {word} > one.txt")})
}

fn limited_twice(bench: &Bench<'_>) -> String {
    let limited = json!({"error": {"status": 429, "times": 2, "retry_after": 1}, "shell": "echo one > one.txt"});
    let ended = bench.run(&slice("one", &["one.txt"], &json!([limited, {"text": "All done"}])));
    assert_ready(&ended);
    let attempts = bench.scene.records_of("attempt_offered").len();
    format!("{:.1} s, {attempts} attempt(s)", ended.took.as_secs_f32())
}

/// Whatever the agent makes of it, nothing is ready, and there is a reason.
fn not_ready(bench: &Bench<'_>, step: Value) -> String {
    let ended = bench.run(&slice("one", &["one.txt"], &json!([step, {"text": "All done"}])));
    assert!(matches!(ended.code, Some(3..=7)), "{}", ended.why());
    assert_eq!(bench.scene.branches(), ["main"], "{}", ended.why());
    let status = ended.said["status"].as_str().unwrap_or("?").to_owned();
    assert!(ended.said["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{}", ended.why());
    format!("{status}, {:.0} s", ended.took.as_secs_f32())
}

fn unauthorized(bench: &Bench<'_>) -> String {
    // The words of a provider: some agents pass on nothing else.
    let refusal = json!({"error": {"status": 401, "message": "Incorrect API key provided: none."}});
    let told = not_ready(bench, refusal);
    assert!(told.starts_with("blocked_on_external"), "{told}");
    told
}

fn server_error(bench: &Bench<'_>) -> String {
    not_ready(bench, json!({"error": {"status": 500}}))
}

fn cut(bench: &Bench<'_>) -> String {
    not_ready(bench, json!({"drop": true, "text": "never"}))
}

fn hang(bench: &Bench<'_>) -> String {
    not_ready(bench, json!({"hang": 600, "text": "never"}))
}
