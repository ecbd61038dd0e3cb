//! The agents that come with `omk`, as they were measured; docs/agents.md has the versions and the table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::generation::{Generation, Later};
use super::login::LoginAsk;
use super::providers::{clouds, keys};
use super::quirks::{BusyPrompt, Quirks, Resume, Steer, UsageNotes, UsageScope, UsageSource};
use super::{AgentProfile, Home, Protocol};

/// All of them, the one with the best control first.
pub(super) fn all() -> Vec<AgentProfile> {
    vec![kimi(), claude_code(), claude(), codex(), codex_exec(), opencode(), gemini(), kimi_cli()]
}

fn table(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn meta(whose: &str, what: Value) -> Map<String, Value> {
    Map::from_iter([(whose.to_owned(), what)])
}

/// What versions from one on are.
fn later(from: &str, is: &str) -> Later {
    Later { from: from.to_owned(), is: is.to_owned() }
}

/// The user's home, with what holds the login in it.
fn home(variable: &str, usual: &str, login: &[&str]) -> Option<Home> {
    let login = login.iter().map(PathBuf::from).collect();
    Some(Home { variable: variable.to_owned(), usual: usual.into(), private: None, login })
}

/// Kimi Code 2.x: whatever it writes and runs, its subagents' too, comes to us, in every mode.
fn kimi() -> AgentProfile {
    AgentProfile {
        name: "kimi".to_owned(),
        protocol: Protocol::Acp,
        command: words(&["kimi", "acp"]),
        allow: words(&["KIMI_*", "MOONSHOT_API_KEY"]),
        home: home("KIMI_CODE_HOME", ".kimi-code", &["credentials", "config.toml"]),
        provider: text("moonshot"),
        install: text("npm install -g @moonshot-ai/kimi-code"),
        login: text("kimi login"),
        quirks: Quirks {
            decided_by_requests: true,
            usage_source: UsageSource::KimiSessionFile,
            resume: Resume::Resume,
            quiet_env: table(&[("KIMI_DISABLE_TELEMETRY", "1"), ("KIMI_CODE_NO_AUTO_UPDATE", "1")]),
            retry_env: table(&[("KIMI_LOOP_MAX_ATTEMPTS_PER_STEP", "4")]),
            generation: Some(Generation {
                from: "2.0".to_owned(),
                earlier: "the Python CLI, which came before Kimi Code; for that one use `--agent kimi-cli`".to_owned(),
                later: vec![later(
                    "1.52",
                    "the Python CLI, which is retired; install Kimi Code with `npm install -g @moonshot-ai/kimi-code`",
                )],
                ..Generation::default()
            }),
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}

/// Claude Code knows of keys, of its settings and of other providers; not of a key in `ANTHROPIC_CUSTOM_HEADERS`.
fn claude_login(ask: &[&str], from: &str) -> Option<LoginAsk> {
    let missing = words(&["Not logged in"]);
    Some(LoginAsk { ask: words(ask), from: from.to_owned(), missing, only: Vec::new() })
}

/// Claude Code through its adapter: asks before every write and command, and never uses our files or terminals.
fn claude() -> AgentProfile {
    AgentProfile {
        name: "claude".to_owned(),
        protocol: Protocol::Acp,
        command: words(&["claude-agent-acp"]),
        allow: words(&["ANTHROPIC_*", "CLAUDE_*"]),
        allow_if: clouds(),
        home: home("CLAUDE_CONFIG_DIR", ".claude", &[".credentials.json"]),
        model_env: text("ANTHROPIC_MODEL"),
        provider: text("anthropic"),
        install: text("npm install -g @agentclientprotocol/claude-agent-acp"),
        login: text("claude /login"),
        quirks: Quirks {
            fs_read_cap: false,
            fs_write_cap: false,
            terminal_cap: false,
            // Without one it asks its model for one, and does not count that in a session that goes on.
            session_meta: meta("claudeCode", json!({"options": {"title": "omk {name}"}})),
            mode_id: text("default"),
            busy_prompt: BusyPrompt::Inject,
            steer: Steer::Method("_session/steering".to_owned()),
            usage_source: UsageSource::Quota,
            usage_notes: UsageNotes::Claude,
            // After a clean end; after a kill it begins anew.
            cost_goes_on: true,
            resume: Resume::Resume,
            quiet_env: table(&[
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
                ("DISABLE_AUTOUPDATER", "1"),
                ("DISABLE_TELEMETRY", "1"),
                // Else it asks its model after each turn what the user may want next, and does not count that.
                ("CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION", "false"),
            ]),
            retry_env: table(&[("CLAUDE_CODE_MAX_RETRIES", "4")]),
            login_ask: claude_login(&["--cli", "auth", "status", "--text"], ""),
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}

/// Claude Code itself, two-way `stream-json`: every tool call waits for our answer, and a refusal's reason is heard.
fn claude_code() -> AgentProfile {
    let adapted = claude();
    AgentProfile {
        name: "claude-code".to_owned(),
        protocol: Protocol::ClaudeStreamJson,
        command: words(&["claude"]),
        // It is named on the command line.
        model_env: None,
        install: text("npm install -g @anthropic-ai/claude-code"),
        quirks: Quirks {
            mode_id: None,
            steer: Steer::Prompt,
            usage_source: UsageSource::Messages,
            // It tells of them itself.
            usage_notes: UsageNotes::No,
            cost_goes_on: false,
            resume: Resume::Flag("--resume".to_owned()),
            // Only between turns.
            stdin_eof_stops: false,
            login_ask: claude_login(&["auth", "status", "--text"], "2.1.41"),
            ..adapted.quirks
        },
        ..adapted
    }
}

/// Codex through its adapter: its own sandbox holds it to the worktree; a refused escalation ends its turn.
fn codex() -> AgentProfile {
    AgentProfile {
        name: "codex".to_owned(),
        protocol: Protocol::Acp,
        command: words(&["codex-acp"]),
        allow: words(&["OPENAI_*", "CODEX_*"]),
        home: home("CODEX_HOME", ".codex", &["auth.json"]),
        provider: text("openai"),
        install: text("npm install -g @agentclientprotocol/codex-acp"),
        login: text("codex login"),
        quirks: Quirks {
            fs_read_cap: false,
            fs_write_cap: false,
            terminal_cap: false,
            // Its default mode asks a model instead of us.
            mode_id: text("workspace-write"),
            first_start_alone: true,
            reject_ends_turn: true,
            busy_prompt: BusyPrompt::Queue,
            steer: Steer::Method("_session/steering".to_owned()),
            usage_source: UsageSource::Quota,
            usage_notes: UsageNotes::Codex,
            resume: Resume::Resume,
            quiet_env: table(&[(
                "CODEX_CONFIG",
                r#"{"features":{"plugins":false,"apps":false},"analytics":{"enabled":false}}"#,
            )]),
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}

/// Codex itself, one process a turn: it hears nothing while it works, and asks for nothing; only its own sandbox and
/// the capture hold it to the worktree.
fn codex_exec() -> AgentProfile {
    AgentProfile {
        name: "codex-exec".to_owned(),
        protocol: Protocol::CodexExec,
        command: words(&["codex"]),
        allow: words(&["OPENAI_*", "CODEX_*"]),
        home: home("CODEX_HOME", ".codex", &["auth.json"]),
        provider: text("openai"),
        install: text("npm install -g @openai/codex"),
        login: text("codex login"),
        quirks: Quirks {
            fs_read_cap: false,
            fs_write_cap: false,
            terminal_cap: false,
            steer: Steer::No,
            usage_source: UsageSource::TurnUsage,
            resume: Resume::Flag("resume".to_owned()),
            stdin_eof_stops: false,
            // It shows nothing of an answer that is under way.
            idle_ms: 540_000,
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}

/// What a session of OpenCode and those below it used. Its sums grow with each call of its model.
const OPENCODE_USED: &str = "with recursive mine(id) as (values ('{session}') union select session.id from session \
    join mine on session.parent_id = mine.id) select sum(tokens_input + tokens_cache_read + tokens_cache_write) as input, \
    sum(tokens_cache_read) as cached, sum(tokens_output + tokens_reasoning) as output, sum(cost) as usd from session \
    where id in mine";

/// OpenCode: asks where its configuration says so; writes files itself even where we refuse to.
fn opencode() -> AgentProfile {
    AgentProfile {
        name: "opencode".to_owned(),
        protocol: Protocol::Acp,
        command: words(&["opencode", "acp"]),
        allow: [words(&["OPENCODE_*"]), keys()].concat(),
        env: table(&[(
            "OPENCODE_PERMISSION",
            r#"{"edit":"ask","bash":"ask","external_directory":"ask","webfetch":"deny"}"#,
        )]),
        install: text("npm install -g opencode-ai"),
        login: text("opencode auth login"),
        quirks: Quirks {
            fs_read_cap: false,
            fs_write_cap: false,
            terminal_cap: false,
            reject_ends_turn: true,
            first_start_alone: true,
            // Eight at once, on two cores, took half a minute.
            handshake_ms: 120_000,
            busy_prompt: BusyPrompt::Inject,
            steer: Steer::Prompt,
            usage_source: UsageSource::TurnUsage,
            cost_goes_on: true,
            usage_scope: UsageScope::LastCall,
            usage_ask: words(&["db", "--format", "json", OPENCODE_USED]),
            resume: Resume::Resume,
            // Its list of logins knows nothing of its own configuration; the list of models has what any of them gives.
            login_ask: Some(LoginAsk {
                ask: words(&["models"]),
                only: words(&["opencode/big-pickle", "opencode/*-free"]),
                ..LoginAsk::default()
            }),
            quiet_env: table(&[
                ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
                ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
                ("OPENCODE_PURE", "1"),
                // A title for the session is a call of the model that it counts nowhere.
                ("OPENCODE_CONFIG_CONTENT", r#"{"agent":{"title":{"disable":true}}}"#),
            ]),
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}

/// What of the user's `.gemini` Gemini CLI needs to be logged in.
const GEMINI_LOGIN: &[&str] =
    &[".gemini/settings.json", ".gemini/oauth_creds.json", ".gemini/google_accounts.json", ".gemini/.env"];

/// Gemini CLI: writes through us, but cannot create a file when it also reads through us.
fn gemini() -> AgentProfile {
    AgentProfile {
        name: "gemini".to_owned(),
        protocol: Protocol::Acp,
        command: words(&["gemini", "--acp"]),
        allow: words(&["GEMINI_*", "GOOGLE_*"]),
        env: table(&[("GEMINI_CLI_NO_RELAUNCH", "1"), ("GEMINI_CLI_TRUST_WORKSPACE", "true")]),
        home: home("GEMINI_CLI_HOME", "", GEMINI_LOGIN),
        model_env: text("GEMINI_MODEL"),
        provider: text("google"),
        install: text("npm install -g @google/gemini-cli"),
        login: text("gemini"),
        quirks: Quirks {
            fs_read_cap: false,
            terminal_cap: false,
            busy_prompt: BusyPrompt::Abort,
            usage_source: UsageSource::Quota,
            usage_notes: UsageNotes::Gemini,
            cache_within_input: true,
            resume: Resume::Load,
            stdin_eof_stops: false,
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}

/// It dies on Python 3.12.1, which its package allows, and without a part of `lxml` that its package does not name.
const KIMI_CLI: &str = "uv tool install --python 3.13 --with 'lxml[html_clean]' kimi-cli==1.51.0";

/// Kimi CLI 1.x, archived: its hooks show us every tool call before it happens. Version 1.52 only prints that it is
/// retired, and installs another program when it is started without arguments.
fn kimi_cli() -> AgentProfile {
    AgentProfile {
        name: "kimi-cli".to_owned(),
        protocol: Protocol::KimiWire,
        command: words(&["kimi", "--wire"]),
        allow: words(&["KIMI_*"]),
        home: home("KIMI_SHARE_DIR", ".kimi", &["credentials", "config.toml"]),
        model_env: text("KIMI_MODEL_NAME"),
        provider: text("moonshot"),
        install: text(KIMI_CLI),
        login: text("kimi login"),
        quirks: Quirks {
            busy_prompt: BusyPrompt::Error,
            steer: Steer::Method("steer".to_owned()),
            resume: Resume::Flag("-S".to_owned()),
            quiet_env: table(&[("KIMI_DISABLE_TELEMETRY", "1"), ("KIMI_CLI_NO_AUTO_UPDATE", "1")]),
            generation: Some(Generation {
                ask: words(&["--version"]),
                from: "1.0".to_owned(),
                before: "1.52".to_owned(),
                earlier: format!("too old; install version 1.51 with `{KIMI_CLI}`"),
                later: vec![
                    later(
                        "1.52",
                        "retired; install Kimi Code with `npm install -g @moonshot-ai/kimi-code` and use `--agent kimi`",
                    ),
                    later(
                        "2.0",
                        "this is Kimi Code; use `--agent kimi`, or name the Python CLI in `command` (it is there as \
                         `kimi-cli` too)",
                    ),
                ],
            }),
            ..Quirks::default()
        },
        ..AgentProfile::default()
    }
}
