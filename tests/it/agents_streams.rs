//! Agents that speak in lines of their own, Claude Code and Codex, against ones that are played by this binary.

use std::path::PathBuf;

use omk::adapters::clock::SystemClock;
use omk::agents::policy::{CommandRules, Unattended};
use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::domain::budget::Usage;
use omk::domain::task::AgentSession;
use omk::ports::Clock;
use serde_json::{Value, json};

use crate::process::{alive, until};
use crate::support::conversation::{Played, Stage};

fn turn(steps: &Value) -> Value {
    json!({ "turns": [steps] })
}

fn claude(part: &Value) -> Stage {
    Stage::stream("claude-code", part)
}

fn codex(part: &Value) -> Stage {
    let mut part = part.clone();
    part["codex"] = true.into();
    Stage::stream("codex-exec", &part)
}

fn text(path: PathBuf) -> String {
    path.to_str().expect("text").to_owned()
}

fn used(input_tokens: u64, output_tokens: u64, usd_micros: u64) -> Usage {
    let usd_micros = (usd_micros > 0).then_some(usd_micros);
    Usage { input_tokens, output_tokens, usd_micros, ..Usage::default() }
}

fn says(event: &AgentEvent, word: &str) -> bool {
    matches!(event, AgentEvent::Message { text } if text.contains(word))
}

fn sessions(played: &Played) -> Vec<&str> {
    let ids = played.events.iter().filter_map(|event| match event {
        AgentEvent::Session { id } => Some(id.as_str()),
        _ => None,
    });
    ids.collect()
}

fn failed(played: &Played, words: &str) {
    let end = &played.report.end;
    assert!(matches!(end, AgentEnd::Failed { detail } if detail.contains(words)), "{end:?}\n{}", played.log);
}

fn unavailable(played: &Played) -> String {
    match &played.report.end {
        AgentEnd::Unavailable { detail } => detail.clone(),
        other => panic!("{other:?}\n{}", played.log),
    }
}

