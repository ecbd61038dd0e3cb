//! What the end of a conversation means for the attempt.
//!
//! The end of a turn is a claim. A program that cannot be spoken to will not be spoken to the next time either; a
//! provider that takes no requests is waited for; everything else is a failed attempt.

use serde_json::Value;

use super::jsonrpc::message::{METHOD_NOT_FOUND, RpcError};
use super::profile::AgentProfile;
use super::provider::message::reported;
use super::provider::{Refusal, refusal, refusal_in};
use super::wait::{Here, until};
use crate::domain::agent::AgentEnd;
use crate::domain::ids::Timestamp;
use crate::domain::redact::redact;
use crate::process::drive::{Driven, EndedBy};
use crate::process::program::Exit;
use crate::process::sanitise::sanitise;

/// The longest that is quoted of an agent's words, in bytes.
const QUOTED: usize = 2_000;

/// How a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As it should, or by our own doing.
    Over(AgentEnd),
    /// The agent is there, and cannot be worked with.
    Unusable(String),
    /// It wants a login before it begins.
    LockedOut(String),
    /// It refuses to begin, for no reason that has to stay.
    Stumbled(String),
    /// It refuses to begin because its provider refuses; the error as it is shown.
    Refused(Refusal, String),
    /// Its program ended under us.
    Gone {
        /// Whether a session was open.
        greeted: bool,
    },
}

/// The end of the attempt. `words` is what the agent said last.
pub(super) fn conclude(
    ending: Ending,
    driven: &Driven,
    profile: &AgentProfile,
    words: &str,
    here: Here<'_>,
) -> AgentEnd {
    match ending {
        Ending::Over(AgentEnd::Failed { detail }) => AgentEnd::Failed { detail: with_words(detail, words) },
        Ending::Over(end) => end,
        _ if driven.by == EndedBy::Timeout => AgentEnd::TimedOut,
        _ if driven.ended.lapsed => AgentEnd::Lapsed,
        Ending::Unusable(problem) | Ending::LockedOut(problem) | Ending::Stumbled(problem) => {
            unavailable(profile, &problem, words)
        }
        Ending::Refused(refusal, problem) => refused(refusal, &problem, &Value::Null, profile, here),
        Ending::Gone { greeted: false } => {
            let problem = format!("it {}", gone(driven, "before it could be spoken to"));
            unavailable(profile, &problem, words)
        }
        Ending::Gone { greeted: true } => {
            let detail = format!("the agent {}", gone(driven, "in the middle of its turn"));
            AgentEnd::Failed { detail: with_words(detail, words) }
        }
    }
}

/// The same end without secrets in its words: what leaves this room.
pub(super) fn without_secrets(end: AgentEnd) -> AgentEnd {
    match end {
        AgentEnd::Asked { question } => AgentEnd::Asked { question: redact(&question) },
        AgentEnd::Failed { detail } => AgentEnd::Failed { detail: redact(&detail) },
        AgentEnd::Unavailable { detail } => AgentEnd::Unavailable { detail: redact(&detail) },
        AgentEnd::Limited { provider, until, detail } => AgentEnd::Limited { provider, until, detail: redact(&detail) },
        AgentEnd::Finished | AgentEnd::TimedOut | AgentEnd::Stopped | AgentEnd::Lapsed | AgentEnd::Faulted { .. } => {
            end
        }
    }
}

/// Whether a start that ended so may come through when it is tried again.
pub(super) fn may_pass(ending: &Ending, driven: &Driven) -> bool {
    match ending {
        Ending::Stumbled(_) => true,
        // The shell's words for a program that is not there.
        Ending::Gone { greeted: false } => {
            driven.by == EndedBy::Itself && !matches!(driven.ended.exit, Exit::Code(126 | 127))
        }
        Ending::Gone { greeted: true }
        | Ending::Unusable(_)
        | Ending::LockedOut(_)
        | Ending::Refused(..)
        | Ending::Over(_) => false,
    }
}

