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

/// What a message of the agent says that its call of the model used.
pub(super) fn of_message(update: &Value, quirks: &Quirks) -> Option<(Usage, Option<String>)> {
    let meta = update.get("_meta")?;
    let model = meta.get("model").and_then(Value::as_str).map(str::to_owned);
    Some((tokens(meta.get("usage")?, quirks)?, model))
}

/// What of the end of a turn its messages have not said.
pub(super) fn beyond(told: Vec<Spent>, noted: &Usage) -> Vec<Spent> {
    let mut left = *noted;
    let rest = told.into_iter().map(|one| {
        let usage = one.usage.beyond(&left);
        left = left.beyond(&one.usage);
        Spent { usage, ..one }
    });
    rest.filter(|one| !one.usage.is_nothing()).collect()
}

/// Counts of tokens, which agents name and add up in several ways.
struct Counts {
    input: u64,
    read: u64,
    written: u64,
    output: u64,
    thought: u64,
    total: Option<u64>,
}

impl Counts {
    fn of(counts: &Value) -> Self {
        let find = |names: &[&str]| names.iter().find_map(|name| counts.get(name)?.as_u64());
        let count = |names: &[&str]| find(names).unwrap_or(0);
        Self {
            input: count(&["inputTokens", "input_tokens", "promptTokens", "prompt_tokens"]),
            read: count(&[
                "cachedReadTokens",
                "cachedInputTokens",
                "cachedTokens",
                "cached_read_tokens",
                "cached_input_tokens",
                "cached_tokens",
            ]),
            written: count(&[
                "cachedWriteTokens",
                "cacheWriteInputTokens",
                "cached_write_tokens",
                "cache_write_input_tokens",
            ]),
            output: count(&["outputTokens", "output_tokens", "completionTokens", "completion_tokens"]),
            thought: count(&["thoughtTokens", "thoughtsTokens", "thought_tokens", "thoughts_tokens"]),
            total: find(&["totalTokens", "total_tokens"]),
        }
    }

    /// Input with what came from a cache, and output with the thoughts. The total tells whether the counts include them;
    /// without a total that fits, the input does as `within` says, and the output does.
    fn sums(&self, within: bool) -> (u64, u64) {
        let apart = self.input.saturating_add(self.read).saturating_add(self.written);
        let thinking = self.output.saturating_add(self.thought);
        let usual = if within { [self.input, apart] } else { [apart, self.input] };
        let ways = [self.output, thinking].into_iter().flat_map(|output| usual.map(|input| (input, output)));
        let fits = |(input, output): &(u64, u64)| Some(input.saturating_add(*output)) == self.total;
        ways.into_iter().find(fits).unwrap_or((usual[0], self.output))
    }
}

fn tokens(counts: &Value, quirks: &Quirks) -> Option<Usage> {
    let counts = Counts::of(counts);
    let (input_tokens, output_tokens) = counts.sums(quirks.cache_within_input);
    let cached_tokens = counts.read.min(input_tokens);
    let usage = Usage { input_tokens, cached_tokens, output_tokens, usd_micros: None };
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
    fn the_total_tells_whether_the_input_includes_the_cache_and_the_output_the_thoughts() {
        let usage_of = |counts: Value| tokens(&counts, &Quirks::default());
        let copilot = json!({"inputTokens": 306, "cachedReadTokens": 120, "outputTokens": 60, "totalTokens": 366});
        assert_eq!(usage_of(copilot), Some(usage(306, 120, 60)));
        let apart = json!({"inputTokens": 186, "cachedReadTokens": 120, "outputTokens": 60, "totalTokens": 366});
        assert_eq!(usage_of(apart), Some(usage(306, 120, 60)));
        let written = json!({"inputTokens": 6, "cachedWriteTokens": 300, "outputTokens": 60, "totalTokens": 366});
        assert_eq!(usage_of(written), Some(usage(306, 0, 60)));
        let thoughts = json!({"promptTokens": 306, "cachedTokens": 120, "completionTokens": 50, "thoughtsTokens": 10, "totalTokens": 366});
        assert_eq!(usage_of(thoughts), Some(usage(306, 120, 60)));
        let no_total = json!({"inputTokens": 186, "cachedReadTokens": 120, "outputTokens": 60});
        assert_eq!(usage_of(no_total), Some(usage(306, 120, 60)));
        let wrong = json!({"inputTokens": 186, "cachedReadTokens": 120, "outputTokens": 60, "totalTokens": 7});
        assert_eq!(usage_of(wrong), Some(usage(306, 120, 60)));
        let most = json!({"inputTokens": u64::MAX, "cachedReadTokens": u64::MAX, "outputTokens": u64::MAX});
        assert_eq!(usage_of(most), Some(usage(u64::MAX, u64::MAX, u64::MAX)));
    }

    #[test]
    fn a_cost_is_read_in_dollars_only() {
        let cost = |amount: f64, currency| session_cost(&json!({"cost": {"amount": amount, "currency": currency}}));
        assert_eq!((cost(0.001998, "USD"), cost(1.0, "EUR"), cost(-1.0, "USD")), (Some(1998), None, None));
        assert_eq!(session_cost(&json!({"used": 3})), None);
    }
}
