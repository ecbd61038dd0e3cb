//! Agents as their user configured them: by a name over the protocol of `cmd:`, with a model, with a home of their own.

use omk::agents::host::AgentHost;
use omk::agents::profile::{AgentProfile, Home, Profiles};
use omk::domain::agent::{AgentEnd, AgentEvent};
use omk::ports::Agents;
use serde_json::{Value, json};

use crate::support::conversation::{Played, Stage};

/// A place for an agent that is given its task and follows a script.
fn scripted(script: &str, more: &Value) -> Stage {
    let mut entry = json!({"protocol": "cmd", "command": ["sh", "-c", script]});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Stage::configured(entry)
}

const SAY: &str = r#"printf '{"type":"message","text":"%s"}\n'"#;

#[tokio::test]
async fn a_named_agent_may_speak_the_protocol_of_those_that_are_commands() {
    let script = format!(
        "grep -q make.it.so $OMK_TASK_FILE && {SAY} \"$A $MODEL $OMK_SLICE_ID $OMK_ATTEMPT $HELD\"; echo here > hello.txt
         echo '{{\"type\":\"limited\",\"detail\":\"busy\"}}'"
    );
    let more = json!({"env": {"A": "b"}, "model": "m-1", "model_env": "MODEL", "provider": "p", "quirks": {"steer": "prompt"}});
    let stage = scripted(&script, &more);
    let played = stage.play().await;
    let limited = AgentEnd::Limited { provider: Some("p".into()), until: None, detail: "busy".into() };
    assert_eq!((played.said(), &played.report.end), (vec!["b m-1 one 1 "], &limited), "{}", played.log);
    let told = AgentEvent::Limited { provider: Some("p".into()), until: None, detail: "busy".into() };
    assert_eq!(played.events.last(), Some(&told));
    assert_eq!(std::fs::read_to_string(stage.path("hello.txt")).unwrap(), "here\n");
    let host: AgentHost = stage.host();
    assert_eq!((host.probe("it").await, host.hears("it")), (Ok(()), false));
}

#[tokio::test]
async fn a_named_command_that_is_a_relative_path_is_the_one_where_omk_was_invoked() {
    let stage = Stage::configured(json!({"protocol": "cmd", "command": ["./agent.sh", "x y"]}));
    let script = format!("#!/bin/sh\n{SAY} \"$1\"\n");
    crate::support::git_repo::write_executable(stage.outside("").as_path(), "agent.sh", &script);
    let played = stage.play().await;
    assert_eq!((played.said(), &played.report.end), (vec!["x y"], &AgentEnd::Finished), "{}", played.log);
}

#[tokio::test]
async fn a_private_home_holds_the_users_login_and_nothing_else_of_theirs() {
    let home =
        |private: Value| json!({"variable": "IT_HOME", "usual": ".it", "login": ["auth.json"], "private": private});
    let script = format!("cd $IT_HOME && {SAY} \"$(cat auth.json) $(echo *)\"");
    let mut stage = scripted(&script, &json!({}));
    let private = stage.outside("private/it");
    stage.settings.profiles.configure("it", json!({"home": home(json!(private))})).expect("a profile");
    let users = stage.outside("home/.it");
    std::fs::create_dir(&users).unwrap();
    for (file, text) in [("auth.json", "key"), ("sessions", "theirs")] {
        std::fs::write(users.join(file), text).unwrap();
    }
    let played = stage.play().await;
    assert_eq!((played.said(), &played.report.end), (vec!["key auth.json"], &AgentEnd::Finished), "{}", played.log);
}

#[tokio::test]
async fn a_private_home_that_cannot_be_made_is_said_before_the_agent_starts() {
    let mut stage = scripted("touch started", &json!({}));
    std::fs::write(stage.outside("file"), "").unwrap();
    let private = stage.outside("file/home");
    let home = json!({"home": {"variable": "IT_HOME", "usual": ".it", "private": private}});
    stage.settings.profiles.configure("it", home).expect("a profile");
    let AgentEnd::Unavailable { detail } = stage.play().await.report.end else { panic!("it was available") };
    let expected = format!("it: failed to make its private home {}: ", private.display());
    assert!(detail.starts_with(&expected) && !stage.path("started").exists(), "{detail}");
}

/// A place for an agent over the Agent Client Protocol that opens its sessions with `opened`, and is to use model `b`.
fn choosing(opened: &Value, more: &Value) -> Stage {
    let mut stage = Stage::fake(&json!({}), json!({}));
    let part = json!({"turns": [[{"say": "done"}]], "opened": opened});
    let mut entry = json!({"env": {"FAKE_AGENT": part.to_string()}, "model": "b", "model_env": null});
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stage.settings.profiles.configure("it", entry).expect("a profile");
    stage
}

