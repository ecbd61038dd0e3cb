//! What was used, as agents say it in their several ways.

use serde_json::Value;

use crate::agents::profile::quirks::{Quirks, UsageSource};
use crate::agents::scene::Spent;
use crate::domain::budget::Usage;

/// What the end of a turn says was used in it: by model where that is known.
fn of_turn(result: &Value, quirks: &Quirks) -> Vec<Spent> {
    let quota = || {
        let models = result.pointer("/_meta/quota/model_usage").and_then(Value::as_array);
        let by_model: Vec<_> = models.into_iter().flatten().filter_map(|one| of_model(one, quirks)).collect();
        match by_model.is_empty() {
            true => one(result.pointer("/_meta/quota/token_count"), quirks),
            false => by_model,
        }
    };
    let turn = || one(result.get("usage"), quirks);
    match quirks.usage_source {
        UsageSource::KimiSessionFile => Vec::new(),
        UsageSource::TurnUsage => turn(),
        UsageSource::Quota | UsageSource::Messages | UsageSource::Any => match quota() {
            empty if empty.is_empty() => turn(),
            spent => spent,
        },
    }
}

/// What the prompts of one turn say was used in it: some tell each of them the same.
pub(super) fn of_turns(answers: &[Value], quirks: &Quirks) -> Vec<Spent> {
    let mut reports: Vec<Vec<Spent>> = Vec::new();
    for report in answers.iter().map(|answer| of_turn(answer, quirks)) {
        if !reports.contains(&report) {
            reports.push(report);
        }
    }
    reports.concat()
}

fn of_model(entry: &Value, quirks: &Quirks) -> Option<Spent> {
    let usage = tokens(entry.get("token_count")?, quirks)?;
    let model = entry.get("model").and_then(Value::as_str).map(str::to_owned);
    Some(Spent { usage, id: None, model })
}

fn one(counts: Option<&Value>, quirks: &Quirks) -> Vec<Spent> {
    let usage = counts.and_then(|counts| tokens(counts, quirks));
    usage.map(|usage| Spent { usage, id: None, model: None }).into_iter().collect()
}

fn tokens(counts: &Value, quirks: &Quirks) -> Option<Usage> {
    let count = |names: &[&str]| names.iter().find_map(|name| counts.get(name)?.as_u64()).unwrap_or(0);
    let input = count(&["inputTokens", "input_tokens"]);
    let read = count(&["cachedReadTokens", "cachedInputTokens", "cached_input_tokens"]);
    let written = count(&["cachedWriteTokens", "cacheWriteInputTokens"]);
    let output_tokens = count(&["outputTokens", "output_tokens"]);
    let input_tokens = if quirks.cache_within_input { input } else { input + read + written };
    let usage = Usage { input_tokens, cached_tokens: read, output_tokens, usd_micros: None };
    (usage.tokens() > 0).then_some(usage)
}

/// A session's cost so far in millionths of a US dollar, where an update states it in that currency.
pub(super) fn session_cost(update: &Value) -> Option<u64> {
    let cost = update.get("cost")?;
    if !cost.get("currency")?.as_str()?.eq_ignore_ascii_case("usd") {
        return None;
    }
    micros(cost.get("amount")?.as_f64()?)
}

/// An amount of US dollars in millionths, where it is one.
pub(super) fn micros(amount: f64) -> Option<u64> {
    let micros = (amount * 1e6).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    (0.0..1e15).contains(&micros).then_some(micros as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agents::profile::Profiles;

    fn spent(agent: &str, result: &Value) -> Vec<(Usage, Option<String>)> {
        let profiles = Profiles::default();
        let quirks = &profiles.find(agent).expect("an agent").quirks;
        of_turn(result, quirks).into_iter().map(|one| (one.usage, one.model)).collect()
    }

    fn usage(input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, cached_tokens, output_tokens, usd_micros: None }
    }

    #[test]
    fn each_agents_way_of_counting_is_understood() {
        let claude = json!({"stopReason": "end_turn",
            "usage": {"inputTokens": 189, "outputTokens": 60, "cachedReadTokens": 120, "totalTokens": 369},
            "_meta": {"quota": {"model_usage": [{"model": "m", "token_count": {"totalTokens": 490, "inputTokens": 250,
                "cachedInputTokens": 160, "cachedWriteTokens": 0, "outputTokens": 80}}]}}});
        assert_eq!(spent("claude", &claude), [(usage(410, 160, 80), Some("m".to_owned()))]);
        let gemini = json!({"_meta": {"quota": {"token_count": {"input_tokens": 306, "output_tokens": 60},
            "model_usage": [{"model": "g", "token_count": {"input_tokens": 306, "output_tokens": 60}}]}}});
        assert_eq!(spent("gemini", &gemini), [(usage(306, 0, 60), Some("g".to_owned()))]);
        let opencode = json!({"usage": {"inputTokens": 64, "outputTokens": 20, "cachedReadTokens": 40}});
        assert_eq!(spent("opencode", &opencode), [(usage(104, 40, 20), None)]);
        let failed = json!({"usage": null, "_meta": {"quota": {"token_count": null, "model_usage": []}}});
        assert_eq!(spent("codex", &failed), []);
        assert_eq!(spent("kimi", &claude), []);
    }

    #[test]
    fn a_cost_is_read_in_dollars_only() {
        let cost = |amount: f64, currency| session_cost(&json!({"cost": {"amount": amount, "currency": currency}}));
        assert_eq!((cost(0.001998, "USD"), cost(1.0, "EUR"), cost(-1.0, "USD")), (Some(1998), None, None));
        assert_eq!(session_cost(&json!({"used": 3})), None);
    }
}
