//! The JSON-RPC peer: both kinds of ids, garbage, long lines, concurrent answers, unknown methods, the record.

use std::time::Duration;

use omk::agents::jsonrpc::message::{Id, RpcError};
use omk::agents::jsonrpc::peer::{CallError, IdStyle, Inbox, Manner, Outgoing, Peer, connect};
use omk::agents::jsonrpc::serve::{Answering, Dialect, serve};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// Answers `echo` at once, `slow` when it may, and nothing else; notes the rest.
#[derive(Default)]
struct Echo {
    go: CancellationToken,
    noted: Vec<String>,
}

impl Dialect for Echo {
    fn request(&mut self, method: &str, params: Value) -> Option<Answering> {
        let go = self.go.clone();
        match method {
            "echo" => Some(Box::pin(async move { Ok(params) })),
            "slow" => Some(Box::pin(async move {
                go.cancelled().await;
                Err(RpcError::new(7, "late"))
            })),
            "go" => {
                go.cancel();
                Some(Box::pin(async { Ok(Value::Null) }))
            }
            _ => None,
        }
    }

    fn notification(&mut self, method: &str, params: Value) {
        self.noted.push(format!("{method} {params}"));
    }

    fn narrative(&mut self, text: &str) {
        self.noted.push(format!("narrative {text}"));
    }

    fn too_long(&mut self, bytes: usize) {
        self.noted.push(format!("too long {bytes}"));
    }
}

async fn heard(peer: &Peer, inbox: Inbox, said: &[&str]) -> Echo {
    let mut echo = Echo::default();
    let says = async {
        for line in said {
            peer.feed(format!("{line}\n").as_bytes());
            tokio::task::yield_now().await;
        }
        // Answers under way get their turn.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        peer.close();
    };
    tokio::join!(says, serve(peer, inbox, &mut echo));
    echo
}

fn lines(mut outgoing: Outgoing) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some(line) = outgoing.try_recv() {
        assert_eq!(line.iter().filter(|&&b| b == b'\n').count(), 1, "one line a message");
        all.push(serde_json::from_slice(&line).expect("JSON"));
    }
    all
}

