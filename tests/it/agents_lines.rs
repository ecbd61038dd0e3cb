//! Recorded traffic of Claude Code 2.1.329 and Codex 0.169.0 with the tests' model server, heard again: what their lines
//! mean, and that our lines are the ones they took. A frame says who speaks (`->` to the agent, `<-` from it).

use std::collections::BTreeMap;

use omk::agents::claude::{self, Claude};
use omk::agents::codex::{self, Codex};
use omk::agents::heard::{Asked, Heard, Ruling};
use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::ids::Timestamp;
use serde_json::{Value, json};

/// When everything is heard.
const NOW: Timestamp = Timestamp(1_000_000);

/// The frames of a recording: who speaks, and the line.
fn frames(name: &str) -> Vec<(String, Value)> {
    let path = format!("{}/tests/it/transcripts/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.lines()
        .map(|line| {
            let frame: Value = serde_json::from_str(line).unwrap();
            (frame["dir"].as_str().unwrap().to_owned(), frame["msg"].clone())
        })
        .collect()
}

/// The policy under which the recordings were made.
fn rule(asked: &Asked) -> Ruling {
    if asked.paths.iter().any(|path| path.starts_with("/etc")) {
        return Ruling::Refuse { reason: "outside of the write set".to_owned() };
    }
    Ruling::Allow
}

/// Hears a recording of Claude Code; each line of ours in it must be the one that we would say.
fn hear_claude(name: &str) -> Vec<Heard> {
    let (mut claude, mut heard, mut answers) = (Claude::new(), Vec::new(), Vec::new());
    for (direction, line) in frames(name) {
        if direction == "<-" {
            for one in claude.hear(line.to_string().as_bytes(), NOW) {
                match &one {
                    Heard::Judge(asked) => answers.push(claude.answer(&asked.request, &rule(asked)).unwrap()),
                    Heard::Send(line) => answers.push(line.clone()),
                    Heard::Event(_) | Heard::Session(_) | Heard::Begun | Heard::Ended(_) => {}
                }
                heard.push(one);
            }
        } else {
            let ours = match (line["type"].as_str().unwrap(), line["request"]["subtype"].as_str()) {
                ("user", _) => claude.prompt(line["message"]["content"].as_str().unwrap()),
                ("control_request", Some("initialize")) => claude.hello(),
                ("control_request", Some("interrupt")) => claude.interrupt(),
                ("control_response", _) => answers.remove(0),
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(serde_json::from_str::<Value>(&ours).unwrap(), line, "{name}");
        }
    }
    assert_eq!(answers, Vec::<String>::new(), "{name}: answers that were not said");
    heard
}

fn hear_codex(name: &str, codex: &mut Codex) -> Vec<Vec<Heard>> {
    let mut runs = Vec::new();
    for (direction, line) in frames(name) {
        match direction.as_str() {
            "spawn" => runs.push(Vec::new()),
            _ => runs.last_mut().unwrap().extend(codex.hear(line.to_string().as_bytes())),
        }
    }
    runs
}

/// The sum of the reports, a second one of the same message instead of the first.
fn charged(heard: &[Heard]) -> Usage {
    let (mut messages, mut sum) = (BTreeMap::new(), Usage::default());
    for one in heard {
        match one {
            Heard::Event(AgentEvent::Usage { usage, id: Some(id), .. }) => drop(messages.insert(id.clone(), *usage)),
            Heard::Event(AgentEvent::Usage { usage, id: None, .. }) => sum = sum.plus(usage),
            Heard::Event(_) | Heard::Session(_) | Heard::Send(_) | Heard::Judge(_) | Heard::Begun | Heard::Ended(_) => {
            }
        }
    }
    messages.values().fold(sum, |sum, usage| sum.plus(usage))
}

fn used(input_tokens: u64, cached_tokens: u64, output_tokens: u64, usd_micros: u64) -> Usage {
    let usd_micros = (usd_micros > 0).then_some(usd_micros);
    Usage { input_tokens, cached_tokens, output_tokens, usd_micros }
}

/// Everything but usage and sessions, a line each.
fn told(heard: &[Heard]) -> Vec<String> {
    let line = |one: &Heard| match one {
        Heard::Event(AgentEvent::Usage { .. } | AgentEvent::Session { .. }) | Heard::Session(_) => None,
        Heard::Event(AgentEvent::Message { text }) => Some(format!("says {text}")),
        Heard::Event(AgentEvent::Tool { title, done, .. }) => {
            Some(format!("{} {title}", if *done { "ends" } else { "begins" }))
        }
        Heard::Event(AgentEvent::Limited { until, detail, .. }) => {
            Some(format!("limited until {:?}: {detail}", until.map(|until| until.0 - NOW.0)))
        }
        Heard::Event(AgentEvent::Ask { text }) => Some(format!("asks {text}")),
        Heard::Event(other @ (AgentEvent::Propose { .. } | AgentEvent::Done { .. })) => Some(format!("{other:?}")),
        Heard::Judge(asked) => Some(format!("may it {} {:?} {:?}", asked.kind, asked.command, asked.paths)),
        Heard::Send(_) => Some("is answered".to_owned()),
        Heard::Begun => Some("goes on".to_owned()),
        Heard::Ended(end) => Some(format!("{end:?}")),
    };
    heard.iter().filter_map(line).collect()
}

#[test]
fn each_tool_call_of_claude_is_judged_before_it_runs_and_refused_with_a_reason() {
    let heard = hear_claude("claude-refused");
    assert!(matches!(&heard[0], Heard::Session(id) if id.len() == 36), "{:?}", heard[0]);
    assert_eq!(
        told(&heard),
        [
            "begins Write: /etc/x",
            r#"may it edit None ["/etc/x"]"#,
            "ends Write: /etc/x",
            "begins Write: /w/one.txt",
            r#"may it edit None ["/w/one.txt"]"#,
            "ends Write: /w/one.txt",
            "begins Bash: wc -c one.txt > count.txt",
            r#"may it execute Some("wc -c one.txt > count.txt") []"#,
            "ends Bash: wc -c one.txt > count.txt",
            "says All done",
            "Finished",
        ]
    );
    let place = |one: &Heard| if let Heard::Judge(asked) = one { Some(asked.cwd.clone()) } else { None };
    assert_eq!(heard.iter().filter_map(place).collect::<Vec<_>>(), vec![Some("/w".into()); 3]);
}

#[test]
fn what_claude_used_is_counted_once_as_it_comes_and_adds_up() {
    let heard = hear_claude("claude-refused");
    assert_eq!(charged(&heard), used(4010, 1600, 90, 9075));
    // Before the end of the turn all of it is known but the money.
    let until_end = heard.iter().position(|one| matches!(one, Heard::Ended(_))).unwrap() - 1;
    assert_eq!(charged(&heard[..until_end]), used(4010, 1600, 90, 0));
    let two = hear_claude("claude-two-turns");
    let ends = two.iter().filter(|one| **one == Heard::Ended(AgentEnd::Finished)).count();
    assert_eq!((ends, charged(&two)), (2, used(2045, 800, 43, 4628)));
}

#[test]
fn a_question_of_claude_goes_to_a_person_and_the_model_is_told_so() {
    assert_eq!(
        told(&hear_claude("claude-question")),
        [
            "begins AskUserQuestion",
            "asks Which colour? (red, blue)",
            "is answered",
            "ends AskUserQuestion",
            "says bye",
            "Finished",
        ]
    );
}

#[test]
fn a_wait_that_the_provider_of_claude_wants_is_no_failure() {
    let told = told(&hear_claude("claude-limited"));
    let [first, second, rest @ ..] = &told[..] else { panic!("{told:?}") };
    assert!(first.starts_with("limited until Some(1") && first.ends_with("retry 1 of 2"), "{first}");
    assert!(second.contains("the model answers rate_limit (status 429)"), "{second}");
    assert_eq!(rest, ["says at last", "Finished"]);
}

fn end(heard: &[Heard]) -> &AgentEnd {
    match heard.last() {
        Some(Heard::Ended(end)) => end,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_ended_a_turn_of_claude_is_told_apart_whatever_its_subtype_says() {
    let limited = AgentEnd::Limited {
        provider: None,
        until: None,
        detail: "API Error: Request rejected (429) · the script says 429".to_owned(),
    };
    assert_eq!(end(&hear_claude("claude-gave-up-429")), &limited);
    let unavailable = |detail: &str| AgentEnd::Unavailable { detail: detail.to_owned() };
    let refused = unavailable("Failed to authenticate. API Error: 401 the script says 401");
    assert_eq!(end(&hear_claude("claude-401")), &refused);
    assert_eq!(end(&hear_claude("claude-no-login")), &unavailable("Not logged in · Please run /login"));
    for name in ["claude-500", "claude-cut"] {
        let heard = hear_claude(name);
        assert!(matches!(end(&heard), AgentEnd::Failed { .. }), "{name}: {:?}", end(&heard));
        assert!(told(&heard).iter().any(|line| line.contains("retry 1 of")), "{name}: retries are seen");
    }
}

#[test]
fn an_interrupted_turn_of_claude_leaves_the_session_usable() {
    let told = told(&hear_claude("claude-interrupted"));
    assert!(told.first().is_some_and(|line| line.starts_with("Failed")), "{told:?}");
    assert_eq!(told[1..], ["says still here", "Finished"]);
}

#[test]
fn lines_that_are_none_of_the_protocol_mean_nothing() {
    let mut claude = Claude::new();
    for line in [&b"hello"[..], b"{", b"[]", b"{}", b"\xff\xfe", br#"{"type":"assistant"}"#, br#"{"type":"new"}"#] {
        assert_eq!(claude.hear(line, NOW), []);
        assert_eq!(Codex::new().hear(line), []);
    }
    let broken = claude.hear(br#"{"type":"result","is_error":"yes"}"#, NOW);
    assert!(matches!(end(&broken), AgentEnd::Failed { .. }), "{broken:?}");
    assert_eq!(claude.answer("nobody", &Ruling::Allow), None);
    let unknown = claude.hear(br#"{"type":"control_request","request_id":"7","request":{"subtype":"dance"}}"#, NOW);
    let [Heard::Send(line)] = &unknown[..] else { panic!("{unknown:?}") };
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["response"]["subtype"], &line["response"]["request_id"]), (&"error".into(), &"7".into()));
}

#[test]
fn a_used_up_quota_of_claude_says_when_it_is_over() {
    let mut claude = Claude::new();
    let rejected =
        br#"{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":5000,"rateLimitType":"five_hour"}}"#;
    let heard = claude.hear(rejected, NOW);
    assert_eq!(told(&heard), ["limited until Some(4000000): the quota of the account is used up"]);
    let result = br#"{"type":"result","subtype":"success","is_error":true,"api_error_status":429,"result":"no more"}"#;
    let limited = AgentEnd::Limited { provider: None, until: Some(Timestamp(5_000_000)), detail: "no more".to_owned() };
    assert_eq!(end(&claude.hear(result, NOW)), &limited);
    // Later ones count: its own quota is not what stops it then.
    for info in [
        json!({"status": "allowed", "resetsAt": 5000}),
        json!({"status": "rejected", "resetsAt": 5000, "isUsingOverage": true}),
    ] {
        claude.hear(rejected, NOW);
        let line = json!({"type": "rate_limit_event", "rate_limit_info": info}).to_string();
        assert_eq!(claude.hear(line.as_bytes(), NOW), []);
        let limited = AgentEnd::Limited { provider: None, until: None, detail: "no more".to_owned() };
        assert_eq!(end(&claude.hear(result, NOW)), &limited);
    }
}

#[test]
fn what_codex_does_is_shown() {
    let [heard] = &hear_codex("codex-tools", &mut Codex::new())[..] else { panic!("one run") };
    assert_eq!(
        told(heard)[1..],
        [
            "begins add /w/two.txt",
            "ends add /w/two.txt",
            "begins /bin/bash -lc 'exit 3'",
            "ends /bin/bash -lc 'exit 3'",
            "says All done",
            "Finished",
        ]
    );
    assert!(told(heard)[0].starts_with("says Model metadata"), "{:?}", told(heard)[0]);
}

#[test]
fn a_resumed_thread_of_codex_is_charged_for_its_own_turn_alone() {
    let mut whole = Codex::new();
    let [first, _] = &hear_codex("codex-resumed", &mut whole)[..] else { panic!("two runs") };
    let before = charged(first);
    let mut again = Codex::resumed(before);
    let frames = frames("codex-resumed");
    let second = frames.iter().rposition(|(direction, _)| direction == "spawn").unwrap();
    let heard: Vec<_> =
        frames[second + 1..].iter().flat_map(|(_, line)| again.hear(line.to_string().as_bytes())).collect();
    assert_eq!((before, charged(&heard)), (used(2055, 800, 46, 0), used(1029, 400, 21, 0)));
    assert_eq!(end(&heard), &AgentEnd::Finished);
    assert_eq!(first[0], heard[0], "the same thread");
}

#[test]
fn what_ended_a_turn_of_codex_is_told_apart_by_its_words() {
    let run = |name: &str| hear_codex(name, &mut Codex::new()).remove(0);
    let limited = run("codex-429");
    assert!(matches!(end(&limited), AgentEnd::Limited { .. }), "{limited:?}");
    assert_eq!(told(&limited).iter().filter(|line| line.starts_with("limited until None: Reconn")).count(), 5);
    assert!(matches!(end(&run("codex-401")), AgentEnd::Unavailable { .. }));
    let cut = run("codex-cut");
    let detail = "stream disconnected before completion: stream closed before response.completed".to_owned();
    assert_eq!(end(&cut), &AgentEnd::Failed { detail });
    assert!(told(&cut).iter().any(|line| line.starts_with("says Reconnecting... 1/5")), "{:?}", told(&cut));
}

#[test]
fn codex_tells_limits_missing_logins_and_failures_in_words_alone() {
    let end_of = |message: &str| {
        let line = json!({"type": "turn.failed", "error": {"message": message}}).to_string();
        end(&Codex::new().hear(line.as_bytes())).clone()
    };
    let limit = "You've hit your usage limit. Upgrade to Pro or try again in 4 days 3 hours.";
    assert!(matches!(end_of(limit), AgentEnd::Limited { .. }));
    for why in ["", " because your refresh token was revoked", " because you have since logged out"] {
        let words = format!("Your access token could not be refreshed{why}. Please log out and sign in again.");
        assert!(matches!(end_of(&words), AgentEnd::Unavailable { .. }), "{words}");
    }
    for words in [
        "unexpected status 500 Internal Server Error: boom, request id: 0a7f429c4290",
        "cannot write src/login.ts: Disk quota exceeded (os error 122)",
        "cannot find the catalog in src/auth/mod.rs:401:3",
    ] {
        assert_eq!(end_of(words), AgentEnd::Failed { detail: words.to_owned() });
    }
}

#[test]
fn command_lines_name_the_session_and_keep_the_sandbox_on() {
    let words = |line: Vec<std::ffi::OsString>| line.join(std::ffi::OsStr::new(" ")).into_string().unwrap();
    let program = ["codex".to_owned()];
    let sandbox = "codex exec --json -s workspace-write --disable plugins --disable apps -c analytics.enabled=false";
    assert_eq!(words(codex::command_line(&program, &codex::Thread::New, None)), format!("{sandbox} -"));
    let thread = codex::Thread::Resumed("t-1".to_owned());
    assert_eq!(words(codex::command_line(&program, &thread, Some("m"))), format!("{sandbox} -m m resume t-1 -"));
    let program = ["claude".to_owned()];
    let line = words(claude::command_line(&program, &claude::Session::Resumed("s".to_owned()), Some("m")));
    assert!(line.starts_with("claude -p --input-format stream-json --output-format stream-json"), "{line}");
    assert!(line.ends_with("--resume s --model m") && line.contains("--permission-prompt-tool stdio"), "{line}");
}
