//! Which of the user's variables an agent sees.
//!
//! An allow-list: what is not named here stays outside, `GIT_*`, `CARGO_*` of an outer cargo, tokens and
//! `SSH_AUTH_SOCK` among it. The user's configuration can name more.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Variables that are passed on, by name.
const NAMES: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TERM",
    "COLORTERM",
    "NO_COLOR",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "GOPATH",
    "GOROOT",
    "GOCACHE",
    "GOMODCACHE",
    "JAVA_HOME",
    "NODE_EXTRA_CA_CERTS",
    "NVM_DIR",
    "PYENV_ROOT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
/// Variables that are passed on, by the beginning of their name.
const PREFIXES: &[&str] = &["LC_", "XDG_"];

/// What a coding agent sets for the programs that it starts, about its own session: an agent that gets them takes itself
/// for a part of that session. Only a list that names one in full lets it out. Settings and credentials are not here.
const OUTER_SESSION: &[&str] = &[
    "CLAUDECODE",
    "CLAUDE_AGENT_SDK_VERSION",
    "CLAUDE_BRIDGE_REATTACH_SESSION",
    "CLAUDE_CODE_AGENT_ID",
    "CLAUDE_CODE_CHILD_NOTES_DIR",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_ENVIRONMENT_KIND",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_LAUNCHED_BY_SESSION_IDS",
    "CLAUDE_CODE_PARENT_SESSION_ID",
    "CLAUDE_CODE_REMOTE",
    "CLAUDE_CODE_REMOTE_ENVIRONMENT_TYPE",
    "CLAUDE_CODE_REMOTE_SESSION_ID",
    "CLAUDE_CODE_REMOTE_SESSION_ORIGIN",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_SESSION_ATTENDED",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_CODE_SESSION_KIND",
    "CLAUDE_CODE_SESSION_NAME",
    "CLAUDE_CODE_SESSION_ORIGIN",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_CODE_TASK_LIST_ID",
    "CLAUDE_CODE_TEAM_NAME",
    "CLAUDE_CODE_TMUX_SESSION",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PLUGIN_DATA",
    "CLAUDE_PLUGIN_ROOT",
    "CLAUDE_PROJECT_DIR",
    "CLAUDE_SESSION_ID",
    "CLAUDE_SESSION_INGRESS_TOKEN_FILE",
    "CODEX_CI",
    "CODEX_INTERNAL_ORIGINATOR_OVERRIDE",
    "CODEX_MANAGED_BY_BUN",
    "CODEX_MANAGED_BY_NPM",
    "CODEX_SANDBOX",
    "CODEX_SANDBOX_NETWORK_DISABLED",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "GEMINI_CLI",
    "GEMINI_CLI_IDE_AUTH_TOKEN",
    "GEMINI_CLI_IDE_PID",
    "GEMINI_CLI_IDE_SERVER_PORT",
    "GEMINI_CLI_IDE_WORKSPACE_PATH",
    "KIMI_CODE_SESSION_ID",
    "KIMI_SESSION_ID",
    "OPENCODE",
    "OPENCODE_PID",
    "OPENCODE_PROCESS_ROLE",
    "OPENCODE_RUN_ID",
    "OPENCODE_SESSION_ID",
];
/// Endings of names that hold a provider's key.
const KEYS: &[&str] = &["_API_KEY", "_API_TOKEN", "_AUTH_TOKEN", "_OAUTH_TOKEN"];

/// The part of an environment that agents get; the rest is held back for those whose profile names more.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AgentEnvironment {
    variables: BTreeMap<OsString, OsString>,
    held_back: BTreeMap<OsString, OsString>,
}

impl AgentEnvironment {
    /// Picks from `host` what is on the list or among `also`, names that the user has allowed.
    pub fn pick(host: impl IntoIterator<Item = (OsString, OsString)>, also: &[String]) -> Self {
        let allowed = |name: &str| {
            NAMES.contains(&name) || PREFIXES.iter().any(|p| name.starts_with(p)) || also.iter().any(|a| a == name)
        };
        let (variables, held_back) = host.into_iter().partition(|(name, _)| name.to_str().is_some_and(allowed));
        Self { variables, held_back }
    }

