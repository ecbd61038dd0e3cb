//! Recognises a provider's refusal in an agent's final message: some agents report it as text and end their turn well.
//!
//! The caller asks only about a turn without tool calls. Invariant: a message about work on such things ("I added a 402
//! handler") is not a refusal; when in doubt it is not one.

use super::words::Words;
use super::{Refusal, refusal_in};

/// The longest statement, in bytes.
const LONGEST_STATEMENT: usize = 500;
/// The longest text that may precede a refusal, in bytes: the agent had begun to speak.
const LONGEST_PREAMBLE: usize = 300;
/// The longest error, in bytes: some hold the whole answer of the provider.
const LONGEST_ERROR: usize = 6_000;

/// What an error begins with, after signs and brackets.
const LEADS: &[&str] = &[
    "agent execution terminated",
    "an error occurred",
    "api error",
    "apierror",
    "cannot",
    "error",
    "exceeded retry limit",
    "execution failed",
    "failed to authenticate",
    "failed to call",
    "failed to generate",
    "failed to get a response",
    "failed to refresh",
    "fatal",
    "http",
    "i encountered an error",
    "internal error",
    "it looks like you",
    "it seems you",
    "llm error",
    "llm provider error",
    "llm request failed",
    "looks like you",
    "model call failed",
    "model error",
    "oops",
    "operation error",
    "provider error",
    "provider returned error",
    "ran into an error",
    "ran into this error",
    "received error",
    "request failed",
    "request rejected",
    "stream error",
    "turn failed",
    "unable to",
    "unexpected status",
];
/// What a statement of a refusal begins with.
const SUBJECTS: &[&str] = &[
    "access",
    "account",
    "ai",
    "an",
    "api",
    "arrearage",
    "authentication",
    "billing",
    "budget",
    "capacity",
    "claude",
    "codex",
    "copilot",
    "could",
    "credit",
    "credits",
    "current",
    "daily",
    "exceeded",
    "exhausted",
    "expired",
    "forbidden",
    "free",
    "gemini",
    "hour",
    "hourly",
    "incorrect",
    "insufficient",
    "invalid",
    "key",
    "kimi",
    "limit",
    "login",
    "missing",
    "model",
    "models",
    "monthly",
    "no",
    "not",
    "oauth",
    "openai",
    "organization",
    "out",
    "overloaded",
    "payment",
    "permission",
    "plan",
    "please",
    "possible",
    "premium",
    "prepaid",
    "project",
    "quota",
    "qwen",
    "rate",
    "reached",
    "request",
    "requested",
    "requests",
    "resource",
    "security",
    "selected",
    "server",
    "service",
    "session",
    "sorry",
    "spend",
    "spending",
    "subscription",
    "team",
    "there",
    "throttled",
    "throttling",
    "token",
    "tokens",
    "too",
    "trial",
    "unauthenticated",
    "unauthorized",
    "unknown",
    "unsupported",
    "usage",
    "user",
    "we",
    "weekly",
    "workspace",
    "you",
    "your",
];
/// What a statement names that begins with `the` or `this`.
const THINGS: &[&str] = &[
    "account",
    "api",
    "billing",
    "caller",
    "configured",
    "current",
    "deployment",
    "engine",
    "free",
    "given",
    "maximum",
    "model",
    "models",
    "oauth",
    "organization",
    "project",
    "provided",
    "provider",
    "quota",
    "request",
    "requested",
    "requests",
    "security",
    "selected",
    "server",
    "service",
    "specified",
    "token",
];
/// Words of somebody who speaks about code.
const WORK: &[&str] = &[
    "added",
    "asserts",
    "backoff",
    "caught",
    "changed",
    "changes",
    "checks",
    "commit",
    "committed",
    "covered",
    "covers",
    "documented",
    "emits",
    "finished",
    "fixed",
    "gives",
    "handle",
    "handled",
    "handler",
    "handles",
    "handling",
    "implement",
    "implementation",
    "implemented",
    "implements",
    "jitter",
    "limiter",
    "limiting",
    "middleware",
    "passes",
    "propagates",
    "raises",
    "refactored",
    "renamed",
    "replaced",
    "respond",
    "responds",
    "retried",
    "retries",
    "returning",
    "returns",
    "sends",
    "supports",
    "test",
    "tested",
    "tests",
    "throws",
    "treated",
    "validated",
    "validates",
    "verified",
    "wrote",
];
/// The same, in a statement: errors have these, too.
const WORK_IN_STATEMENTS: &[&str] = &[
    "already",
    "approaching",
    "done",
    "each",
    "function",
    "i",
    "nothing",
    "should",
    "shows",
    "when",
    "whenever",
    "works",
];
/// Endings of file names in a message about code.
const FILES: &[&str] =
    &[".rs", ".py", ".ts", ".js", ".tsx", ".jsx", ".go", ".java", ".rb", ".c", ".cpp", ".h", ".md", ".json", ".toml"];

