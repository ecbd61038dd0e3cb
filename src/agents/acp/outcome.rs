//! What the end of a turn means. It is a claim: without work it is none.

use serde_json::Value;

use crate::agents::ending::without_work;
use crate::agents::profile::AgentProfile;
use crate::agents::profile::quirks::UsageSource;
use crate::agents::wait::Here;
use crate::domain::agent::AgentEnd;

/// The codes for a login that is missing, as the protocol has it.
pub(super) const LOCKED_OUT: &[i64] = &[-32000];

/// What was seen of a turn.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// Its tokens were counted.
    pub(super) spent: bool,
    /// It showed a message or a tool call.
    pub(super) worked: bool,
    /// The last trouble with its model that the agent told.
    pub(super) trouble: Option<&'a str>,
    /// Its message, if it called no tool.
    pub(super) said: &'a str,
}

/// What the end of a turn means.
pub(super) fn of_turn(result: &Value, seen: Seen<'_>, profile: &AgentProfile, here: Here<'_>) -> AgentEnd {
    let Seen { spent, worked, trouble, said } = seen;
    let failing = profile.quirks.usage_source == UsageSource::KimiSessionFile && trouble.is_some();
    let failed = |detail: &str| AgentEnd::Failed { detail: detail.to_owned() };
    match result.get("stopReason").and_then(Value::as_str).unwrap_or_default() {
        "end_turn" if failing || !worked || (profile.quirks.usage_source.is_certain() && !spent) => {
            without_work(trouble, said, profile, here)
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
    use crate::agents::wait::zones::Zones;
    use crate::domain::ids::Timestamp;

    fn profile(name: &str) -> AgentProfile {
        Profiles::default().find(name).expect("an agent").clone()
    }

    #[test]
    fn the_end_of_a_turn_is_only_a_claim() {
        let zones = Zones::unknown();
        let here = Here { now: Timestamp(1_000_000), zones: &zones, told: None };
        let of = |name: &str, reason: &str, seen| of_turn(&json!({"stopReason": reason}), seen, &profile(name), here);
        let end = |reason: &str, spent, worked, trouble| {
            of("codex", reason, Seen { spent, worked, trouble, said: "Rate limits are handled." })
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
        let limited = Seen { spent: false, worked: true, trouble: None, said: "Error: 429 Too Many Requests" };
        assert!(matches!(of("codex", "end_turn", limited), AgentEnd::Limited { .. }));
        let kimi = of("kimi", "end_turn", Seen { spent: false, worked: true, trouble: None, said: "" });
        assert_eq!(kimi, AgentEnd::Finished);
        let waits = Seen { spent: false, worked: true, trouble: Some("429 slow down"), said: "" };
        let kimi = of("kimi", "end_turn", waits);
        assert!(matches!(kimi, AgentEnd::Limited { .. }));
    }
}