    /// The environment with what else `patterns` allow: names, or beginnings of names with a `*` behind them.
    #[must_use]
    pub fn allowing(&self, patterns: &[String]) -> Self {
        let allowed = |name: &str| {
            patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning) && !OUTER_SESSION.contains(&name),
                None => name == pattern,
            })
        };
        let mut more = self.clone();
        let released = self.held_back.iter().filter(|(name, _)| name.to_str().is_some_and(allowed));
        more.variables.extend(released.map(|(name, value)| (name.clone(), value.clone())));
        more
    }

    /// Whether a switch of the user's is on, whoever gets to see it.
    pub fn has_on(&self, name: &str) -> bool {
        let name = OsString::from(name);
        let value = self.variables.get(&name).or_else(|| self.held_back.get(&name));
        value.is_some_and(|value| is_on(&value.to_string_lossy()))
    }

    /// The variables that look like keys of a provider: those that are passed on, and those that are held back.
    pub fn keys(&self) -> (Vec<&str>, Vec<&str>) {
        (keys(&self.variables), keys(&self.held_back))
    }

    /// A variable's value.
    pub fn value(&self, name: &str) -> Option<&OsString> {
        self.variables.get(&OsString::from(name))
    }

    /// All of it, with `more` on top.
    pub fn with<N: Into<OsString>>(&self, more: impl IntoIterator<Item = (N, OsString)>) -> Vec<(OsString, OsString)> {
        let mut all = self.variables.clone();
        all.extend(more.into_iter().map(|(name, value)| (name.into(), value)));
        all.into_iter().collect()
    }
}

fn keys(variables: &BTreeMap<OsString, OsString>) -> Vec<&str> {
    let is_key = |name: &&str| KEYS.iter().any(|ending| name.ends_with(ending)) && !OUTER_SESSION.contains(name);
    variables.keys().filter_map(|name| name.to_str()).filter(is_key).collect()
}

/// Whether the value of a switch means yes.
pub(super) fn is_on(value: &str) -> bool {
    !matches!(value.trim().to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off")
}

impl std::fmt::Debug for AgentEnvironment {
    /// Names only: values are the user's secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_or_allowed_is_passed_on() {
        let host = [("PATH", "/bin"), ("LC_ALL", "C"), ("GIT_DIR", "/x"), ("TOKEN", "t"), ("SSH_AUTH_SOCK", "s")];
        let host = host.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let picked = AgentEnvironment::pick(host, &["TOKEN".to_owned()]).with([("OMK_ATTEMPT", "1".into())]);
        let names: Vec<_> = picked.iter().map(|(name, _)| name.to_str().expect("text")).collect();
        assert_eq!(names, ["LC_ALL", "OMK_ATTEMPT", "PATH", "TOKEN"]);
    }
    #[test]
    fn what_an_outer_session_sets_is_let_out_only_by_its_full_name() {
        let host = [
            "CLAUDECODE",
            "CLAUDE_CODE_SSE_PORT",
            "CLAUDE_PROJECT_DIR",
            "CLAUDE_CONFIG_DIR",
            "CLAUDE_CODE_OAUTH_TOKEN",
        ];
        let host = host.map(|name| (OsString::from(name), OsString::from("1")));
        let picked = AgentEnvironment::pick(host, &[]);
        let none: [(&str, OsString); 0] = [];
        let names = |patterns: &[&str]| -> Vec<OsString> {
            let patterns: Vec<_> = patterns.iter().map(|one| (*one).to_owned()).collect();
            picked.allowing(&patterns).with(none.clone()).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&["CLAUDE*"]), ["CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CONFIG_DIR"]);
        assert_eq!(names(&["CLAUDE_PROJECT_DIR"]), ["CLAUDE_PROJECT_DIR"]);
    }

    #[test]
    fn a_profile_lets_out_what_it_names_and_nothing_else() {
        let host = [("PATH", "/bin"), ("KIMI_A", "1"), ("KIMI_B", "2"), ("KEY", "3"), ("KEYS", "4")];
        let host = host.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let picked = AgentEnvironment::pick(host, &[]);
        let none: [(&str, OsString); 0] = [];
        assert_eq!(picked.with(none.clone()).len(), 1);
        let more = picked.allowing(&["KIMI_*".to_owned(), "KEY".to_owned()]).with(none);
        let names: Vec<_> = more.iter().map(|(name, _)| name.to_str().expect("text")).collect();
        assert_eq!(names, ["KEY", "KIMI_A", "KIMI_B", "PATH"]);
        assert_eq!(format!("{picked:?}"), r#"{"PATH"}"#);
    }
}