/// The refusal that a final message reports, and the words that report it.
pub(in crate::agents) fn reported(message: &str) -> Option<(Refusal, &str)> {
    let message = message.trim();
    let last = message.rsplit("\n\n").next().unwrap_or_default();
    let last_line = message.lines().last().unwrap_or_default();
    [message, last, last_line].into_iter().find_map(|part| {
        let part = part.trim();
        let before = message.strip_suffix(part).unwrap_or_default();
        if before.len() > LONGEST_PREAMBLE
            || speaks_of_work(before)
            || (!before.is_empty() && part.starts_with(['-', '*']))
        {
            return None;
        }
        let refusal = refusal_in(part).filter(|_| is_error(part) || is_statement(part))?;
        Some((refusal, part))
    })
}

/// Whether it has the shape of an error that a program prints.
fn is_error(text: &str) -> bool {
    if text.len() > LONGEST_ERROR || speaks_of_work(before_json(text)) {
        return false;
    }
    let bare = bare(text);
    let lower = bare.get(..80).unwrap_or(bare).to_ascii_lowercase();
    let led = LEADS.iter().any(|lead| {
        let rest = lower.strip_prefix(lead);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
    });
    led || bare.starts_with('{') || begins_with_status(bare) || begins_with_code(bare)
}

/// Whether it states a refusal, and nothing else.
fn is_statement(text: &str) -> bool {
    let one = text.lines().filter(|line| !line.trim().is_empty()).count() <= 4
        && !text.lines().skip(1).any(|line| line.trim_start().starts_with(['-', '*']));
    if text.len() > LONGEST_STATEMENT || !one || text.ends_with('?') || speaks_of_work(text) {
        return false;
    }
    let words = Words::of(bare(text));
    if words.holds_one_of(WORK_IN_STATEMENTS) {
        return false;
    }
    match words.first(2)[..] {
        ["the" | "this", thing] => THINGS.contains(&thing),
        // `5-hour limit reached`.
        [number, unit] if number.bytes().all(|b| b.is_ascii_digit()) => SUBJECTS.contains(&unit),
        [first, ..] => SUBJECTS.contains(&first),
        [] => false,
    }
}

/// What stands before a body that the provider answered: what is in it nobody chose for people.
fn before_json(text: &str) -> &str {
    text.find('{').map_or(text, |at| &text[..at])
}

fn speaks_of_work(text: &str) -> bool {
    let names_file = |word: &str| {
        let word = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        !word.contains("://") && FILES.iter().any(|ending| word.ends_with(ending))
    };
    Words::of(text).holds_one_of(WORK) || text.split_whitespace().any(names_file) || text.contains("```")
}

/// Without signs, brackets and marks at its beginning.
fn bare(text: &str) -> &str {
    text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '{')
}

