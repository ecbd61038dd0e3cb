//! Agents over Kimi Wire: our side against one that is played by this binary.

use omk::agents::policy::CommandRules;
use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::task::AgentSession;
use serde_json::{Value, json};
use tokio::sync::mpsc::unbounded_channel;

use crate::support::conversation::Stage;

/// A place for an agent that plays `part`.
fn stage(part: &Value) -> Stage {
    again(Stage::wire("support::wire_agent::speaks", json!({})), part)
}

/// The same place for another part.
fn again(mut stage: Stage, part: &Value) -> Stage {
    let entry = json!({"env": {"FAKE_AGENT": part.to_string(), "FAKE_AGENT_HEARD": stage.outside("heard")}});
    stage.settings.profiles.configure("it", entry).expect("a profile");
    stage
}

fn turn(steps: &Value) -> Value {
    json!({ "turn": steps })
}

/// What the agent heard: its arguments first, then one message a line.
fn heard(stage: &Stage) -> Vec<Value> {
    let text = std::fs::read_to_string(stage.outside("heard")).expect("what it heard");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn params(heard: &[Value], method: &str) -> Vec<Value> {
    heard.iter().filter(|message| message["method"] == method).map(|message| message["params"].clone()).collect()
}

/// The name that it was given for its session.
fn named(heard: &[Value]) -> String {
    let words: Vec<_> = heard[0].as_array().expect("arguments").iter().filter_map(Value::as_str).collect();
    let at = words.iter().position(|word| *word == "-S").expect("a session");
    words[at + 1].to_owned()
}

fn hook(id: &str, tool: &str, input: Value) -> Value {
    json!({"hook": {"id": id, "tool": tool, "input": input}})
}

#[tokio::test]
async fn a_whole_turn_is_heard_counted_and_named() {
    let steps = json!([
        {"step": 1},
        {"say": "Let me see."},
        {"call": ["1", "Shell", "{\"command\": \"make\"}"]},
        hook("1", "Shell", json!({"command": "make"})),
        {"count": ["m1", 61, 40, 5, 20]},
        {"count": ["m1", 61, 40, 5, 20]},
        {"result": ["1", false]},
        {"step": 2},
        {"count": ["m1", 10, 0, 0, 7]},
        {"say": "Done."},
    ]);
    let stage = stage(&turn(&steps));
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let usage = |input_tokens, cached_tokens, output_tokens| Usage {
        input_tokens,
        cached_tokens,
        output_tokens,
        usd_micros: None,
    };
    assert_eq!(played.report.usage, usage(116, 40, 27));
    let heard = heard(&stage);
    let id = named(&heard);
    assert!(id.starts_with("omk-goal-1.one.1-"), "{id}");
    let message = |text: &str| AgentEvent::Message { text: text.into() };
    let tool = |done| AgentEvent::Tool { id: "1".into(), title: "Shell: make".into(), done };
    let spent = |usage, step: u32| AgentEvent::Usage { usage, id: Some(format!("/{step}/m1")), model: None };
    let expected = [
        AgentEvent::Session { id },
        message("Let me see."),
        tool(false),
        message("allow"),
        spent(usage(106, 40, 20), 1),
        spent(usage(106, 40, 20), 1),
        tool(true),
        spent(usage(10, 0, 7), 2),
        message("Done."),
    ];
    assert_eq!(played.events, expected);
    assert!(heard[1..].iter().all(|message| message["id"].is_string()), "{heard:?}");
    let hooks = json!([{"id": "omk", "event": "PreToolUse", "matcher": "", "timeout": 600}]);
    assert_eq!(params(&heard, "initialize")[0]["hooks"], hooks);
    assert!(params(&heard, "prompt")[0]["user_input"].as_str().is_some_and(|text| text.contains("The first")));
    assert!(played.frames.contains("HookRequest"), "{}", played.frames);
}

#[tokio::test]
async fn every_call_is_judged_by_its_hook_and_refused_with_the_reason() {
    let stage = stage(&json!({}));
    std::os::unix::fs::symlink(stage.outside("gone"), stage.path("src")).expect("a link");
    let steps = json!([
        hook("1", "WriteFile", json!({"path": "hello.txt", "content": "x"})),
        hook("2", "WriteFile", json!({"path": "other.txt", "content": "x"})),
        hook("3", "StrReplaceFile", json!({"path": stage.outside("x"), "edit": []})),
        hook("4", "WriteFile", json!({"path": "src", "content": "a link out of the worktree"})),
        hook("5", "Shell", json!({"command": "cd x; git push origin"})),
        hook("6", "Shell", json!({"command": "make"})),
        hook("7", "ReadFile", json!({"path": "/etc/passwd"})),
        hook("8", "mcp_save", json!({"path": ".git/config"})),
    ]);
    let stage = again(stage, &turn(&steps));
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let said = played.said();
    let expected = [
        "allow",
        "block: other.txt is outside of this slice's write set (src, hello.txt). Make the change within it, or leave it and say so.",
        "is outside of the worktree",
        "is outside of the worktree",
        "block: commands that begin with `git push` are not allowed here; do without, or leave it and say so.",
        "allow",
        "allow",
        "leave .git alone",
    ];
    assert!(said.len() == expected.len() && said.iter().zip(expected).all(|(said, it)| said.contains(it)), "{said:#?}");
    assert!(played.log.contains("omk refused `WriteFile: other.txt`"), "{}", played.log);
    let elsewhere = format!("`StrReplaceFile: {}`", stage.outside("x").display());
    let refused = [
        "`WriteFile: other.txt`",
        &elsewhere,
        "`WriteFile: src`",
        "`Shell: cd x; git push origin`",
        "`mcp_save: .git/config`",
    ];
    assert_eq!(played.refused(), refused);
}

#[tokio::test]
async fn approvals_are_judged_by_what_they_show_or_what_was_streamed() {
    let diff = |path: &str| json!([{"type": "diff", "path": path}]);
    let steps = json!([
        {"approve": {"id": "1", "tool": "WriteFile", "display": diff("hello.txt")}},
        {"approve": {"id": "2", "tool": "WriteFile", "display": diff("/etc/x")}},
        {"approve": {"id": "3", "tool": "Shell", "display": [{"type": "shell", "command": "sudo make"}]}},
        {"call": ["4", "WriteFile", "{\"path\": "]},
        {"more": "\"README\"}"},
        {"approve": {"id": "4", "tool": "WriteFile", "display": []}},
        {"question": "which?"},
    ]);
    let played = stage(&turn(&steps)).play().await;
    let said = played.said();
    assert_eq!((said[0], said[4]), ("approve", "refused: omk does not answer QuestionRequest"));
    for (said, reason) in
        said[1..4].iter().zip(["outside of the worktree", "`sudo`", "README is outside of this slice"])
    {
        assert!(said.starts_with("reject: ") && said.contains(reason), "{said}");
    }
    let told = |event: &AgentEvent| matches!(event, AgentEvent::Tool { title, .. } if title == "WriteFile: README");
    assert!(played.events.iter().any(told), "{:?}", played.events);
}

#[tokio::test]
async fn what_only_a_person_may_allow_ends_the_attempt_with_the_question() {
    let steps = json!([hook("1", "Shell", json!({"command": "docker run x"})), "hang"]);
    let mut stage = stage(&turn(&steps));
    stage.settings.rules = CommandRules { asked: vec!["docker run".into()], ..CommandRules::default() };
    let played = stage.play().await;
    let question = "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";
    assert_eq!(played.report.end, AgentEnd::Asked { question: question.into() });
}

#[tokio::test]
async fn a_turn_is_cancelled_while_it_asks_and_nothing_more_is_allowed() {
    let steps = json!([{"say": "up"}, "until_cancelled", hook("1", "Shell", json!({"command": "make"})), "cancelled"]);
    let stage = stage(&turn(&steps));
    let played = stage.play_until(|event| matches!(event, AgentEvent::Message { text } if text == "up")).await;
    assert_eq!(played.report.end, AgentEnd::Stopped, "{}", played.log);
    assert!(played.frames.contains(r#""status":"cancelled""#), "{}", played.frames);
    assert!(played.frames.contains(r#""reason":"this run is being ended; stop here""#), "{}", played.frames);
}

#[tokio::test]
async fn the_operators_words_go_into_the_turn_and_a_closed_ear_does_no_harm() {
    let (hints, ears) = unbounded_channel();
    hints.send("use tabs".to_owned()).expect("somebody listens");
    hints.send("and no bells".to_owned()).expect("somebody listens");
    drop(hints);
    let stage = stage(&turn(&json!([{"steered": 2}, {"say": "steered"}])));
    let played = stage.play_hinted(ears).await;
    assert_eq!((&played.report.end, played.said()), (&AgentEnd::Finished, vec!["steered"; 2]), "{}", played.log);
    let steers = params(&heard(&stage), "steer");
    assert_eq!(steers, [json!({"user_input": "use tabs"}), json!({"user_input": "and no bells"})]);
    assert!(played.log.contains("the operator says: use tabs"), "{}", played.log);
    // What was refused is said in a turn behind.
    assert_eq!(params(&heard(&stage), "prompt")[1..], [json!({"user_input": "and no bells"})]);
    assert!(!played.log.contains("was not told"), "{}", played.log);
}

#[tokio::test]
async fn words_of_the_operator_that_nobody_hears_are_in_the_log() {
    let (hints, ears) = unbounded_channel();
    hints.send("use tabs".to_owned()).expect("somebody listens");
    hints.send("and no bells".to_owned()).expect("somebody listens");
    let stage = stage(&turn(&json!([{"steered": 2}, {"fail": [-32003, "boom"]}])));
    let played = stage.play_hinted(ears).await;
    assert!(matches!(played.report.end, AgentEnd::Failed { .. }), "{:?}", played.report.end);
    assert!(played.log.ends_with("[the agent was not told what the operator said: and no bells]\n"), "{}", played.log);
}

/// The end of an agent that plays `steps` and may be silent for 300 ms.
async fn silent_end(steps: &Value, timeout_ms: u64) -> AgentEnd {
    let mut stage = stage(&turn(steps));
    let entry = json!({"quirks": {"idle_ms": 300}});
    stage.settings.profiles.configure("it", entry).expect("a profile");
    stage.timeout_ms = timeout_ms;
    stage.play().await.report.end
}

#[tokio::test]
async fn an_agent_that_says_nothing_any_more_is_ended_unless_a_tool_of_its_works() {
    let (call, hook) = (json!({"call": ["1", "Shell", "{}"]}), hook("2", "Shell", json!({"command": "make"})));
    let ended = |id: &str| json!({"result": [id, false]});
    for steps in [json!([{"say": "x"}, "hang"]), json!([call, hook, ended("1"), ended("2"), "hang"])] {
        let end = silent_end(&steps, 60_000).await;
        assert!(
            matches!(&end, AgentEnd::Failed { detail } if detail.starts_with("the agent said nothing for 300ms")),
            "{end:?}"
        );
    }
    for open in [call, hook] {
        assert_eq!(silent_end(&json!([open, "hang"]), 3_000).await, AgentEnd::TimedOut);
    }
}

#[tokio::test]
async fn a_session_goes_on_where_the_agent_has_it_and_begins_anew_where_not() {
    let mut stage = stage(&turn(&json!([{"say": "on"}])));
    stage.session = Some(AgentSession {
        id: "mine".into(),
        agent: "it".into(),
        used: Usage::default(),
        worktree: stage.path(""),
        cut_off: true,
        failures: 0,
        news: 0,
    });
    let fresh = stage.play().await;
    let told = heard(&stage);
    assert!(named(&told).starts_with("omk-goal-1.one.1-"), "{told:?}");
    assert!(params(&told, "prompt")[0]["user_input"].as_str().is_some_and(|text| text.contains("The first")));
    assert!(fresh.log.contains("the session to go on with is gone"), "{}", fresh.log);
    std::fs::remove_file(stage.outside("heard")).expect("a file");
    let place = stage.outside("home/.kimi/sessions/0a1b/mine");
    std::fs::create_dir_all(&place).expect("a directory");
    std::fs::write(place.join("context.jsonl"), "{}\n").expect("a file");
    let resumed = stage.play().await;
    assert_eq!(resumed.report.end, AgentEnd::Finished, "{}", resumed.log);
    let told = heard(&stage);
    assert_eq!((named(&told).as_str(), &resumed.events[0]), ("mine", &AgentEvent::Session { id: "mine".into() }));
    let prompts = params(&told, "prompt");
    assert!(!prompts[0]["user_input"].as_str().expect("text").contains("The first"), "{prompts:?}");
}

#[tokio::test]
async fn the_end_of_a_turn_and_its_errors_are_told_apart() {
    let end = async |steps: Value| stage(&turn(&steps)).play().await.report.end;
    let failed = |end: &AgentEnd, words: &str| {
        assert!(matches!(end, AgentEnd::Failed { detail } if detail.contains(words)), "{end:?}");
    };
    failed(&end(json!([])).await, "without work");
    failed(&end(json!([{"say": "x"}, {"stop": "max_steps_reached"}])).await, "limit of steps");
    failed(&end(json!([{"say": "x"}, {"stop": "cancelled"}])).await, "cancelled");
    failed(&end(json!([{"fail": [-32003, "Error code: 500 - boom"]}])).await, "Error code: 500 - boom (code -32003)");
    let limited = end(json!([{"fail": [-32003, "Error code: 429 - slow down"]}])).await;
    assert!(matches!(&limited, AgentEnd::Limited { provider: Some(p), .. } if p == "moonshot"), "{limited:?}");
    for (code, words) in [(-32003, "Error code: 401 - no"), (-32001, "LLM is not set"), (-32004, "expired")] {
        let end = end(json!([{"fail": [code, words]}])).await;
        let detail = format!("{end:?}");
        assert!(
            matches!(end, AgentEnd::Unavailable { .. }) && detail.contains("kimi login") && detail.contains(words),
            "{detail}"
        );
    }
    failed(&end(json!([{"say": "last words"}, "die"])).await, "last words");
}

#[tokio::test]
async fn a_step_that_is_tried_again_is_a_wait_where_the_provider_is_busy() {
    let retry = |status: Value| json!({"retry": status});
    let played =
        stage(&turn(&json!([retry(json!(429)), retry(json!(500)), retry(Value::Null), {"say": "x"}]))).play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let waits: Vec<_> = played.events.iter().filter(|event| matches!(event, AgentEvent::Limited { .. })).collect();
    let said = matches!(waits[..], [AgentEvent::Limited { provider: Some(p), until: Some(_), detail }]
        if p == "moonshot" && detail == "APIStatusError 429; attempt 2 of 3 in 1.5 s");
    assert!(said, "{waits:?}");
    assert!(played.log.contains("[APIStatusError 500; attempt 2 of 3 in 1.5 s]"), "{}", played.log);
}

#[tokio::test]
async fn subagents_are_counted_and_do_not_speak_for_the_agent() {
    let of = |step: Value| json!({"sub": ["a1", step]});
    let steps = json!([
        {"step": 1},
        {"count": ["m", 1, 0, 0, 1]},
        of(json!({"step": 1})),
        of(json!({"say": "to the main one"})),
        of(json!({"call": ["s1", "ReadFile", "{\"path\": \"a\"}"]})),
        of(json!({"count": ["m", 2, 0, 0, 2]})),
        of(json!({"result": ["s1", true]})),
        {"say": "I"},
    ]);
    let played = stage(&turn(&steps)).play().await;
    assert_eq!((played.report.usage.tokens(), played.said()), (6, vec!["I"]), "{:?}", played.events);
    assert!(played.log.contains("[ReadFile: a: failed]"), "{}", played.log);
}

#[tokio::test]
async fn an_agent_that_cannot_be_worked_with_is_unavailable_with_its_words_and_what_mends_it() {
    let unavailable = async |stage: Stage| match stage.play().await.report.end {
        AgentEnd::Unavailable { detail } => detail,
        other => panic!("{other:?}"),
    };
    let said = unavailable(stage(&json!({"protocol": "2.0"}))).await;
    assert!(said.contains("version 2.0 of Wire"), "{said}");
    let said = unavailable(stage(&json!({"hooks": ["Stop"]}))).await;
    assert!(said.contains("it has no hook PreToolUse"), "{said}");
    // No agent is started: this one would stay for ever.
    let version = |words: &str| {
        let script = "case \"$*\" in --version) printf '%s\\n' \"$SAYS\";; *) exec sleep 600;; esac";
        Stage::configured(json!({"like": "kimi-cli", "command": ["sh", "-c", script, "kimi"], "env": {"SAYS": words},
            "quirks": {"generation": {"ask": ["-c", script, "kimi", "--version"]}, "handshake_ms": 600_000}}))
    };
    let notice = "kimi, version 1.52.0\nkimi-cli is no longer maintained. Please use the new Kimi Code CLI.";
    let said = unavailable(version(notice)).await;
    assert!(said.contains("is no longer maintained") && said.contains("use `--agent kimi`"), "{said}");
    assert!(said.contains("npm install -g @moonshot-ai/kimi-code"), "{said}");
    let said = unavailable(version("2.1.0")).await;
    assert_eq!(
        said,
        "it: it is version 2.1.0: this is Kimi Code; use `--agent kimi`, or name the Python CLI in `command` (it is \
         there as `kimi-cli` too)"
    );
    let said = unavailable(version("hello")).await;
    assert!(said.contains("does not say which version") && said.contains("hello"), "{said}");
}

#[tokio::test]
async fn the_python_cli_under_the_profile_of_kimi_code_is_named() {
    let older = r#"read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1,
        "agentInfo":{"name":"Kimi Code CLI","version":"1.51.0"}}}' | tr -d '\n'; echo; cat > /dev/null"#;
    let stage = Stage::configured(json!({"like": "kimi", "command": ["sh", "-c", older]}));
    let end = stage.play().await.report.end;
    let said = matches!(&end, AgentEnd::Unavailable { detail }
        if detail.contains("version 1.51.0") && detail.contains("--agent kimi-cli") && detail.contains("@moonshot-ai/kimi-code"));
    assert!(said, "{end:?}");
}

#[tokio::test]
async fn a_handshake_alone_opens_no_session_and_says_what_is_wrong() {
    let stage = stage(&turn(&json!([{"say": "x"}])));
    assert_eq!(stage.host().greet("it", stage.path("")).await, Ok(()));
    let heard = heard(&stage);
    let words = format!("{:?}", heard[0]);
    assert!(words.contains("--work-dir") && !words.contains("-S") && heard.len() == 2, "{heard:?}");
}
