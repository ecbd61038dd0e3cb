//! Agents that send more than is dealt with, or read nothing: memory is bounded, and they can be ended.

use std::time::Duration;

use omk::agents::jsonrpc::peer::{Manner, connect};
use omk::agents::jsonrpc::serve::{Answering, Dialect, serve};
use omk::domain::agent::AgentEnd;
use omk::process::drive::{EndedBy, Heard, Intake, Stream, drive_within};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::process::{LONG, launcher, shell};
use crate::process_fates::{alone, peak};
use crate::support::conversation::Stage;

/// Answers everything with what it was asked.
struct Echo;

impl Dialect for Echo {
    fn request(&mut self, _method: &str, params: Value) -> Option<Answering> {
        Some(Box::pin(async move { Ok(params) }))
    }

    fn notification(&mut self, _method: &str, _params: Value) {}

    fn narrative(&mut self, _text: &str) {}

    fn too_long(&mut self, _bytes: usize) {}
}

/// Lets everybody do what they can.
async fn turns() {
    for _ in 0..5000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_program_that_nobody_listens_to_waits_and_can_be_ended() {
    let (peer, _inbox, _outgoing) = connect(Manner::default());
    let line = json!({"method": "m", "params": "x".repeat(80)});
    let script = format!("yes '{line}' & while :; do echo tick >&2; sleep 0.05; done");
    let running = launcher().launch(shell(&script)).await.expect("a start");
    let intake = Intake { backlog: peer.heard().clone(), ..Intake::default() };
    let (stop, mut ticks, mut most) = (CancellationToken::new(), 0, 0);
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(Stream::Output, bytes) => {
            peer.feed(bytes);
            most = most.max(peer.heard().waiting());
        }
        Heard::Bytes(Stream::Errors, _) => {
            ticks += usize::from(peer.heard().waiting() > 256 << 10);
            if ticks == 10 {
                stop.cancel();
            }
        }
        Heard::Vitals(_) => {}
    };
    let driven = drive_within(intake, running, LONG, &stop, &mut sink).await;
    assert_eq!(driven.by, EndedBy::Stop);
    assert!(most > 256 << 10 && most < 1 << 20, "{most} bytes waited");
}

#[tokio::test]
async fn who_does_not_read_its_answers_is_dealt_with_no_further_and_is_silent() {
    let (peer, inbox, mut outgoing) = connect(Manner::default());
    let request = json!({"id": 1, "method": "m", "params": "x".repeat(64 << 10)}).to_string() + "\n";
    (0..200).for_each(|_| peer.feed(request.as_bytes()));
    let reads = async {
        turns().await;
        assert!(peer.said().is_full());
        assert!(peer.said().waiting() < (4 << 20) + 2 * request.len(), "{} bytes wait", peer.said().waiting());
        assert!(peer.life().silent_for(tokio::time::Instant::now()).is_some());
        let mut answers = 0;
        while answers < 200 {
            answers += usize::from(outgoing.recv().await.is_some());
        }
        peer.close();
        outgoing.recv().await
    };
    let mut echo = Echo;
    let (left, ()) = tokio::join!(reads, serve(&peer, inbox, &mut echo));
    assert_eq!((left, peer.heard().waiting(), peer.said().waiting()), (None, 0, 0));
}

#[tokio::test]
async fn the_end_of_who_reads_nothing_is_the_end_of_the_conversation() {
    let (peer, inbox, outgoing) = connect(Manner::default());
    let request = json!({"id": 1, "method": "m", "params": "x".repeat(64 << 10)}).to_string() + "\n";
    (0..200).for_each(|_| peer.feed(request.as_bytes()));
    let asked = peer.ask("m", &Value::Null);
    let ends = async {
        turns().await;
        assert!(peer.said().is_full());
        peer.close();
        drop(outgoing);
    };
    let mut echo = Echo;
    let (asked, (), ()) = tokio::join!(asked, ends, serve(&peer, inbox, &mut echo));
    assert!(asked.is_err());
}

#[tokio::test]
async fn an_agent_that_floods_its_conversation_does_not_grow_this_process() {
    if !alone("agents_bounds::an_agent_that_floods_its_conversation_does_not_grow_this_process") {
        return;
    }
    let flood = json!({"method": "news", "params": vec![json!({"a": 0}); 16]}).to_string();
    let hello = r#"{"id":1,"result":{"protocolVersion":1}}"#;
    let no = r#"{"id":2,"error":{"code":-32000,"message":"enough"}}"#;
    let script = format!("read l; echo '{hello}'; read l; yes '{flood}' | head -n 40000; echo '{no}'; cat > /dev/null");
    let quirks = json!({"handshake_ms": 600_000});
    let stage = Stage::configured(json!({"like": "gemini", "command": ["sh", "-c", script], "quirks": quirks}));
    let before = peak();
    let played = tokio::time::timeout(Duration::from_secs(600), stage.play()).await.expect("an end");
    let said = matches!(&played.report.end, AgentEnd::Unavailable { detail } if detail.contains("enough"));
    assert!(said, "{:?}", played.report.end);
    assert!(peak() - before < 64 << 10, "it grew by {} KiB", peak() - before);
}
