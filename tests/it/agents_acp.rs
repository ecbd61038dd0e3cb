//! Agents over the Agent Client Protocol: our side against one that is played by this binary, or by an implementation
//! that is not ours (`OMK_ACP_AGENT`, the program of `tests/acp_agent`).

use std::time::{Duration, Instant};

use omk::adapters::clock::SystemClock;
use omk::agents::policy::CommandRules;
use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::task::{Feedback, FeedbackKind};
use omk::ports::Clock;
use serde_json::{Value, json};

use crate::process::{alive, until};
use crate::support::conversation::Stage;

fn turn(steps: &Value) -> Value {
    json!({ "turns": [steps] })
}

#[tokio::test]
async fn an_agent_writes_and_runs_through_us_within_its_rights() {
    let stage = Stage::fake(&json!({}), json!({}));
    let text = |path: std::path::PathBuf| path.to_str().expect("text").to_owned();
    let steps = json!([
        {"write": [text(stage.path("src/new/a.txt")), "hello\n"]},
        {"write": [text(stage.path("other.txt")), "x"]},
        {"write": [text(stage.outside("x.txt")), "x"]},
        {"write": [text(stage.path("../worktree/.git/config")), "x"]},
        {"read": text(stage.path("src/new/a.txt"))},
        {"read": text(stage.path("src/gone"))},
        {"read": "/etc/passwd"},
        {"run": ["/bin/sh", "-c", "cat src/new/a.txt; echo oops >&2; pwd; exit 3"]},
        {"run": ["/bin/sh", "-c", "cd x; git push origin"]},
        {"run": ["/bin/sh", "-c", "cd src && echo x > ../../log"]},
        {"run": ["echo one two"]},
    ]);
    let stage = again(stage, &turn(&steps), json!({}));
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let worktree = text(stage.path(""));
    let elsewhere = worktree.replace("worktree/", "x.txt");
    let worktree = worktree.trim_end_matches('/');
    let expected = [
        "written".to_owned(),
        "refused: other.txt is outside of this slice's write set (src, hello.txt). Make the change within it, or leave it and say so.".to_owned(),
        format!("refused: {elsewhere} is outside of the worktree {worktree}. Write only within it."),
        "refused: version control is not yours to change: leave .git alone and do not commit; your edits are captured as they are in the worktree.".to_owned(),
        "hello".to_owned(),
        format!("refused: Resource not found: {worktree}/src/gone"),
        format!("refused: /etc/passwd is outside of the worktree {worktree}; files elsewhere are not served, read them with a command."),
        "exit Some(3): hello".to_owned(),
        "oops".to_owned(),
        worktree.to_owned(),
        "refused: commands that begin with `git push` are not allowed here; do without, or leave it and say so.".to_owned(),
        format!("refused: {worktree}/src/../../log is outside of the worktree {worktree}. Write only within it."),
        "exit Some(0): one two".to_owned(),
    ];
    assert_eq!(played.said(), expected);
    assert_eq!(std::fs::read_to_string(stage.path("src/new/a.txt")).expect("a file"), "hello\n");
    assert!(!stage.path("other.txt").exists() && !stage.outside("x.txt").exists());
    assert!(played.log.contains("omk refused writing"), "{}", played.log);
    assert_eq!(
        played.refused(),
        [
            "writing other.txt".to_owned(),
            format!("writing {elsewhere}"),
            "writing ../worktree/.git/config".to_owned(),
            "reading /etc/passwd".to_owned(),
            "`/bin/sh -c 'cd x; git push origin'`".to_owned(),
            "`/bin/sh -c 'cd src && echo x > ../../log'`".to_owned(),
        ]
    );
    let refused = &played.report.refused;
    assert_eq!(refused.first[0].reason, expected[1].trim_start_matches("refused: "));
    let list = stage.kept.text(refused.list.as_ref().expect("a list"));
    let acts: Vec<_> =
        list.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")["act"].clone()).collect();
    assert_eq!((refused.count, acts), (6, played.refused().into_iter().map(Value::from).collect()));
    assert!(played.frames.contains("fs/write_text_file"), "{}", played.frames);
}

/// The same place for another part.
fn again(stage: Stage, part: &Value, quirks: Value) -> Stage {
    let mut stage = stage;
    let entry = json!({"env": {"FAKE_AGENT": part.to_string()}, "quirks": quirks});
    stage.settings.profiles.configure("it", entry).expect("a profile");
    stage
}