/// `429 {"type":…`, `402 Payment Required`.
fn begins_with_status(text: &str) -> bool {
    let (digits, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    digits.len() == 3 && digits.starts_with(['4', '5']) && rest.starts_with([' ', ':', ',', ')', '-', '{'])
}

/// `overloaded_error: …`, `RESOURCE_EXHAUSTED`, `ThrottlingException: …`, `Throttling.RateQuota: …`.
fn begins_with_code(text: &str) -> bool {
    let code = text.split([' ', '\n']).next().unwrap_or_default();
    let named = code.trim_end_matches(|c: char| !c.is_alphanumeric());
    let ends = named.len() < code.len() || named.len() == text.trim_end_matches('.').len();
    named.contains('_') || named.ends_with("Error") || named.ends_with("Exception") || (ends && is_compound(named))
}

/// Whether capitals or points join several words.
fn is_compound(word: &str) -> bool {
    word.chars().filter(|c| c.is_uppercase()).count() > 1 && word.chars().any(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_however_the_agent_reports_it() {
        use Refusal::{Billing, Limit, Login, Model};
        for (expected, message) in [
            (Limit, "You have hit your session limit - resets 6:10pm (Europe/Berlin)"),
            (Limit, "You've hit your usage limit. Upgrade to Pro or try again in 3 days."),
            (Limit, "Claude AI usage limit reached|1796100000"),
            (Limit, "5-hour limit reached ∙ resets 12am"),
            (Limit, "[API Error: You have exhausted your daily quota on this model.]"),
            (Limit, "✕ [API Error: got status: 429 Too Many Requests]"),
            (
                Limit,
                "I'll look at it first.\n\nAPI Error: 529 {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}",
            ),
            (
                Limit,
                "429 {\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"when it returns, each request is done\"}}",
            ),
            (Limit, "ThrottlingException: Too many requests, please wait before trying again."),
            (Limit, "overloaded_error: the model is overloaded (529)"),
            (Limit, "Sorry, you have been rate-limited. Please wait a moment before trying again."),
            (Limit, "The model is overloaded. Please try again later."),
            (Limit, "Error: Request failed with status code 429"),
            (
                Limit,
                "An error occurred (ThrottlingException) when calling the InvokeModel operation: Too many requests",
            ),
            (Limit, "Throttling.AllocationQuota: Allocated quota exceeded"),
            (Limit, "provider.rate_limit_error"),
            (Limit, "litellm.RateLimitError: try later"),
            (Limit, "It looks like you've hit your weekly limit."),
            (
                Model,
                "There's an issue with the selected model (claude-nope). It may not exist or you may not have access to it.",
            ),
            (Login, "provider.auth_error: no"),
            (Billing, "Credit balance is too low"),
            (Billing, "You've hit your org's monthly spend limit"),
            (Billing, "402 Payment Required"),
            (Billing, "**Error:** 402 Insufficient Balance"),
            (Billing, "insufficient_quota"),
            (Billing, "Your team abc has either used all available credits or reached its monthly spending limit."),
            (
                Billing,
                "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 12.",
            ),
            (Login, "Invalid API key · Please run /login"),
            (Login, "Error: No authentication information found."),
            (Login, "API Error: 401 {\"error\":{\"message\":\"Incorrect API key provided\"}}"),
            (Login, "OAuth token has expired. Please obtain a new token or refresh your existing token."),
            (Login, "Error: 403 Forbidden"),
            (Model, "The model `gpt-nope` does not exist or you do not have access to it."),
            (Model, "Execution failed: model_not_found"),
        ] {
            assert_eq!(reported(message).map(|(refusal, _)| refusal), Some(expected), "{message}");
        }
    }

    #[test]
    fn a_message_about_work_on_such_things_is_no_refusal() {
        for message in [
            "I implemented rate limiting and a 402 Payment Required handler",
            "Implemented rate limiting: the server answers 429 Too Many Requests.",
            "Rate limiting is in place. Requests over the limit get 429 Too Many Requests.",
            "The rate limiter already answers 429; nothing to do.",
            "The API now returns 402 Payment Required when the balance is too low.",
            "Error handling: 401 Unauthorized and 429 Too Many Requests are retried with backoff.",
            "Errors of the billing API (402 Payment Required) are shown to the user.",
            "Your API key is validated in src/auth.rs; an invalid API key gives 401.",
            "Done. 401 Unauthorized is returned for an invalid API key.",
            "No changes are needed: the quota is checked by the gateway.",
            "All tests pass; the usage limit is now configurable.",
            "The usage limit page shows the credit balance.",
            "Which payment method should the 402 handler offer?",
            "You should see the rate limit in the header from now on.",
            "402 tests failed because of the spend limit",
            "429 and 529 are treated as rate limits by the client.",
            "Added `rate_limit_error` to the table of wordings.",
            "I could not find the file.",
            "This is the plan:\n- a limiter\n- 429 Too Many Requests for the rest",
            "This is what a client sees.\n\n- Error: 402 Payment Required",
            "Hello",
            "",
        ] {
            assert_eq!(reported(message), None, "{message}");
        }
        let long = format!("Your quota is fine. {}", "The work goes on. ".repeat(50));
        assert_eq!(reported(&long), None);
    }
}
