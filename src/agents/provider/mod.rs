//! Recognises what a provider refused: a limit, payment, a login, or a model.
//!
//! Codes come first (the HTTP status and the `type` or `code` of an error), words second. `wordings` has the phrases,
//! `words` matches them, `message` reads an agent's final message.

pub(super) mod message;
mod typed;
mod wordings;
mod words;

use serde_json::Value;

use self::wordings::{BILLING, LIMITED, LOCKED_OUT, NO_MODEL, NOT_THERE};
use self::words::Words;

/// Statuses of a provider that takes no requests for now.
const LIMITED_STATUS: &[&str] = &["429", "529"];
/// The status of a request that nobody pays for.
const BILLING_STATUS: &[&str] = &["402"];
/// Statuses of a login that is missing or refused.
const LOCKED_OUT_STATUS: &[&str] = &["401", "403"];
/// Google's code for a request that its key or account may not make; in words it is said of files, too.
const PERMISSION_DENIED: &str = "PERMISSION_DENIED";
/// How far the statement that there is no such model may stand from the word `model`, in words.
const REACH: usize = 12;

/// What a provider refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Requests, for now.
    Limit,
    /// Requests, until somebody pays or raises a spend limit.
    Billing,
    /// The login or the key.
    Login,
    /// The model.
    Model,
}

/// The refusal that an error states in its words; `None` for other trouble.
pub(super) fn refusal_in(text: &str) -> Option<Refusal> {
    refusal(text, &Value::Null)
}

/// The refusal that an error states in its data or its words; `None` for other trouble.
pub(super) fn refusal(text: &str, data: &Value) -> Option<Refusal> {
    let (codes, words) = (typed::codes(text, data), Words::of(text));
    let codes = Words::of(&codes);
    let both = [&codes, &words];
    if both.iter().any(|words| words.hold(BILLING) || words.state(BILLING_STATUS)) || is_openai_quota(text) {
        return Some(Refusal::Billing);
    }
    if codes.hold(&["not found error"]) && words.hold(&["model"]) {
        return Some(Refusal::Model);
    }
    of_words(&codes).or_else(|| of_status(&both)).or_else(|| of_words(&words)).or_else(|| {
        let locked_out = both.iter().any(|words| words.state(LOCKED_OUT_STATUS)) || text.contains(PERMISSION_DENIED);
        locked_out.then_some(Refusal::Login)
    })
}

/// OpenAI says of an account without credit what Google says of a limit that passes; only the address differs.
fn is_openai_quota(text: &str) -> bool {
    text.contains("exceeded your current quota") && text.contains("platform.openai.com")
}

/// A 403 says less than its words: some providers send it for limits and payment.
fn of_status(all: &[&Words]) -> Option<Refusal> {
    let stated = |statuses: &[&str]| all.iter().any(|words| words.state(statuses));
    if stated(LIMITED_STATUS) {
        return Some(Refusal::Limit);
    }
    stated(&["401"]).then_some(Refusal::Login)
}