/// What an error in answer to the first words means: nothing that stays, unless the provider refuses.
pub(super) fn of_refusal(method: &str, error: &RpcError) -> Ending {
    let words = words_of(error);
    let problem = format!("it answers {method} with: {words} (code {})", error.code);
    match error.code {
        METHOD_NOT_FOUND => Ending::Unusable(format!("it does not know {method}")),
        code => match refusal_of(error, &words) {
            Some(Refusal::Login) => Ending::LockedOut(problem),
            Some(refusal @ (Refusal::Limit | Refusal::Billing | Refusal::Model)) => Ending::Refused(refusal, problem),
            None if code == -32000 => Ending::LockedOut(problem),
            None => Ending::Stumbled(problem),
        },
    }
}

/// How its program left a conversation that was not over.
fn gone(driven: &Driven, when: &str) -> String {
    match driven.by {
        // While it is spoken to, this alone is what we stop it for.
        EndedBy::Stop => format!("closed its standard input or output {when}, and went on running"),
        EndedBy::Itself | EndedBy::Timeout | EndedBy::Lease | EndedBy::KeeperLost => {
            format!("ended {when} ({})", exit_of(driven))
        }
    }
}

fn exit_of(driven: &Driven) -> String {
    match driven.ended.exit {
        Exit::Code(code) => format!("exit status {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
    }
}

/// That an agent cannot be worked with, with its words and what mends it.
pub(super) fn unavailable(profile: &AgentProfile, problem: &str, words: &str) -> AgentEnd {
    let keys = profile.keys.iter().map(|keys| format!("; {keys}")).collect::<String>();
    let detail = format!("{}: {problem}; {}{keys}", profile.name, profile.mend());
    AgentEnd::Unavailable { detail: with_words(detail, words) }
}

/// What happened, and what the agent said last.
pub(super) fn with_words(detail: String, words: &str) -> String {
    if words.is_empty() || detail.contains(words) { detail } else { format!("{detail}\n{words}") }
}

/// An error's own words.
pub(super) fn words_of(error: &RpcError) -> String {
    let more = match &error.data {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        data => {
            let field = ["details", "message", "detail", "error"].iter().find_map(|name| data.get(name)?.as_str());
            Some(field.map_or_else(|| data.to_string(), str::to_owned))
        }
    };
    let text = match more {
        Some(more) if more != error.message => format!("{}: {more}", error.message),
        Some(_) | None => error.message.clone(),
    };
    shortened(&text)
}

/// An agent's words, without secrets, as long as they are quoted.
fn shortened(text: &str) -> String {
    let text = redact(&sanitise(text.as_bytes()));
    match text.char_indices().find(|(at, _)| *at >= QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The refusal of a provider that an error states: by its code, its data or its words.
fn refusal_of(error: &RpcError, words: &str) -> Option<Refusal> {
    let stated =
        if (400..600).contains(&error.code) { format!("status {}; {words}", error.code) } else { words.to_owned() };
    refusal(&stated, &error.data)
}

/// What an error in answer to a prompt means. `locked_out` are the protocol's codes for a login that is missing.
pub(super) fn of_error(error: &RpcError, locked_out: &[i64], profile: &AgentProfile, here: Here<'_>) -> AgentEnd {
    let words = words_of(error);
    let shown = format!("{words} (code {})", error.code);
    match refusal_of(error, &words) {
        Some(Refusal::Limit) => limited(shown, until(&words, &error.data, here), profile),
        Some(refusal) => refused(refusal, &shown, &error.data, profile, here),
        None if locked_out.contains(&error.code) => unavailable(profile, &shown, ""),
        None => AgentEnd::Failed { detail: shown },
    }
}

/// Whether an error in answer to a prompt is for want of a login.
pub(super) fn wants_login(error: &RpcError, locked_out: &[i64]) -> bool {
    match refusal_of(error, &words_of(error)) {
        Some(Refusal::Login) => true,
        Some(Refusal::Limit | Refusal::Billing | Refusal::Model) => false,
        None => locked_out.contains(&error.code),
    }
}

/// What a refusal of the provider means for the attempt. `words` may state its end.
pub(super) fn refused(refusal: Refusal, words: &str, data: &Value, profile: &AgentProfile, here: Here<'_>) -> AgentEnd {
    let mended_by = |how: &str| AgentEnd::Unavailable { detail: format!("{}: {words}; {how}", profile.name) };
    match refusal {
        Refusal::Limit => limited(words.to_owned(), until(words, data, here), profile),
        // A spend limit of a month ends by itself.
        Refusal::Billing => match until(words, data, here) {
            Some(end) => limited(words.to_owned(), Some(end), profile),
            None => mended_by("its provider asks for payment or a higher spend limit: settle that with the provider"),
        },
        Refusal::Model => mended_by("its provider does not serve this model to this account: choose another model"),
        Refusal::Login => unavailable(profile, words, ""),
    }
}

fn limited(detail: String, until: Option<Timestamp>, profile: &AgentProfile) -> AgentEnd {
    AgentEnd::Limited { provider: profile.provider.clone(), until, detail }
}

/// What an agent's final message means if its turn changed nothing: `None` unless it reports a provider's refusal.
pub(super) fn of_message(message: &str, profile: &AgentProfile, here: Here<'_>) -> Option<AgentEnd> {
    let (refusal, words) = reported(message)?;
    Some(refused(refusal, &shortened(words), &Value::Null, profile, here))
}

/// What a turn means that claims to be done and shows no work, or no tokens where they are always counted. `trouble` is
/// the last that the agent told of its model, `said` its message.
pub(super) fn without_work(trouble: Option<&str>, said: &str, profile: &AgentProfile, here: Here<'_>) -> AgentEnd {
    let failed = |why: &str| AgentEnd::Failed { detail: format!("the turn ended without work: {why}") };
    match trouble {
        Some(words) => match refusal_in(words) {
            Some(refusal) => refused(refusal, words, &Value::Null, profile, here),
            None => failed(words),
        },
        None => of_message(said, profile, here)
            .unwrap_or_else(|| failed("the agent called no model, or its model did not answer")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agents::profile::Profiles;
    use crate::agents::wait::zones::Zones;

    fn profile(name: &str) -> AgentProfile {
        Profiles::default().find(name).expect("an agent").clone()
    }

    #[test]
    fn errors_are_waits_missing_logins_or_failures() {
        let zones = Zones::unknown();
        let here = Here { now: Timestamp(1_000_000), zones: &zones, told: None };
        let end = |code, message: &str, data| {
            let error = RpcError { code, message: message.into(), data };
            of_error(&error, &[-32000], &profile("codex"), here)
        };
        let limited =
            |until, detail: &str| AgentEnd::Limited { provider: Some("openai".into()), until, detail: detail.into() };
        assert_eq!(
            end(-32000, "Rate limit reached", json!({"retry_after": 2.5})),
            limited(Some(Timestamp(1_002_500)), "Rate limit reached: {\"retry_after\":2.5} (code -32000)")
        );
        assert_eq!(
            end(-32603, "429 slow down, try again in 3m", Value::Null),
            limited(Some(Timestamp(1_180_000)), "429 slow down, try again in 3m (code -32603)")
        );
        let AgentEnd::Unavailable { detail } = end(-32000, "Authentication required", Value::Null) else { panic!() };
        assert!(detail.contains("codex login") && detail.contains("Authentication required"), "{detail}");
        assert!(
            matches!(end(-32603, "boom", json!({"details": "14290"})), AgentEnd::Failed { detail } if detail == "boom: 14290 (code -32603)")
        );
    }
}