#[tokio::test]
async fn requests_are_answered_with_their_own_ids_and_unknown_ones_refused() {
    let (peer, inbox, outgoing) = connect(Manner::default());
    let said = [
        r#"{"jsonrpc":"2.0","id":0,"method":"echo","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":"a","method":"echo","params":[2]}"#,
        r#"{"jsonrpc":"2.0","id":"0","method":"what"}"#,
    ];
    heard(&peer, inbox, &said).await;
    let expected = vec![
        json!({"jsonrpc": "2.0", "id": 0, "result": [1]}),
        json!({"jsonrpc": "2.0", "id": "0", "error": {"code": -32601, "message": "method not found: what"}}),
        json!({"jsonrpc": "2.0", "id": "a", "result": [2]}),
    ];
    let mut answers = lines(outgoing);
    answers.sort_by_key(|answer| answer["id"].to_string().replace('"', "~"));
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn an_answer_that_takes_long_holds_up_no_other() {
    let (peer, inbox, outgoing) = connect(Manner::default());
    let said = [r#"{"id":1,"method":"slow"}"#, r#"{"id":2,"method":"echo","params":{}}"#, r#"{"id":3,"method":"go"}"#];
    heard(&peer, inbox, &said).await;
    let mut order: Vec<_> = lines(outgoing).iter().map(|line| line["id"].as_u64().expect("an id")).collect();
    assert_eq!(order.remove(0), 2);
    order.sort_unstable();
    assert_eq!(order, [1, 3]);
}

#[tokio::test]
async fn what_is_no_message_is_narrative_and_a_long_line_is_said_to_be_lost() {
    let (peer, inbox, outgoing) = connect(Manner { longest_line: 64, ..Manner::default() });
    let long = format!(r#"{{"method":"m","params":"{}"}}"#, "x".repeat(80));
    let said = ["Welcome!", "{\"half\":", &long, r#"{"method":"m","params":{"a":1}}"#, "", "\u{0}\u{1}"];
    let echo = heard(&peer, inbox, &said).await;
    let expected = [
        "narrative Welcome!".to_owned(),
        "narrative {\"half\":".to_owned(),
        format!("too long {}", long.len()),
        "m {\"a\":1}".to_owned(),
        "narrative \u{0}\u{1}".to_owned(),
    ];
    assert_eq!(echo.noted, expected);
    assert_eq!(lines(outgoing), [json!(null); 0]);
}

#[tokio::test]
async fn an_answer_finds_its_question_whatever_kind_of_id_it_has() {
    for (ids, answer) in
        [(IdStyle::Number, r#""id":"1""#), (IdStyle::Text, r#""id":"1""#), (IdStyle::Number, r#""id":1"#)]
    {
        let (peer, inbox, _outgoing) = connect(Manner { ids, ..Manner::default() });
        let asked = peer.ask("m", &json!({}));
        let answer = format!("{{{answer},\"result\":{{\"x\":1}}}}");
        let said = [r#"{"id":99,"result":1}"#, r#"{"id":null,"error":{"code":-32700,"message":"?"}}"#, &answer];
        let (result, _) = tokio::join!(asked, heard(&peer, inbox, &said));
        assert_eq!(result, Ok(json!({"x": 1})));
    }
}

#[tokio::test]
async fn questions_end_with_the_conversation() {
    let (peer, inbox, mut outgoing) = connect(Manner::default());
    let (refused, open) = (peer.ask("a", &json!({})), peer.ask("b", &json!({})));
    heard(&peer, inbox, &[r#"{"id":1,"error":{"code":-1,"message":"no"}}"#]).await;
    assert_eq!(refused.await, Err(CallError::Refused(RpcError::new(-1, "no"))));
    assert_eq!(open.await, Err(CallError::Closed));
    assert_eq!(peer.ask("c", &json!({})).await, Err(CallError::Closed));
    assert!(outgoing.recv().await.is_some() && outgoing.recv().await.is_some() && outgoing.recv().await.is_none());
}

#[tokio::test]
async fn an_answer_that_came_before_the_end_is_one() {
    let (peer, inbox, _outgoing) = connect(Manner::default());
    let (answered, open) = (peer.ask("a", &json!({})), peer.ask("b", &json!({})));
    peer.feed(b"{\"id\":1,\"result\":{\"x\":1}}\n");
    peer.close();
    serve(&peer, inbox, &mut Echo::default()).await;
    assert_eq!((answered.await, open.await), (Ok(json!({"x": 1})), Err(CallError::Closed)));
}

#[tokio::test]
async fn an_error_of_any_shape_is_one_with_its_words() {
    for (error, code, words) in [
        (r#""boom""#, 0, "boom"),
        ("7", 0, "7"),
        (r#"{"code":5,"message":null}"#, 5, ""),
        (r#"{"code":"rate_limited","message":"slow down"}"#, 0, "rate_limited: slow down"),
        (r#"{"code":"429","message":["a"]}"#, 429, "[\"a\"]"),
        (r#"{"code":401.0,"message":"no"}"#, 401, "no"),
        (r#"{"reason":"full"}"#, 0, "{\"reason\":\"full\"}"),
    ] {
        let (peer, inbox, _outgoing) = connect(Manner::default());
        let answer = format!("{{\"id\":1,\"error\":{error}}}");
        let (asked, said) = (peer.ask("m", &json!({})), [answer.as_str()]);
        let (result, echo) = tokio::join!(asked, heard(&peer, inbox, &said));
        assert_eq!(result, Err(CallError::Refused(RpcError::new(code, words))), "{error}");
        assert_eq!(echo.noted, [""; 0]);
    }
}

#[tokio::test]
async fn a_request_with_an_id_that_is_none_is_refused() {
    let (peer, inbox, outgoing) = connect(Manner::default());
    heard(&peer, inbox, &[r#"{"id":[1],"method":"echo","params":1}"#, r#"{"id":true,"method":"echo"}"#]).await;
    let error = json!({"code": -32600, "message": "the id of a request is a number or a text"});
    let refused = json!({"jsonrpc": "2.0", "id": null, "error": error});
    assert_eq!(lines(outgoing), [refused.clone(), refused]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_any_more_is_forgotten() {
    let (peer, _inbox, _outgoing) = connect(Manner::default());
    let kept = peer.ask("a", &json!({}));
    drop(peer.ask("b", &json!({})));
    let late = tokio::time::timeout(Duration::from_secs(1), peer.ask("c", &json!({}))).await;
    assert!(late.is_err());
    assert_eq!(peer.life().theirs_to_answer, 1);
    drop(kept);
    assert_eq!(peer.life().theirs_to_answer, 0);
}

#[tokio::test]
async fn everything_before_an_answer_is_done_when_it_comes() {
    let (peer, inbox, _outgoing) = connect(Manner::default());
    let mut echo = Echo::default();
    let asked = peer.ask("m", &json!({}));
    peer.feed(b"{\"method\":\"a\"}\n{\"method\":\"b\"}\n{\"id\":1,\"result\":null}\n");
    let answered = async {
        asked.await.expect("an answer");
        peer.close();
    };
    tokio::join!(serve(&peer, inbox, &mut echo), answered);
    assert_eq!(echo.noted, ["a null", "b null"]);
}

#[tokio::test(start_paused = true)]
async fn silence_does_not_count_while_it_is_our_turn() {
    let (peer, _inbox, _outgoing) = connect(Manner::default());
    let now = tokio::time::Instant::now;
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(peer.life().silent_for(now()), Some(Duration::from_secs(5)));
    peer.feed(b"{\"id\":1,\"method\":\"m\"}\n");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(peer.life().silent_for(now()), None);
    peer.answer(&Id::Number(1.into()), &Ok(Value::Null));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(peer.life().silent_for(now()), Some(Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn who_goes_on_behind_a_request_does_not_wait_for_its_answer() {
    let (peer, _inbox, _outgoing) = connect(Manner::default());
    let silent = async || {
        tokio::time::advance(Duration::from_secs(9)).await;
        peer.life().silent_for(tokio::time::Instant::now())
    };
    peer.feed(b"{\"id\":1,\"method\":\"wait\"}\nnoise\n");
    assert_eq!(silent().await, None);
    peer.feed(b"{\"id\":2,\"method\":\"read\"}\n");
    assert_eq!(silent().await, None);
    peer.answer(&Id::Number(2.into()), &Ok(Value::Null));
    assert_eq!(silent().await, Some(Duration::from_secs(9)));
    peer.feed(b"{\"id\":3,\"method\":\"read\"}\n{\"method\":\"news\"}\n");
    assert_eq!(silent().await, Some(Duration::from_secs(9)));
}

#[tokio::test]
async fn the_raw_lines_are_kept_without_secrets() {
    let (peer, inbox, _outgoing) = connect(Manner::default());
    peer.tell("login", &json!({"api_key": "sk-abcdefghijklmnop"}));
    heard(&peer, inbox, &["hello", r#"{"method":"m","params":{"authorization":"Bearer abcdefgh"}}"#]).await;
    let record = String::from_utf8(peer.take_record().into_bytes()).expect("text");
    let kept: Vec<Value> = record.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let dirs: Vec<_> = kept.iter().map(|line| line["dir"].as_str().expect("text")).collect();
    assert_eq!(dirs, ["->", "narrative", "<-"]);
    assert_eq!(kept[0]["msg"]["params"], json!({"api_key": "[redacted]"}));
    assert_eq!(kept[2]["msg"]["params"], json!({"authorization": "Bearer [redacted]"}));
}