#[tokio::test]
async fn a_link_out_of_the_worktree_is_no_way_out() {
    let stage = Stage::fake(&json!({}), json!({}));
    std::fs::create_dir(stage.path("src")).expect("a directory");
    std::os::unix::fs::symlink(stage.outside(""), stage.path("src/out")).expect("a link");
    std::os::unix::fs::symlink(stage.outside("gone"), stage.path("src/dangling")).expect("a link");
    let write = |name: &str| json!({"write": [stage.path(name), "x"]});
    let steps = json!([write("src/out/x"), write("src/dangling")]);
    let stage = again(stage, &turn(&steps), json!({}));
    let played = stage.play().await;
    let said = played.said();
    assert!(said[0].contains("is outside of the worktree"), "{said:?}");
    assert!(said[1].starts_with("refused: "), "{said:?}");
    assert!(!stage.outside("x").exists() && !stage.outside("gone").exists());
}

#[tokio::test]
async fn what_is_asked_for_another_session_is_refused_and_listed() {
    if std::env::var_os("OMK_ACP_AGENT").is_some() {
        eprintln!("\n*** SKIPPED: the agent that OMK_ACP_AGENT names asks for its own session only ***\n");
        return;
    }
    let stage = Stage::fake(&json!({}), json!({}));
    let file = json!({"path": stage.path("hello.txt"), "content": "x"});
    let asked = json!({"toolCall": {"toolCallId": "1", "kind": "read"}, "options": []});
    let requests = [
        ("fs/write_text_file", file.clone()),
        ("fs/read_text_file", file.clone()),
        ("terminal/create", json!({"command": "touch", "args": ["hello.txt"]})),
        ("terminal/output", json!({"terminalId": "t1"})),
        ("session/request_permission", asked),
    ];
    let of = |session: &str| -> Vec<Value> {
        requests.iter().map(|(method, params)| json!({"request": [session, method, params]})).collect()
    };
    let stage = again(stage, &turn(&json!([of("other"), of("")].concat())), json!({}));
    let played = stage.play().await;
    let mut expected = vec!["refused: session `other` is not open here"; 5];
    expected.extend(["refused: it names no session"; 5]);
    assert_eq!(played.said(), expected);
    assert!(!stage.path("hello.txt").exists());
    assert_eq!((played.report.refused.count, &played.report.end), (10, &AgentEnd::Finished));
    let own = json!([{"request": ["fake-1", "fs/write_text_file", file]}]);
    assert_eq!(again(stage, &turn(&own), json!({})).play().await.said(), ["done"]);
}

#[tokio::test]
async fn a_refusal_that_the_final_message_reports_counts_unless_something_changed() {
    let end = async |steps: Value| {
        let report = Stage::fake(&turn(&steps), json!({})).play().await.report;
        assert_eq!(report.end, AgentEnd::Finished);
        report.unless_changed.map(|end| *end)
    };
    let limit = "You have hit your session limit - try again in 20 minutes";
    let asked_at = SystemClock.now();
    let Some(AgentEnd::Limited { provider, until: Some(until), detail }) = end(json!([{"say": limit}])).await else {
        panic!("no limit")
    };
    assert_eq!((provider.as_deref(), detail.as_str()), (Some("google"), limit));
    assert!(until >= asked_at.plus(20 * 60_000));
    let Some(AgentEnd::Unavailable { detail }) = end(json!([{"say": "Credit balance is too low"}])).await else {
        panic!("no billing")
    };
    assert!(detail.contains("Credit balance is too low; its provider asks for payment"), "{detail}");
    let call = json!({"sessionUpdate": "tool_call", "toolCallId": "1", "title": "read", "status": "completed"});
    assert_eq!(end(json!([{"update": call}, {"say": limit}])).await, None);
    assert_eq!(end(json!([{"say": "I implemented rate limiting and a 402 Payment Required handler"}])).await, None);
}

