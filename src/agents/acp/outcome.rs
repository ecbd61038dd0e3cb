//! What the end of a turn means. It is a claim: without work it is none.

use serde_json::Value;

use crate::agents::ending::without_work;
use crate::agents::profile::AgentProfile;
use crate::agents::profile::quirks::UsageSource;
use crate::domain::agent::AgentEnd;

/// The codes for a login that is missing, as the protocol has it.
pub(super) const LOCKED_OUT: &[i64] = &[-32000];

/// What the end of a turn means. `worked` is whether a message or a tool call was seen in it, `trouble` the last that
/// the agent told of its model.
pub(super) fn of_turn(
    result: &Value,
    spent: bool,
    worked: bool,
    trouble: Option<&str>,
    profile: &AgentProfile,
) -> AgentEnd {
    let failing = profile.quirks.usage_source == UsageSource::KimiSessionFile && trouble.is_some();
    let failed = |detail: &str| AgentEnd::Failed { detail: detail.to_owned() };
    match result.get("stopReason").and_then(Value::as_str).unwrap_or_default() {
        "end_turn" if failing || !worked || (profile.quirks.usage_source.is_certain() && !spent) => {
            without_work(trouble, profile)
        }
        "end_turn" => AgentEnd::Finished,
        "max_tokens" => failed("the model's answer was cut: the limit of tokens was reached"),
        "max_turn_requests" => failed("the turn was cut: the agent's limit of model calls was reached"),
        "refusal" => failed("the model refused the task"),
        "cancelled" => failed("the agent cancelled its turn"),
        other => AgentEnd::Failed { detail: format!("the turn ended with `{}`", other.escape_debug()) },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agents::profile::Profiles;

    fn profile(name: &str) -> AgentProfile {
        Profiles::default().find(name).expect("an agent").clone()
    }

    #[test]
    fn the_end_of_a_turn_is_only_a_claim() {
        let end = |reason: &str, spent, worked, trouble| {
            of_turn(&json!({"stopReason": reason}), spent, worked, trouble, &profile("codex"))
        };
        assert_eq!(end("end_turn", true, true, None), AgentEnd::Finished);
        for (spent, worked) in [(false, true), (true, false)] {
            assert!(
                matches!(end("end_turn", spent, worked, None), AgentEnd::Failed { detail } if detail.contains("without work"))
            );
        }
        assert!(matches!(end("end_turn", false, true, Some("429 Too Many Requests")), AgentEnd::Limited { .. }));
        for reason in ["refusal", "max_tokens", "max_turn_requests", "cancelled", "other", ""] {
            assert!(matches!(end(reason, true, true, None), AgentEnd::Failed { .. }), "{reason}");
        }
        let kimi = of_turn(&json!({"stopReason": "end_turn"}), false, true, None, &profile("kimi"));
        assert_eq!(kimi, AgentEnd::Finished);
        let kimi = of_turn(&json!({"stopReason": "end_turn"}), false, true, Some("429 slow down"), &profile("kimi"));
        assert!(matches!(kimi, AgentEnd::Limited { .. }));
    }
}