/// What the agent was asked about its model.
fn asked(played: &Played) -> Vec<Value> {
    let frames = played.frames.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ours = frames.filter(|frame| frame["dir"] == "->").map(|frame| frame["msg"].clone());
    let of_models = ["session/set_config_option", "session/set_model"].map(Value::from);
    ours.filter(|message| of_models.contains(&message["method"])).map(|message| message["params"].clone()).collect()
}

fn options() -> Value {
    let models = json!([{"value": "a", "name": "A"}, {"value": "b", "name": "B"}]);
    json!({"configOptions": [{"id": "llm", "category": "model", "currentValue": "a", "options": models}]})
}

#[tokio::test]
async fn the_model_is_chosen_in_the_session_where_the_agent_offers_that() {
    let played = choosing(&options(), &json!({})).play().await;
    let expected = [json!({"sessionId": "fake-1", "configId": "llm", "value": "b"})];
    assert_eq!((asked(&played), &played.report.end), (expected.to_vec(), &AgentEnd::Finished), "{}", played.log);
    let models = json!({"models": {"currentModelId": "a", "availableModels": [{"modelId": "b", "name": "B"}]}});
    let played = choosing(&models, &json!({})).play().await;
    assert_eq!(asked(&played), [json!({"sessionId": "fake-1", "modelId": "b"})], "{}", played.log);
    let played = choosing(&options(), &json!({"model_env": "MODEL"})).play().await;
    assert_eq!((asked(&played), &played.report.end), (Vec::new(), &AgentEnd::Finished), "{}", played.log);
}

#[tokio::test]
async fn the_mode_is_set_by_an_option_of_the_session_where_the_agent_offers_that() {
    let set = |params: Value| {
        let mut all = json!({"sessionId": "fake-1"});
        all.as_object_mut().unwrap().extend(params.as_object().unwrap().clone());
        all
    };
    let modes = json!([{"value": "auto", "name": "Auto"}, {"value": "ask", "name": "Ask"}]);
    let opened = |now: &str| {
        let mode = json!({"id": "how", "category": "mode", "type": "select", "currentValue": now, "options": modes});
        json!({"configOptions": [options()["configOptions"][0].clone(), mode]})
    };
    let more = json!({"quirks": {"mode_id": "ask"}});
    let model = set(json!({"configId": "llm", "value": "b"}));
    let played = choosing(&opened("auto"), &more).play().await;
    let expected = vec![set(json!({"configId": "how", "value": "ask"})), model.clone()];
    assert_eq!((asked(&played), &played.report.end), (expected, &AgentEnd::Finished), "{}", played.log);
    let played = choosing(&opened("ask"), &more).play().await;
    assert_eq!((asked(&played), &played.report.end), (vec![model], &AgentEnd::Finished), "{}", played.log);
    let played = choosing(&opened("auto"), &json!({"quirks": {"mode_id": "plan"}})).play().await;
    let AgentEnd::Unavailable { detail } = &played.report.end else { panic!("{:?}", played.report.end) };
    assert!(
        detail.contains("it does not take the mode `plan`: ") && detail.contains("; it offers auto, ask"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_model_that_cannot_be_had_is_an_agent_that_cannot_be_used() {
    let said =
        async |opened: Value, model: &str| match choosing(&opened, &json!({"model": model})).play().await.report.end {
            AgentEnd::Unavailable { detail } => detail,
            other => panic!("{other:?}"),
        };
    let refused = said(options(), "none").await;
    assert!(
        refused.contains("it does not take the model `none`: ") && refused.contains("; it offers a, b"),
        "{refused}"
    );
    assert!(refused.contains("No such value"), "{refused}");
    let blind = said(json!({}), "b").await;
    assert!(blind.contains("it lets nobody choose its model; leave `model` out"), "{blind}");
}

#[test]
fn every_built_in_agent_with_a_home_knows_what_holds_its_login() {
    for profile in Profiles::default().all() {
        let without = profile.home.as_ref().filter(|home| home.login.is_empty());
        assert_eq!(without, None, "{}", profile.name);
    }
}

#[test]
fn every_key_of_a_profile_is_described() {
    let docs = include_str!("../../docs/agents.md");
    let (_, tables) = docs.split_once("| key of `[agents.NAME]` |").expect("the tables of keys");
    let whole = AgentProfile { home: Some(Home::default()), model: Some(String::new()), ..AgentProfile::default() };
    let all = Profiles::default().all().cloned().chain([whole]).collect::<Vec<_>>();
    for profile in all.iter().map(|profile| serde_json::to_value(profile).expect("JSON")) {
        let keys = [&profile, &profile["quirks"], &profile["home"], &profile["quirks"]["generation"]];
        for key in keys.into_iter().filter_map(Value::as_object).flat_map(|table| table.keys()) {
            assert!(key == "name" || tables.contains(&format!("`{key}`")), "`{key}` is not described");
        }
    }
}