#[tokio::test]
async fn permissions_are_chosen_by_kind_and_judged() {
    let call = |id: &str, kind: &str, input: Value| json!({"ask": {"toolCallId": id, "kind": kind, "title": id, "rawInput": input}});
    let steps = json!([
        call("1", "edit", json!({"file_path": "src/a"})),
        call("2", "edit", json!({"file_path": "README"})),
        call("3", "execute", json!({"command": "make"})),
        call("4", "execute", json!({"command": "sudo make"})),
        {"update": {"sessionUpdate": "tool_call", "toolCallId": "5", "title": "edit", "kind": "edit", "rawInput": {"filePath": "x"}}},
        {"ask": {"toolCallId": "5"}},
        {"ask": {"toolCallId": "6", "kind": "execute", "title": "git push"}},
        call("7", "execute", json!({"command": "make > ../log", "cwd": "src"})),
        call("8", "execute", json!({"command": "make > ../log", "workdir": "."})),
    ]);
    let played = Stage::fake(&turn(&steps), json!({})).play().await;
    let chosen = ["yes", "no", "yes", "no", "no", "no", "yes", "no"].map(|choice| format!("chose {choice}"));
    assert_eq!(played.said(), chosen);
    let granted = Stage::fake(&turn(&steps), json!({"decided_by_requests": true})).play().await;
    assert_eq!(granted.said(), ["chose yes"; 8]);
    assert_eq!((played.report.refused.count, granted.report.refused.count), (5, 0));
}

