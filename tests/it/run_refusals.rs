//! What the policy refused to an agent, as the operator and whoever reads the proof find it.

use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, shell, slice};
use crate::support::scene::Scene;

const SECRET: &str = "sk-abcdefghijklmnopqrstuvwxyz";

/// A goal whose agent is refused a write and, twice, a command, and is done all the same.
fn refused() -> Bench {
    let push = || shell(&format!("git push --token {SECRET} origin"));
    let write = json!({"write": ["other.txt", "x"]});
    let bench = Bench::new(Scene::new(), &json!([push(), write, push(), shell("echo one > one.txt")]));
    let ran = bench.run(&slice("one", ""), &["--verbose"]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    let line = "the agent finished after ";
    let noted = ran.stderr().lines().find(|it| it.contains(line)).unwrap_or_default().to_owned();
    assert!(noted.ends_with(", refused 3 times by the policy"), "{noted}");
    assert!(ran.stdout().contains("refused  by the policy: one 3 times"), "{}", ran.stdout());
    bench
}

fn lines_with(text: &str, word: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains(word)).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn what_an_agent_was_refused_is_in_the_journal_and_on_every_screen() {
    let Bench { scene, .. } = &refused();
    let report = scene.records_of("agent_reported").remove(0)["report"].clone();
    let push = "`sh -c 'git push --token [redacted] origin'`";
    let denied = "commands that begin with `git push` are not allowed here; do without, or leave it and say so.";
    let outside = "other.txt is outside of this slice's write set (one.txt). Make the change within it, or leave it and \
                   say so.";
    let first = json!([
        {"act": push, "reason": denied, "times": 2},
        {"act": "writing other.txt", "reason": outside},
    ]);
    assert_eq!((&report["refused"]["count"], &report["refused"]["first"]), (&json!(3), &first));

    let screen = |verb: &[&str]| scene.omk(&[&["goal"], verb].concat()).stdout();
    let logs = screen(&["logs"]);
    assert_eq!(lines_with(&logs, "refused").len(), 1, "{logs}");
    assert_eq!(lines_with(&logs, "| writing other.txt: other.txt is outside of").len(), 1, "{logs}");
    let shown = format!("{push} (2 times): {denied}");
    assert_eq!(lines_with(&logs, &shown), [format!("| {shown}")], "{logs}");
    let show = screen(&["show"]);
    assert_eq!(lines_with(&show, "refused"), ["attempt 1 was refused 3 times by the policy"], "{show}");
    assert_eq!(lines_with(&show, &shown), [shown.as_str()], "{show}");
    let document: Value = serde_json::from_str(&screen(&["show", "--json"])).unwrap();
    let of_slice = &document["slices"][0]["refused"];
    assert_eq!((&of_slice[0]["attempt"], &of_slice[0]["first"]), (&json!(1), &first), "{of_slice}");
    let why = screen(&["why", "--slice", "one"]);
    assert_eq!(lines_with(&why, "by the policy in attempt 1"), ["refused 3 times by the policy in attempt 1"], "{why}");
    let proof = screen(&["proof"]);
    assert_eq!(lines_with(&proof, "1 attempt  refused 3 times by the policy").len(), 1, "{proof}");
    let proof: Value = serde_json::from_str(&screen(&["proof", "--json"])).unwrap();
    assert_eq!(proof["slices"][0]["refused"], json!(3));
    let journal = std::fs::read_to_string(scene.goal().join("events.jsonl")).unwrap();
    assert!(!journal.contains(SECRET));
}

#[test]
fn the_longer_list_is_evidence_that_the_proof_is_checked_against() {
    let Bench { scene, .. } = &refused();
    let list = scene.goal().join("artifacts/policy/one.1.jsonl");
    let text = std::fs::read_to_string(&list).unwrap();
    assert_eq!((text.lines().count(), text.contains(SECRET)), (3, false), "{text}");
    let checked = scene.omk(&["goal", "proof", "--verify"]);
    assert_eq!(checked.code(), Some(0), "{}", checked.stdout());
    assert!(checked.stdout().contains("1 refusal list(s)"), "{}", checked.stdout());
    std::fs::write(list, "").unwrap();
    assert_eq!(scene.omk(&["goal", "proof", "--verify"]).code(), Some(5));
}

#[test]
fn attempts_are_told_apart_also_those_that_failed_and_all_of_them_count() {
    let bench = Bench::new(Scene::new(), &json!([shell("git push"), shell("sudo make"), shell("echo x > two.txt")]));
    let ran = bench.run(&slice("one", "retries = 1"), &[]);
    assert_eq!(ran.code(), Some(5), "{}{}", ran.stdout(), ran.stderr());
    assert!(ran.stdout().contains("refused  by the policy: one 4 times"), "{}", ran.stdout());
    let document = bench.scene.json("show");
    let refused = document["slices"][0]["refused"].as_array().unwrap();
    let counts: Vec<_> = refused.iter().map(|of| (of["attempt"].clone(), of["count"].clone())).collect();
    assert_eq!(counts, [(json!(1), json!(2)), (json!(2), json!(2))]);
    assert_eq!(bench.scene.json("proof")["slices"][0]["refused"], json!(4));
    let why = bench.scene.omk(&["goal", "why"]).stdout();
    assert_eq!(lines_with(&why, "by the policy in"), ["refused 2 times by the policy in attempt 2"], "{why}");
    assert_eq!(bench.scene.json("why")["slices"][0]["refused"]["first"][1]["act"], json!("`sh -c 'sudo make'`"));
}