fn of_words(words: &Words) -> Option<Refusal> {
    if words.hold(LIMITED) || words.name_a_quota() {
        return Some(Refusal::Limit);
    }
    // Before the login: that there is no access to a model is no matter of a login.
    if words.hold(NO_MODEL) || ["model", "deployment"].iter().any(|it| words.follow(it, REACH, NOT_THERE)) {
        return Some(Refusal::Model);
    }
    words.hold(LOCKED_OUT).then_some(Refusal::Login)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_from_other_trouble() {
        for words in [
            "exceeded retry limit, last status: 429 Too Many Requests",
            "API Error: Request rejected (429) · the script says 429",
            "429 slow down",
            "APIStatusError 429; attempt 2 of 3 in 1.5 s",
            "Error code: 429 - slow down",
            "You've hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro) or try again in 4 days 3 hours",
            "Claude usage limit reached. Your limit will reset at 7pm",
            "You've hit your session limit · resets 3pm",
            r#"API Error: 529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            r#"{"error":{"code":"rate_limit_exceeded","status":429}}"#,
            "APIProviderRateLimitError",
            "You exceeded your current quota, please check your plan and billing details.",
            "Quota exceeded. Check your plan and billing details.",
            "Resource has been exhausted (RESOURCE_EXHAUSTED)",
        ] {
            assert_eq!(refusal_in(words), Some(Refusal::Limit), "{words}");
        }
    }

    #[test]
    fn missing_logins_are_told_from_other_trouble() {
        for words in [
            "Your access token could not be refreshed because your refresh token was revoked. Please log out and sign in again.",
            "Your access token could not be refreshed. Please log out and sign in again.",
            "Your authentication session could not be refreshed automatically. Please log out and sign in again.",
            "unexpected status 401 Unauthorized: the script says 401, url: http://127.0.0.1:1/v1/responses",
            "Failed to authenticate. API Error: 401 the script says 401",
            "Not logged in · Please run /login",
            "OAuth token revoked · Please run /login",
            "Authentication required",
            "authentication_error: invalid x-api-key",
            "API key not valid. Please pass a valid API key.",
            "Error code: 403 - no",
            "Incorrect API key provided",
            "No auth credentials found",
            "Authentication Fails, Your api key: ****none is invalid",
            "Access denied due to invalid subscription key or wrong API endpoint.",
            "Incorrect API key provided: none.",
        ] {
            assert_eq!(refusal_in(words), Some(Refusal::Login), "{words}");
        }
    }

    #[test]
    fn files_counts_and_disks_are_neither_a_limit_nor_a_login() {
        for words in [
            "cannot apply the patch to src/login.ts: no such file",
            "tests/login.rs, tests/api_key.rs and src/unauthorized/mod.rs do not compile",
            "wrote the catalog in three parts, and the log in two",
            "Disk quota exceeded (os error 122)",
            "unexpected status 500 Internal Server Error, request id: 0a7f429c-4290-4290",
            "src/a.rs:401:3: expected one of",
            "took 429 ms for 1,429 files; 403 of them are new",
            "https://example.com/login/429 did not answer",
            "We’re currently experiencing high demand, which may cause temporary errors.",
            "boom: 14290",
            "boom: 401 tests failed",
        ] {
            assert_eq!(refusal_in(words), None, "{words}");
        }
    }

    #[test]
    fn every_providers_refusal_is_told_by_its_code_or_its_words() {
        use Refusal::{Billing, Limit, Login, Model};
        for (expected, words) in [
            // Anthropic
            (
                Billing,
                r#"API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."}}"#,
            ),
            (Billing, "Credit balance is too low"),
            (Billing, "You've hit your org's monthly spend limit"),
            (
                Limit,
                "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.",
            ),
            (
                Limit,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your account's rate limit"}}"#,
            ),
            (Limit, "You're out of extra usage · resets 3pm (UTC)"),
            (
                Login,
                r#"API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired."}}"#,
            ),
            (Login, "API Error: 403 OAuth authentication is currently not allowed for this organization."),
            (Login, "This organization has been disabled."),
            (
                Model,
                r#"API Error: 404 {"type":"error","error":{"type":"not_found_error","message":"model: claude-nope"}}"#,
            ),
            // OpenAI
            (
                Billing,
                r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","code":"insufficient_quota"}}"#,
            ),
            (
                Billing,
                "429 You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
            ),
            (Billing, "Billing hard limit has been reached"),
            (Billing, "Your account is not active, please check your billing details on our website."),
            (
                Limit,
                "Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000. Please try again in 6.2s.",
            ),
            (Limit, "The server is currently overloaded with other requests. Sorry about that!"),
            (
                Limit,
                "You've hit your usage limit. Upgrade to Pro, visit https://x.y/usage to purchase more credits or try again at 3:05 PM.",
            ),
            (
                Login,
                "Incorrect API key provided: sk-abc***. You can find your API key at https://platform.openai.com/account/api-keys.",
            ),
            (Model, "The model `gpt-nope` does not exist or you do not have access to it."),
            // Google: AI Studio and Vertex
            (
                Limit,
                r#"[API Error: {"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}]"#,
            ),
            (Limit, "You have exhausted your daily quota on this model."),
            (
                Limit,
                r#"{"error":{"code":503,"message":"The model is overloaded. Please try again later.","status":"UNAVAILABLE"}}"#,
            ),
            (
                Login,
                r#"{"error":{"code":400,"message":"API key expired. Please renew the API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
            ),
            (
                Login,
                r#"{"error":{"code":403,"message":"Permission 'aiplatform.endpoints.predict' denied on resource","status":"PERMISSION_DENIED"}}"#,
            ),
            (
                Login,
                "Could not load the default credentials. Browse to https://cloud.google.com/docs/authentication for more information.",
            ),
            (Billing, "This API method requires billing to be enabled. Please enable billing on project #123."),
            (Model, "models/gemini-nope is not found for API version v1beta, or is not supported for generateContent."),
            (
                Model,
                "Publisher Model `projects/p/locations/l/publishers/google/models/x` was not found or your project does not have access to it.",
            ),
            // Moonshot
            (
                Billing,
                r#"{"error":{"message":"Your account org-x is suspended, please check your plan and billing details","type":"exceeded_current_quota_error"}}"#,
            ),
            (Limit, "Your account org-x request reached max request: 3, please try again after 1 seconds"),
            (
                Limit,
                r#"{"error":{"type":"engine_overloaded_error","message":"The engine is currently overloaded, please try again later"}}"#,
            ),
            (Login, r#"{"error":{"message":"Invalid Authentication","type":"invalid_authentication_error"}}"#),
            (
                Model,
                r#"{"error":{"message":"Not found the model kimi-nope or Permission denied","type":"resource_not_found_error"}}"#,
            ),
            // Mistral, xAI, DeepSeek, Groq
            (Limit, "Service tier capacity exceeded for this model."),
            (Billing, "Inactive subscription or usage limit reached"),
            (Billing, "403 Your team has either used all available credits or reached its monthly spending limit."),
            (Billing, "Your newly created teams doesn't have any credits yet. You can purchase credits."),
            (Billing, "402 Insufficient Balance"),
            (Login, "Authentication Fails (no such user)"),
            (Limit, "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 9000"),
            (Login, "Organization has been restricted. Please reach out to support if you believe this was in error."),
            // OpenRouter
            (
                Billing,
                "This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 1234.",
            ),
            (Billing, "Insufficient credits. Add more using https://openrouter.ai/settings/credits"),
            (Billing, "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys"),
            (
                Limit,
                "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
            ),
            (Model, "No endpoints found for some/model."),
            (Model, "some/model is not a valid model ID"),
            // Bedrock
            (Limit, "ThrottlingException: Too many tokens per day, please wait before trying again."),
            (Limit, "ServiceQuotaExceededException: the request would cause a service quota to be exceeded"),
            (
                Login,
                "AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized to perform: bedrock:InvokeModel",
            ),
            (Login, "ExpiredTokenException: The security token included in the request is expired"),
            (Login, "UnrecognizedClientException"),
            (Login, "Could not load credentials from any providers"),
            (
                Billing,
                "Model access is denied due to INVALID_PAYMENT_INSTRUMENT: A valid payment instrument must be provided.",
            ),
            (Model, "ValidationException: The provided model identifier is invalid."),
            (Model, "You don't have access to the model with the specified model ID."),
            // Azure
            (
                Limit,
                "Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 59 seconds.",
            ),
            (Login, "Access denied due to Virtual Network/Firewall rules."),
            (Model, "DeploymentNotFound: The API deployment for this resource does not exist."),
            // Copilot
            (Limit, "You have exceeded your premium request allowance."),
            (Limit, "quota_exceeded"),
            (Login, "Error: No authentication information found."),
            // Qwen
            (Limit, "Throttling.RateQuota: Requests rate limit exceeded, please try again later."),
            (Limit, "Qwen OAuth quota exceeded: Your free daily quota has been reached."),
            (Billing, "Arrearage: Access denied, please make sure your account is in good standing."),
            (Login, "InvalidApiKey: Invalid API-key provided."),
            (Model, "Model not exist."),
        ] {
            assert_eq!(refusal_in(words), Some(expected), "{words}");
        }
    }

    #[test]
    fn the_data_of_an_error_counts_before_its_words() {
        use serde_json::json;
        for (expected, data) in [
            (Some(Refusal::Limit), json!({"errorKind": "rate_limit", "message": "no"})),
            (Some(Refusal::Limit), json!({"error": {"status": 429}})),
            (Some(Refusal::Limit), json!({"codexErrorInfo": "usageLimitExceeded"})),
            (Some(Refusal::Billing), json!({"statusCode": 402})),
            (Some(Refusal::Billing), json!({"body": "{\"error\":{\"type\":\"insufficient_quota\"}}"})),
            (Some(Refusal::Login), json!([{"type": "authentication_error"}])),
            (Some(Refusal::Login), json!({"status": 403})),
            (Some(Refusal::Model), json!({"code": "model_not_found"})),
            (None, json!({"code": 500, "note": "rate_limit"})),
            (None, Value::Null),
        ] {
            assert_eq!(refusal("it did not work", &data), expected, "{data}");
        }
    }
}
