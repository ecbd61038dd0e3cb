//! What becomes of a goal whose provider refuses, as its agent tells: in an error, or as its final message.

use serde_json::{Value, json};

use crate::support::acp_goal::{Bench, shell, slice};
use crate::support::git_repo::write_executable;
use crate::support::scene::{GATE, Scene};

/// What a run of one slice comes to with an agent that does this: its exit code, the goal's status and reason, and how
/// often the agent was prompted.
fn outcome(steps: &Value) -> (Option<i32>, String, String, usize) {
    let bench = Bench::new(Scene::new(), steps);
    let file = bench.scene.place.path(".config/omk/config.toml");
    let configuration = std::fs::read_to_string(&file).expect("a configuration");
    std::fs::write(&file, format!("wait_for_quota = false\n{configuration}")).expect("a configuration");
    let ran = bench.run(&slice("one", "retries = 2"), &["--no-input", "--json"]);
    let settled = ran.json();
    let text = |name: &str| settled[name].as_str().unwrap_or_default().to_owned();
    (ran.code(), text("status"), text("reason"), bench.prompts().len())
}

#[test]
fn a_refusal_blocks_the_goal_with_the_agents_words_and_uses_no_attempt() {
    for words in [
        "You have hit your session limit - resets 6:10pm (Europe/Berlin)",
        "You've hit your org's monthly spend limit",
        "Credit balance is too low",
        "API Error: 401 {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\"}}",
    ] {
        for steps in [json!([{"say": words}]), json!([{"fail": [-32603, words]}])] {
            let (code, status, reason, prompts) = outcome(&steps);
            assert_eq!((code, status.as_str(), prompts), (Some(4), "blocked_on_external", 1), "{steps}: {reason}");
            let quoted = words.split(['\'', '"', '{']).next().unwrap_or_default();
            assert!(reason.contains(quoted), "{words}: {reason}");
        }
    }
}

#[test]
fn a_message_about_limits_behind_work_is_no_refusal() {
    let work = shell("echo 1 > one.txt");
    for words in ["I implemented rate limiting and a 402 Payment Required handler", "Error: 429 Too Many Requests"] {
        let (code, status, reason, _) = outcome(&json!([work, {"say": words}]));
        assert_eq!((code, status.as_str()), (Some(0), "ready"), "{words}: {reason}");
    }
}

#[test]
fn an_agent_that_changes_files_without_a_tool_call_is_judged_by_what_it_changed() {
    let scene = Scene::new();
    let message =
        r#"{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"Error: 429 Too Many Requests"}}"#;
    let script = format!(
        "#!/bin/sh\n\
         asked() {{ read -r l; id=${{l#*\\\"id\\\":}}; id=${{id%%,*}}; }}\n\
         says() {{ printf '{{\"id\":%s,\"result\":%s}}\\n' \"$id\" \"$1\"; }}\n\
         asked; says '{{\"protocolVersion\":1}}'; asked; says '{{\"sessionId\":\"s\"}}'; asked; echo 1 > one.txt\n\
         echo '{{\"method\":\"session/update\",\"params\":{{\"sessionId\":\"s\",\"update\":{message}}}}}'\n\
         says '{{\"stopReason\":\"end_turn\"}}'; cat > /dev/null\n"
    );
    write_executable(&scene.place.path("."), "agent.sh", &script);
    let agent = format!("acp:{}", scene.place.path("agent.sh").display());
    let ran = scene.run(&(slice("one", "") + GATE), &["--agent", &agent]);
    assert_eq!(ran.code(), Some(0), "{}{}", ran.stdout(), ran.stderr());
    assert_eq!(scene.integrated("one.txt"), "1");
}