#[tokio::test]
async fn claude_works_within_its_rights_and_hears_why_something_is_refused() {
    let stage = claude(&json!({}));
    std::fs::create_dir(stage.path("src")).expect("a directory");
    std::os::unix::fs::symlink(stage.outside(""), stage.path("src/out")).expect("a link");
    let steps = json!([
        {"write": [text(stage.path("src/new/a.txt")), "hello\n"]},
        {"write": [text(stage.path("other.txt")), "x"]},
        {"write": [text(stage.path("src/out/x")), "x"]},
        {"run": "cat src/new/a.txt"},
        {"run": "cd x; git push origin"},
    ]);
    let stage = stage.again(&turn(&steps), json!({}));
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    let said = played.said();
    let expected = [
        "written",
        "refused: other.txt is outside of this slice's write set (src, hello.txt). Make the change within it, or leave it and say so.",
        said[2],
        "hello",
        "refused: commands that begin with `git push` are not allowed here; do without, or leave it and say so.",
    ];
    assert_eq!(said, expected);
    assert!(said[2].starts_with("refused: ") && said[2].contains("outside of the worktree"), "{}", said[2]);
    assert!(!stage.path("other.txt").exists() && !stage.outside("x").exists());
    assert!(played.log.contains("omk refused Write of"), "{}", played.log);
    assert_eq!(played.refused(), ["Write of other.txt", "Write of src/out/x", "`cd x; git push origin`"]);
    assert!(played.frames.contains(r#""permissionDecision":"deny""#), "{}", played.frames);
    let tools = played.events.iter().filter(|event| matches!(event, AgentEvent::Tool { done: true, .. })).count();
    assert_eq!((tools, sessions(&played)), (5, vec!["claude-1"]));
}

#[tokio::test]
async fn each_message_of_claude_is_counted_once_as_it_comes_and_its_price_in_the_end() {
    let played = claude(&turn(&json!([{"say": "one"}, {"say": "two"}]))).play().await;
    assert_eq!(played.report.usage, used(200, 20, 2000));
    let last = played.events.iter().rfind(|event| matches!(event, AgentEvent::Usage { .. })).expect("a report");
    let price = AgentEvent::Usage { usage: used(0, 0, 2000), id: None, model: Some("fake".into()) };
    assert_eq!(last, &price);
}

#[tokio::test]
async fn codex_works_and_what_it_used_is_counted() {
    let stage = codex(&json!({}));
    let steps = json!([{"write": [text(stage.path("src/a")), "x"]}, {"run": "echo ran"}, {"say": "done"}]);
    let mut part = turn(&steps);
    (part["codex"], part["notes"]) = (true.into(), text(stage.outside("notes")).into());
    let stage = stage.again(&part, json!({}));
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!((played.said(), sessions(&played)), (vec!["ran", "done"], vec!["codex-1"]));
    assert_eq!((played.report.usage, stage.path("src/a").exists()), (used(100, 10, 0), true));
    let notes = std::fs::read_to_string(stage.outside("notes")).expect("notes");
    assert!(notes.contains("Your slice: The first"), "{notes}");
    assert!(played.frames.contains(r#""dir":"->","msg":"#), "{}", played.frames);
}

#[tokio::test]
async fn a_question_of_claude_ends_the_attempt_and_is_put_to_a_person() {
    let asks = turn(&json!([{"ask": "Which colour?"}, "hang"]));
    let played = claude(&asks).play().await;
    assert_eq!(played.report.end, AgentEnd::Asked { question: "Which colour?".into() }, "{}", played.log);
    let mut stage = claude(&turn(&json!([{"run": "docker run x"}, "hang"])));
    stage.settings.rules = CommandRules { asked: vec!["docker run".into()], ..CommandRules::default() };
    let question = "May this slice's agent run `docker run x`? Answer `allow docker run`, or say what to do instead.";
    assert_eq!(stage.play().await.report.end, AgentEnd::Asked { question: question.into() });
}

#[tokio::test]
async fn what_ends_an_attempt_is_told_without_secrets() {
    let curl = "curl -H 'Authorization: Bearer abcdefgh' https://host";
    let mut stage = claude(&turn(&json!([{"run": curl}, "hang"])));
    stage.settings.rules = CommandRules { asked: vec!["curl".into()], ..CommandRules::default() };
    let asked = stage.play().await;
    let AgentEnd::Asked { question } = &asked.report.end else { panic!("{:?}", asked.report.end) };
    assert!(question.contains("Bearer [redacted] https://host`? Answer `allow curl`"), "{question}");
    assert!(!asked.frames.contains("abcdefgh") && !asked.log.contains("abcdefgh"), "{}", asked.log);
    for speak in [claude, codex] {
        let fails = json!([{"say": "x"}, {"fail": [500, "no answer to sk-abcdefghijklmnop"]}]);
        let played = speak(&turn(&fails)).play().await;
        failed(&played, "no answer to [redacted]");
        assert!(!played.log.contains("abcdefgh"), "{}", played.log);
    }
}

#[tokio::test]
async fn a_question_that_nobody_will_answer_is_decided_by_claude_itself() {
    let mut stage = claude(&turn(&json!([{"ask": "Which colour?"}])));
    stage.settings.rules = CommandRules { nobody_answers: true, ..CommandRules::default() };
    let played = stage.play().await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!(
        played.said(),
        ["told: Nobody is there to answer. Decide it yourself as the task demands, and say what you chose."]
    );
    stage.settings.rules.unattended = Unattended::Ask;
    assert_eq!(stage.play().await.report.end, AgentEnd::Asked { question: "Which colour?".into() });
}

#[tokio::test]
async fn stopping_ends_the_turn_and_leaves_no_process() {
    let run = |stage: &Stage| {
        let pid = text(stage.path("pid"));
        format!(
            "setsid sh -c 'echo $$ > {pid}; exec sleep 600' >/dev/null 2>&1 & while ! [ -s {pid} ]; do sleep 0.01; done; echo up"
        )
    };
    for (codex_too, last) in [(false, "hang"), (false, "deaf"), (true, "hang")] {
        let stage = if codex_too { codex(&json!({})) } else { claude(&json!({})) };
        let mut part = turn(&json!([{"run": run(&stage)}, last]));
        part["codex"] = codex_too.into();
        let stage = stage.again(&part, json!({"cancel_ms": 300}));
        let played = stage.play_until(|event| says(event, "up")).await;
        assert_eq!(played.report.end, AgentEnd::Stopped, "{}", played.log);
        assert_eq!(played.frames.contains(r#""subtype":"interrupt""#), !codex_too, "{}", played.frames);
        assert_eq!(played.frames.contains("[interrupted]"), last == "hang" && !codex_too, "{}", played.frames);
        let pid = std::fs::read_to_string(stage.path("pid")).expect("a file").trim().parse().expect("a pid");
        until("the command is gone", || !alive(pid)).await;
    }
}

#[tokio::test]
async fn a_timeout_ends_an_agent_that_never_stops() {
    for mut stage in [claude(&turn(&json!(["hang"]))), codex(&turn(&json!(["hang"])))] {
        stage.timeout_ms = 1_000;
        assert_eq!(stage.play().await.report.end, AgentEnd::TimedOut);
    }
}

fn session(id: &str) -> AgentSession {
    let used = json!({"input_tokens": 200, "output_tokens": 20});
    let session = json!({"agent": "it", "id": id, "worktree": "w", "used": used, "cut_off": true});
    serde_json::from_value(session).expect("a session")
}

#[tokio::test]
async fn an_agent_that_says_nothing_any_more_is_ended_and_can_go_on_later() {
    let quiet = |codex: bool| {
        let part = json!({"codex": codex, "turns": [[{"say": "ready"}, "hang"]]});
        Stage::stream(if codex { "codex-exec" } else { "claude-code" }, &part).again(&part, json!({"idle_ms": 300}))
    };
    let (claude, codex) = (quiet(false).play().await, quiet(true).play().await);
    for played in [&claude, &codex] {
        failed(played, "the agent said nothing for 300ms; its model may not answer");
    }
    assert!(claude.frames.contains("interrupt"), "{}", claude.frames);
}

/// What a stage's agent noted: how it was started, and whether it was told the whole task.
fn noted(stage: &Stage) -> Vec<String> {
    let notes = std::fs::read_to_string(stage.outside("notes")).expect("notes");
    let line = |line: &str| match line.split_once("resume ") {
        _ if line.contains("You were cut off") => "told to go on".to_owned(),
        _ if line.contains("Your slice: The first") => "told the task".to_owned(),
        Some((_, rest)) => format!("resumes {}", rest.split(' ').next().expect("an id")),
        None => "begins anew".to_owned(),
    };
    notes.lines().map(line).collect()
}

#[tokio::test]
async fn a_session_goes_on_in_a_new_process_and_only_what_is_new_is_counted() {
    for codex_too in [false, true] {
        let stage = if codex_too { codex(&json!({})) } else { claude(&json!({})) };
        let mut part = turn(&json!([{"say": "where was I"}]));
        part["codex"] = codex_too.into();
        part["session"] = "s-7".into();
        part["notes"] = text(stage.outside("notes")).into();
        let mut stage = stage.again(&part, json!({}));
        stage.session = Some(session("s-7"));
        let played = stage.play().await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        assert_eq!(noted(&stage), ["resumes s-7", "told to go on"]);
        let counted = if codex_too { used(100, 10, 0) } else { used(100, 10, 1000) };
        assert_eq!((sessions(&played), played.report.usage), (vec!["s-7"], counted));
    }
}

#[tokio::test]
async fn the_sums_of_claude_that_go_on_from_an_earlier_process_are_counted_once() {
    let charged = async |restored: u64, since: bool, hidden: u64, before: Usage| {
        let stage = claude(&json!({}));
        let mut part = turn(&json!([{"say": "where was I"}, {"say": "on"}]));
        (part["session"], part["restored"]) = ("s-7".into(), restored.into());
        (part["since"], part["hidden"]) = (since.into(), hidden.into());
        let mut stage = stage.again(&part, json!({}));
        stage.session = Some(AgentSession { used: before, ..session("s-7") });
        let played = stage.play().await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        played.report.usage
    };
    for since in [true, false] {
        // The earlier process ended by itself, was killed before any result, or in a later process than the one that ended.
        assert_eq!(charged(3, since, 0, used(300, 30, 3000)).await, used(200, 20, 2000), "ended, {since}");
        assert_eq!(charged(0, since, 0, used(300, 30, 0)).await, used(200, 20, 2000), "killed, {since}");
        assert_eq!(charged(2, since, 0, used(300, 30, 2000)).await, used(200, 20, 2000), "ended, killed, {since}");
        // Killed after a result.
        assert_eq!(charged(0, since, 0, used(300, 30, 3000)).await, used(200, 20, 2000), "result, killed, {since}");
        // Calls that it does not show count, too.
        assert_eq!(charged(0, since, 7, used(300, 30, 0)).await, used(207, 20, 2000), "hidden, {since}");
    }
}

#[tokio::test]
async fn a_session_that_is_gone_costs_no_attempt_a_new_one_gets_the_whole_task() {
    for codex_too in [false, true] {
        let stage = if codex_too { codex(&json!({})) } else { claude(&json!({})) };
        let mut part = turn(&json!([{"say": "from the start"}]));
        part["codex"] = codex_too.into();
        part["notes"] = text(stage.outside("notes")).into();
        let mut stage = stage.again(&part, json!({}));
        stage.session = Some(session("gone"));
        let played = stage.play().await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        assert_eq!(noted(&stage), ["resumes gone", "begins anew", "told the task"]);
        assert!(played.log.contains("session gone is not there any more"), "{}", played.log);
        assert_eq!(sessions(&played).len(), 1);
    }
}

#[tokio::test]
async fn a_silence_before_a_session_goes_on_is_no_session_that_is_gone() {
    let greets = json!({"type": "control_response", "response": {"subtype": "success", "request_id": "hello"}});
    let script = format!("echo started >> ../notes; read -r _; echo '{greets}'; exec cat > ../heard");
    let command = json!(["sh", "-c", script]);
    let entry = json!({"like": "claude-code", "command": command, "quirks": {"idle_ms": 300}});
    let mut stage = Stage::configured(entry);
    stage.session = Some(session("s-7"));
    let played = stage.play().await;
    failed(&played, "the agent said nothing for 300ms; its model may not answer");
    assert_eq!(std::fs::read_to_string(stage.outside("notes")).expect("notes"), "started\n");
    assert!(!played.log.contains("is not there any more"), "{}", played.log);
}

#[tokio::test]
async fn what_the_operator_says_goes_into_the_turn_of_claude() {
    let part = turn(&json!([{"say": "ready"}, "listen"]));
    let played = claude(&part).play_told("use the parser", |event| says(event, "ready")).await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert_eq!(played.said(), ["ready", "heard: use the parser"]);
    assert!(played.log.contains("[the operator says: use the parser]"), "{}", played.log);
}

#[tokio::test]
async fn what_comes_too_late_for_a_turn_of_claude_gets_one_of_its_own() {
    let first = json!([{"say": "ready"}, "listen_late"]);
    let played = async |second: Value| {
        let part = json!({"turns": [first, second]});
        claude(&part).play_told("use the parser", |event| says(event, "ready")).await
    };
    let done = played(json!([{"run": "echo did"}])).await;
    assert_eq!(done.report.end, AgentEnd::Finished, "{}", done.log);
    assert_eq!(done.said(), ["ready", "soon", "then: use the parser", "did"]);
    assert_eq!(done.report.usage, used(500, 50, 5000));
    // How that one ends counts.
    failed(&played(json!([{"run": "echo did"}, {"fail": [500, "broken"]}])).await, "broken");
}

#[tokio::test]
async fn codex_hears_nothing_while_it_works_and_the_log_says_so() {
    let stage = codex(&json!({}));
    let mark = text(stage.outside("go-on"));
    let steps =
        json!([{"say": "ready"}, {"run": format!("while ! [ -e {mark} ]; do sleep 0.01; done")}, {"say": "done"}]);
    let mut part = turn(&steps);
    part["codex"] = true.into();
    let stage = stage.again(&part, json!({}));
    let played = stage
        .play_told("faster", |event| {
            if let AgentEvent::Tool { done: false, .. } = event {
                std::fs::write(&mark, "").expect("a mark");
            }
            says(event, "ready")
        })
        .await;
    assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
    assert!(played.log.contains("not told") && played.log.contains("faster"), "{}", played.log);
}

#[tokio::test]
async fn a_limit_that_the_agent_waits_out_is_told_and_one_that_it_gives_up_at_is_waited_for() {
    let waits = claude(&turn(&json!([{"retry": 429}, {"say": "at last"}]))).play().await;
    assert_eq!(waits.report.end, AgentEnd::Finished, "{}", waits.log);
    let limited = |event: &&AgentEvent| matches!(event, AgentEvent::Limited { provider: Some(p), until: Some(_), .. } if p == "anthropic");
    assert_eq!(waits.events.iter().filter(limited).count(), 1);
    let gives_up = claude(&turn(&json!([{"say": "x"}, {"fail": [429, "slow down, try again in 20s"]}]))).play().await;
    let end = &gives_up.report.end;
    assert!(matches!(end, AgentEnd::Limited { provider: Some(p), until: Some(_), .. } if p == "anthropic"), "{end:?}");
    let asked_at = SystemClock.now();
    let days = codex(&turn(&json!([{"fail": [429, "You've hit your usage limit. Try again in 4 days 3 hours."]}])));
    let AgentEnd::Limited { until: Some(until), .. } = days.play().await.report.end else { panic!("no end is stated") };
    assert!(until >= asked_at.plus(99 * 3_600_000), "{until}");
    let codex = codex(&turn(
        &json!([{"retry": 429}, {"fail": [429, "exceeded retry limit, last status: 429 Too Many Requests"]}]),
    ));
    let codex = codex.play().await;
    let end = &codex.report.end;
    assert!(matches!(end, AgentEnd::Limited { provider: Some(p), .. } if p == "openai"), "{end:?}");
}

#[tokio::test]
async fn what_nobody_pays_for_is_unavailable_with_the_words_and_no_advice_to_log_in() {
    let words = "Credit balance is too low";
    for speak in [claude as fn(&Value) -> Stage, codex] {
        let said = unavailable(&speak(&turn(&json!([{"say": "x"}, {"fail": [400, words]}]))).play().await);
        assert!(said.contains(words) && said.contains("asks for payment") && !said.contains("log in"), "{said}");
        let told = speak(&turn(&json!([{"say": words}]))).play().await.report;
        assert_eq!(told.end, AgentEnd::Finished);
        assert!(
            matches!(told.unless_changed.as_deref(), Some(AgentEnd::Unavailable { detail }) if detail.contains(words))
        );
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_unavailable_with_what_mends_it() {
    let said = unavailable(&claude(&turn(&json!([{"fail": [401, "API Error: 401"]}]))).play().await);
    assert!(said.contains("API Error: 401") && said.contains("log in with `claude /login`"), "{said}");
    let said = unavailable(&codex(&turn(&json!([{"fail": [401, "unexpected status 401 Unauthorized"]}]))).play().await);
    assert!(said.contains("401 Unauthorized") && said.contains("log in with `codex login`"), "{said}");
}

#[tokio::test]
async fn a_program_that_cannot_be_spoken_to_is_unavailable_with_its_words() {
    for like in ["claude-code", "codex-exec"] {
        let program = |script: &str, patience: u64| {
            Stage::configured(
                json!({"like": like, "command": ["sh", "-c", script], "quirks": {"handshake_ms": patience}}),
            )
        };
        let said = unavailable(&program("echo 'it is no longer maintained'", 10_000).play().await);
        assert!(said.contains("no longer maintained") && said.contains("exit status 0"), "{said}");
        let said = unavailable(&program("echo bad key >&2; exit 4", 10_000).play().await);
        assert!(said.contains("bad key") && said.contains("exit status 4"), "{said}");
        let said = unavailable(&program("exec sleep 600", 50).play().await);
        assert!(said.contains("did not answer within 50ms"), "{said}");
    }
}

#[tokio::test]
async fn the_end_of_a_turn_without_work_or_in_the_middle_of_it_is_a_failure() {
    for speak in [claude, codex] {
        failed(&speak(&json!({"turns": [[]]})).play().await, "without work");
        failed(&speak(&json!({"free": true, "turns": [[{"say": "hm"}]]})).play().await, "without work");
        let died = speak(&turn(&json!([{"say": "last words"}, "die"]))).play().await;
        failed(&died, "exit status 9");
        failed(&died, "last words");
        failed(&speak(&turn(&json!([{"say": "x"}, {"fail": [500, "stream disconnected"]}]))).play().await, "stream");
    }
}

#[tokio::test]
async fn a_flood_is_heard_in_order_and_within_bounds_and_a_line_without_end_is_not_read() {
    for speak in [claude, codex] {
        let played = speak(&turn(&json!([{"chatter": 6_000}]))).play().await;
        assert_eq!(played.report.end, AgentEnd::Finished, "{}", played.log);
        assert!(played.said().iter().enumerate().all(|(at, line)| *line == format!("word {at}")));
        assert!(played.frames.len() <= (2 << 20) + 100 && played.log.len() <= (2 << 20) + 100);
    }
    failed(&claude(&turn(&json!([{"long": 65 << 20}, "hang"]))).play().await, "more than is read");
}

#[tokio::test]
async fn a_handshake_alone_spends_nothing_and_says_who_is_not_logged_in() {
    for speak in [claude as fn(&Value) -> Stage, codex] {
        let stage = speak(&turn(&json!([{"run": "touch src"}])));
        assert_eq!(stage.host().greet("it", stage.path("")).await, Ok(()));
        assert!(!stage.path("src").exists());
    }
    // It may have its key where it does not look for one: in a header, or in the settings of the project.
    let stage = claude(&json!({"logged_out": true}));
    assert_eq!(stage.host().greet("it", stage.path("")).await, Ok(()));
    let stage = codex(&json!({"logged_out": true}));
    let said = stage.host().greet("it", stage.path("")).await.expect_err("logged out");
    assert!(said.contains("nobody is logged in") && said.contains("codex login"), "{said}");
    let stage = codex(&json!({"logged_out": true}));
    std::fs::create_dir(stage.outside("home/.codex")).expect("a directory");
    let own = "model_provider = \"mine\"\n[model_providers.mine]\n";
    std::fs::write(stage.outside("home/.codex/config.toml"), own).expect("settings");
    assert_eq!(stage.host().greet("it", stage.path("")).await, Ok(()));
}