#[tokio::test]
async fn a_turn_that_a_refusal_ended_goes_on_with_the_reason() {
    let stage = Stage::fake(&json!({}), json!({}));
    let prompts = stage.outside("prompts");
    let ask = json!({"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "git push"}}});
    let part = json!({"prompts": prompts, "turns": [[ask], [{"say": "then without"}]]});
    let stage = again(stage, &part, json!({"reject_ends_turn": true}));
    let played = stage.play().await;
    assert_eq!((&played.report.end, played.said()), (&AgentEnd::Finished, vec!["chose no", "then without"]));
    let prompts = std::fs::read_to_string(prompts).expect("prompts");
    let (first, second) = prompts.trim_end().split_once('\n').expect("two prompts");
    assert!(first.contains("Your slice: The first"), "{first}");
    assert!(second.contains("commands that begin with `git push` are not allowed"), "{second}");
}

#[tokio::test]
async fn an_agent_whose_turn_goes_on_after_a_refusal_is_told_the_reason_once() {
    let stage = Stage::fake(&json!({}), json!({}));
    let prompts = stage.outside("prompts");
    let ask = json!({"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "git push"}}});
    let part = json!({"prompts": prompts, "turns": [[ask, {"say": "went on"}], [ask, {"say": "done"}]]});
    let stage = again(stage, &part, json!({}));
    let played = stage.play().await;
    let said = vec!["chose no", "went on", "chose no", "done"];
    assert_eq!((&played.report.end, played.said()), (&AgentEnd::Finished, said));
    let prompts = std::fs::read_to_string(prompts).expect("prompts");
    let (_, second) = prompts.trim_end().split_once('\n').expect("two prompts");
    assert!(second.contains("commands that begin with `git push` are not allowed"), "{second}");
}

#[tokio::test]
async fn an_agent_with_nothing_left_to_say_to_a_reason_has_finished_what_it_did_before() {
    let ask = json!({"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "git push"}}});
    let played = Stage::fake(&json!({"turns": [[ask, {"say": "done"}], []]}), json!({})).play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let ends_turn = Stage::fake(&json!({"turns": [[ask], []]}), json!({"reject_ends_turn": true})).play().await;
    assert!(matches!(ends_turn.report.end, AgentEnd::Failed { .. }), "{}", ends_turn.log);
}

#[tokio::test]
async fn what_only_a_person_may_allow_ends_the_attempt_with_the_question() {
    let steps =
        json!([{"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "docker run x"}}}, "hang"]);
    let mut stage = Stage::fake(&turn(&steps), json!({}));
    stage.settings.rules = CommandRules { asked: vec!["docker run".into()], ..CommandRules::default() };
    let played = stage.play().await;
    let question = "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";
    assert_eq!(played.report.end, AgentEnd::Asked { question: question.into() });
    let answer = |detail: &str| Feedback {
        kind: FeedbackKind::Operator,
        summary: "the operator's answer to q1".into(),
        detail: detail.into(),
        paths: Vec::new(),
    };
    let steps = json!([{"ask": {"toolCallId": "1", "kind": "execute", "rawInput": {"command": "docker run x"}}}]);
    let mut stage = again(stage, &turn(&steps), json!({}));
    stage.feedback = vec![answer("allow docker run")];
    let played = stage.play().await;
    assert_eq!((&played.report.end, played.said()), (&AgentEnd::Finished, vec!["chose yes"]));
}

#[tokio::test]
async fn the_end_of_a_turn_without_work_is_a_failure() {
    let end = async |part: Value, quirks: Value| Stage::fake(&part, quirks).play().await.report;
    let failed = |end: &AgentEnd, words: &str| {
        assert!(matches!(end, AgentEnd::Failed { detail } if detail.contains(words)), "{end:?}")
    };
    failed(&end(turn(&json!([])), json!({})).await.end, "without work");
    let counts = json!({"usage_source": "turn_usage"});
    let stage = |part: Value| again(Stage::fake(&part, json!({})), &part, counts.clone());
    failed(&stage(turn(&json!([{"say": "hm"}]))).play().await.report.end, "without work");
    let paid = stage(json!({"usage": true, "turns": [[{"say": "done"}]]})).play().await;
    assert_eq!(paid.report.end, AgentEnd::Finished);
    let usage = Usage { input_tokens: 20, output_tokens: 10, ..Usage::default() };
    assert_eq!(paid.report.usage, usage);
    assert_eq!(paid.events.last(), Some(&AgentEvent::Usage { usage, id: None, model: None }));
    for (reason, words) in
        [("refusal", "refused"), ("max_tokens", "cut"), ("max_turn_requests", "cut"), ("cancelled", "cancelled")]
    {
        failed(&end(turn(&json!([{"say": "x"}, {"stop": reason}])), json!({})).await.end, words);
    }
}

#[tokio::test]
async fn errors_of_a_turn_are_waits_missing_logins_or_failures() {
    let end = async |code: i32, message: &str| {
        Stage::fake(&turn(&json!([{"say": "x"}, {"fail": [code, message]}])), json!({})).play().await.report.end
    };
    let paid = end(-32603, "You've hit your org's monthly spend limit").await;
    assert!(
        matches!(&paid, AgentEnd::Unavailable { detail } if detail.contains("monthly spend limit") && !detail.contains("log in")),
        "{paid:?}"
    );
    let monthly = end(-32603, "You've hit your org's monthly spend limit. Resets in 12 days.").await;
    assert!(matches!(monthly, AgentEnd::Limited { until: Some(_), .. }), "{monthly:?}");
    assert!(
        matches!(end(-32603, "429 Too Many Requests").await, AgentEnd::Limited { provider: Some(p), .. } if p == "google")
    );
    assert!(
        matches!(end(-32000, "Authentication required").await, AgentEnd::Unavailable { detail } if detail.contains("log in with `gemini`"))
    );
    assert!(matches!(end(-32603, "boom").await, AgentEnd::Failed { detail } if detail.starts_with("boom")));
    let died =
        Stage::fake(&turn(&json!([{"say": "last words"}, {"read": "x"}, "die"])), json!({})).play().await.report.end;
    assert!(
        matches!(&died, AgentEnd::Failed { detail } if detail.contains("exit status 9") && detail.contains("last words")),
        "{died:?}"
    );
}

#[tokio::test]
async fn an_agent_that_cannot_be_worked_with_is_unavailable_with_its_words_and_what_mends_it() {
    let unavailable = async |stage: Stage| match stage.play().await.report.end {
        AgentEnd::Unavailable { detail } => detail,
        other => panic!("{other:?}"),
    };
    let said = unavailable(Stage::fake(&json!({"logged_out": true}), json!({}))).await;
    assert!(said.contains("Authentication required") && said.contains("log in with `gemini`"), "{said}");
    let program = |script: &str, patience: u64| {
        Stage::configured(
            json!({"like": "kimi", "command": ["sh", "-c", script], "quirks": {"handshake_ms": patience}}),
        )
    };
    let said = unavailable(program("echo 'kimi is no longer maintained'", 10_000)).await;
    assert!(
        said.contains("no longer maintained") && said.contains("exit status 0") && said.contains("kimi login"),
        "{said}"
    );
    let newer = r#"read line; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":7}}'; cat > /dev/null"#;
    let said = unavailable(program(newer, 10_000)).await;
    assert!(said.contains("version 7"), "{said}");
    let said = unavailable(program("echo bad key >&2; exit 4", 10_000)).await;
    assert!(said.contains("bad key") && said.contains("exit status 4"), "{said}");
    let said = unavailable(program("cat > /dev/null", 50)).await;
    assert!(said.contains("did not answer initialize within 50ms"), "{said}");
    let said = unavailable(program("exec omk-no-such-agent", 10_000)).await;
    // 126 where a directory of the caller's PATH cannot be read.
    assert!(said.contains("exit status 127") || said.contains("exit status 126"), "{said}");
}

#[tokio::test]
async fn a_mode_that_is_an_option_of_the_session_is_set_before_the_work() {
    let modes = json!([{"value": "auto", "name": "Auto"}, {"value": "ask", "name": "Ask"}]);
    let mode = json!({"id": "how", "name": "How", "category": "mode", "type": "select", "currentValue": "auto",
        "options": modes});
    let part = json!({"turns": [[{"say": "done"}]], "opened": {"configOptions": [mode]}});
    let played = Stage::fake(&part, json!({"mode_id": "ask"})).play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let frames = played.frames.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ours = frames.filter(|frame| frame["dir"] == "->").map(|frame| frame["msg"].clone());
    let asked: Vec<_> = ours.filter(|message| message["method"].is_string()).collect();
    let methods: Vec<_> = asked.iter().map(|message| message["method"].as_str().unwrap_or_default()).collect();
    assert_eq!(methods, ["initialize", "session/new", "session/set_config_option", "session/prompt"]);
    assert_eq!(asked[2]["params"], json!({"sessionId": "fake-1", "configId": "how", "value": "ask"}));
    let played = Stage::fake(&part, json!({"mode_id": "plan"})).play().await;
    let AgentEnd::Unavailable { detail } = &played.report.end else { panic!("{:?}", played.report.end) };
    let said = "it does not take the mode `plan`: it answers session/set_config_option with: No such value";
    assert!(detail.contains(said) && detail.contains("; it offers auto, ask"), "{detail}");
}

#[tokio::test]
async fn an_agent_that_wants_a_login_says_in_its_own_words_how_that_is_done() {
    let auth = json!([{"id": "key", "name": "A key", "description": "Run `fake login` in a terminal"},
        {"id": "google", "name": "Log in with Google"}]);
    let ways = "\nit names these ways to log in:\n- A key: Run `fake login` in a terminal\n- Log in with Google";
    let at_once = json!({"logged_out": true, "auth": auth});
    let at_work = json!({"turns": [[{"fail": [-32000, "Authentication required"]}]], "auth": auth});
    for part in [at_once, at_work] {
        let AgentEnd::Unavailable { detail } = Stage::fake(&part, json!({})).play().await.report.end else {
            panic!("it was available: {part}")
        };
        assert!(detail.contains("log in with `gemini`") && detail.ends_with(ways), "{detail}");
    }
    // Who is not in want of a login is told of none.
    let broken = json!({"turns": [[{"fail": [-32603, "boom"]}]], "auth": auth});
    let end = Stage::fake(&broken, json!({})).play().await.report.end;
    let plain = matches!(&end, AgentEnd::Failed { detail } if !detail.contains("log in"));
    assert!(plain, "{end:?}");
}

/// A place for an agent that is a script of these steps: `answers R` answers what it is `asked` next.
fn scripted(steps: &str) -> Stage {
    let asked = r#"asked() { read -r l; id=${l#*\"id\":}; id=${id%%,*}; }; "#;
    let answers = r#"says() { printf '{"id":%s,%s}\n' "$id" "$1"; }; answers() { asked; says "$1"; }; "#;
    let hello = r#"hello() { answers '"result":{"protocolVersion":1}'; }; "#;
    let opens = r#"opens() { hello; answers '"result":{"sessionId":"s"}'; }; "#;
    let script = [asked, answers, hello, opens, steps].concat();
    let quirks = json!({"handshake_ms": 20_000, "usage_source": "any"});
    Stage::configured(json!({"like": "gemini", "command": ["sh", "-c", script], "quirks": quirks}))
}

#[tokio::test]
async fn the_last_words_of_an_agent_that_ends_with_them_count() {
    let works = r#"echo '{"method":"session/update","params":{"sessionId":"s","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"done"}}}}'; "#;
    let end = async |steps: &str| scripted(steps).play().await.report.end;
    let finished = end(&format!(r#"opens; asked; {works} says '"result":{{"stopReason":"end_turn"}}'; exit 0"#)).await;
    assert_eq!(finished, AgentEnd::Finished);
    let limited = end(r#"opens; answers '"error":{"code":429,"message":"slow down"}'; exit 1"#).await;
    assert!(matches!(limited, AgentEnd::Limited { .. }), "{limited:?}");
    let busy = end(r#"hello; answers '"error":{"code":-32603,"message":"429 slow down, try again in 20 s"}'"#).await;
    assert!(matches!(&busy, AgentEnd::Limited { provider: Some(p), until: Some(_), .. } if p == "google"), "{busy:?}");
    let refused = end(r#"hello; answers '"error":{"code":-32000,"message":"Authentication required"}'; exit 1"#).await;
    let said = matches!(&refused, AgentEnd::Unavailable { detail } if detail.contains("answers session/new with: Authentication required"));
    assert!(said, "{refused:?}");
}

#[tokio::test]
async fn an_agent_that_closes_its_ears_or_mouth_and_runs_on_has_left_the_conversation() {
    let end = async |steps: &str| scripted(steps).play().await.report.end;
    let (mute, deaf, turned) = tokio::join!(
        end("hello; exec 1>&-; sleep 1000"),
        end("read -r l; exec 0<&-; echo '{\"id\":1,\"result\":{\"protocolVersion\":1}}'; sleep 1000"),
        end("opens; read -r l; exec 1>&-; sleep 1000"),
    );
    for end in [mute, deaf] {
        let words = "it closed its standard input or output before it could be spoken to, and went on running";
        assert!(matches!(&end, AgentEnd::Unavailable { detail } if detail.contains(words)), "{end:?}");
    }
    let words = "the agent closed its standard input or output in the middle of its turn, and went on running";
    assert!(matches!(&turned, AgentEnd::Failed { detail } if detail.starts_with(words)), "{turned:?}");
}

#[tokio::test]
async fn stopping_cancels_the_turn_and_leaves_no_process() {
    let pid = |stage: &Stage| {
        std::fs::read_to_string(stage.path("src/pid")).expect("a file").trim().parse::<u32>().expect("a pid")
    };
    for last in ["hang", "deaf"] {
        let run = "mkdir -p src; sh -c 'echo $$ > src/pid; exec sleep 600' & while ! [ -s src/pid ]; do sleep 0.01; done; echo up; wait";
        let steps = json!([{"leave": ["/bin/sh", "-c", run]}, {"run": ["/bin/sh", "-c", "while ! [ -s src/pid ]; do sleep 0.01; done; echo seen"]}, last]);
        let stage = Stage::fake(&turn(&steps), json!({"cancel_ms": 300}));
        let played =
            stage.play_until(|event| matches!(event, AgentEvent::Message { text } if text.contains("seen"))).await;
        assert_eq!(played.report.end, AgentEnd::Stopped, "{}", played.log);
        assert!(played.frames.contains("session/cancel"));
        assert_eq!(played.frames.contains(r#""stopReason":"cancelled""#), last == "hang", "{}", played.frames);
        let pid = pid(&stage);
        until("the command is gone", || !alive(pid)).await;
    }
}

#[tokio::test]
async fn a_command_that_is_left_running_ends_with_the_session() {
    let run = "mkdir -p src; echo $$ > src/pid; exec sleep 600";
    let steps = json!([{"leave": ["/bin/sh", "-c", run]}, {"run": ["/bin/sh", "-c", "while ! [ -s src/pid ]; do sleep 0.01; done"]}]);
    let stage = Stage::fake(&turn(&steps), json!({}));
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let pid = std::fs::read_to_string(stage.path("src/pid")).expect("a file").trim().parse().expect("a pid");
    assert!(!alive(pid));
}

#[tokio::test]
async fn a_timeout_ends_an_agent_that_never_stops() {
    let mut stage = Stage::fake(&turn(&json!(["hang"])), json!({}));
    stage.timeout_ms = 500;
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::TimedOut);
}

#[tokio::test]
async fn many_updates_are_heard_in_order_and_within_bounds() {
    let played = Stage::fake(&turn(&json!([{"chatter": 12_000}])), json!({})).play().await;
    assert_eq!(played.report.end, AgentEnd::Finished);
    assert_eq!(played.events.len(), 10_000);
    assert!(played.said().iter().enumerate().all(|(at, line)| *line == format!("word {at}")));
    assert!(played.frames.len() <= (2 << 20) + 100 && played.log.len() <= (2 << 20) + 100);
}

#[tokio::test]
async fn a_handshake_alone_spends_nothing_and_says_what_is_wrong() {
    let stage = Stage::fake(&turn(&json!([{"write": ["src/x", "x"]}])), json!({}));
    let before = Instant::now();
    assert_eq!(stage.host().greet("it", stage.path("")).await, Ok(()));
    assert!(before.elapsed() < Duration::from_secs(30) && !stage.path("src").exists());
    let stage = Stage::fake(&json!({"logged_out": true}), json!({}));
    let said = stage.host().greet("it", stage.path("")).await.expect_err("logged out");
    assert!(said.contains("Authentication required"), "{said}");
}
