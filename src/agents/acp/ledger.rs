//! Asks an agent's program what its sessions used, where the conversation does not say all of it.
//!
//! In a process of its own, behind the conversation; nobody who stops a run waits for it. Invariant: it adds only what
//! nobody has counted.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::usage::micros;
use crate::agents::errand::Errand;
use crate::agents::scene::{Scene, Spent};
use crate::domain::budget::Usage;
use crate::process::drive::{EndedBy, Heard, Limits, Stream, drive};
use crate::process::output::Bounded;
use crate::process::program::Program;
use crate::process::spawn::{Input, Launcher, OutputPlan, Spec};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is read of the answer, in bytes.
const KEPT: usize = 64 << 10;

/// Counts what the session of an errand used and nobody counted, where its agent can be asked.
pub(super) async fn settle(errand: &Errand, scene: &Scene, launcher: &Launcher, stop: &CancellationToken) {
    let asks = !errand.profile.quirks.usage_ask.is_empty() && !stop.is_cancelled();
    let Some(session) = scene.session().filter(|id| asks && is_plain(id)) else { return };
    match answer(errand, &session, launcher, stop).await {
        Some(total) => scene.account(uncounted(errand, scene, &session, &total)),
        None => scene.lock().narrative.note("[it does not say what the whole session used]"),
    }
}

/// Whether a session's id can stand anywhere in a question.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

async fn answer(errand: &Errand, session: &str, launcher: &Launcher, stop: &CancellationToken) -> Option<Usage> {
    let profile = &errand.profile;
    let program = Program {
        program: profile.command.first().map(OsString::from).unwrap_or_default(),
        args: profile.quirks.usage_ask.iter().map(|word| word.replace("{session}", session).into()).collect(),
        env: errand.env.clone(),
        cwd: errand.worktree.clone(),
    };
    let spec = Spec { program, input: Input::Null, output: OutputPlan::Split, lease: errand.lease };
    let running = launcher.launch(spec).await.ok()?;
    let limits = Limits { timeout: PATIENCE, ..errand.limits };
    let mut printed = Bounded::new(KEPT, 0);
    let mut sink = |heard: Heard<'_>| match heard {
        Heard::Bytes(Stream::Output, bytes) => printed.push(bytes),
        Heard::Bytes(Stream::Errors, _) | Heard::Vitals(_) => {}
    };
    let driven = drive(running, limits, stop, &mut sink).await;
    (driven.by == EndedBy::Itself).then(|| total(&printed.finish()))?
}

/// The answer, a row of a table.
fn total(printed: &[u8]) -> Option<Usage> {
    let printed: Value = serde_json::from_slice(printed).ok()?;
    let row = printed.get(0)?;
    let count = |name: &str| row.get(name).and_then(Value::as_u64);
    Some(Usage {
        input_tokens: count("input")?,
        cached_tokens: count("cached").unwrap_or_default(),
        output_tokens: count("output")?,
        usd_micros: row.get("usd").and_then(Value::as_f64).and_then(micros),
    })
}

/// What of a session's use was counted neither before nor in this run. Its price is one of tokens that were counted for
/// themselves, too.
fn uncounted(errand: &Errand, scene: &Scene, session: &str, total: &Usage) -> Vec<Spent> {
    let earlier = errand.opening.as_ref().and_then(|opening| opening.resumption.as_ref());
    let before = earlier.filter(|earlier| earlier.session == session).map(|earlier| earlier.used).unwrap_or_default();
    let more = total.beyond(&before.plus(&scene.lock().narrative.usage()));
    let tokens = Usage { usd_micros: None, ..more };
    let price = Usage { usd_micros: more.usd_micros, ..Usage::default() };
    let reports = [tokens, price].into_iter().filter(|usage| !usage.is_nothing());
    reports.map(|usage| Spent { usage, id: None, model: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_row_with_counts() {
        let usage = Usage { input_tokens: 408, cached_tokens: 160, output_tokens: 80, usd_micros: Some(424) };
        assert_eq!(total(br#"[{"input": 408, "cached": 160, "output": 80, "usd": 0.000424}]"#), Some(usage));
        for other in [&br#"[{"input": null, "cached": null, "output": null, "usd": null}]"#[..], b"[]", b"Error", b""] {
            assert_eq!(total(other), None);
        }
    }

    #[test]
    fn an_id_that_could_mean_more_than_itself_is_none() {
        assert!(is_plain("ses_e021afcb2ffex7Omb7Eq8t1UKx"));
        for id in ["", "a'b", "a b", "a/b"] {
            assert!(!is_plain(id), "{id}");
        }
    }
}
